/**
 * Bytes of a range of a file, a block at a time, into one buffer that is used again. What lines are is
 * the scanner's business (events); this only feeds it.
 */
import { LIMITS } from "../../base/index.ts";
import type { FileSystem } from "./file-system.ts";

/** Bytes [from, end) of an open file. */
export interface BlockRange {
  readonly fd: number;
  readonly from: number;
  readonly end: number;
  /** Bytes read at a time. Default LIMITS.readBlockBytes. */
  readonly blockBytes?: number;
  /** The last line lacks its newline and counts all the same: one is put behind it. */
  readonly lacksNewline?: boolean;
}

/** Reads a small file whole, as UTF-8. The system's error passes through. */
export async function readText(files: FileSystem, path: string): Promise<string> {
  const fd = await files.open(path, "read");
  try {
    const blocks: Buffer[] = [];
    await readBlocks(
      files,
      { fd, from: 0, end: files.fstat(fd).size },
      (block) => void blocks.push(Buffer.from(block)),
    );
    return Buffer.concat(blocks).toString("utf8");
  } finally {
    await files.close(fd);
  }
}

const NEWLINE = Buffer.from("\n");

/** Hands over the range's bytes in order until they end or `take` answers false. */
export async function readBlocks(
  files: FileSystem,
  range: BlockRange,
  take: (block: Buffer) => boolean | void,
): Promise<void> {
  const { fd, from, end, blockBytes = LIMITS.readBlockBytes } = range;
  const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(blockBytes, end - from)));
  let offset = from;
  while (offset < end) {
    const got = await files.read(fd, buffer.subarray(0, Math.min(buffer.byteLength, end - offset)), offset);
    // The file became shorter under the reader: what is there is what there is.
    if (got === 0) return;
    offset += got;
    if (take(buffer.subarray(0, got)) === false) return;
  }
  if (range.lacksNewline === true && end > from) take(NEWLINE);
}
