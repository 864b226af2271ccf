/**
 * A sweep over all threads of a source: whatever the rows miss, by whichever way it was missed, is found by
 * comparing where logs end, and read. It is the repair beside the feed, and what is left where that is held back.
 */
import type { LogThread, ThreadLogSource } from "../store/index.ts";
import type { LogApplier, LogPiece } from "./log-applier.ts";
import type { LogRowsFile } from "./log-rows-file.ts";

/** What a sweep did. */
export interface LogSweepReport {
  readonly threads: number;
  /** Threads whose rows were behind, ahead, or of a thread that is gone. */
  readonly repaired: number;
}

/** What a sweep works with. */
export interface LogSweepContext {
  readonly file: LogRowsFile;
  readonly source: ThreadLogSource;
  readonly applier: LogApplier;
  readonly signal: AbortSignal;
}

/** What rows say of a thread, as far as it is compared. */
interface SeenRow {
  readonly path: string;
  readonly nextOrdinal: number;
  readonly archived: number;
  readonly isNamed: number;
  readonly name: string | null;
}

/** Threads whose rows are written in one transaction. */
const PIECES_AT_ONCE = 64;

/** Compares all threads with their rows and mends what differs. The source's faults, the disk's. */
export async function sweepLogs(context: LogSweepContext): Promise<LogSweepReport> {
  const { source, signal, applier } = context;
  let after: string | null = null;
  let threads = 0;
  let repaired = 0;
  for (;;) {
    signal.throwIfAborted();
    const page: readonly LogThread[] = await source.threads(after);
    const last = page.at(-1)?.threadId ?? null;
    const pieces = [...(await differing(context, page)), ...(await unknown(context, { page, after, last }))];
    for (let at = 0; at < pieces.length; at += PIECES_AT_ONCE) {
      signal.throwIfAborted();
      await applier.apply(pieces.slice(at, at + PIECES_AT_ONCE));
    }
    threads += page.length;
    repaired += pieces.length;
    if (last === null) return { threads, repaired };
    after = last;
  }
}

async function differing({ file, source }: LogSweepContext, page: readonly LogThread[]): Promise<readonly LogPiece[]> {
  const rows = new Map(seenRows(file, page).map((row) => [row.path, row]));
  const pieces: LogPiece[] = [];
  for (const thread of page) {
    const { threadId, nextOrdinal: end } = thread;
    const row = rows.get(threadId);
    if (thread.deleted) {
      if (row !== undefined) pieces.push({ threadId, thread });
    } else if (row !== undefined && row.nextOrdinal > end) {
      // Most often a reader was quicker than this page. Asked again, only a log that was cut is still behind its rows.
      const now = await source.thread(threadId);
      if (now !== undefined && !now.deleted && now.nextOrdinal < row.nextOrdinal) {
        pieces.push({ threadId, thread: now, isOther: true });
      }
    } else if (row === undefined ? end > 0 : isOther(row, thread)) {
      pieces.push({ threadId, thread, end });
    }
  }
  return pieces;
}

function isOther(row: SeenRow, thread: LogThread): boolean {
  if (row.nextOrdinal !== thread.nextOrdinal || (row.archived === 1) !== thread.archived) return true;
  return thread.name === undefined ? row.isNamed === 1 : row.isNamed !== 1 || row.name !== thread.name;
}

/** Rows of the stretch of ids that a page covers, of threads that are not on it and that the source does not know. */
async function unknown(
  { file, source }: LogSweepContext,
  range: { readonly page: readonly LogThread[]; readonly after: string | null; readonly last: string | null },
): Promise<readonly LogPiece[]> {
  const { page, after, last } = range;
  const listed = new Set(page.map(({ threadId }) => threadId));
  const paths = file.read(({ sql }) =>
    sql.all<{ path: string }>(
      "SELECT path FROM rollouts_# WHERE path > ? AND (? IS NULL OR path <= ?)",
      after ?? "",
      last,
      last,
    ),
  );
  const pieces: LogPiece[] = [];
  for (const { path: threadId } of paths) {
    if (listed.has(threadId)) continue;
    const now = await source.thread(threadId);
    if (now !== undefined && !now.deleted) continue;
    pieces.push({
      threadId,
      thread: now ?? { threadId, nextOrdinal: 0, archived: false, deleted: true, name: undefined },
    });
  }
  return pieces;
}

function seenRows(file: LogRowsFile, page: readonly LogThread[]): readonly SeenRow[] {
  return file.read(({ sql }) =>
    sql.all<SeenRow>(
      `SELECT r.path, r.next_ordinal AS nextOrdinal, r.archived, n.thread_id IS NOT NULL AS isNamed, n.name
       FROM rollouts_# r LEFT JOIN names_# n ON n.thread_id = lower(r.path)
       WHERE r.path IN (SELECT value FROM json_each(?))`,
      JSON.stringify(page.map(({ threadId }) => threadId)),
    ),
  );
}
