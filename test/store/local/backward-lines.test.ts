/**
 * Lines from a file's end: the same ones that splitting the whole file gives, in reverse, wherever the blocks
 * fall; and of lines that are too long to be read, only where they stand.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import fc from "fast-check";
import { expect, it } from "vitest";

import { type BackwardLine, backwardLines } from "../../../src/store/local/backward-lines.ts";
import { nodeFileSystem } from "../../../src/store/local/file-system.ts";
import { collect, makeHome } from "./store-lab.ts";

/** The lines of a text, last one first, as splitting it gives them. */
function linesOf(text: string, lineBytesMax: number): readonly BackwardLine[] {
  const lines: BackwardLine[] = [];
  let offset = 0;
  const parts = text.split("\n");
  for (const [index, part] of parts.entries()) {
    const end = offset + part.length;
    const isTerminated = index < parts.length - 1;
    const bytes = part.length + 1 > lineBytesMax ? null : Buffer.from(part);
    if (isTerminated || part !== "") lines.unshift({ bytes, offset, end, isTerminated });
    offset = end + 1;
  }
  return lines;
}

const arbPart = fc.oneof(fc.nat(30), fc.nat(30), fc.nat(9_000)).map((length) => "x".repeat(length));

it("law: the lines from the end are the file's lines in reverse, those that are too long without their bytes", async () => {
  const file = join(await makeHome(), "lines");
  await fc.assert(
    fc.asyncProperty(fc.array(arbPart, { maxLength: 8 }), fc.constantFrom(20, 5_000, 100_000), async (parts, max) => {
      const text = parts.join("\n");
      await writeFile(file, text);
      const fd = await nodeFileSystem.open(file, "read");
      try {
        const lines = await collect(backwardLines(nodeFileSystem, { fd, end: text.length, lineBytesMax: max }));
        expect(lines).toEqual(linesOf(text, max));
      } finally {
        await nodeFileSystem.close(fd);
      }
    }),
  );
});
