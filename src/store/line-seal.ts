/**
 * The checksum on our own lines: CRC-32 of all that stands in front of it, as the line's last member
 * (docs/decisions/0021-a-line-carries-its-checksum.md). It tells a bit that a disk has flipped within a text, which
 * is a text like any other without it. Readers don't ask for it; `verify` does. It is no proof against people: who
 * edits a line by hand can take it off, and a line without one is as good as ever.
 */
import { crc32 } from "node:zlib";

import {
  type AppendableItem,
  checksumAt,
  checksumIn,
  linePieces,
  type RecordMarks,
  withChecksum,
} from "../events/index.ts";

/** The line of one item, with its newline and its checksum. `invalid_argument` as encodeLine. */
export function encodeSealedLine(item: AppendableItem, timestamp: string, marks?: RecordMarks): string {
  const line = linePieces(item, timestamp, marks);
  // Over the pieces, not over the line: a text that is still in pieces is joined once, when it is written.
  const upToPayload = crc32(line.payload, crc32(line.head));
  const checksum = line.marks === "" ? upToPayload : crc32(line.marks, upToPayload);
  return withChecksum(`${line.head}${line.payload}${line.marks}`, digitsOf(checksum));
}

/** A line that has its newline, with a checksum on it. */
export function sealLine(line: string): string {
  const body = line.slice(0, -"}\n".length);
  return withChecksum(body, digitsOf(crc32(body)));
}

/** Whether the line, with or without its line ending, has a checksum that is not that of its bytes. */
export function isSpoilt(line: Uint8Array): boolean {
  const at = checksumAt(line, 0, line[line.length - 1] === NEWLINE ? line.length - 1 : line.length);
  return at >= 0 && checksumIn(line, at) !== crc32(line.subarray(0, at));
}

const NEWLINE = 0x0a;
const MARKS = Buffer.from(',"skein":');

/**
 * The line of a batch that a fork cuts in two, for the fork: with its newline, and without the mark that waits for
 * lines which never come. Only for lines that have such a mark: it is the last but the checksum.
 */
export function releasedLine(line: Uint8Array): Uint8Array {
  const bytes = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  const kept = bytes.subarray(0, bytes.lastIndexOf(MARKS));
  return Buffer.concat([kept, Buffer.from(withChecksum("", digitsOf(crc32(kept))))]);
}

/** Two digits a byte: a table is faster than toString and padStart, and each line pays for this. */
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function digitsOf(checksum: number): string {
  const high = `${HEX[checksum >>> 24]}${HEX[(checksum >>> 16) & 0xff]}`;
  return `${high}${HEX[(checksum >>> 8) & 0xff]}${HEX[checksum & 0xff]}`;
}
