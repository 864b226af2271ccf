/**
 * Rows that follow this process's appends: folded in memory, and written now and then, all threads in one
 * transaction, each with the ordinal it has applied. Whoever asks the rows flushes first, so a reader of
 * this process never misses what was acknowledged to it. A transaction changes pages however little it
 * says: one in five seconds instead of one an append writes a tenth of the bytes.
 *
 * Appends never wait for the rows and never fail with them: where rows can't be written, the rollout falls
 * behind and the next sweep brings it up from the log.
 */
import { type Clock, LIMITS, type Logger, type Timer } from "../base/index.ts";
import { createLogScanner } from "../events/index.ts";
import type { IndexedAppend, IndexedFile, RolloutFollower } from "../store/index.ts";
import { readBlocks, type RolloutEntry } from "../store/local/index.ts";
import { nextBusyDelayMs, retryBusy } from "./busy-retry.ts";
import { pathInHome } from "./file-fold.ts";
import { LiveRollout } from "./live-rollout.ts";
import { RolloutFold } from "./rollout-fold.ts";
import type { RolloutRow } from "./rollout-store.ts";
import { type TextIndexChanges, withTextIndex } from "./text-index.ts";
import type { SyncContext } from "./rollout-sync.ts";
import { isBusy } from "./sqlite-connection.ts";
import { hasOwnTimes } from "./thread-rows.ts";

/** What following needs. */
export interface LiveRowsContext {
  readonly sync: SyncContext;
  readonly clock: Clock;
  readonly logger: Logger;
  /** One transaction that may write; throws at once where the file is busy. */
  writeNow(work: () => void): void;
  /** Brings the rows of a file up to it, wherever that is best done. */
  catchUp(entry: RolloutEntry): Promise<RolloutRow | undefined>;
}

/**
 * How long appends wait for company, milliseconds. Others who read the file see rows this old where they
 * don't look at the logs; a process that is killed leaves so much to the next one's first sweep.
 */
const BATCH_MS = 5_000;
/** Paths that are kept for the next sweep; past it, that one looks at all files. */
const WRITTEN_MAX = 10_000;

export class LiveRows {
  readonly #context: LiveRowsContext;
  readonly #followed = new Map<string, LiveRollout>();
  /** Those with something to fold or to write. */
  readonly #dirty = new Set<LiveRollout>();
  /** What was appended since the last flush. */
  #batchRecords = 0;
  #batchChars = 0;
  /** The batch is full: it is flushed in this turn of the event loop. */
  #isFull = false;
  #batchTimer: Timer | null = null;
  #retry: Timer | null = null;
  #delayMs = 0;
  /** Files whose rows were written since a sweep asked; null: too many. */
  #written: Set<string> | null = new Set();

  constructor(context: LiveRowsContext) {
    this.#context = context;
  }

  /** Tells of files by their paths whether their rows are current by what is followed here, and nobody else wrote to either. */
  currentFiles(): (path: string) => Promise<boolean> {
    const followed = new Map([...this.#followed.values()].map((live) => [live.path, live]));
    return async (path) => {
      const live = followed.get(path);
      if (live === undefined) return false;
      const { sync } = this.#context;
      const stat = await sync.files.stat(path);
      if (stat === undefined || !live.isLeft(stat)) return false;
      const row = sync.read(() => sync.tables().rollouts.peek(pathInHome(sync.paths, path)));
      return row?.inode === stat.inode && row.endOffset === stat.size;
    };
  }

  /**
   * Files whose rows were written since the last call, for the next sweep to look at: what became of a file while its
   * rows waited was noticed when it had none. Null where there are too many to name.
   */
  takeWritten(): readonly string[] | null {
    const written = this.#written;
    this.#written = new Set();
    return written === null ? null : [...written];
  }

  #noteWritten(path: string): void {
    if (this.#written === null) return;
    this.#written.add(path);
    if (this.#written.size > WRITTEN_MAX) this.#written = null;
  }

  follow(threadId: string, file: IndexedFile | null): RolloutFollower {
    const live = new LiveRollout(threadId, file);
    this.#followed.set(threadId, live);
    if (file === null) live.ready(new RolloutFold(null), null);
    else this.#load(live, file);
    return {
      appended: (append: IndexedAppend) => {
        live.take(append);
        this.#batchRecords += append.records.length;
        this.#batchChars += append.text.length;
        this.#touch(live);
      },
      end: () => {
        live.isEnded = true;
        if (!live.hasWork) this.#forget(live);
        else this.#touch(live);
      },
    };
  }

  /** A thread's file was moved by this process: what waits goes with it. */
  moved(threadId: string, path: string): void {
    this.hurry(threadId);
    this.#followed.get(threadId)?.moved(path);
  }

  /** A thread's files are gone: what waits of it goes too. */
  removed(threadId: string): void {
    const live = this.#followed.get(threadId);
    if (live === undefined) return;
    live.fallBehind();
    this.#dirty.delete(live);
    if (live.isEnded) this.#forget(live);
  }

  /** Flushes at once if rows of this thread wait, for who can't wait for `settle`; where the file is locked, later. */
  hurry(threadId: string): void {
    const live = this.#followed.get(threadId);
    if (live !== undefined && this.#dirty.has(live) && this.#retry === null) this.#flushSoon();
  }

  /** Whether this thread's rows are written here, and where. */
  has(threadId: string): boolean {
    const live = this.#followed.get(threadId);
    return live !== undefined && live.state !== "behind";
  }

  /** Resolves when all that was appended before stands in the rows, or is left to the next sweep. */
  async settle(threadId?: string): Promise<void> {
    for (let round = 0; round < 3; round += 1) {
      const wanted = [...this.#followed.values()].filter(
        (live) => threadId === undefined || live.threadId === threadId,
      );
      await Promise.all(wanted.map((live) => live.loaded));
      if (this.#dirty.size === 0) return;
      await retryBusy(this.#context.clock, () => this.#flush());
      if (!wanted.some((live) => live.state === "loading")) return;
    }
  }

  #touch(live: LiveRollout): void {
    this.#dirty.add(live);
    if (this.#isFull || this.#retry !== null) return;
    if (this.#batchRecords >= LIMITS.rowBatchRecordsMax || this.#batchChars >= LIMITS.rowBatchCharsMax) {
      this.#isFull = true;
      this.#endTimer();
      setImmediate(() => {
        this.#isFull = false;
        this.#flushSoon();
      });
      return;
    }
    this.#batchTimer ??= this.#context.clock.setTimer(BATCH_MS, () => {
      this.#batchTimer = null;
      this.#flushSoon();
    });
  }

  #endTimer(): void {
    this.#batchTimer?.cancel();
    this.#batchTimer = null;
  }

  /** Flushes now, or, where another process has the lock, in a moment. */
  #flushSoon(): void {
    try {
      this.#flush();
      this.#delayMs = 0;
    } catch (error) {
      if (!isBusy(error)) {
        this.#giveUp(error);
        return;
      }
      this.#delayMs = nextBusyDelayMs(this.#delayMs);
      this.#retry = this.#context.clock.setTimer(this.#delayMs, () => {
        this.#retry = null;
        this.#flushSoon();
      });
    }
  }

  #flush(): void {
    this.#endTimer();
    const ready = [...this.#dirty].filter((live) => live.state === "ready");
    const whole = ready.filter((live) => this.#fold(live)).filter((live) => live.unwritten.length > 0);
    if (whole.length > 0) {
      const outcomes: (() => void)[] = [];
      this.#context.writeNow(() => {
        const { sql } = this.#context.sync.tables();
        withTextIndex(sql, (index) => {
          for (const live of whole) outcomes.push(this.#write(live, index));
        });
      });
      for (const { path } of whole) if (path !== null) this.#noteWritten(path);
      for (const settle of outcomes) settle();
    }
    this.#batchRecords = 0;
    this.#batchChars = 0;
    for (const live of this.#dirty) {
      if (live.state === "loading") continue;
      this.#dirty.delete(live);
      if (live.isEnded || live.state === "behind") this.#forget(live);
    }
  }

  #fold(live: LiveRollout): boolean {
    if (live.foldWaiting()) return true;
    this.#reload(live);
    return false;
  }

  /** Writes one rollout's changes; answers what to do once the transaction stands. */
  #write(live: LiveRollout, index: TextIndexChanges): () => void {
    const { sync } = this.#context;
    const { rollouts, threads } = sync.tables();
    const newest = live.unwritten.at(-1);
    if (newest === undefined) return () => {};
    const { endOffset } = newest.changes.state;
    const path = pathInHome(sync.paths, newest.path);
    const now = rollouts.peek(path);
    // Another process folded the file meanwhile, as far or farther: its rows are these.
    if (now !== undefined && now.inode === newest.hints.inode && now.endOffset >= endOffset) {
      return () => live.written(now.endOffset);
    }
    if ((now?.endOffset ?? null) !== live.rowsEnd) return () => this.#reload(live);
    const place = { path, archived: newest.path.startsWith(`${sync.paths.archived}/`) };
    let id = now?.id;
    for (const { changes, hints, isSameMetadata } of live.unwritten) {
      const same = isSameMetadata && id !== undefined ? { sameMetadataAs: id } : {};
      id = rollouts.write({ place, hints, changes, isWhole: false, ...same }, index);
      if (isSameMetadata && changes.state.metadata.createdAtMs > 0)
        threads.touch(live.threadId, id, changes.state.metadata);
      else threads.refresh(live.threadId);
    }
    return () => live.written(endOffset);
  }

  /** The rows or the file are not as they were left: begins again from what stands there. */
  #reload(live: LiveRollout): void {
    const { path } = live;
    live.fallBehind();
    if (path === null || live.isEnded) return;
    live.state = "loading";
    this.#load(live, { path, archived: path.startsWith(`${this.#context.sync.paths.archived}/`) });
  }

  #load(live: LiveRollout, file: { readonly path: string; readonly archived: boolean }): void {
    const { logger } = this.#context;
    const name = file.path.slice(file.path.lastIndexOf("/") + 1);
    live.loaded = this.#foldToRows(live, { ...file, name }).catch((error: unknown) => {
      logger.warn({ error, path: file.path }, "a thread's rows are left to the next sweep");
      live.fallBehind();
    });
  }

  /** Brings the rows up to the file, then the fold to where the rows end: the open turn is read again. */
  async #foldToRows(live: LiveRollout, entry: RolloutEntry): Promise<void> {
    const { sync } = this.#context;
    await this.#context.catchUp(entry);
    const base = sync.read(() => {
      const { rollouts } = sync.tables();
      // Asked for again: in a set that another process swapped in, the row has another id.
      const row = rollouts.byPath(pathInHome(sync.paths, entry.path));
      // Where the log has no times the file's are shown, and those are looked at by sweeps.
      return row?.threadId === live.threadId && hasOwnTimes(row) ? rollouts.baseOf(row) : undefined;
    });
    if (base === undefined) {
      live.fallBehind();
      return;
    }
    const fold = new RolloutFold(base);
    const { endOffset, nextOrdinal } = base.state;
    const { files, access } = sync;
    await access.open(entry.path, async ({ fd }) => {
      const scanner = createLogScanner({
        startOrdinal: fold.nextOrdinal,
        startOffset: fold.endOffset,
        sink: { record: (record, span) => record.ordinal < nextOrdinal && fold.record(record, span) },
      });
      await readBlocks(files, { fd, from: fold.endOffset, end: endOffset, lacksNewline: true }, (block) => {
        scanner.push(block);
      });
    });
    fold.endAt(endOffset);
    fold.take();
    live.ready(fold, endOffset);
    if (live.hasWork) this.#touch(live);
  }

  #giveUp(error: unknown): void {
    const { logger } = this.#context;
    logger.error({ error, threads: this.#dirty.size }, "rows could not be written; a sweep brings them from the logs");
    for (const live of this.#dirty) this.#reload(live);
    this.#dirty.clear();
  }

  #forget(live: LiveRollout): void {
    if (this.#followed.get(live.threadId) === live) this.#followed.delete(live.threadId);
  }
}
