/**
 * The lines of a rollout as they leave it: parts of whole lines, their bytes as they stand. Blank lines are left out,
 * for they are no records; a last record that only lacks its newline gets one (rollout-tail.ts).
 */
import { fault, LIMITS } from "../../base/index.ts";
import { isBlankLine } from "../../events/index.ts";
import type { FileSystem } from "./file-system.ts";
import type { ReadableRollout } from "./rollout-access.ts";

const NEWLINE = 0x0a;
const SPACE = 0x20;

/** The lines of [0, end) of an open rollout. `rollout_too_large` for a line past LIMITS.lineBytesMax. */
export async function* lineParts(
  files: FileSystem,
  rollout: Pick<ReadableRollout, "fd" | "path" | "end" | "lacksNewline">,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { fd, path, end, lacksNewline } = rollout;
  let carry: Buffer[] = [];
  let carryBytes = 0;
  for (let offset = 0; offset < end;) {
    // A new one each time: who takes the part may keep it.
    const block = Buffer.allocUnsafeSlow(Math.min(LIMITS.readBlockBytes, end - offset));
    const got = await files.read(fd, block, offset);
    if (got === 0) throw becameShorter(path, end, offset);
    offset += got;
    const bytes = block.subarray(0, got);
    const lastNewline = bytes.lastIndexOf(NEWLINE);
    if (lastNewline >= 0) {
      yield* withoutBlankLines(Buffer.concat([...carry, bytes.subarray(0, lastNewline + 1)]));
      carry = [];
      carryBytes = 0;
    }
    carry.push(bytes.subarray(lastNewline + 1));
    carryBytes += got - lastNewline - 1;
    if (carryBytes > LIMITS.lineBytesMax) throw lineTooLong(path, offset - carryBytes);
  }
  if (carryBytes > 0 && lacksNewline) yield* withoutBlankLines(Buffer.concat([...carry, Buffer.of(NEWLINE)]));
}

function* withoutBlankLines(lines: Buffer): Generator<Uint8Array, void, undefined> {
  let begin = 0;
  for (let at = 0; at < lines.byteLength;) {
    const next = lines.indexOf(NEWLINE, at) + 1;
    // No record begins with white space but one that an editor has indented.
    const mayBeBlank = (lines[at] ?? 0) <= SPACE;
    if (mayBeBlank && isBlankLine(lines.subarray(at, next))) {
      if (at > begin) yield lines.subarray(begin, at);
      begin = next;
    }
    at = next;
  }
  if (begin < lines.byteLength) yield lines.subarray(begin);
}

function becameShorter(path: string, expectedBytes: number, actualBytes: number): Error {
  return fault("rollout_unreadable", `${path} became shorter while it was read; try again`, {
    retryable: true,
    data: { path, expectedBytes, actualBytes },
  });
}

function lineTooLong(path: string, offset: number): Error {
  const { lineBytesMax } = LIMITS;
  const message = `${path} has a line of more than ${lineBytesMax} bytes at ${offset}; no store could read it`;
  return fault("rollout_too_large", message, { data: { path, offset, lineBytesMax } });
}
