/**
 * A sweep over all threads of a source: whatever the rows miss, by whichever way it was missed, is found by
 * comparing where logs end, and read. It is the repair beside the feed, and what is left where that is held back.
 * A page of threads costs one query here; only what differs is looked into.
 */
import type { LogThread, ThreadLogSource } from "../store/index.ts";
import { mapBounded } from "../store/local/index.ts";
import { tailCheckOf } from "./file-fold.ts";
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
  /** The source's history may be another: the last line that the rows have is compared with the log's. */
  readonly comparesLines: boolean;
}

/** What rows say of a thread, as far as it is compared. */
interface SeenRow {
  readonly path: string;
  readonly nextOrdinal: number;
  readonly archived: number;
  readonly isNamed: number;
  readonly name: string | null;
  readonly log: string;
  readonly tailCheck: string;
}

/** Threads whose rows are written in one transaction. */
const PIECES_AT_ONCE = 64;
/** Threads that are looked into at the same time. */
const THREADS_AT_ONCE = 8;

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

/**
 * Compares the threads that have rows already, and mends what differs: rows that a reader made before there was a cursor
 * may be of a history that is gone.
 */
export async function compareEarlyRows(context: Omit<LogSweepContext, "comparesLines">): Promise<void> {
  const { file, source, applier, signal } = context;
  const paths = file.read(({ sql }) => sql.all<{ path: string }>("SELECT path FROM rollouts_# ORDER BY path"));
  for (let at = 0; at < paths.length; at += PIECES_AT_ONCE) {
    signal.throwIfAborted();
    const ids = paths.slice(at, at + PIECES_AT_ONCE).map(({ path }) => path);
    const threads = await mapBounded(
      ids,
      THREADS_AT_ONCE,
      async (threadId) => (await source.thread(threadId)) ?? goneThread(threadId),
    );
    await applier.apply(await differing({ ...context, comparesLines: true }, threads));
  }
}

async function differing(context: LogSweepContext, page: readonly LogThread[]): Promise<readonly LogPiece[]> {
  const rows = new Map(seenRows(context.file, page).map((row) => [row.path, row]));
  const pieces = await mapBounded(page, THREADS_AT_ONCE, (thread) =>
    pieceOf(context, thread, rows.get(thread.threadId)),
  );
  return pieces.filter((piece) => piece !== null);
}

/** What is to be done for one thread; null: nothing. */
async function pieceOf(
  context: LogSweepContext,
  thread: LogThread,
  row: SeenRow | undefined,
): Promise<LogPiece | null> {
  const { threadId, nextOrdinal: end } = thread;
  if (thread.deleted || end === 0) return thread.deleted && row !== undefined ? { threadId, thread } : null;
  if (row === undefined) return { threadId, thread, end };
  if (row.nextOrdinal > end) {
    // Most often a reader was quicker than this page. Asked again, only a log that was cut is still behind its rows.
    const now = await context.source.thread(threadId);
    const isCut = now !== undefined && !now.deleted && now.nextOrdinal < row.nextOrdinal;
    return isCut ? { threadId, thread: now, end: now.nextOrdinal, isOther: true } : null;
  }
  if (context.comparesLines && !(await hasLastLine(context.source, row))) {
    return { threadId, thread, end, isOther: true };
  }
  return isOther(row, thread) ? { threadId, thread, end } : null;
}

/** Whether the log has the line that the rows end with: then it has all before it too. */
async function hasLastLine(
  source: ThreadLogSource,
  { path: threadId, nextOrdinal, tailCheck }: SeenRow,
): Promise<boolean> {
  for await (const [line] of source.lines({ threadId, from: nextOrdinal - 1, end: nextOrdinal })) {
    if (line !== undefined) return tailCheckOf(line.bytes) === tailCheck;
  }
  return false;
}

function isOther(row: SeenRow, thread: LogThread): boolean {
  if (thread.log !== undefined && row.log !== "" && row.log !== thread.log) return true;
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
    pieces.push({ threadId, thread: goneThread(threadId) });
  }
  return pieces;
}

function goneThread(threadId: string): LogThread {
  return { threadId, nextOrdinal: 0, archived: false, deleted: true, name: undefined };
}

function seenRows(file: LogRowsFile, page: readonly LogThread[]): readonly SeenRow[] {
  return file.read(({ sql }) =>
    sql.all<SeenRow>(
      `SELECT r.path, r.next_ordinal AS nextOrdinal, r.archived, n.thread_id IS NOT NULL AS isNamed, n.name,
         r.inode AS log, r.tail_check AS tailCheck
       FROM rollouts_# r LEFT JOIN names_# n ON n.thread_id = lower(r.path)
       WHERE r.path IN (SELECT value FROM json_each(?))`,
      JSON.stringify(page.map(({ threadId }) => threadId)),
    ),
  );
}
