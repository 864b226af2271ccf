/**
 * What the end of a rollout is worth: where its records end, what is behind that, and when the newest
 * record was written.
 *
 * A record counts with its newline. Three things can stand at the end of a file beside that:
 *   - a torn line (no newline, not a record, or too long to be read): it never counted, and is cut before
 *     the next append;
 *   - a record that only lacks its newline: to Codex it is one, so it is one here too, and the next
 *     append writes the missing newline first (docs/decisions/0006-tails.md);
 *   - a batch that waits for more lines (`skein.more`): all of it is torn, back to the batch's start.
 * Looking changes nothing; tail-repair.ts cuts.
 */
import { beginsTurn, decodeLine, epochMsOf, isBlankLine, isTurnBegin, peekLine } from "../../events/index.ts";
import { type BackwardLine, backwardLines } from "./backward-lines.ts";
import type { FileSystem } from "./file-system.ts";

/** The end of a rollout. */
export interface RolloutTail {
  /** Records are the bytes [0, end). */
  readonly end: number;
  /** Bytes behind `end`, to be cut. */
  readonly tornBytes: number;
  /** The last line of [0, end) lacks its newline: an append must write it first. */
  readonly lacksNewline: boolean;
}

/** Inspects the last bytes of an open file of this size. */
export async function inspectTail(files: FileSystem, fd: number, size: number): Promise<RolloutTail> {
  let end = size;
  let lacksNewline = false;
  // Of a batch that waits for more: what the line in front of the one last seen must say.
  let waitsFor = 0;
  for await (const line of backwardLines(files, { fd, end: size })) {
    if (!line.isTerminated) {
      lacksNewline = isBlank(line) || isRecord(line);
      if (!lacksNewline) {
        end = line.offset;
        continue;
      }
    }
    if (waitsFor === 0 && isBlank(line)) continue;
    const more = moreOf(line.bytes);
    if (more === 0 || (waitsFor > 0 && more !== waitsFor + 1)) break;
    waitsFor = more;
    end = line.offset;
    lacksNewline = false;
  }
  return { end, tornBytes: size - end, lacksNewline };
}

/** Which records' times are asked for, and up to when. */
interface TimeQuestion {
  /** Default: any moment. */
  readonly asOfMs?: number;
  /** Default false: every record counts. True: those that begin a turn. */
  readonly isOfTurns?: boolean;
}

/**
 * Milliseconds since the epoch of the newest record in front of `end` that counts and has a time, at most `asOfMs`
 * if given; null when there is none.
 */
export async function newestRecordMs(
  files: FileSystem,
  range: { readonly fd: number; readonly end: number },
  { asOfMs = Number.POSITIVE_INFINITY, isOfTurns = false }: TimeQuestion = {},
): Promise<number | null> {
  for await (const line of backwardLines(files, range)) {
    if (line.bytes === null || isBlankLine(line.bytes)) continue;
    if (isOfTurns && !mayBeginTurn(line.bytes)) continue;
    const { item, timestamp } = decodeLine(line.bytes.toString("utf8"), 0);
    const writtenMs = isOfTurns && !beginsTurn(item) ? null : epochMsOf(timestamp);
    if (writtenMs !== null && writtenMs <= asOfMs) return writtenMs;
  }
  return null;
}

/** By its first bytes, where those tell: between two turns there can be megabytes of what tools answered. */
function mayBeginTurn(line: Buffer): boolean {
  const head = peekLine(line, 0, line.byteLength);
  return head === null || (head.type === "event_msg" && (head.kind === null || isTurnBegin(head.kind)));
}

const MARKS = Buffer.from('"skein"');

/** Lines of its batch that must follow this one; 0 for lines of others, and for one too long to be read. */
export function moreOf(line: Buffer | null): number {
  if (line?.includes(MARKS) !== true) return 0;
  return decodeLine(line.toString("utf8"), 0).marks?.more ?? 0;
}

function isBlank({ bytes }: BackwardLine): boolean {
  return bytes !== null && isBlankLine(bytes);
}

function isRecord({ bytes }: BackwardLine): boolean {
  return bytes !== null && decodeLine(bytes.toString("utf8"), 0).item.type !== "unreadable";
}
