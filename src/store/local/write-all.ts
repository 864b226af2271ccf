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

/** Appends all bytes, or as many as can be; at once where the disk takes them at once. Never rejects or throws. */
export function writeAll(files: FileSystem, fd: number, bytes: Uint8Array): WriteOutcome | Promise<WriteOutcome> {
  try {
    const writing = files.write(fd, bytes);
    if (writing === bytes.byteLength) return { writtenBytes: writing, failure: null };
    return writeRest(files, { fd, bytes, writing });
  } catch (error) {
    return { writtenBytes: 0, failure: { error } };
  }
}

interface Writing {
  readonly fd: number;
  readonly bytes: Uint8Array;
  /** The first write's answer. */
  readonly writing: number | Promise<number>;
}

async function writeRest(files: FileSystem, { fd, bytes, writing }: Writing): Promise<WriteOutcome> {
  let writtenBytes = 0;
  let current = writing;
  try {
    for (;;) {
      const count = typeof current === "number" ? current : await current;
      // A write that takes nothing and gives no reason would loop for ever.
      if (count <= 0) throw fault("io_error", "the disk took no bytes", { retryable: true });
      writtenBytes += count;
      if (writtenBytes >= bytes.byteLength) return { writtenBytes, failure: null };
      current = files.write(fd, bytes.subarray(writtenBytes));
    }
  } catch (error) {
    return { writtenBytes, failure: { error } };
  }
}
