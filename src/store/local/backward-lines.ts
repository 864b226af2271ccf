/**
 * Lines of a file from its end backwards: what the tail of a rollout costs is its tail, not the file.
 * Blocks begin small and double, as most questions are answered by the last line or two. What is held is
 * one block and one line, and of a line that is too long nothing.
 */
import { fault, LIMITS } from "../../base/index.ts";
import type { FileSystem } from "./file-system.ts";

/** One line, newest first. */
export interface BackwardLine {
  /** Without the newline; null when the line is longer than what is read: only where it stands is known. */
  readonly bytes: Buffer | null;
  readonly offset: number;
  /** Offset behind its last byte, the newline not counted. */
  readonly end: number;
  /** Whether a newline follows it. Only the first line given can lack one. */
  readonly isTerminated: boolean;
}

/** The bytes [0, end) of an open file. */
export interface BackwardRange {
  readonly fd: number;
  readonly end: number;
  /** Longest line that is read, bytes with its newline. Default LIMITS.lineBytesMax, as the log scanner's. */
  readonly lineBytesMax?: number;
}

const NEWLINE = 0x0a;
const FIRST_BLOCK_BYTES = 4096;
const BLOCK_BYTES_MAX = 1024 * 1024;

/** Gives the lines of a range, last one first; blank ones too. Nothing for an empty range. */
export async function* backwardLines(
  files: FileSystem,
  range: BackwardRange,
): AsyncGenerator<BackwardLine, void, undefined> {
  const { fd, end } = range;
  const line = new LineBuilder(end, range.lineBytesMax ?? LIMITS.lineBytesMax);
  let blockBytes = FIRST_BLOCK_BYTES;
  let from = end;
  while (from > 0) {
    const size = Math.min(blockBytes, from);
    blockBytes = Math.min(blockBytes * 2, BLOCK_BYTES_MAX);
    from -= size;
    let rest = await readExactly(files, { fd, from, size });
    for (;;) {
      const newline = rest.lastIndexOf(NEWLINE);
      if (newline < 0) break;
      line.prepend(rest.subarray(newline + 1));
      // Behind a final newline there is no line.
      if (line.isTerminated || line.length > 0) yield line.taken();
      line.begin(from + newline);
      rest = rest.subarray(0, newline);
    }
    line.prepend(rest);
  }
  if (line.isTerminated || line.length > 0) yield line.taken();
}

/** The line that is being read, from its end on; of one that is too long only the length is kept. */
class LineBuilder {
  readonly #bytesMax: number;
  #pieces: Buffer[] = [];
  #end: number;
  length = 0;
  isTerminated = false;

  constructor(end: number, bytesMax: number) {
    this.#end = end;
    this.#bytesMax = bytesMax;
  }

  prepend(bytes: Buffer): void {
    this.length += bytes.byteLength;
    if (this.#isTooLong()) this.#pieces = [];
    else if (bytes.byteLength > 0) this.#pieces.push(bytes);
  }

  taken(): BackwardLine {
    const bytes = this.#isTooLong() ? null : this.#joined();
    return { bytes, offset: this.#end - this.length, end: this.#end, isTerminated: this.isTerminated };
  }

  /** Begins with the line in front of a newline at this offset. */
  begin(end: number): void {
    this.#pieces = [];
    this.#end = end;
    this.length = 0;
    this.isTerminated = true;
  }

  #isTooLong(): boolean {
    return this.length >= this.#bytesMax;
  }

  #joined(): Buffer {
    const [only, ...others] = this.#pieces;
    return only !== undefined && others.length === 0 ? only : Buffer.concat(this.#pieces.toReversed());
  }
}

/** Reads bytes that must be there; `rollout_unreadable` when the file has shrunk meanwhile. */
export async function readExactly(
  files: FileSystem,
  range: { readonly fd: number; readonly from: number; readonly size: number },
): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(range.size);
  let done = 0;
  while (done < range.size) {
    const got = await files.read(range.fd, buffer.subarray(done), range.from + done);
    if (got === 0) {
      throw fault("rollout_unreadable", "a rollout became shorter while it was read", {
        retryable: true,
        data: { expectedBytes: range.from + range.size, actualBytes: range.from + done },
      });
    }
    done += got;
  }
  return buffer;
}
