/**
 * Ids: UUIDv7 form, strict order within a source whatever the clock does, and the spellings of a
 * thread id that Codex 0.130 takes.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { canonicalThreadId, type Clock, createIdSource } from "../../src/base/index.ts";

function clockOf(times: readonly number[]): Clock {
  let index = -1;
  return {
    nowMs: () => times[Math.min((index += 1), times.length - 1)] ?? 0,
    monotonicMs: () => 0,
    setTimer: () => ({ cancel: () => {} }),
  };
}

describe("createIdSource", () => {
  test("makes UUID version 7 of the variant of RFC 9562, with the clock's milliseconds in front", () => {
    const id = createIdSource(clockOf([0x0123_4567_89ab])).next();
    expect(id).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test("law: ids of one source strictly increase as text, whatever the wall clock does", () => {
    const times = fc.array(fc.integer({ min: 1_600_000_000_000, max: 1_600_000_000_005 }), {
      minLength: 2,
      maxLength: 60,
    });
    fc.assert(
      fc.property(times, (steps) => {
        const source = createIdSource(clockOf(steps));
        const made = steps.map(() => source.next());
        expect(made).toEqual([...new Set(made)].toSorted());
      }),
    );
  });

  test("keeps increasing when more ids are made in one millisecond than the sequence can count", () => {
    const source = createIdSource(clockOf([1_700_000_000_000]));
    let last = "";
    for (let i = 0; i < 10_000; i += 1) {
      const id = source.next();
      expect(id > last).toBe(true);
      last = id;
    }
  });
});

describe("canonicalThreadId", () => {
  const canonical = "01a20233-2e58-7271-bc33-3f3cb8230a0d";

  test.each([
    canonical,
    canonical.toUpperCase(),
    `urn:uuid:${canonical}`,
    `{${canonical}}`,
    canonical.replaceAll("-", ""),
  ])("accepts %s", (spelling) => {
    expect(canonicalThreadId(spelling)).toBe(canonical);
  });

  test.each(["", "nope", ` ${canonical}`, canonical.slice(0, -1), `{${canonical}`, `${canonical}0`])(
    "refuses '%s'",
    (text) => {
      expect(canonicalThreadId(text)).toBeUndefined();
    },
  );
});
