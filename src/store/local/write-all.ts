/**
 * One write after another until all bytes are written: a write may be short at any time (a full disk,
 * a signal), and a short write is no error yet. How far it came is always told, as that is what must
 * be undone. And writing in place, for bytes that may not have come through to the disk.
 */
import { fault } from "../../base/index.ts";
import { readExactly } from "./backward-lines.ts";
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

/** Bytes, and where they go. */
interface Overwriting {
  readonly fd: number;
  readonly bytes: Uint8Array;
  readonly position: number;
}

/** Writes bytes where they stand already, at once; nothing where the file was cut off meanwhile. Throws what the disk says. */
export function overwriteAll(files: FileSystem, { fd, bytes, position }: Overwriting): void {
  if (files.fstat(fd).size < position + bytes.byteLength) return;
  let writtenBytes = 0;
  while (writtenBytes < bytes.byteLength) {
    const count = files.writeAt(fd, bytes.subarray(writtenBytes), position + writtenBytes);
    if (count <= 0) throw fault("io_error", "the disk took no bytes", { retryable: true });
    writtenBytes += count;
  }
}

/** Copied in one go on the calling thread: 0.1 ms. */
const REWRITE_BYTES = 256 * 1024;

/** Writes the file's own bytes [from, end) once more. Rejects with what the disk says. */
export async function rewriteInPlace(
  files: FileSystem,
  fd: number,
  { from, end }: { readonly from: number; readonly end: number },
): Promise<void> {
  for (let position = from; position < end; position += REWRITE_BYTES) {
    const size = Math.min(REWRITE_BYTES, end - position);
    overwriteAll(files, { fd, bytes: await readExactly(files, { fd, from: position, size }), position });
  }
}
