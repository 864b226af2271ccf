/**
 * Values that were refused, shown in an error's data: also those that can't be made text. Such a limit was answered
 * with a TypeError once: the law bad-call.members drew it.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

import { toShownValue } from "../../src/base/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";

test("shows plain values as text and others by their kind", () => {
  expect([0.5, Number.NaN, "a", true, null, undefined, 1n, Symbol("s")].map(toShownValue)).toEqual([
    "0.5",
    "NaN",
    "a",
    "true",
    "null",
    "undefined",
    "1",
    "Symbol(s)",
  ]);
  expect([{ toString: "" }, Object.create(null) as unknown, [], () => {}].map(toShownValue)).toEqual([
    "object",
    "object",
    "object",
    "function",
  ]);
});

test("shows anything", () => {
  fc.assert(
    fc.property(
      fc.anything({ withNullPrototype: true, withBigInt: true }),
      (value) => toShownValue(value) !== "" || value === "",
    ),
  );
});

test("a limit that can't be made text is refused as any other one", async () => {
  const store = createMemoryThreadStore();
  const limit: unknown = { toString: "" };
  const params = { limit } as { readonly limit: number };
  await expect(store.listThreads(params)).rejects.toMatchObject({
    code: "invalid_argument",
    data: { limit: "object" },
  });
  await store.close();
});
