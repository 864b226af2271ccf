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

/** The runner this file runs in. `unsupported` outside of vitest. */
export function runningTestRunner(): TestRunner {
  if (vitest !== null) return vitest;
  throw rejection(
    "unsupported",
    "threadStoreSuite registers tests and found no vitest: run this file with vitest, pass `runner: { describe, it }` of node:test, or call checkThreadStore, which needs no runner",
  );
}
