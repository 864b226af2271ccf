/**
 * What laws of refusals do over and over: call a method as no type would let anybody, and see that each of many bad
 * calls is refused with its code while the place stays as it is. What got through is collected first, so that one
 * example names all of it.
 */
import { deepEqual } from "node:assert/strict";

import fc from "fast-check";

import type { ErrorCode } from "../base/index.ts";
import type { OpenedThread, ThreadStore } from "../store/index.ts";
import { callMembers, paramsWith } from "./call-members.ts";
import { refused } from "./law-steps.ts";
import { readPlace } from "./place-reading.ts";
import { meetsNeed } from "./store-claims.ts";
import type { LawPlace } from "./store-law.ts";

/** A call that must be refused. */
export interface BadCall {
  readonly what: string;
  readonly code: ErrorCode;
  /** Another code that may refuse it. */
  readonly orCode?: ErrorCode;
  readonly run: () => Promise<unknown>;
}

/** Makes the calls, expects each to be refused with its code, and the place to be as before. */
export async function allRefused(store: ThreadStore, calls: readonly BadCall[]): Promise<void> {
  const before = await readPlace(store);
  const wrongly: string[] = [];
  for (const { what, code, orCode = code, run } of calls) {
    try {
      await refused(run(), code, orCode);
    } catch (error) {
      wrongly.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  deepEqual(wrongly, []);
  deepEqual(await readPlace(store), before);
}

/** Calls a method as plain JavaScript may. What it throws at once, it rejects with. */
export async function callAnyhow(store: ThreadStore, method: string, ...args: readonly unknown[]): Promise<unknown> {
  const run: unknown = Reflect.get(store, method);
  if (typeof run !== "function") throw new TypeError(`${method} is no method`);
  return (await Reflect.apply(run, store, args)) as unknown;
}

/** Values by the name of what takes them. */
export type Shapes = Readonly<Record<string, unknown>>;

/** A value for each name that there is one for; what breaks no law is left out of a small example. */
export function arbShapes(
  names: readonly string[],
  valueOf: (name: string) => fc.Arbitrary<unknown> | undefined,
): fc.Arbitrary<Shapes> {
  const values = names.flatMap((name) => {
    const value = valueOf(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return fc.record(Object.fromEntries(values), { requiredKeys: [], noNullPrototype: true });
}

/** Calls with one bad member each, of those that the store has. */
export function badMemberCalls(
  { store, thread, claims }: { readonly store: ThreadStore; readonly thread: OpenedThread } & Pick<LawPlace, "claims">,
  shapes: Shapes,
  codeOf: (member: string) => ErrorCode | undefined,
): readonly BadCall[] {
  return Object.entries(shapes).flatMap(([member, value]): readonly BadCall[] => {
    const needs = callMembers[member]?.needs;
    if (needs !== undefined && !meetsNeed(claims, needs)) return [];
    const [method = ""] = member.split(".");
    const params = paramsWith(thread, member, value);
    return [{ what: member, code: codeOf(member) ?? "invalid_argument", run: () => callAnyhow(store, method, params) }];
  });
}
