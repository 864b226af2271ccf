/**
 * The gate: opens the file, and returns a handle only when its rows are filled. Of many processes that open
 * one home at once, one fills and the others wait for it, a bounded time; what a process that died left
 * undone is gone on with by the next.
 *
 * A home whose rows are filled opens at once: what changed since is looked for by the first list.
 */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

import { createIdSource, faultFromSystem, silentLogger, systemClock } from "../base/index.ts";
import { type FileSystem, type HomePaths, homePaths, nodeFileSystem } from "../store/local/index.ts";
import { fillSet, type FillReport } from "./fill-set.ts";
import type { FoldPool } from "./fold-pool.ts";
import type { StartHomeWatcher } from "./home-watcher.ts";
import { createProcessIdentity } from "./process-identity.ts";
import { MIGRATIONS } from "./schema.ts";
import { sqliteFault } from "./sqlite-fault.ts";
import { createLeases, type Leases } from "./sqlite-lease.ts";
import { SqliteStateDb, type StateDb } from "./state-db.ts";
import { openStateDbFile, type SetAside, STATE_DB_FILE_NAME, type StateDbFile } from "./state-db-file.ts";
import { checkStateDbOptions, type StateDbOptions } from "./state-db-options.ts";
import { currentTableSet, PROJECTION_VERSION } from "./table-set.ts";
import { createThreadOwners, type ThreadOwners } from "./thread-owners.ts";

/** The lease under which sets are filled. */
const BACKFILL_LEASE = "backfill";

const WAIT_MAX_MS = 30_000;

/** The parts of an opening that are the same for reading, writing and rebuilding. */
interface OpenedParts {
  readonly file: StateDbFile;
  readonly paths: HomePaths;
  readonly leases: Leases;
  readonly owners: ThreadOwners;
}

async function openParts(options: StateDbOptions, mode: "read-write" | "read-only"): Promise<OpenedParts> {
  checkStateDbOptions(options);
  const { clock = systemClock, logger = silentLogger, waitMaxMs = WAIT_MAX_MS, leaseTtlMs } = options;
  const paths = homePaths(resolve(options.home));
  if (mode === "read-write") makeHome(paths.home);
  const path = join(paths.home, STATE_DB_FILE_NAME);
  const file = await openStateDbFile({ path, mode, migrations: MIGRATIONS, clock, logger, waitMaxMs });
  try {
    const ids = options.ids ?? createIdSource(clock);
    const identity = createProcessIdentity({ ids, clock });
    const timing = leaseTtlMs === undefined ? {} : { ttlMs: leaseTtlMs };
    const shared = { db: file.db, clock, identity, logger, ...timing };
    return { file, paths, leases: createLeases(shared), owners: createThreadOwners(shared) };
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * Opens a home's state DB, filling its rows first where that is due. `backfill_running` when another process
 * still fills them after `waitMaxMs`; `state_db_newer`, `state_db_unusable`, `permission_denied`, disk faults.
 */
export async function openStateDbWith(
  options: StateDbOptions,
  pool: FoldPool,
  startWatcher: StartHomeWatcher | null = null,
): Promise<StateDb> {
  const { clock = systemClock, logger = silentLogger, onProgress } = options;
  const { file, paths, leases, owners } = await openParts(options, "read-write");
  try {
    const filled = await fillWhereDue({ options, pool, file, paths, leases });
    const opening = { setAside: file.setAside, filled };
    const own = { file, paths, owners, opening, isReadOnly: false, startWatcher };
    return new SqliteStateDb({ ...own, files: filesOf(pool), pool, clock, logger, onProgress });
  } catch (error) {
    const found = sqliteFault(error, { attempted: "fill the state DB", path: file.path });
    await owners.close();
    file.close();
    throw found;
  }
}

/** Opens rows that are there already, to read them: never migrates, fills or sweeps. `state_db_required` without a file. */
export async function openStateDbReadOnlyWith(options: StateDbOptions, pool: FoldPool): Promise<StateDb> {
  const { clock = systemClock, logger = silentLogger } = options;
  const { file, paths, owners } = await openParts(options, "read-only");
  const opening = { setAside: null, filled: null };
  const own = { file, paths, owners, opening, isReadOnly: true, startWatcher: null };
  return new SqliteStateDb({ ...own, files: filesOf(pool), pool, clock, logger });
}

/** How a home's rows are folded again. */
export interface RebuildOptions extends StateDbOptions {
  /** Keeps the tables that are replaced, to be looked at. Default false. */
  readonly keepsOld?: boolean;
}

/** What a rebuild did. */
export interface RebuildReport extends FillReport {
  /** A file that lay there and could not be used; null where there was none. */
  readonly setAside: SetAside | null;
}

/** Folds all rows again beside the old ones and swaps. Other processes go on meanwhile. `backfill_running`, as openStateDb. */
export async function rebuildStateDbWith(options: RebuildOptions, pool: FoldPool): Promise<RebuildReport> {
  const { file, paths, leases, owners } = await openParts(options, "read-write");
  try {
    const report = await withLease({ options, leases }, (lease) =>
      fillSet({ ...fillContext({ options, pool, file, paths }), lease, keepsOld: options.keepsOld ?? false }),
    );
    return { ...report, setAside: file.setAside };
  } catch (error) {
    throw sqliteFault(error, { attempted: "rebuild the state DB", path: file.path });
  } finally {
    await owners.close();
    file.close();
  }
}

interface Filling {
  readonly options: StateDbOptions;
  readonly pool: FoldPool;
  readonly file: StateDbFile;
  readonly paths: HomePaths;
}

async function fillWhereDue(filling: Filling & { readonly leases: Leases }): Promise<FillReport | null> {
  const { file, options, leases } = filling;
  const isFilled = (): boolean => currentTableSet(file.db)?.version === PROJECTION_VERSION;
  if (isFilled()) return null;
  return withLease({ options, leases }, async (lease) => {
    // Who waited for the lease most often finds the work done.
    if (isFilled()) return null;
    return fillSet({ ...fillContext(filling), lease });
  });
}

async function withLease<Value>(
  { options, leases }: { readonly options: StateDbOptions; readonly leases: Leases },
  work: (lease: Awaited<ReturnType<Leases["acquire"]>>) => Promise<Value>,
): Promise<Value> {
  const { waitMaxMs = WAIT_MAX_MS, signal, onWaiting } = options;
  const lease = await leases.acquire(BACKFILL_LEASE, {
    waitMaxMs,
    ...(signal === undefined ? {} : { signal }),
    ...(onWaiting === undefined ? {} : { onWaiting }),
  });
  try {
    return await work(lease);
  } finally {
    await lease.release();
  }
}

function fillContext({ options, pool, file, paths }: Filling): Omit<Parameters<typeof fillSet>[0], "lease"> {
  const { clock = systemClock, logger = silentLogger, signal, onProgress } = options;
  return { dbPath: file.path, files: filesOf(pool), paths, pool, clock, logger, signal, onProgress };
}

/** What is read here and what the pool reads is one disk. */
function filesOf({ files = nodeFileSystem }: FoldPool): FileSystem {
  return files;
}

function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true });
  } catch (error) {
    throw faultFromSystem(error, `make the home ${home}`, { home });
  }
}
