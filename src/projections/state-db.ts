/**
 * The state DB's handle: rows folded from a home's logs, and the leases that processes of one home share.
 * It is opened once a process (openStateDb), passed to who needs it, and closed by who opened it. All in it
 * can be folded again: deleting the file loses nothing.
 *
 * It implements ThreadIndex for the local store; what it says of a file is only as good as the last look,
 * and the store looks again. Everything asked of it flushes this process's own appends first.
 */
import { type Clock, fault, faultFromSystem, isSkeinError, type Logger } from "../base/index.ts";
import type {
  AnswerScope,
  IndexedFile,
  IndexedPlace,
  IndexedThread,
  ListCandidates,
  ListThreadsParams,
  RolloutFollower,
  SearchThreadsParams,
  SearchThreadsResult,
  ThreadClaims,
  ThreadIndex,
} from "../store/index.ts";
import {
  createRolloutAccess,
  createSessionIndex,
  type FileSystem,
  type HomePaths,
  type RolloutEntry,
  type SessionIndex,
} from "../store/local/index.ts";
import { retryBusy } from "./busy-retry.ts";
import { pathInHome } from "./file-fold.ts";
import { type FoldPool, requireRows } from "./fold-pool.ts";
import { isAsKnown } from "./home-survey.ts";
import { HomeFreshness } from "./home-freshness.ts";
import type { StartHomeWatcher } from "./home-watcher.ts";
import { type FoldProgress, type HomeSyncContext, syncHome, type SyncReport } from "./home-sync.ts";
import { indexedTurns } from "./indexed-turns.ts";
import { LiveRows } from "./live-rows.ts";
import { QuarantineRetries } from "./quarantine-retries.ts";
import { syncNames } from "./name-sync.ts";
import { isRowOf } from "./rollout-row.ts";
import type { RolloutRow } from "./rollout-store.ts";
import { withTextIndex } from "./text-index.ts";
import { type SyncContext, syncFile } from "./rollout-sync.ts";
import { isSqliteError, sqliteFault } from "./sqlite-fault.ts";
import type { SetAside, StateDbFile } from "./state-db-file.ts";
import { CurrentTables } from "./tables.ts";
import { claimsOf, NO_CLAIMS, NO_FOLLOWER } from "./thread-claims.ts";
import { searchTexts } from "./text-search.ts";
import { listCandidates } from "./thread-list-queries.ts";
import type { ThreadOwners } from "./thread-owners.ts";
import { absolute, hasOwnTimes } from "./thread-rows.ts";

/** What opening it found, for who wants to tell people. */
export interface StateDbOpening {
  /** A file that lay there and could not be used; null where there was none. */
  readonly setAside: SetAside | null;
  /** Rows were filled now: a first opening, an unfinished one before, or a new projection version. */
  readonly filled: SyncReport | null;
}

/** An open state DB. */
export interface StateDb extends ThreadIndex {
  /** The file. */
  readonly path: string;
  readonly opening: StateDbOpening;
  /** Brings all rows up to the files; one sweep for all who ask at the same time. */
  sweep(): Promise<SyncReport>;
  /** Writes what waits, gives back what is owned, ends the workers. Idempotent. */
  close(): Promise<void>;
}

/** What the handle is made of. */
export interface StateDbParts {
  readonly file: StateDbFile;
  readonly files: FileSystem;
  readonly paths: HomePaths;
  readonly pool: FoldPool;
  readonly owners: ThreadOwners;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly opening: StateDbOpening;
  /** Reads only: never sweeps, follows or owns. */
  readonly isReadOnly: boolean;
  /** Watches the home, so that sweeps look at what changed; null: each looks at all files. */
  readonly startWatcher: StartHomeWatcher | null;
  /** Told while a sweep folds. */
  readonly onProgress?: ((progress: FoldProgress) => void) | undefined;
}

/** How often the file is told that all was looked at, where nothing changed, milliseconds. */
const NOTE_EVERY_MS = 1_000;
/** A stretch this long is folded in the pool: here it would stop the event loop. */
const INLINE_BYTES_MAX = 1024 * 1024;

export class SqliteStateDb implements StateDb {
  readonly home: string;
  readonly path: string;
  readonly opening: StateDbOpening;
  readonly claims: ThreadClaims;
  readonly #parts: StateDbParts;
  readonly #tables: CurrentTables;
  readonly #sync: SyncContext;
  readonly #live: LiveRows;
  readonly #names: SessionIndex;
  readonly #freshness: HomeFreshness;
  readonly #retries = new QuarantineRetries();
  /** When the newest sweep of this process began; and the newest that the file was told of. */
  #sweptAtMs = 0;
  #sweptGeneration: number | null = null;
  #notedAtMs = 0;
  #sweeping: Promise<SyncReport> | null = null;
  #nextSweep: Promise<SyncReport> | null = null;
  /** Ends sweeps when the handle is closed. */
  readonly #ending = new AbortController();
  #closing: Promise<void> | null = null;

  constructor(parts: StateDbParts) {
    const { file, files, paths, clock, logger, owners, opening } = parts;
    this.home = paths.home;
    this.path = file.path;
    this.opening = opening;
    this.#parts = parts;
    this.#tables = new CurrentTables(file.db, paths);
    this.#names = createSessionIndex({ files, paths, clock, logger });
    this.#freshness = new HomeFreshness({ home: paths.home, start: parts.startWatcher, clock, logger });
    this.#sync = {
      files,
      paths,
      access: createRolloutAccess(files, () => undefined),
      tables: () => this.#tables.get(),
      read: (work) => this.#atomically(work),
      write: (work) => this.#write(work),
    };
    this.#live = new LiveRows({
      sync: this.#sync,
      clock,
      logger,
      writeNow: (work) => file.db.transaction(work).immediate(),
      catchUp: (entry) => this.#catchUp(entry),
    });
    this.claims = parts.isReadOnly ? NO_CLAIMS : claimsOf(owners, (error) => this.#faultOf(error));
  }

  placeOf(threadId: string): IndexedPlace | undefined {
    return this.#read(() => {
      const row = this.#tables.get().threads.rolloutOf(threadId);
      return row === undefined ? undefined : { path: absolute(this.#parts.paths, row.path), archived: row.archived };
    });
  }

  nextOrdinalOf(file: IndexedFile): number | undefined {
    this.#live.hurry(file.threadId);
    return this.#read(() => {
      const row = this.#tables.get().rollouts.byPath(pathInHome(this.#parts.paths, file.path));
      return isRowOf(row, file) && row.threadId === file.threadId ? row.state.nextOrdinal : undefined;
    });
  }

  async read(file: IndexedFile): Promise<IndexedThread | undefined> {
    await this.#live.settle(file.threadId);
    const path = pathInHome(this.#parts.paths, file.path);
    const known = this.#read(() => this.#tables.get().rollouts.byPath(path));
    const isBehind = !isRowOf(known, file) || !hasOwnTimes(known);
    const catchesUp = isBehind && !this.#parts.isReadOnly;
    if (catchesUp) await this.#guarded(() => this.#catchUp(entryAt(file)));
    return this.#read(() => {
      const { threads, rollouts } = this.#tables.get();
      // Asked for again: in a set that another process swapped in, the row has another id.
      const row = rollouts.byPath(path);
      if (!isRowOf(row, file) || row.threadId !== file.threadId) return undefined;
      const { metadata, nextOrdinal, usage, compaction } = row.state;
      return {
        thread: threads.storedOf({ ...row, archived: file.archived }),
        metadata,
        nextOrdinal,
        turns: indexedTurns(path, (work) => this.#read(() => work(this.#tables.get()))),
        usage,
        compaction: compaction?.isWhole === true ? compaction : null,
      };
    });
  }

  follow(threadId: string, file: IndexedFile | null): RolloutFollower {
    return this.#parts.isReadOnly ? NO_FOLLOWER : this.#live.follow(threadId, file);
  }

  moved(threadId: string, place: IndexedPlace): void {
    this.#live.moved(threadId, place.path);
    this.#soon("move a thread's rows", () => {
      const { sql, rollouts, threads } = this.#tables.get();
      const path = pathInHome(this.#parts.paths, place.path);
      const row = threads.rolloutOf(threadId);
      if (row === undefined || row.path === path) return;
      const other = rollouts.byPath(path);
      if (other !== undefined) withTextIndex(sql, (index) => rollouts.remove(other.id, index));
      rollouts.moveTo(row, { path, archived: place.archived });
      threads.refresh(threadId);
    });
  }

  removed(threadId: string): void {
    this.#live.removed(threadId);
    this.#soon("remove a thread's rows", () => {
      const { sql, rollouts, threads } = this.#tables.get();
      withTextIndex(sql, (index) => {
        for (const row of rollouts.ofThread(threadId)) rollouts.remove(row.id, index);
      });
      threads.refresh(threadId);
    });
  }

  named(threadId: string, name: string | null): void {
    this.#soon("name a thread's row", () => {
      const { sql, threads } = this.#tables.get();
      for (const changed of threads.setNames(new Map([[threadId, name]]))) threads.refresh(changed);
      // The rows say more than the file that was read last: it is read again, also when it is then gone.
      sql.run("UPDATE index_state_# SET names_file = ''");
    });
  }

  async refresh({ isDbOnly }: { readonly isDbOnly: boolean }): Promise<AnswerScope> {
    await this.#guarded(() => this.#live.settle());
    const isLooking = !isDbOnly && !this.#parts.isReadOnly;
    const askedMs = this.#parts.clock.nowMs();
    if (isLooking) await this.sweep();
    return this.#read(() => {
      const { sql } = this.#tables.get();
      const sweptAtMs = sql.get<{ at: number }>("SELECT swept_at_ms AS at FROM index_state_#")?.at ?? 0;
      const left = sql.get<{ files: number }>("SELECT count(*) AS files FROM quarantine_#")?.files ?? 0;
      return { isComplete: left === 0, asOfMs: isLooking ? askedMs : Math.max(sweptAtMs, this.#sweptAtMs) };
    });
  }

  async list(params: ListThreadsParams, asOfMs: number | null): Promise<ListCandidates> {
    return this.#read(() => listCandidates(this.#tables.get(), params, asOfMs));
  }

  async search(params: SearchThreadsParams): Promise<Omit<SearchThreadsResult, keyof AnswerScope>> {
    return this.#read(() => searchTexts(this.#tables.get(), params));
  }

  /** A sweep that is under way may have passed what the caller wants to see: who comes then shares the next. */
  sweep(): Promise<SyncReport> {
    if (this.#closing !== null) return Promise.reject(this.#closed());
    if (this.#sweeping === null) return this.#beginSweep();
    this.#nextSweep ??= this.#sweeping.then(
      () => this.#beginSweep(),
      () => this.#beginSweep(),
    );
    return this.#nextSweep;
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  #beginSweep(): Promise<SyncReport> {
    this.#nextSweep = null;
    const sweeping = this.#guarded(() => this.#sweepOnce())
      .catch((error: unknown) => {
        this.#freshness.failed();
        throw error;
      })
      .finally(() => {
        if (this.#sweeping === sweeping) this.#sweeping = null;
      });
    this.#sweeping = sweeping;
    return sweeping;
  }

  async #sweepOnce(): Promise<SyncReport> {
    const begunMs = this.#parts.clock.nowMs();
    const { generation } = this.#tables.get().sql;
    const written = this.#live.takeWritten();
    // What the watcher told went into another set: nothing is known of this one.
    if (generation !== this.#sweptGeneration || written === null) this.#freshness.failed();
    const { paths: noticed, swept } = await this.#freshness.changedPaths();
    const changedPaths = noticed === null ? null : [...new Set([...noticed, ...(written ?? [])])];
    const report = await syncHome({ ...this.#syncContext(), changedPaths });
    swept();
    this.#sweptGeneration = generation;
    await this.#syncNames();
    this.#sweptAtMs = begunMs;
    // Written now and then: a list should not have to write.
    if (report.folded + report.moved + report.removed > 0 || begunMs - this.#notedAtMs > NOTE_EVERY_MS) {
      this.#notedAtMs = begunMs;
      await this.#write(() => {
        this.#tables.get().sql.run("UPDATE index_state_# SET swept_at_ms = max(swept_at_ms, ?)", begunMs);
      });
    }
    return report;
  }

  #syncContext(): HomeSyncContext {
    const { pool, clock, logger, onProgress } = this.#parts;
    const own = { dbPath: this.path, retries: this.#retries, generation: null, lease: null };
    const isCurrent = this.#live.currentFiles();
    return { ...this.#sync, ...own, pool, clock, logger, onProgress, isCurrent, signal: this.#ending.signal };
  }

  async #syncNames(): Promise<void> {
    await syncNames({ ...this.#sync, names: async () => this.#names.names() });
  }

  /** Brings one file's rows up to it: here what is short, in the pool what is long. */
  async #catchUp(entry: RolloutEntry): Promise<RolloutRow | undefined> {
    const { files, paths, pool } = this.#parts;
    const [path, stat] = [pathInHome(paths, entry.path), await files.stat(entry.path)];
    const row = this.#atomically(() => this.#tables.get().rollouts.byPath(path));
    if (row !== undefined && stat !== undefined && isAsKnown(row, stat)) return row;
    const behind = (stat?.size ?? 0) - (row?.inode === stat?.inode ? (row?.state.endOffset ?? 0) : 0);
    if (behind > INLINE_BYTES_MAX) {
      const entries = [{ ...entry, size: stat?.size ?? 0 }];
      const task = { dbPath: this.path, home: paths.home, generation: null, lease: null, entries };
      const failure = requireRows(await pool.fold(task, this.#ending.signal))[0]?.failure;
      if (failure)
        throw fault("rollout_unreadable", failure.reason, { data: { path: entry.path, code: failure.code } });
    }
    return (await syncFile(this.#sync, entry)).row;
  }

  /** One transaction that may write, when the file lets it. */
  async #write<Value>(work: () => Value): Promise<Value> {
    const { file, clock } = this.#parts;
    if (this.#parts.isReadOnly) throw fault("state_db_unusable", "the state DB was opened to be read only");
    const transaction = file.db.transaction(work);
    return retryBusy(clock, () => transaction.immediate());
  }

  /** A write nobody waits for; a sweep would do the same. */
  #soon(attempted: string, work: () => void): void {
    if (this.#parts.isReadOnly) return;
    const { file, logger } = this.#parts;
    const transaction = file.db.transaction(work);
    try {
      transaction.immediate();
    } catch (error) {
      if (this.#closing !== null) return;
      this.#write(work).catch((failure: unknown) => {
        logger.warn({ error: failure, first: error, attempted }, "rows are left to the next sweep");
      });
    }
  }

  #read<Value>(work: () => Value): Value {
    if (this.#closing !== null) throw this.#closed();
    try {
      return this.#atomically(work);
    } catch (error) {
      throw this.#faultOf(error);
    }
  }

  /** Reads as of one moment: between two statements another process may drop the set that was current. */
  #atomically<Value>(work: () => Value): Value {
    return this.#parts.file.db.transaction(work)();
  }

  async #guarded<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#closing !== null) throw this.#closed();
    try {
      return await work();
    } catch (error) {
      throw this.#faultOf(error);
    }
  }

  #faultOf(error: unknown): unknown {
    if (isSkeinError(error)) return error;
    const attempted = "use the state DB";
    if (isSqliteError(error) || error instanceof TypeError) return sqliteFault(error, { attempted, path: this.path });
    return faultFromSystem(error, attempted, { path: this.path });
  }

  #closed(): Error {
    return fault("runtime_closed", "the state DB was closed; open it again", { data: { path: this.path } });
  }

  async #close(): Promise<void> {
    const { pool, owners, file, logger } = this.#parts;
    try {
      await this.#live.settle();
    } catch (error) {
      logger.warn({ error }, "rows that waited are left to the next opening");
    }
    this.#ending.abort(this.#closed());
    await this.#sweeping?.catch((error: unknown) => logger.debug({ error }, "a sweep was ended by closing"));
    await this.#freshness.close();
    await owners.close();
    await pool.close();
    file.close();
  }
}

function entryAt(file: IndexedPlace): RolloutEntry {
  return { path: file.path, archived: file.archived, name: file.path.slice(file.path.lastIndexOf("/") + 1) };
}
