/**
 * One write after another until all bytes are written: a write may be short at any time (a full disk,
 * a signal), and a short write is no error yet. How far it came is always told, as that is what must
 * be undone.
 */
import { fault } from "../../base/index.ts";
import type { FileSystem } from "./file-system.ts";

/** What became of the bytes. */
export interface WriteOutcome {
  /** Bytes that are in the file. */
  readonly writtenBytes: number;
  /** Why the rest isn't; null when all are. */
  readonly failure: { readonly error: unknown } | null;
}

/** Appends all bytes, or as many as can be. Never rejects. */
export async function writeAll(
  files: FileSystem,
  fd: number,
  bytes: Uint8Array,
): Promise<WriteOutcome> {
  let writtenBytes = 0;
  try {
    while (writtenBytes < bytes.byteLength) {
      const writing = files.write(fd, writtenBytes === 0 ? bytes : bytes.subarray(writtenBytes));
      const count = typeof writing === "number" ? writing : await writing;
      // A write that takes nothing and gives no reason would loop for ever.
      if (count <= 0) throw fault("io_error", "the disk took no bytes", { retryable: true });
      writtenBytes += count;
    }
    return { writtenBytes, failure: null };
  } catch (error) {
    return { writtenBytes, failure: { error } };
  }
}
