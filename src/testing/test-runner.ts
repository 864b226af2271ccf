/**
 * The few functions of a test runner that the suite needs. Inside vitest they are vitest's; elsewhere (node:test)
 * they are handed in. The kit itself needs no runner, so vitest is loaded only where it runs.
 */
import { rejection } from "../base/index.ts";

/** What a test gets to skip itself with a reason: vitest's and node:test's contexts have it. */
export interface TestContext {
  skip(reason?: string): unknown;
}

/** `describe` and `it` of vitest, node:test, or another runner of that form. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, options: { readonly timeout: number }, body: (context: TestContext) => Promise<void>): unknown;
}

// vitest says that it runs by this variable, in each of its workers.
const vitest: TestRunner | null = process.env["VITEST"] === undefined ? null : await import("vitest");

/** Whose `it` a test that is told as text imports. */
export type TestModule = "vitest" | "node:test";

/** The module of the tests that run here: node:test's, where `node --test` or a runner that was handed in runs them. */
export function testModuleHere(handedIn?: TestRunner): TestModule {
  if (vitest !== null) return "vitest";
  const isNodes = process.env["NODE_TEST_CONTEXT"] !== undefined || handedIn !== undefined;
  return isNodes ? "node:test" : "vitest";
}

/** The runner this file runs in. `unsupported` outside of vitest. */
export function runningTestRunner(): TestRunner {
  if (vitest !== null) return vitest;
  throw rejection(
    "unsupported",
    "threadStoreSuite registers tests and found no vitest: run this file with vitest, pass `runner: { describe, it }` of node:test, or call checkThreadStore, which needs no runner",
  );
}
