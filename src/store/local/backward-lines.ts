/**
 * Lines of a file from its end backwards: what the tail of a rollout costs is its tail, not the file.
 * Blocks begin small and double, as most questions are answered by the last line or two.
 */
import { fault, LIMITS } from "../../base/index.ts";
import type { FileSystem } from "./file-system.ts";

/** One line, newest first. */
export interface BackwardLine {
  /** Without the newline. */
  readonly bytes: Buffer;
  readonly offset: number;
  /** Whether a newline follows it. Only the first line given can lack one. */
  readonly isTerminated: boolean;
}

const NEWLINE = 0x0a;
const FIRST_BLOCK_BYTES = 4096;

/** Gives the lines in front of `end`, last one first; blank ones too. Nothing for an empty file. */
export async function* backwardLines(
  files: FileSystem,
  fd: number,
  end: number,
): AsyncGenerator<BackwardLine, void, undefined> {
  let blockBytes = FIRST_BLOCK_BYTES;
  // held are the file's bytes [heldFrom, lineEnd); a line may reach in front of them.
  let held = Buffer.alloc(0);
  let heldFrom = end;
  let isTerminated = false;
  let isFirst = true;
  for (;;) {
    const newline = held.lastIndexOf(NEWLINE);
    if (newline >= 0) {
      const bytes = held.subarray(newline + 1);
      // Behind a final newline there is no line.
      if (!isFirst || bytes.byteLength > 0) {
        yield { bytes, offset: heldFrom + newline + 1, isTerminated };
      }
      held = held.subarray(0, newline);
      isTerminated = true;
      isFirst = false;
      continue;
    }
    if (heldFrom === 0) {
      if (held.byteLength > 0 || !isFirst) yield { bytes: held, offset: 0, isTerminated };
      return;
    }
    if (held.byteLength > LIMITS.lineBytesMax) {
      throw fault("rollout_too_large", "a rollout ends in a line that is longer than Skein reads", {
        data: { offset: heldFrom, lineBytesMax: LIMITS.lineBytesMax },
      });
    }
    const size = Math.min(blockBytes, heldFrom);
    blockBytes = Math.min(blockBytes * 2, LIMITS.lineBytesMax);
    heldFrom -= size;
    held = Buffer.concat([await readExactly(files, { fd, from: heldFrom, size }), held]);
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
