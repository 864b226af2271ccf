/**
 * Laws of the line codec: what is written is read, and what is read can be written again, byte for byte,
 * with all the members nobody knows.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { decodeLine, encodeLine, validateAppendable } from "../../src/events/index.ts";
import { arbLog, arbOddLine, arbRolloutItem } from "../../src/testing/arbitraries/index.ts";
import { blocksOf, scanAll, timeAt } from "../events/log-reading.ts";

const arbMarks = fc.constantFrom(undefined, {}, { more: 1 }, { more: 999 }, { key: "k" }, { key: '"}}' });

describe("line codec", () => {
  it("law: decode(encode(item)) is the item, with its time, marks and unknown members", () => {
    fc.assert(
      fc.property(arbRolloutItem(), fc.nat(100_000), arbMarks, (item, ordinal, marks) => {
        const line = encodeLine(item, timeAt(ordinal), marks);
        const record = decodeLine(line, ordinal);
        expect(record.item).toEqual(item);
        expect(record.ordinal).toBe(ordinal);
        expect(record.timestamp).toBe(timeAt(ordinal));
        expect(record.marks ?? {}).toEqual(marks ?? {});
      }),
    );
  });

  it("law: encode(decode(line)) is the line byte for byte, whatever members it carries", () => {
    fc.assert(
      fc.property(arbRolloutItem(), (item) => {
        const line = encodeLine(item, timeAt(1));
        const read = decodeLine(line, 0).item;
        if (read.type === "unknown" || read.type === "unreadable") throw new Error(`read as ${read.type}`);
        expect(encodeLine(read, timeAt(1))).toBe(line);
      }),
    );
  });

  it("law: one item is one line, its members in Codex's order", () => {
    fc.assert(
      fc.property(arbRolloutItem(), arbMarks, (item, marks) => {
        const line = encodeLine(item, timeAt(0), marks);
        expect(line.indexOf("\n")).toBe(line.length - 1);
        const names = Object.keys(JSON.parse(line) as object);
        expect(names.slice(0, 3)).toEqual(["timestamp", "type", "payload"]);
        expect(names.slice(3)).toEqual(Object.keys(marks ?? {}).length === 0 ? [] : ["skein"]);
      }),
    );
  });

  it("law: reading never throws, and every line that is read keeps its ordinal", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          arbOddLine().map((line) => new TextDecoder().decode(line)),
        ),
        (text) => {
          expect(decodeLine(text, 7).ordinal).toBe(7);
        },
      ),
    );
  });

  it("law: the bytes of a log's records, copied one after another, are the log; unknown and broken lines too", () => {
    fc.assert(
      fc.property(arbLog({ isTorn: false }), ({ bytes }) => {
        const { spans, end } = scanAll([bytes]);
        const text = (start: number, stop: number): string => String.fromCharCode(...bytes.slice(start, stop));
        const told = spans.map(({ start, end: stop }) => text(start, stop)).join("");
        const log = text(0, end.endOffset);
        const withoutBlanks = log.split("\n").filter((line) => !/^[\t-\r ]*$/.test(line));
        expect(told).toBe(withoutBlanks.map((line) => `${line}\n`).join(""));
      }),
    );
  });

  it("law: items that were checked are what a reader gets", () => {
    const loose = fc.tuple(arbRolloutItem(), fc.string({ unit: "binary" })).map(([item, text]) => ({
      type: item.type,
      payload: { ...item.payload, x_text: text, x_absent: undefined, x_list: [{ y: undefined, text }] },
    }));
    fc.assert(
      fc.property(loose, (item) => {
        const [checked] = validateAppendable([item]);
        if (checked === undefined) throw new Error("the item is gone");
        const read = decodeLine(encodeLine(checked, timeAt(0)), 0).item;
        expect(read).toEqual(checked);
        expect(JSON.stringify(read)).toBe(JSON.stringify(checked));
      }),
    );
  });

  it("law: a log is read the same wherever its blocks are cut", () => {
    fc.assert(
      fc.property(arbLog(), fc.array(fc.nat(), { maxLength: 8 }), ({ bytes }, cuts) => {
        expect(scanAll(blocksOf(bytes, cuts))).toEqual(scanAll([bytes]));
      }),
    );
  });
});
