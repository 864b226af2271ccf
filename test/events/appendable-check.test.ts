/**
 * What can be appended: the first item that can't is named by its index and its member. What is answered
 * is what a reader will get.
 */
import { describe, expect, it } from "vitest";

import { isSkeinError } from "../../src/base/index.ts";
import { validateAppendable } from "../../src/events/index.ts";
import { event, meta, turn } from "./item-builders.ts";

function refusalOf(...items: readonly unknown[]): { message: string; data: unknown } {
  try {
    validateAppendable(items);
  } catch (error) {
    if (isSkeinError(error, "invalid_argument")) return error;
    throw error;
  }
  throw new Error("was not refused");
}

describe("items to append", () => {
  it("are answered as they are when nothing is wrong with them", () => {
    const items = [meta("t"), ...turn("t1", "a")];
    const checked = validateAppendable(items);
    expect(checked).toEqual(items);
    for (const [index, item] of checked.entries()) expect(item).toBe(items[index]);
  });

  it("are answered as they will be read back: without undefined members, with whole characters", () => {
    const [item] = validateAppendable([
      event("user_message", { message: "a\ud800b", x: undefined, y: [{ z: undefined }] }),
    ]);
    expect(item).toStrictEqual(event("user_message", { message: "a\ufffdb", y: [{}] }));
  });

  it("have no negative zero, which JSON writes as 0: who is told of the item sees what a replay sees", () => {
    const [item] = validateAppendable([event("x", { a: -0, list: [-0, { b: -0 }] })]);
    expect(item).toStrictEqual(event("x", { a: 0, list: [0, { b: 0 }] }));
  });

  it.each([
    [null, "items[1] is not an object", ""],
    [{ payload: {} }, "items[1].type is none that can be appended", ".type"],
    [{ type: "unknown", payload: {} }, "items[1].type", ".type"],
    [{ type: "event_msg" }, "items[1].payload", ".payload"],
    [event("user_message"), "user_message: message is missing", ".payload"],
    [event("x", { a: { b: [1, Number.NaN] } }), "items[1].payload.a.b.1 is not a finite number", ".payload.a.b.1"],
    [event("x", { at: new Date(0) }), "items[1].payload.at is not a plain object", ".payload.at"],
    [event("x", { map: new Map() }), "not a plain object", ".payload.map"],
    [event("x", { big: 1n }), "is bigint", ".payload.big"],
    [event("x", { list: [undefined] }), "is undefined", ".payload.list.0"],
    [event("x", { call: () => 1 }), "is function", ".payload.call"],
  ])("are refused with index and member: %o", (item, message, member) => {
    const refusal = refusalOf(event("context_compacted"), item);
    expect(refusal.message).toContain(message);
    expect(refusal.data).toEqual({ index: 1, member });
  });

  it("are refused when they hold themselves, or are nested so deep that readers fail", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    expect(refusalOf(event("x", circle)).message).toContain("is nested deeper than");
    const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);
    expect(() => validateAppendable([event("x", { deep: deep(100) })])).not.toThrow();
    expect(refusalOf(event("x", { deep: deep(130) })).message).toContain("nested deeper");
  });
});
