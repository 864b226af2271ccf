/**
 * Where a line's checksum stands: `,"crc":"1a2b3c4d"`, the last member of a line that Skein wrote. It covers
 * the bytes of the line in front of it. This is its place and its form; what it must be is computed where
 * lines are written (store/line-seal.ts), for nothing here knows a platform. Lines of others have none.
 */
const CRC = new TextEncoder().encode(',"crc":"');
const DIGITS = 8;
const QUOTE = 0x22;
const BRACE = 0x7d;
/** The member with the brace that closes its line. */
const SUFFIX_BYTES = CRC.length + DIGITS + 2;

/** A line, given without its last brace and its newline, with both and this checksum of eight hex digits. */
export function withChecksum(body: string, checksum: string): string {
  return `${body},"crc":"${checksum}"}\n`;
}

/**
 * Where the checksum of the line in `bytes[start, end)` begins, which is where the bytes it covers end; -1 for a
 * line that has none.
 */
export function checksumAt(bytes: Uint8Array, start: number, end: number): number {
  const last = bytes[end - 1] === 0x0d ? end - 2 : end - 1;
  // Of lines without one, nearly all end with the payload's brace in front of their own.
  if (bytes[last - 1] !== QUOTE || bytes[last] !== BRACE) return -1;
  const at = last + 1 - SUFFIX_BYTES;
  if (at <= start) return -1;
  for (let index = 0; index < CRC.length; index += 1) {
    if (bytes[at + index] !== CRC[index]) return -1;
  }
  return at;
}

/** The checksum that begins at `at`, read as Skein writes it: eight digits, small letters; NaN for any other. */
export function checksumIn(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let index = at + CRC.length; index < at + CRC.length + DIGITS; index += 1) {
    value = value * 16 + digitValue(bytes[index] ?? 0);
  }
  return value;
}

function digitValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : Number.NaN;
}
