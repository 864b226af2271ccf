/**
 * Brings the rows of threads up to their logs, whoever asks: the feed with a page of lines, a sweep or a reader
 * with the ordinal that is wanted. Lines are applied by their ordinals: those that the rows have are passed over,
 * and those that are missing in between are read. So the same page twice, a page out of turn, and a reader who
 * was there before the feed all end in the same rows.
 *
 * A thread that can't be folded is put into quarantine, and the others go on. A source that fails fails the whole,
 * and what was folded for it is dropped: the rows are what they were.
 */
import { type Clock, isSkeinError, type Logger, nextLoopTurn } from "../base/index.ts";
import type { LogLine, LogThread, ThreadLogSource } from "../store/index.ts";
import { mapBounded } from "../store/local/index.ts";
import { type KnownLogRow, LinesMissing, type LogFold, LogFolds } from "./log-folds.ts";
import { LogLocks } from "./log-locks.ts";
import { type LogWrite, threadIdOf, writeLogRows } from "./log-row-writer.ts";
import type { LogRowsFile } from "./log-rows-file.ts";
import type { LogTextIndexer } from "./log-text-indexer.ts";
import { QuarantineRetries } from "./quarantine-retries.ts";
import { failureOf } from "./rollout-sync.ts";

/** What is known of one thread that the rows may not have. */
export interface LogPiece {
  readonly threadId: string;
  /** As its store knows it now; undefined where the rows know it already, or it is to be asked for. */
  readonly thread?: LogThread | undefined;
  /** In the order of their ordinals. */
  readonly lines?: readonly LogLine[];
  /** Lines before this ordinal are read where they are missing. Default: only what lies before `lines`. */
  readonly end?: number;
  /** What the rows say is another history: they are made anew up to `end`. */
  readonly isOther?: boolean;
}

/** What it works with. */
export interface LogApplierContext {
  readonly file: LogRowsFile;
  readonly source: ThreadLogSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of what was written; it may hold up who writes. */
  readonly indexer: LogTextIndexer;
  /** Told of a thread once its rows are written; null: it is gone. */
  readonly onApplied: (threadId: string, nextOrdinal: number | null) => void;
}

/** Threads whose lines are fetched at the same time. */
const THREADS_AT_ONCE = 8;
/** Lines that are folded in one turn of the event loop. */
const LINES_A_TURN = 500;
/** Threads whose rows are written in one transaction, and so in one turn of the event loop. */
const THREADS_WRITTEN_MAX = 256;
/** Lines of one thread that are folded before they are written without the rest. */
const LINES_UNWRITTEN_MAX = 5_000;

/** A piece that was folded, or why it couldn't be. */
interface FoldedPiece {
  readonly threadId: string;
  readonly write: LogWrite | null;
  readonly error: unknown;
}

/** The one who changes rows. */
export class LogApplier {
  readonly #context: LogApplierContext;
  readonly #folds: LogFolds;
  readonly #locks = new LogLocks();
  readonly #retries = new QuarantineRetries();
  #linesThisTurn = 0;

  constructor(context: LogApplierContext) {
    this.#context = context;
    this.#folds = new LogFolds(context.file, context.source);
  }

  /** Where a thread's rows end; 0 where it has none. */
  rowsEndOf(threadId: string): number {
    const known = this.#folds.rowsEndOf(threadId);
    if (known !== undefined) return known;
    return this.#context.file.read(
      ({ sql }) =>
        sql.get<{ end: number }>("SELECT next_ordinal AS end FROM rollouts_# WHERE path = ?", threadId)?.end ?? 0,
    );
  }

  /** Applies all pieces, each thread's at most once; `note` goes into the transaction that has the last of them. The source's faults, the disk's. */
  async apply(pieces: readonly LogPiece[], note: () => void = () => {}): Promise<void> {
    const releases: (() => void)[] = [];
    await this.#context.indexer.room();
    try {
      const folded = await mapBounded(pieces, THREADS_AT_ONCE, async (piece) => {
        releases.push(await this.#locks.take(piece.threadId));
        return this.#foldOrSay(piece);
      });
      const failed = folded.find(({ error }) => error !== null);
      if (failed !== undefined) throw failed.error;
      const writes = folded.flatMap(({ write }) => (write === null ? [] : [write]));
      // Rows may be written before the cursor behind them; the last transaction has both.
      while (writes.length > THREADS_WRITTEN_MAX) {
        this.#write(writes.splice(0, THREADS_WRITTEN_MAX), () => {});
        await nextLoopTurn();
      }
      this.#write(writes, note);
      this.#folds.trim();
    } catch (error) {
      for (const { threadId } of pieces) this.#folds.drop(threadId);
      throw error;
    } finally {
      for (const release of releases) release();
    }
  }

  async #foldOrSay(piece: LogPiece): Promise<FoldedPiece> {
    const { threadId } = piece;
    try {
      return { threadId, write: await this.#fold(piece), error: null };
    } catch (error) {
      return { threadId, write: null, error };
    }
  }

  async #fold(piece: LogPiece): Promise<LogWrite | null> {
    const { threadId } = piece;
    const { clock } = this.#context;
    if (piece.thread?.deleted === true) return this.#gone(threadId);
    if (!this.#retries.isDue(threadId, clock.monotonicMs())) return null;
    try {
      const isOther = piece.thread !== undefined && piece.isOther === true;
      const write = isOther ? await this.#foldAnew(piece.thread) : await this.#foldLines(piece);
      this.#retries.ended(threadId);
      return write;
    } catch (error) {
      this.#folds.drop(threadId);
      const isMissing = error instanceof LinesMissing || isSkeinError(error, "thread_not_found");
      if (isMissing) return this.#foldWhatIsThere(piece, error);
      if (!isSkeinError(error, "rollout_unreadable")) throw error;
      return this.#failed(piece, error);
    }
  }

  /** A log that ends too early: it was deleted meanwhile, or its server lost some of it. */
  async #foldWhatIsThere(piece: LogPiece, why: Error): Promise<LogWrite | null> {
    const { threadId } = piece;
    const { source, logger } = this.#context;
    const thread = await source.thread(threadId);
    if (thread === undefined || thread.deleted) return this.#gone(threadId);
    if (thread.nextOrdinal >= this.rowsEndOf(threadId)) return this.#failed(piece, why);
    logger.warn(
      { threadId, nextOrdinal: thread.nextOrdinal },
      "a log is shorter than its rows say; they are made anew",
    );
    try {
      return await this.#foldAnew(thread);
    } catch (error) {
      if (error instanceof LinesMissing) return this.#failed(piece, error);
      throw error;
    }
  }

  async #foldAnew(thread: LogThread): Promise<LogWrite> {
    const { threadId, nextOrdinal: end } = thread;
    const opened = await this.#folds.refold(threadId, { row: null, end });
    return { type: "rows", opened, changes: opened.fold.take(), isWhole: true, thread };
  }

  async #foldLines(piece: LogPiece): Promise<LogWrite | null> {
    const { threadId, lines = [], end = 0 } = piece;
    const opened = await this.#folds.open(threadId);
    // Asked for again where it is new: a thread that was deleted since it was looked at must not come back.
    const thread =
      opened.row === null && piece.thread === undefined ? await this.#context.source.thread(threadId) : piece.thread;
    if (opened.row === null && (thread === undefined || thread.deleted)) return null;
    if (thread !== undefined && isOtherLog(opened.row, thread)) return this.#foldAnew(thread);
    const { fold } = opened;
    const part = (): void => this.#writePart(opened, thread);
    for (const line of lines) {
      if (line.ordinal < fold.nextOrdinal) continue;
      await this.#folds.read(opened, line.ordinal, part);
      this.#folds.step(opened, line);
      await this.#pause();
    }
    await this.#folds.read(opened, end, part);
    const hasMore = fold.nextOrdinal > (opened.row?.nextOrdinal ?? 0);
    if (fold.needsWholeFold) {
      const whole = await this.#folds.refold(threadId, { row: opened.row, end: fold.nextOrdinal });
      return { type: "rows", opened: whole, changes: whole.fold.take(), isWhole: true, thread };
    }
    return { type: "rows", opened, changes: hasMore ? fold.take() : null, isWhole: false, thread };
  }

  /** A long log is not kept in memory as a whole: its rows so far are as good as any. */
  #writePart(opened: LogFold, thread: LogThread | undefined): void {
    const { fold, row } = opened;
    if (fold.nextOrdinal - (row?.nextOrdinal ?? 0) < LINES_UNWRITTEN_MAX || fold.needsWholeFold) return;
    this.#write([{ type: "rows", opened, changes: fold.take(), isWhole: false, thread }], () => {});
  }

  /** Others get their turn between lines. */
  async #pause(): Promise<void> {
    this.#linesThisTurn += 1;
    if (this.#linesThisTurn < LINES_A_TURN) return;
    this.#linesThisTurn = 0;
    await nextLoopTurn();
  }

  #gone(threadId: string): LogWrite {
    this.#folds.drop(threadId);
    this.#retries.ended(threadId);
    return { type: "gone", threadId };
  }

  #failed({ threadId, thread }: LogPiece, error: unknown): LogWrite {
    const { clock, logger } = this.#context;
    this.#retries.failed(threadId, clock.monotonicMs());
    logger.error({ error, threadId }, "a thread's log can't be folded; its rows stay as they are");
    return { type: "failed", threadId, lineCount: thread?.nextOrdinal ?? 0, failure: failureOf(error) };
  }

  #write(writes: readonly LogWrite[], note: () => void): void {
    const { file, clock, indexer, onApplied } = this.#context;
    const refused = writeLogRows(file, writes, { atMs: clock.nowMs(), note });
    const isRefused = new Set(refused.map(({ threadId }) => threadId));
    const failed = refused.map(({ threadId, error }) => this.#failed({ threadId }, file.faultOf(error)));
    for (const { threadId } of refused) this.#folds.drop(threadId);
    if (failed.length > 0) writeLogRows(file, failed, { atMs: clock.nowMs(), note: () => {} });
    indexer.wrote();
    for (const write of writes) {
      const threadId = threadIdOf(write);
      if (isRefused.has(threadId) || write.type === "failed") continue;
      onApplied(threadId, write.type === "gone" ? null : (write.opened.row?.nextOrdinal ?? 0));
    }
  }
}

/** Whether the rows are of a log that was there before this one. */
function isOtherLog(row: KnownLogRow | null, { log = "" }: LogThread): boolean {
  return row !== null && row.log !== "" && log !== "" && row.log !== log;
}
