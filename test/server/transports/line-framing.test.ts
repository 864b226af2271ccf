/**
 * Lines out of bytes: the same ones however the bytes are cut, none that is longer than it may be, and a cost
 * that grows with the bytes and not with their pieces.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

import { createLineFramer, type LineFramer } from "../../../src/server/transports/index.ts";

interface Split {
  readonly framer: LineFramer;
  /** Lines, and "<oversized>" where one was too long. */
  readonly told: string[];
}

function split(lineBytesMax = 1_000): Split {
  const told: string[] = [];
  const framer = createLineFramer({
    lineBytesMax,
    line: (text) => told.push(text),
    oversized: () => told.push("<oversized>"),
  });
  return { framer, told };
}

function linesOf(text: string | Uint8Array, lineBytesMax?: number): readonly string[] {
  const { framer, told } = split(lineBytesMax);
  framer.push(Buffer.from(text));
  framer.end();
  return told;
}

test("a line ends with a newline, a return and a newline, or the end of the bytes", () => {
  expect(linesOf("one\ntwo\r\nthree")).toEqual(["one", "two", "three"]);
});

test("empty lines are passed over, blank ones are not", () => {
  expect(linesOf("\n\r\n  \n\t{}\t\n")).toEqual(["  ", "\t{}\t"]);
});

test("bytes that are no UTF-8 become replacement characters and harm no other line", () => {
  expect(linesOf(Buffer.concat([Buffer.from([0x7b, 0xff, 0xc3]), Buffer.from("\n{}\n")]))).toEqual([
    "{\ufffd\ufffd",
    "{}",
  ]);
});

test("a line of the longest length is taken, one byte more is skipped to its end", () => {
  const longest = "x".repeat(8);
  expect(linesOf(`${longest}\n${longest}y\nnext\n`, 8)).toEqual([longest, "<oversized>", "next"]);
});

test("a line of the longest length is taken when its end comes in pieces of its own", () => {
  const { framer, told } = split(4);
  for (const piece of ["ab", "cd", "\r", "\n", "e"]) framer.push(Buffer.from(piece));
  framer.end();
  expect(told).toEqual(["abcd", "e"]);
});

test("a line that is too long is told once, before its end, and the next one is whole", () => {
  const { framer, told } = split(4);
  framer.push(Buffer.from("abcdef"));
  expect(told).toEqual(["<oversized>"]);
  for (const piece of ["gh", "ij\nne", "xt\n"]) framer.push(Buffer.from(piece));
  expect(told).toEqual(["<oversized>", "next"]);
});

test("a line that is too long and never ends tells nothing more at the end", () => {
  const { framer, told } = split(4);
  framer.push(Buffer.from("abcdefgh"));
  framer.end();
  expect(told).toEqual(["<oversized>"]);
});

test("no line is told after a stop in the middle of a chunk", () => {
  const told: string[] = [];
  const framer = createLineFramer({
    lineBytesMax: 100,
    line: (text) => {
      told.push(text);
      framer.stop();
    },
    oversized: () => told.push("<oversized>"),
  });
  framer.push(Buffer.from("one\ntwo\nthree"));
  framer.end();
  expect(told).toEqual(["one"]);
});

test("four million bytes that come one by one are one line, and soon", () => {
  const { framer, told } = split(8 * 1024 * 1024);
  const byte = Buffer.from("x");
  for (let index = 0; index < 4_000_000; index += 1) framer.push(byte);
  framer.push(Buffer.from("\n"));
  expect(told.map(({ length }) => length)).toEqual([4_000_000]);
});

test("a chunk that its owner writes over afterwards does not change what was kept of it", () => {
  const { framer, told } = split();
  const chunk = Buffer.from("begin");
  framer.push(chunk);
  chunk.fill("z");
  framer.push(Buffer.from("-end\n"));
  expect(told).toEqual(["begin-end"]);
});

test("lines are the same however the bytes are cut (property)", () => {
  const piece = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.constantFrom("\n", "\r\n", "\r", "é", "漢", "😀", "{}"),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), fc.array(fc.nat(60), { maxLength: 60 }), (pieces, cuts) => {
      const bytes = Buffer.from(pieces.join(""));
      const lineBytesMax = 20;
      const { framer, told } = split(lineBytesMax);
      let start = 0;
      for (const cut of cuts) {
        framer.push(bytes.subarray(start, start + cut));
        start += cut;
      }
      framer.push(bytes.subarray(start));
      framer.end();
      expect(told).toEqual(referenceLines(bytes, lineBytesMax));
    }),
  );
});

test("no bytes make it throw, and no line is longer than it may be (property)", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 }), (chunks) => {
      const { framer, told } = split(10);
      for (const chunk of chunks) framer.push(chunk);
      framer.end();
      expect(told.every((line) => line === "<oversized>" || line.length <= 10)).toBe(true);
    }),
  );
});

/** What the lines are when the bytes are all there. A return that ends a line counts with its end. */
function referenceLines(bytes: Buffer, lineBytesMax: number): string[] {
  return bytes
    .toString("latin1")
    .split("\n")
    .map((line) => Buffer.from(line.replace(/\r$/, ""), "latin1"))
    .filter((line) => line.length > 0)
    .map((line) => (line.length > lineBytesMax ? "<oversized>" : line.toString("utf8")));
}
