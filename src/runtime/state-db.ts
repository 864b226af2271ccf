/**
 * openStateDb as the package offers it: the gate of projections with the threads of workers. The state DB's
 * life belongs to who opens it: once a process, handed on to the store or the runtime, closed after them.
 */
import type * as Projections from "../projections/index.ts";
import type {
  FoldPool,
  ProjectionVerdict,
  RebuildOptions,
  RebuildReport,
  StartHomeWatcher,
  StateDb,
  StateDbOptions,
  StateDbReport,
  VerifyProjectionsOptions,
} from "../projections/index.ts";

/**
 * Opens a home's state DB: makes or migrates its file (`skein.sqlite` beside `sessions/`), and returns when
 * all its rows are filled. Where another process is filling them it waits, `waitMaxMs` at most.
 *
 * Deleting the file is always safe: it is folded from the rollouts again. `backfill_running`, `state_db_newer`,
 * `state_db_unusable`, `state_db_busy`, `permission_denied`, `disk_full`, `io_error`, `invalid_argument`.
 */
export async function openStateDb(options: StateDbOptions): Promise<StateDb> {
  const [{ openStateDbWith }, pool, startHomeWatcher] = await parts(options);
  try {
    return await openStateDbWith(options, pool, startHomeWatcher);
  } catch (error) {
    await pool.close();
    throw error;
  }
}

/** Opens a state DB to read what is in it: never migrates, fills or sweeps. `state_db_required` where there is none. */
export async function openStateDbReadOnly(options: StateDbOptions): Promise<StateDb> {
  const [{ openStateDbReadOnlyWith }, pool] = await parts(options);
  return openStateDbReadOnlyWith(options, pool);
}

/** Folds all rows of a home again beside the old ones and swaps them in one step; nobody sees half of it. As openStateDb. */
export async function rebuildStateDb(options: RebuildOptions): Promise<RebuildReport> {
  const [{ rebuildStateDbWith }, pool] = await parts(options);
  try {
    return await rebuildStateDbWith(options, pool);
  } finally {
    await pool.close();
  }
}

/** Folds every log again and compares it with its rows, thread by thread; see ProjectionVerdict. As openStateDb. */
export async function* verifyProjections(
  options: VerifyProjectionsOptions,
): AsyncGenerator<ProjectionVerdict, void, undefined> {
  const [{ verifyProjectionsWith }, pool] = await parts(options);
  try {
    yield* verifyProjectionsWith(options, pool);
  } finally {
    await pool.close();
  }
}

/** What a home's state DB says of itself; writes nothing, and never rejects for the file's sake. */
export async function readStateDbReport(
  home: string,
  options?: { readonly checksIntegrity?: boolean },
): Promise<StateDbReport> {
  const projections = await import("../projections/index.ts");
  return await projections.readStateDbReport(home, options);
}

/** Loaded when a state DB is opened: a program without one needs neither SQLite nor threads. */
async function parts(
  options: Pick<StateDbOptions, "workers">,
): Promise<readonly [typeof Projections, FoldPool, StartHomeWatcher]> {
  const [projections, { createFoldPool, startHomeWatcher }] = await Promise.all([
    import("../projections/index.ts"),
    import("../workers/index.ts"),
  ]);
  const { workers } = options ?? {};
  return [projections, createFoldPool(workers === undefined ? {} : { workers }), startHomeWatcher];
}
