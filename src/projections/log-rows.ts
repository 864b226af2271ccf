/**
 * Rows of a store without files, on one node: the tables, folds and queries that a home's state DB has, fed by the
 * store's logs. They are this node's own, in a SQLite file or in memory, and never the truth: deleting the file
 * costs the time of folding the logs again. It is opened at once; the rows come up behind (`refresh` waits).
 *
 * What is asked of one thread (`read`, `whenApplied`) reads its log where the feed has not come so far.
 */
import { type Clock, type Logger, rejection, silentLogger, systemClock } from "../base/index.ts";
import type {
  AnswerScope,
  IndexedThread,
  ListCandidates,
  ListThreadsParams,
  LogIndex,
  LogIndexLag,
  LogThread,
  RowsAwaited,
  SearchThreadsParams,
  SearchThreadsResult,
  ThreadLogSource,
} from "../store/index.ts";
import { indexedTurns } from "./indexed-turns.ts";
import { LogApplier } from "./log-applier.ts";
import { LogFollower, type LogRowsProgress } from "./log-follower.ts";
import { type LogRowsFile, openLogRowsFile, rowsClosed } from "./log-rows-file.ts";
import { LogTextIndexer } from "./log-text-indexer.ts";
import { LogWaiters, threadGone } from "./log-waiters.ts";
import { isSqliteError } from "./sqlite-fault.ts";
import type { Tables } from "./tables.ts";
import { searchTexts } from "./text-search.ts";
import { listCandidates } from "./thread-list-queries.ts";

/** How a node's rows are opened. */
export interface LogRowsOptions {
  /** The logs they follow. It stays the caller's, and is closed after the rows. */
  readonly source: ThreadLogSource;
  /** The SQLite file, this node's alone; `:memory:` for rows that end with the handle. Its folder must be there. */
  readonly path: string;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Told about each second while the rows catch up, and when they have. */
  readonly onProgress?: (progress: LogRowsProgress) => void;
  /** Shortest time between two sweeps over all threads that nothing asks for, milliseconds. Default 60,000. */
  readonly sweepEveryMs?: number;
  /** Longest wait for another handle to let go of the file, milliseconds. Default 5,000. */
  readonly waitMaxMs?: number;
}

const SWEEP_EVERY_MS = 60_000;
const FILE_WAIT_MAX_MS = 5_000;

/**
 * Opens a node's rows and begins to follow the logs. `state_db_busy` where another handle has the file,
 * `state_db_unusable` for a home's own state DB, `state_db_newer`, `permission_denied`, disk faults.
 */
export async function openLogRows(options: LogRowsOptions): Promise<LogIndex> {
  const { source, path, clock = systemClock, logger = silentLogger, sweepEveryMs = SWEEP_EVERY_MS } = options;
  const { onProgress = () => {}, waitMaxMs = FILE_WAIT_MAX_MS } = options;
  if (typeof path !== "string" || path.trim() === "") {
    throw rejection("invalid_argument", "path must name a file for the rows, or be :memory:");
  }
  requireDuration("sweepEveryMs", sweepEveryMs);
  requireDuration("waitMaxMs", waitMaxMs);
  const file = await openLogRowsFile({ path, place: source.place, clock, logger, waitMaxMs });
  const waiters = new LogWaiters(clock);
  const indexer = new LogTextIndexer({ file, clock, logger });
  const onApplied = (threadId: string, nextOrdinal: number | null): void => waiters.applied(threadId, nextOrdinal);
  const applier = new LogApplier({ file, source, clock, logger, indexer, onApplied });
  const isAwaited = (): boolean => waiters.isAwaited;
  const follower = new LogFollower({ file, source, applier, clock, logger, sweepEveryMs, isAwaited, onProgress });
  follower.start();
  return new SqliteLogRows({ file, source, applier, follower, indexer, waiters, logger });
}

interface LogRowsParts {
  readonly file: LogRowsFile;
  readonly source: ThreadLogSource;
  readonly applier: LogApplier;
  readonly follower: LogFollower;
  readonly indexer: LogTextIndexer;
  readonly waiters: LogWaiters;
  readonly logger: Logger;
}

class SqliteLogRows implements LogIndex {
  readonly #parts: LogRowsParts;
  #closing: Promise<void> | null = null;

  constructor(parts: LogRowsParts) {
    this.#parts = parts;
  }

  async read(thread: LogThread): Promise<IndexedThread | undefined> {
    if (thread.deleted || thread.nextOrdinal === 0) return undefined;
    try {
      return await this.#readRows(thread);
    } catch (error) {
      this.#requireOpen();
      // The log is there all the same: a disk that is full here is no reason not to read it.
      if (!isSqliteError(error)) throw error;
      const { logger, file } = this.#parts;
      logger.warn({ error, path: file.path, threadId: thread.threadId }, "a thread is read without its rows");
      return undefined;
    }
  }

  async refresh({ isDbOnly }: { readonly isDbOnly: boolean }): Promise<AnswerScope> {
    const { follower } = this.#parts;
    if (!isDbOnly) await follower.catchUp();
    const left = this.#read(({ sql }) => sql.get<{ threads: number }>("SELECT count(*) AS threads FROM quarantine_#"));
    const { asOfMs, isCaughtUp } = follower.lag();
    return { isComplete: isCaughtUp && left?.threads === 0, asOfMs };
  }

  async list(params: ListThreadsParams, asOfMs: number | null): Promise<ListCandidates> {
    return this.#read((tables) => listCandidates(tables, params, asOfMs));
  }

  async search(params: SearchThreadsParams): Promise<Omit<SearchThreadsResult, keyof AnswerScope>> {
    this.#requireOpen();
    await this.#parts.indexer.bringUp();
    return this.#read((tables) => searchTexts(tables, params));
  }

  lag(): LogIndexLag {
    return this.#parts.follower.lag();
  }

  async whenApplied(awaited: RowsAwaited): Promise<void> {
    const { threadId, nextOrdinal, waitMaxMs } = awaited;
    if (typeof threadId !== "string") throw rejection("invalid_argument", "threadId must be a thread's id");
    if (!Number.isSafeInteger(nextOrdinal) || nextOrdinal < 0) {
      throw rejection("invalid_argument", "nextOrdinal must be a whole number of 0 or more");
    }
    if (waitMaxMs !== undefined) requireDuration("waitMaxMs", waitMaxMs);
    const { applier, waiters } = this.#parts;
    const rowsEnd = (): number => (this.#closing === null ? applier.rowsEndOf(threadId) : 0);
    if (this.#read(() => rowsEnd()) >= nextOrdinal) return;
    await waiters.wait(awaited, { rowsEnd, bring: () => this.#bringAwaited(awaited) });
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #readRows(thread: LogThread): Promise<IndexedThread | undefined> {
    const { file } = this.#parts;
    const { threadId, nextOrdinal: end, archived, name } = thread;
    await this.#bring(threadId, end);
    if (this.#isOtherLog(thread)) await this.#bringAsItIs(threadId);
    this.#requireOpen();
    return file.read(({ rollouts, threads }) => {
      const row = rollouts.byPath(threadId);
      if (row === undefined || this.#isOtherLog(thread)) return undefined;
      if (row.threadId !== threadId.toLowerCase() || row.state.nextOrdinal < end) return undefined;
      const { metadata, nextOrdinal, usage, compaction } = row.state;
      const stored = threads.storedOf({ ...row, archived });
      return {
        thread: { ...stored, name: name === undefined ? metadata.name : name },
        metadata,
        nextOrdinal,
        turns: indexedTurns(threadId, (work) => this.#read(work)),
        usage,
        compaction: compaction?.isWhole === true ? compaction : null,
      };
    });
  }

  async #bringAwaited({ threadId, nextOrdinal }: RowsAwaited): Promise<void> {
    const thread = await this.#parts.source.thread(threadId);
    if (thread === undefined || thread.deleted) throw threadGone(threadId);
    if (thread.nextOrdinal < nextOrdinal) return;
    try {
      await this.#bring(threadId, thread.nextOrdinal);
    } catch (error) {
      throw this.#parts.file.faultOf(error);
    }
  }

  async #bring(threadId: string, end: number): Promise<void> {
    this.#requireOpen();
    const { applier } = this.#parts;
    if (applier.rowsEndOf(threadId) < end) await applier.apply([{ threadId, end }]);
  }

  /** Whether the rows are of a log that was, or is, there beside this one with the same id. */
  #isOtherLog({ threadId, log = "" }: LogThread): boolean {
    this.#requireOpen();
    const row = this.#parts.file.read(({ rollouts }) => rollouts.peek(threadId));
    return row !== undefined && row.inode !== "" && log !== "" && row.inode !== log;
  }

  async #bringAsItIs(threadId: string): Promise<void> {
    const { source, applier } = this.#parts;
    const thread = await source.thread(threadId);
    if (thread === undefined || thread.deleted) return;
    await applier.apply([{ threadId, thread, end: thread.nextOrdinal }]);
  }

  #read<Value>(work: (tables: Tables) => Value): Value {
    this.#requireOpen();
    const { file } = this.#parts;
    try {
      return file.read(work);
    } catch (error) {
      throw file.faultOf(error);
    }
  }

  #requireOpen(): void {
    if (this.#closing !== null) throw rowsClosed(this.#parts.file.path);
  }

  async #close(): Promise<void> {
    const { follower, indexer, waiters, file } = this.#parts;
    waiters.fail(rowsClosed(file.path));
    indexer.close();
    await follower.close();
    file.close();
  }
}

function requireDuration(option: string, value: unknown): void {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return;
  throw rejection("invalid_argument", `${option} must be a number of milliseconds, 0 or more`, { option });
}
