/**
 * What a log is, in three values that are the same wherever its lines are kept, and how two logs stand to each other.
 * Lines pass through a part at a time; nothing is kept of them.
 */
import { createHash } from "node:crypto";

/** A log's lines, bytes, and the SHA-256 of its bytes in hex. */
export interface LogDigest {
  readonly lineCount: number;
  readonly byteCount: number;
  readonly sha256: string;
}

/** Measures a log that passes by. */
export interface LogMeter {
  take(part: Uint8Array): void;
  /** What was taken, once. */
  end(): LogDigest;
}

/** How a log stands to another one: `longer` begins with the whole other one, `shorter` is the beginning of it. */
export type LogRelation = "same" | "longer" | "shorter" | "different";

const NEWLINE = 0x0a;

/** Makes a meter that has seen nothing. */
export function createLogMeter(): LogMeter {
  const hash = createHash("sha256");
  let lineCount = 0;
  let byteCount = 0;
  return {
    take(part) {
      hash.update(part);
      byteCount += part.byteLength;
      for (let at = part.indexOf(NEWLINE); at >= 0; at = part.indexOf(NEWLINE, at + 1)) lineCount += 1;
    },
    end: () => ({ lineCount, byteCount, sha256: hash.digest("hex") }),
  };
}

/** Reads a log to its end and measures it. */
export async function digestOf(lines: AsyncIterable<Uint8Array>): Promise<LogDigest> {
  const meter = createLogMeter();
  for await (const part of lines) meter.take(part);
  return meter.end();
}

/** Reads two logs side by side, up to the first byte that differs or the end of one. */
export async function compareLogs(
  one: AsyncIterable<Uint8Array>,
  other: AsyncIterable<Uint8Array>,
): Promise<LogRelation> {
  const [a, b] = [new PartReader(one), new PartReader(other)];
  try {
    for (;;) {
      const [left, right] = [await a.rest(), await b.rest()];
      if (left === null || right === null) return left === right ? "same" : left === null ? "shorter" : "longer";
      const size = Math.min(left.byteLength, right.byteLength);
      if (Buffer.compare(left.subarray(0, size), right.subarray(0, size)) !== 0) return "different";
      a.pass(size);
      b.pass(size);
    }
  } finally {
    await a.close();
    await b.close();
  }
}

/** A log whose parts are passed byte by byte. */
class PartReader {
  readonly #parts: AsyncIterator<Uint8Array>;
  #part: Uint8Array = new Uint8Array(0);

  constructor(lines: AsyncIterable<Uint8Array>) {
    this.#parts = lines[Symbol.asyncIterator]();
  }

  /** What is left of the part that is read; null at the end. */
  async rest(): Promise<Uint8Array | null> {
    while (this.#part.byteLength === 0) {
      const next = await this.#parts.next();
      if (next.done === true) return null;
      this.#part = next.value;
    }
    return this.#part;
  }

  pass(byteCount: number): void {
    this.#part = this.#part.subarray(byteCount);
  }

  async close(): Promise<void> {
    await this.#parts.return?.();
  }
}
