/**
 * A list that grows while older versions of it stay as they were, whichever of them is gone on from.
 * Folds build their states of it.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  type AppendList,
  emptyList,
  listAppend,
  listAt,
  listFind,
  listFindLast,
  listOf,
  listTake,
  listValues,
  listWith,
} from "../../src/events/append-list.ts";

describe("append list", () => {
  it("shares its backing while only the newest grows", () => {
    const one = listAppend(emptyList<number>(), 1);
    const two = listAppend(one, 2);
    expect(two.backing).toBe(one.backing);
    expect(listAppend(one, 3).backing).not.toBe(one.backing);
  });

  it("law: every version behaves like an array of its own, whichever one is gone on from", () => {
    const operation = fc.tuple(fc.constantFrom("append", "take", "with"), fc.nat(), fc.nat(20));
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const versions: [AppendList<number>, number[]][] = [[listOf([7]), [7]]];
        for (const [kind, pick, value] of operations) {
          const [list, array] = versions[pick % versions.length] ?? [emptyList<number>(), []];
          const at = value % Math.max(1, array.length);
          if (kind === "append") versions.push([listAppend(list, value), [...array, value]]);
          else if (kind === "take") versions.push([listTake(list, at), array.slice(0, at)]);
          else if (array.length > 0) versions.push([listWith(list, at, value), array.with(at, value)]);
        }
        for (const [list, array] of versions) {
          expect(listValues(list)).toEqual(array);
          expect(listAt(list, array.length)).toBeUndefined();
          expect(listAt(list, -1)).toBeUndefined();
          expect(listAt(list, 0)).toBe(array[0]);
          expect(listFind(list, (each) => each === 7)).toBe(array.indexOf(7));
          expect(listFindLast(list, (each) => each === 7)).toBe(array.lastIndexOf(7));
        }
      }),
    );
  });
});
