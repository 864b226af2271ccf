/**
 * Reads one rollout whole and tells everything that is odd about it, line by line. Nothing is changed.
 * What a reader passes over in silence is said here, with its place; of kinds that may come by the
 * thousand, a bounded number and how many more there are.
 */
import { decodeLineBytes, epochMsOf, isBlankLine, createLogScanner, type RolloutRecord } from "../../events/index.ts";
import { isSpoilt } from "../line-seal.ts";
import { backwardLines, readExactly } from "./backward-lines.ts";
import { readBlocks } from "./block-reader.ts";
import type { FileSystem } from "./file-system.ts";
import type { RolloutEntry } from "./home-walk.ts";
import { parseRolloutName } from "./rollout-path.ts";
import { inspectTail } from "./rollout-tail.ts";

/** How bad a finding is. `error`: something is lost or ambiguous. `warning`: something is passed over. `info`: odd, harmless. */
export type FindingSeverity = "error" | "warning" | "info";

/** What can be found. */
export type FindingCode =
  | "unreadable_file"
  | "odd_entry"
  | "empty_file"
  | "byte_order_mark"
  | "no_session_meta"
  | "unreadable_line"
  | "spoilt_line"
  | "invalid_utf8"
  | "unknown_type"
  | "broken_batch"
  | "incomplete_batch"
  | "torn_tail"
  | "missing_newline"
  | "bad_time"
  | "id_mismatch"
  | "odd_name"
  | "duplicate_id"
  | "leftover_fork"
  | "bad_index_line"
  | "dangling_index_entry";

/** One thing that is odd in a home. */
export interface HomeFinding {
  readonly code: FindingCode;
  readonly severity: FindingSeverity;
  readonly message: string;
  /** Absolute path of the file. */
  readonly path: string;
  readonly threadId?: string;
  readonly ordinal?: number;
  /** Byte offset in the file. */
  readonly offset?: number;
}

/** What was read of one rollout. */
export interface RolloutCheck {
  readonly findings: readonly HomeFinding[];
  /** Its session_meta's id, if it has one. */
  readonly threadId: string | undefined;
  readonly records: number;
  readonly bytes: number;
}

type Place = Pick<HomeFinding, "ordinal" | "offset">;
type Tell = (code: FindingCode, message: string, place?: Place) => void;

const SEVERITIES: Readonly<Record<FindingCode, FindingSeverity>> = {
  unreadable_file: "error",
  odd_entry: "warning",
  empty_file: "warning",
  byte_order_mark: "error",
  no_session_meta: "error",
  unreadable_line: "warning",
  spoilt_line: "error",
  invalid_utf8: "warning",
  unknown_type: "info",
  broken_batch: "error",
  incomplete_batch: "warning",
  torn_tail: "warning",
  missing_newline: "info",
  bad_time: "warning",
  id_mismatch: "warning",
  odd_name: "info",
  duplicate_id: "error",
  leftover_fork: "info",
  bad_index_line: "warning",
  dangling_index_entry: "info",
};

/** Lines told one by one in one file; past that only their number. */
const LINES_TOLD_MAX = 100;
const SPOILT =
  "the line is not what was written: its checksum is that of other bytes; what can be read of it is read as it stands, " +
  "compare it with a backup";
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** A finding with its severity. */
export function findingOf(
  code: FindingCode,
  message: string,
  where: Omit<HomeFinding, "code" | "message" | "severity">,
): HomeFinding {
  return { code, severity: SEVERITIES[code], message, ...where };
}

/** Checks an open rollout. */
export async function checkRollout(files: FileSystem, fd: number, entry: RolloutEntry): Promise<RolloutCheck> {
  const { size } = files.fstat(fd);
  const findings: HomeFinding[] = [];
  let threadId: string | undefined;
  const tell: Tell = (code, message, place = {}) => {
    const where = threadId === undefined ? { path: entry.path } : { path: entry.path, threadId };
    findings.push(findingOf(code, message, { ...where, ...place }));
  };
  if (size === 0) tell("empty_file", "the file is empty");
  const tail = await inspectTail(files, fd, size);
  const lines = createLineCheck(tell, (id) => {
    threadId ??= id;
  });
  const scanner = createLogScanner({
    sink: {
      line: (bytes, ordinal) => lines.look(bytes, ordinal),
      record: (record, span) => lines.take(record, { ordinal: record.ordinal, offset: span.start }),
    },
  });
  const range = { fd, from: 0, end: tail.end, lacksNewline: tail.lacksNewline };
  await readBlocks(files, range, (block) => scanner.push(block));
  lines.end();
  const { nextOrdinal: records } = scanner.end();
  if (size > 0) await checkStart(files, { fd, size, hasMeta: threadId !== undefined }, tell);
  if (tail.lacksNewline)
    tell("missing_newline", "the last record lacks its newline; the next append adds it", { offset: size });
  if (tail.tornBytes > 0) await checkTail(files, { fd, size, end: tail.end, ordinal: records }, tell);
  checkName(entry, threadId, tell);
  return { findings, threadId, records, bytes: size };
}

async function checkStart(
  files: FileSystem,
  file: { readonly fd: number; readonly size: number; readonly hasMeta: boolean },
  tell: Tell,
): Promise<void> {
  const { fd, size, hasMeta } = file;
  const start = await readExactly(files, { fd, from: 0, size: Math.min(size, BYTE_ORDER_MARK.byteLength) });
  const hasMark = start.equals(BYTE_ORDER_MARK);
  if (hasMark)
    tell("byte_order_mark", "the file begins with a byte order mark, which makes its first line unreadable", {
      offset: 0,
    });
  if (!hasMeta) tell("no_session_meta", "no session_meta among the first records: the file is no thread");
}

async function checkTail(
  files: FileSystem,
  torn: { readonly fd: number; readonly size: number; readonly end: number; readonly ordinal: number },
  tell: Tell,
): Promise<void> {
  const { fd, size, end, ordinal } = torn;
  let lines = 0;
  for await (const line of backwardLines(files, { fd, end: size })) {
    if (line.offset < end) break;
    if (line.bytes !== null && isBlankLine(line.bytes)) continue;
    // A line that lacks nothing but its newline is one of the append's.
    if (line.isTerminated || isReadable(line.bytes)) lines += 1;
    else {
      const bytes = line.end - line.offset;
      tell(
        "torn_tail",
        `the last line was never finished (${bytes} bytes); the next append cuts it and keeps it aside`,
        {
          offset: line.offset,
        },
      );
    }
  }
  if (lines > 0) {
    const message = `the last append is not whole (${lines} lines of it stand there); the next append cuts it and keeps it aside`;
    tell("incomplete_batch", message, { ordinal, offset: end });
  }
}

function isReadable(line: Buffer | null): boolean {
  return line !== null && decodeLineBytes(line, 0).item.type !== "unreadable";
}

function checkName(entry: RolloutEntry, threadId: string | undefined, tell: Tell): void {
  const named = parseRolloutName(entry.name);
  if (named === undefined) {
    tell("odd_name", `the name is not of the form rollout-<local time>-<thread id>.jsonl: ${entry.name}`);
  } else if (threadId !== undefined && named.threadId !== threadId) {
    tell("id_mismatch", `the name says ${named.threadId}, the session_meta ${threadId}: the thread is the latter`);
  }
}

interface LineCheck {
  /** Looks at a line's bytes before they are taken as a record. */
  look(bytes: Uint8Array, ordinal: number): void;
  take(record: RolloutRecord, place: Place): void;
  end(): void;
}

/** Looks at record after record. */
function createLineCheck(tell: Tell, found: (threadId: string) => void): LineCheck {
  const unknown = new Map<string, { count: number; place: Place }>();
  let told = 0;
  let untold = 0;
  let isFirstMeta = true;
  // Lines that must still follow of the batch that is open.
  let due = 0;
  /** Ordinals of lines that were looked at and not taken yet, of an append: those with a wrong checksum. */
  const spoilt = new Set<number>();
  let spoiltTold = 0;
  let spoiltUntold = 0;

  const checkSeal = (ordinal: number, place: Place): void => {
    if (!spoilt.delete(ordinal)) return;
    spoiltTold += 1;
    if (spoiltTold > LINES_TOLD_MAX) spoiltUntold += 1;
    else tell("spoilt_line", SPOILT, place);
  };

  const checkItem = ({ item, timestamp }: RolloutRecord, place: Place): void => {
    if (item.type === "unreadable") {
      told += 1;
      if (told > LINES_TOLD_MAX) untold += 1;
      else if (item.reason.includes("UTF-8")) tell("invalid_utf8", `a line is passed over: ${item.reason}`, place);
      else tell("unreadable_line", `a line is passed over: ${item.reason}`, place);
      return;
    }
    if (item.type === "unknown") {
      const seen = unknown.get(item.recordType);
      unknown.set(item.recordType, { count: (seen?.count ?? 0) + 1, place: seen?.place ?? place });
    }
    if (item.type === "session_meta" && isFirstMeta) {
      isFirstMeta = false;
      found(item.payload.id.toLowerCase());
      if (epochMsOf(item.payload.timestamp) === null) {
        tell("bad_time", `the session_meta's timestamp can't be read: ${item.payload.timestamp.slice(0, 80)}`, place);
      }
    }
    if (timestamp === null) tell("bad_time", "a record's timestamp can't be read", place);
  };

  return {
    look(bytes, ordinal) {
      if (isSpoilt(bytes)) spoilt.add(ordinal);
    },
    take(record, place) {
      const more = record.marks?.more ?? 0;
      if (due > 0 && more !== due - 1) {
        tell("broken_batch", `${due} lines of an append are missing in front of this record`, place);
      }
      due = more;
      checkItem(record, place);
      checkSeal(record.ordinal, place);
    },
    end() {
      for (const [type, { count, place }] of unknown) {
        tell("unknown_type", `${count} records of the unknown type ${type} are kept and passed over`, place);
      }
      if (untold > 0) tell("unreadable_line", `${untold} more lines are passed over`);
      if (spoiltUntold > 0) tell("spoilt_line", `${spoiltUntold} more lines are not what was written`);
    },
  };
}
