/**
 * Fills a table set beside the one that is read, and puts it in its place. This is the first backfill, and
 * every rebuild: nobody sees a set before it is whole, and whoever was appending meanwhile finds at the swap
 * what it wrote.
 *
 * 1. Only the holder of the lease fills; every transaction checks its token.
 * 2. A set that was begun and not finished is gone on with, not begun again.
 * 3. At the swap no row of the set is behind the set it replaces: what was written, moved, deleted and named
 *    meanwhile is looked at while the file is locked.
 */
import { type Clock, type Logger } from "../base/index.ts";
import { createRolloutAccess, createSessionIndex, type FileSystem, type HomePaths } from "../store/local/index.ts";
import { retryBusy } from "./busy-retry.ts";
import { foldFile } from "./file-fold.ts";
import type { FoldPool } from "./fold-pool.ts";
import type { Lease } from "./held-lease.ts";
import { checkLeaseToken } from "./lease-rows.ts";
import { type FoldProgress, syncHome, type SyncReport } from "./home-sync.ts";
import { syncNames } from "./name-sync.ts";
import { withTextIndex } from "./text-index.ts";
import { type SyncContext, writeFolded } from "./rollout-sync.ts";
import { openConnection, type SqliteDatabase } from "./sqlite-connection.ts";
import { sqliteFault } from "./sqlite-fault.ts";
import {
  createTableSet,
  currentTableSet,
  dropTableSet,
  listTableSets,
  makeCurrent,
  PROJECTION_VERSION,
} from "./table-set.ts";
import { type Tables, tablesOf } from "./tables.ts";

/** What filling needs. */
export interface FillContext {
  readonly dbPath: string;
  readonly files: FileSystem;
  readonly paths: HomePaths;
  readonly pool: FoldPool;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lease: Lease;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FoldProgress) => void) | undefined;
  /** Keeps the tables of the set that is replaced. Default false. */
  readonly keepsOld?: boolean;
}

/** What was filled. */
export interface FillReport extends SyncReport {
  readonly generation: number;
  /** The set that was replaced; null where there was none. */
  readonly replaced: { readonly generation: number; readonly version: number; readonly isKept: boolean } | null;
}

/** Rounds of looking for what changed meanwhile, before the file is locked for the rest. */
const ROUNDS_MAX = 5;
/** Rollouts that are caught up with the file locked. */
const LOCKED_FILES_MAX = 256;
const WORKER_BUSY_MS = 1_000;

/** Fills a set and swaps it in. `lease_lost`, disk faults; the signal's reason, and then what was filled stays. */
export async function fillSet(context: FillContext): Promise<FillReport> {
  const db = openConnection(context.dbPath, { mode: "read-write", busyTimeoutMs: WORKER_BUSY_MS });
  try {
    const filler = new SetFiller(db, context);
    const generation = await filler.begin();
    const report = await filler.fill(generation);
    let folded = report.folded;
    for (let round = 1; ; round += 1) {
      const replaced = await filler.swap(generation, round >= ROUNDS_MAX);
      if (replaced !== "behind") return { ...report, folded, generation, replaced };
      folded += (await filler.fill(generation)).folded;
    }
  } catch (error) {
    // Before the connection gives back what it holds: that may be what another one lacked.
    throw sqliteFault(error, { attempted: "fill the state DB", path: context.dbPath });
  } finally {
    db.close();
  }
}

class SetFiller {
  readonly #db: SqliteDatabase;
  readonly #context: FillContext;

  constructor(db: SqliteDatabase, context: FillContext) {
    this.#db = db;
    this.#context = context;
  }

  /** The set to fill: the one begun before, if it is of this version, else a new one. */
  async begin(): Promise<number> {
    const { clock } = this.#context;
    return this.#write(() => {
      let begun: number | undefined;
      for (const set of listTableSets(this.#db)) {
        if (set.state !== "building") continue;
        if (set.version === PROJECTION_VERSION) begun = set.generation;
        else dropTableSet(this.#db, set.generation);
      }
      const madeAtMs = clock.nowMs();
      const generation = begun ?? createTableSet(this.#db, { state: "building", madeAtMs });
      this.#db
        .prepare("INSERT OR REPLACE INTO backfill_state VALUES (?, 'running', 0, 0, 0, 0, ?, NULL)")
        .run(generation, madeAtMs);
      return generation;
    });
  }

  /** Brings the set up to the files. */
  async fill(generation: number): Promise<SyncReport> {
    const { dbPath, files, paths, pool, clock, logger, lease } = this.#context;
    const tables = tablesOf(this.#db, generation, paths);
    const signal = this.#signal();
    const write = <Value>(work: () => Value): Promise<Value> => this.#write(work);
    const begunMs = clock.nowMs();
    const report = await syncHome({
      dbPath,
      paths,
      files,
      pool,
      clock,
      logger,
      generation,
      tables: () => tables,
      read: (work) => work(),
      write,
      // As plain data: it crosses to the workers.
      lease: { name: lease.name, token: lease.token },
      signal,
      isCurrent: async () => false,
      onProgress: (progress) => this.#tell(generation, progress),
    });
    await this.#syncNames(tables, write);
    await write(() => tables.sql.run("UPDATE index_state_# SET swept_at_ms = ?", begunMs));
    return report;
  }

  /** Makes the set the one that is read; "behind" where too much was written to the other meanwhile. */
  async swap(generation: number, isLast: boolean): Promise<FillReport["replaced"] | "behind"> {
    const { clock, signal, lease, paths } = this.#context;
    const before = currentTableSet(this.#db);
    // The file stays locked across the folds below, so the transaction is begun and ended by hand.
    await retryBusy(clock, () => this.#db.exec("BEGIN IMMEDIATE"), { signal });
    try {
      checkLeaseToken(this.#db, lease);
      if (before !== undefined) {
        const [from, to] = [before.generation, generation].map((n) => tablesOf(this.#db, n, paths));
        const behind = from === undefined || to === undefined ? [] : rolloutsBehind(from, to);
        if (behind.length > LOCKED_FILES_MAX && !isLast) {
          this.#db.exec("ROLLBACK");
          return "behind";
        }
        if (to !== undefined) {
          await this.#catchUp(to, behind);
          await this.#syncNames(to, async (work) => work());
        }
      }
      checkLeaseToken(this.#db, lease);
      makeCurrent(this.#db, generation);
      for (const set of listTableSets(this.#db)) {
        const isOld = set.generation !== generation;
        if (isOld && !(this.#context.keepsOld === true && set.generation === before?.generation)) {
          dropTableSet(this.#db, set.generation);
        }
      }
      this.#db
        .prepare("UPDATE backfill_state SET status = 'complete', completed_at_ms = ? WHERE generation = ?")
        .run(clock.nowMs(), generation);
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
    if (before === undefined) return null;
    return { ...before, isKept: this.#context.keepsOld === true };
  }

  async #syncNames(tables: Tables, write: SyncContext["write"]): Promise<void> {
    const { files, paths, clock, logger } = this.#context;
    const names = createSessionIndex({ files, paths, clock, logger });
    await syncNames({ files, paths, names: () => names.names(), tables: () => tables, read: (work) => work(), write });
  }

  async #catchUp(to: Tables, behind: readonly { readonly path: string; readonly archived: boolean }[]): Promise<void> {
    const { files, paths, logger } = this.#context;
    const context = { files, paths, access: createRolloutAccess(files, () => undefined) };
    for (const { path, archived } of behind) {
      const entry = { path: `${paths.home}/${path}`, archived, name: path.slice(path.lastIndexOf("/") + 1) };
      const row = to.rollouts.byPath(path);
      const known = row === undefined ? undefined : { row, base: to.rollouts.baseOf(row) };
      try {
        const folded = await foldFile(context, entry, { known });
        withTextIndex(to.sql, (index) => writeFolded(to, { path, row, folded }, index));
      } catch (error) {
        logger.warn({ error, path }, "a rollout that changed during a rebuild is left to the next sweep");
      }
    }
  }

  #tell(generation: number, progress: FoldProgress): void {
    const { lease, onProgress, clock } = this.#context;
    const { filesDone, filesTotal, bytesDone, bytesTotal } = progress;
    lease.setProgress(`${filesDone} of ${filesTotal} files, ${megabytes(bytesDone)} of ${megabytes(bytesTotal)} MB`);
    onProgress?.(progress);
    if (filesDone < filesTotal && filesDone % 100 !== 0) return;
    // Only what a report shows; the next one comes soon.
    void this.#write(() =>
      this.#db
        .prepare(
          "UPDATE backfill_state SET files_done = ?, files_total = ?, bytes_done = ?, bytes_total = ?, updated_at_ms = ? WHERE generation = ?",
        )
        .run(filesDone, filesTotal, bytesDone, bytesTotal, clock.nowMs(), generation),
    ).catch((error: unknown) => this.#context.logger.debug({ error }, "progress was not noted"));
  }

  #write<Value>(work: () => Value): Promise<Value> {
    const { lease, clock, signal } = this.#context;
    const transaction = this.#db.transaction(() => {
      checkLeaseToken(this.#db, lease);
      return work();
    });
    return retryBusy(clock, () => transaction.immediate(), { signal });
  }

  #signal(): AbortSignal {
    const { signal, lease } = this.#context;
    return signal === undefined ? lease.lost : AbortSignal.any([signal, lease.lost]);
  }
}

/** Rollouts whose rows are farther in one set than in the other, or that only one of them has: made, moved, deleted. */
function rolloutsBehind(from: Tables, to: Tables): readonly { readonly path: string; readonly archived: boolean }[] {
  const rows = from.sql.all<{ path: string; archived: number }>(
    `SELECT a.path AS path, a.archived AS archived FROM rollouts_${from.sql.generation} a
     LEFT JOIN rollouts_${to.sql.generation} b ON b.path = a.path
     WHERE b.id IS NULL OR b.end_offset < a.end_offset OR b.inode <> a.inode
     UNION ALL
     SELECT b.path, b.archived FROM rollouts_${to.sql.generation} b
     WHERE b.path NOT IN (SELECT path FROM rollouts_${from.sql.generation})`,
  );
  return rows.map(({ path, archived }) => ({ path, archived: archived === 1 }));
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
