/**
 * The checksum on a line: it is on every line a store writes, it tells each bit that flips, and what a line is
 * to its readers doesn't change by it.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { decodeLine, decodeLineBytes, encodeLine, peekMore } from "../../src/events/index.ts";
import { encodeBatch } from "../../src/store/batch-encoder.ts";
import { encodeSealedLine, isSpoilt, releasedLine, sealLine } from "../../src/store/line-seal.ts";
import { arbRolloutItem } from "../../src/testing/arbitraries/index.ts";
import { timeAt } from "../events/log-reading.ts";

const ITEM = { type: "event_msg", payload: { type: "user_message", message: "grüße" } } as const;
const arbMarks = fc.constantFrom(undefined, { more: 1 }, { more: 999 }, { key: "k" }, { key: ',"crc":"00000000"}' });

const bytesOf = (text: string): Buffer => Buffer.from(text);

describe("a sealed line", () => {
  it("has CRC-32 of what is in front of it as its last member, and is otherwise the line it was", () => {
    const line = encodeLine(ITEM, timeAt(0), { more: 2 });
    expect(sealLine(line)).toBe(`${line.slice(0, -2)},"crc":"551053d9"}\n`);
  });

  it("law: is the same record with the same marks, and not spoilt, whatever its line end", () => {
    fc.assert(
      fc.property(arbRolloutItem(), arbMarks, (item, marks) => {
        const line = encodeLine(item, timeAt(0), marks);
        const sealed = sealLine(line);
        expect(encodeSealedLine(item, timeAt(0), marks)).toBe(sealed);
        expect(decodeLine(sealed, 3)).toEqual(decodeLine(line, 3));
        for (const end of ["", "\n", "\r", "\r\n"]) expect(isSpoilt(bytesOf(sealed.trimEnd() + end))).toBe(false);
        const bare = bytesOf(sealed.trimEnd());
        expect(peekMore(bare, 0, bare.byteLength)).toBe(marks?.more ?? 0);
      }),
    );
  });

  it("law: a bit that flips in what it says is told", () => {
    fc.assert(
      fc.property(arbRolloutItem(), arbMarks, fc.nat(), fc.nat(7), (item, marks, place, bit) => {
        const line = bytesOf(sealLine(encodeLine(item, timeAt(0), marks)).trimEnd());
        const at = place % line.byteLength;
        const flipped = Buffer.from(line);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        const read = decodeLineBytes(flipped, 0);
        const isOther = JSON.stringify(read) !== JSON.stringify(decodeLineBytes(line, 0));
        // Flipped in the checksum's own name, it is a line without one, with nothing else changed.
        if (isOther && read.item.type !== "unreadable") expect(isSpoilt(flipped)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

it("a checksum in other letters than ours is none of ours: the line is spoilt", () => {
  const sealed = sealLine(encodeLine(ITEM, timeAt(0), { more: 2 }));
  expect(sealed).toContain("551053d9");
  for (const other of ["551053D9", "55105 d9", "551053d8", "zzzzzzzz"]) {
    expect(isSpoilt(bytesOf(sealed.replace("551053d9", other)))).toBe(true);
  }
});

describe("a line without a checksum", () => {
  it.each<[string, string]>([
    ["one of Codex", encodeLine(ITEM, timeAt(0))],
    ["one with marks alone", encodeLine(ITEM, timeAt(0), { key: "k" })],
    [
      "one whose text speaks of one",
      encodeLine({ ...ITEM, payload: { ...ITEM.payload, message: ',"crc":"00000000"}' } }, timeAt(0)),
    ],
    [
      "one whose payload has such a member",
      encodeLine({ ...ITEM, payload: { ...ITEM.payload, crc: "00000000" } }, timeAt(0)),
    ],
    ["nothing", ""],
    ["the end of one", ',"crc":"00000000"}'],
  ])("is as good as ever: %s", (_what, line) => {
    expect(isSpoilt(bytesOf(line))).toBe(false);
  });
});

it("every line of an append is sealed", () => {
  const lines = encodeBatch({ items: [ITEM, ITEM, ITEM], timestamp: timeAt(0), key: "k" })
    .split("\n")
    .slice(0, -1);
  expect(lines).toHaveLength(3);
  for (const line of lines) expect(line).toMatch(/\},"crc":"[\da-f]{8}"\}$/);
});

it("a line that a fork releases has no mark, and a checksum of its own", () => {
  const line = encodeLine(ITEM, timeAt(0), { more: 2 });
  const plain = sealLine(encodeLine(ITEM, timeAt(0)));
  for (const marked of [line, sealLine(line)]) {
    expect(Buffer.from(releasedLine(bytesOf(marked.trimEnd()))).toString()).toBe(plain);
  }
});
