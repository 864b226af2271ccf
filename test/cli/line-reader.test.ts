/**
 * Lines from a pipe: the same lines however the bytes arrive, and never a line beyond its bound. The pipe
 * is a stream of chunks cut where it hurts.
 */
import { Readable } from "node:stream";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { LIMITS } from "../../src/base/index.ts";
import { readLines } from "../../src/cli/line-reader.ts";

async function linesOf(chunks: Iterable<Buffer>): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readLines(Readable.from(chunks))) lines.push(line);
  return lines;
}

describe("readLines", () => {
  it("takes the last line also without a newline, and CRLF as a line end", async () => {
    expect(await linesOf([Buffer.from("one\r\ntwo\n\nthree")])).toEqual(["one", "two", "", "three"]);
  });

  it("gives the same lines however the bytes are cut, also inside a character", async () => {
    const text = fc.array(fc.constantFrom("a", "界", "👍", "\n", "\r\n", " "), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(200), { maxLength: 8 }), async (parts, cuts) => {
        const whole = Buffer.from(parts.join(""));
        const ends = [...cuts.filter((cut) => cut < whole.length), whole.length].toSorted((a, b) => a - b);
        const chunks = ends.map((end, index) => whole.subarray(ends[index - 1] ?? 0, end));
        expect(await linesOf(chunks.filter((chunk) => chunk.length > 0))).toEqual(await linesOf([whole]));
      }),
    );
  });

  it("refuses a line that no turn could take, before it is all read", async () => {
    const block = Buffer.alloc(64 * 1024, "x");
    let given = 0;
    const endless = (function* endlessly(): Generator<Buffer> {
      for (;;) {
        given += block.length;
        yield block;
      }
    })();
    await expect(linesOf(endless)).rejects.toMatchObject({
      code: "invalid_argument",
    });
    expect(given).toBeLessThan(LIMITS.inputCharsMax * 3);
  });
});
