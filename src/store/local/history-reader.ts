/**
 * Pages of a thread's history. A page costs itself: the hint of the page before says where it begins,
 * else the writer's index or a count of lines does; nothing in front of it is parsed.
 *
 * A hint is only believed when it still fits: the same file, an offset inside it, right behind a
 * newline. The log only grows at its end, so what fits once stays true.
 */
import { createLogScanner, type RolloutRecord } from "../../events/index.ts";
import type { HistoryRange } from "../history-range.ts";
import type { HistoryPage } from "../thread-store.ts";
import { encodeCursor, parseObject } from "../opaque-cursor.ts";
import { readExactly } from "./backward-lines.ts";
import { readBlocks } from "./block-reader.ts";
import type { FileSystem } from "./file-system.ts";
import type { LogPlace } from "./offset-index.ts";
import type { ReadableRollout } from "./rollout-access.ts";

/** Bytes of lines in one page, past which it ends early (after one record at least). */
const PAGE_BYTES_MAX = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Reads one page of an open rollout. */
export async function readHistory(
  files: FileSystem,
  rollout: ReadableRollout,
  range: HistoryRange,
): Promise<HistoryPage> {
  const { from, limit } = range;
  const start = await startOf(files, rollout, range);
  const page = { records: [] as RolloutRecord[], bytes: 0, endOffset: start.offset, isFull: false, hasMore: false };
  const scanner = createLogScanner({
    startOrdinal: start.ordinal,
    startOffset: start.offset,
    fromOrdinal: from,
    sink: {
      record: (record, span) => {
        if (page.isFull) {
          page.hasMore = true;
          return;
        }
        page.records.push(record);
        page.bytes += span.end - span.start;
        page.endOffset = span.end;
        page.isFull = page.records.length >= limit || page.bytes >= PAGE_BYTES_MAX;
      },
    },
  });
  await readBlocks(files, { ...rollout, from: start.offset }, (block) => {
    scanner.push(block);
    return !page.hasMore;
  });
  const { records, endOffset, hasMore } = page;
  // A record without newline ends one byte behind the file: such a place can't be told from a bad one.
  const isHintable = records.length > 0 && endOffset <= rollout.stat.size;
  const nextOrdinal = from + records.length;
  const hint = historyHint(rollout, { ordinal: nextOrdinal, offset: endOffset });
  return { records, nextOrdinal, isEnd: !hasMore, ...(isHintable ? { hint } : {}) };
}

/** The hint that names a place of this file. */
export function historyHint(
  { stat }: { readonly stat: Pick<ReadableRollout["stat"], "inode"> },
  { ordinal, offset }: LogPlace,
): string {
  return encodeCursor({ f: stat.inode, o: ordinal, b: offset });
}

async function startOf(files: FileSystem, rollout: ReadableRollout, { from, hint }: HistoryRange): Promise<LogPlace> {
  const known = rollout.index?.floor(from) ?? { ordinal: 0, offset: 0 };
  const hinted = hint === undefined ? undefined : readHint(hint, rollout);
  if (hinted === undefined || hinted.ordinal > from || hinted.ordinal <= known.ordinal) return known;
  if (hinted.offset > rollout.end) return known;
  const [before] = await readExactly(files, { fd: rollout.fd, from: hinted.offset - 1, size: 1 });
  return before === NEWLINE ? hinted : known;
}

/** The place a hint names, if it is one of this file. What isn't is no error: it is only a hint. */
function readHint(hint: string, rollout: ReadableRollout): LogPlace | undefined {
  let fields: Readonly<Record<string, unknown>>;
  try {
    fields = parseObject(Buffer.from(hint, "base64url").toString("utf8"), hint);
  } catch {
    return undefined;
  }
  const { f, o, b } = fields;
  if (f !== rollout.stat.inode || typeof o !== "number" || typeof b !== "number") return undefined;
  return Number.isSafeInteger(o) && Number.isSafeInteger(b) && o > 0 && b > 0 ? { ordinal: o, offset: b } : undefined;
}
