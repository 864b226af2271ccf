/**
 * The idempotency keys a thread's log holds, read from its tail when the thread is resumed: the newest
 * LIMITS.idempotencyTailBytesMax bytes, on to the beginning of the append that the bound falls into, and
 * not the records a fork copied from its source.
 */
import { LIMITS } from "../../base/index.ts";
import { decodeLine, isBlankLine, type RecordMarks } from "../../events/index.ts";
import { type AppliedKeys, createAppliedKeys } from "../applied-keys.ts";
import { backwardLines } from "./backward-lines.ts";
import type { FileSystem } from "./file-system.ts";
import type { ReadableRollout } from "./rollout-access.ts";

interface MarkedRecord {
  readonly ordinal: number;
  readonly marks: RecordMarks;
}

/** Where a log's own records are. */
export interface OwnRecords {
  /** Ordinals in front of this one are the session_meta and what a fork copied. */
  readonly fromOrdinal: number;
  readonly nextOrdinal: number;
}

const MARKS = Buffer.from('"skein"');

/** Reads the keys of an open rollout. */
export async function readAppliedKeys(
  files: FileSystem,
  rollout: ReadableRollout,
  own: OwnRecords,
): Promise<AppliedKeys> {
  const marked: MarkedRecord[] = [];
  let ordinal = own.nextOrdinal;
  let isPastBound = false;
  let moreBehind = 0;
  for await (const line of backwardLines(files, rollout)) {
    if (line.bytes !== null && isBlankLine(line.bytes)) continue;
    ordinal -= 1;
    if (ordinal < own.fromOrdinal) break;
    const marks = marksOf(line.bytes, ordinal);
    const more = marks?.more ?? 0;
    // An append that the bound falls into is read to its first line: its key's answer says where it begins.
    if (isPastBound && more !== moreBehind + 1) break;
    if (marks !== undefined) marked.push({ ordinal, marks });
    moreBehind = more;
    isPastBound = rollout.end - line.offset > LIMITS.idempotencyTailBytesMax;
  }
  return keysOf(marked.toReversed());
}

function marksOf(line: Buffer | null, ordinal: number): RecordMarks | undefined {
  return line?.includes(MARKS) === true ? decodeLine(line.toString("utf8"), ordinal).marks : undefined;
}

/** A key stands on its batch's last line; the batch begins where `more` began to count down. */
function keysOf(oldestFirst: readonly MarkedRecord[]): AppliedKeys {
  const keys = createAppliedKeys();
  // The batch that is open: where it began, and the line that would go on with it.
  let batch = { start: -1, nextOrdinal: -1, nextMore: -1 };
  for (const { ordinal, marks } of oldestFirst) {
    const more = marks.more ?? 0;
    const goesOn = batch.nextOrdinal === ordinal && batch.nextMore === more;
    const firstOrdinal = goesOn ? batch.start : ordinal;
    if (marks.key !== undefined) keys.set(marks.key, { firstOrdinal, nextOrdinal: ordinal + 1 });
    batch = { start: firstOrdinal, nextOrdinal: ordinal + 1, nextMore: more - 1 };
  }
  return keys;
}
