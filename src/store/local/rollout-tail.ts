/**
 * What the end of a rollout is worth: where its records end, what is behind that, and when the newest
 * record was written.
 *
 * A record counts with its newline. Three things can stand at the end of a file beside that:
 *   - a torn line (no newline, not a record, or too long to be read): it never counted, and is cut before
 *     the next append;
 *   - a record that only lacks its newline: to Codex it is one, so it is one here too, and the next
 *     append writes the missing newline first (docs/decisions/0006-tails.md);
 *   - batches that wait for more lines (`skein.more`): all of them are torn, back to the first one's start.
 * Looking changes nothing; tail-repair.ts cuts.
 */
import {
  beginsTurn,
  decodeLineBytes,
  epochMsOf,
  isBlankLine,
  isTurnBegin,
  peekLine,
  peekMore,
} from "../../events/index.ts";
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
  for await (const line of backwardLines(files, { fd, end: size })) {
    if (!line.isTerminated) {
      lacksNewline = isBlank(line) || isRecord(line);
      if (!lacksNewline) {
        end = line.offset;
        continue;
      }
    }
    if (isBlank(line)) continue;
    // Lines of several batches may wait one behind the other: once the last is cut, the one before it waits again.
    if (moreOf(line.bytes) === 0) break;
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
    const { item, timestamp } = decodeLineBytes(line.bytes, 0);
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

/**
 * Lines of its batch that must follow this one; 0 for lines of others, and for one too long to be read. Told as the
 * log scanner tells it, from the line's last bytes: a line that is no record may still hold a batch open.
 */
export function moreOf(line: Buffer | null): number {
  return line === null ? 0 : peekMore(line, 0, line.byteLength);
}

function isBlank({ bytes }: BackwardLine): boolean {
  return bytes !== null && isBlankLine(bytes);
}

function isRecord({ bytes }: BackwardLine): boolean {
  return bytes !== null && decodeLineBytes(bytes, 0).item.type !== "unreadable";
}
