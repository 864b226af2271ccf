/**
 * Brings all rows of a set up to a home's files: look at the files, fold what changed in the pool, forget
 * what is gone. A sweep does this for the set that is read; a backfill and a rebuild for one that is being
 * filled, under their lease. It can be ended between any two files and begun again: what was done stays.
 *
 * A file that can't be folded, or under which a worker dies, is tried once more by itself; then it is put into
 * quarantine with its reason, and the others go on. It is tried again when it has changed; and after a while that
 * grows where it was the disk, its permissions or the want of descriptors that kept it from being read. A state DB
 * that takes no rows says nothing of the files: after one more try that ends the sync, and nothing is put into
 * quarantine for it. A file is, whose values SQLite refuses, or whose rows alone it refuses while it takes others.
 */
import { type Clock, fault, type Logger } from "../base/index.ts";
import { type FileSystem, type HomePaths, type RolloutEntry } from "../store/local/index.ts";
import { pathInHome } from "./file-fold.ts";
import { type FoldedEntry, type FoldPool, type FoldReport, requireRows, type RowsFailure } from "./fold-pool.ts";
import { type HomeSurvey, isAsKnown, passingQuarantines, surveyPaths } from "./home-survey.ts";
import type { LeaseClaim } from "./lease-rows.ts";
import type { QuarantineRetries } from "./quarantine-retries.ts";
import type { QuarantinedFile } from "./rollout-store.ts";
import { failureOf, type FoldFailure } from "./rollout-sync.ts";
import { withTextIndex } from "./text-index.ts";
import type { Tables } from "./tables.ts";

/** How far it is. */
export interface FoldProgress {
  readonly filesDone: number;
  readonly filesTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Since it began, milliseconds. */
  readonly elapsedMs: number;
  readonly bytesPerSecond: number;
  /** Milliseconds left at this rate; null before there is one. */
  readonly leftMs: number | null;
}

/** What a sync needs. */
export interface HomeSyncContext {
  readonly dbPath: string;
  readonly paths: HomePaths;
  readonly files: FileSystem;
  readonly pool: FoldPool;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The set that is brought up; null: the current one. */
  readonly generation: number | null;
  tables(): Tables;
  /** Reads as of one moment: a set that is current at its beginning is there until its end. */
  read<Value>(work: () => Value): Value;
  /** One transaction that may write; it checks the lease, if there is one. */
  write<Value>(work: () => Value): Promise<Value>;
  readonly lease: LeaseClaim | null;
  readonly signal?: AbortSignal | undefined;
  /** Whether a file's rows are kept current otherwise: it has an open writer of this process, and no other wrote to it. */
  isCurrent(path: string): Promise<boolean>;
  readonly onProgress?: ((progress: FoldProgress) => void) | undefined;
  /** Only these absolute paths may have changed; null: look at all. */
  readonly changedPaths?: readonly string[] | null;
  /** Which files in quarantine have waited long enough. Default: all have. */
  readonly retries?: QuarantineRetries;
}

/** What a sync found and did. */
export interface SyncReport {
  readonly filesTotal: number;
  readonly folded: number;
  readonly moved: number;
  readonly removed: number;
  readonly quarantined: number;
}

/** Files and bytes of one task: small enough that progress moves and no transaction is long. */
const TASK_FILES_MAX = 48;
const TASK_BYTES_MAX = 8 * 1024 * 1024;

/** Does it once. Faults of the disk and of SQLite; `lease_lost`; the signal's reason. */
export async function syncHome(context: HomeSyncContext): Promise<SyncReport> {
  const { signal } = context;
  const survey = await surveyOf(context);
  signal?.throwIfAborted();
  const due = survey.changed.filter(({ path, isRetry }) => !isRetry || isDue(context, path));
  const changed = await othersOf(due, ({ path }) => context.isCurrent(path));
  if (survey.moved.length > 0) await applyMoves(context, survey);
  const meter = createMeter(context, changed);
  const failed = await foldAll(context, changed, meter);
  const quarantined = await foldAgain(context, failed, meter);
  // Only now: a file that was moved while the home was walked may have been seen at neither place.
  if (survey.gone.length > 0) await removeGone(context, survey.gone);
  if (survey.gonePoison.length > 0) await endQuarantines(context, survey.gonePoison);
  return {
    filesTotal: survey.filesTotal,
    folded: changed.length - quarantined,
    moved: survey.moved.length,
    removed: survey.gone.length,
    quarantined,
  };
}

/** Whether a file in quarantine that is as it was is tried now. One that the watcher named is: its permissions may be others. */
function isDue({ changedPaths, retries, paths, clock }: HomeSyncContext, path: string): boolean {
  if (changedPaths?.includes(path) === true) return true;
  return retries?.isDue(pathInHome(paths, path), clock.monotonicMs()) ?? true;
}

/** Those that are not so. */
async function othersOf<Value>(
  values: readonly Value[],
  isSo: (value: Value) => Promise<boolean>,
): Promise<readonly Value[]> {
  const others: Value[] = [];
  for (const value of values) if (!(await isSo(value))) others.push(value);
  return others;
}

async function surveyOf(context: HomeSyncContext): Promise<HomeSurvey> {
  const { pool, dbPath, files, paths, generation, changedPaths, signal } = context;
  if (changedPaths === null || changedPaths === undefined) {
    const filesKnown = context.read(() => context.tables().rollouts.count());
    return pool.survey({ dbPath, home: paths.home, generation, filesKnown }, signal);
  }
  const passing = passingQuarantines(context.read(() => ({ quarantined: context.tables().rollouts.quarantined() })));
  const due = passing.map((path) => `${paths.home}/${path}`).filter((path) => isDue(context, path));
  const looked = [...new Set([...changedPaths, ...due])];
  const unfollowed = await othersOf(looked, (path) => context.isCurrent(path));
  const wanted = unfollowed.map((path) => pathInHome(paths, path));
  const rows = context.read(() => {
    const { rollouts } = context.tables();
    return { files: rollouts.filesAt(wanted), quarantined: rollouts.quarantined() };
  });
  return surveyPaths({ files, paths, rows }, unfollowed);
}

interface Meter {
  done(bytes: number): void;
}

function createMeter(context: HomeSyncContext, changed: readonly { readonly size: number }[]): Meter {
  const { clock, onProgress } = context;
  const begunMs = clock.monotonicMs();
  const bytesTotal = changed.reduce((sum, { size }) => sum + size, 0);
  let filesDone = 0;
  let bytesDone = 0;
  const tell = (): void => {
    const elapsedMs = clock.monotonicMs() - begunMs;
    const bytesPerSecond = elapsedMs > 0 ? (bytesDone / elapsedMs) * 1_000 : 0;
    const leftMs = bytesPerSecond > 0 ? Math.max(0, ((bytesTotal - bytesDone) / bytesPerSecond) * 1_000) : null;
    onProgress?.({ filesDone, filesTotal: changed.length, bytesDone, bytesTotal, elapsedMs, bytesPerSecond, leftMs });
  };
  if (changed.length > 0) tell();
  return {
    done(bytes) {
      filesDone += 1;
      bytesDone += bytes;
      tell();
    },
  };
}

type SizedEntry = RolloutEntry & { readonly size: number };

type FailedEntry = FoldedEntry & { readonly entry: SizedEntry };

/** Folds files in tasks, as many at once as the pool has threads; answers those that failed, and whether rows were taken. */
async function foldAll(
  context: HomeSyncContext,
  changed: readonly SizedEntry[],
  meter: Meter,
): Promise<{ readonly failed: readonly FailedEntry[]; readonly hasTaken: boolean }> {
  const tasks = tasksOf(changed);
  const sizes = new Map(changed.map((entry) => [entry.path, entry]));
  const failed: FailedEntry[] = [];
  let hasTaken = false;
  let next = 0;
  const work = async (): Promise<void> => {
    for (let entries = tasks[next]; entries !== undefined; entries = tasks[next]) {
      next += 1;
      context.signal?.throwIfAborted();
      for (const result of (await foldTask(context, entries)).files) {
        const sized = sizes.get(result.entry.path);
        if (sized === undefined) continue;
        hasTaken ||= hasRowsTaken(result);
        if (result.failure === null) {
          meter.done(sized.size);
          context.retries?.ended(pathInHome(context.paths, sized.path));
        } else failed.push({ ...result, entry: sized });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(context.pool.size, tasks.length) }, work));
  return { failed, hasTaken };
}

/** Whether the state DB took rows of this file: what was read of it is in them. */
function hasRowsTaken({ failure, bytes }: FoldedEntry): boolean {
  return failure === null && bytes > 0;
}

async function foldTask(
  context: HomeSyncContext,
  entries: readonly SizedEntry[],
): Promise<Pick<FoldReport, "files" | "rowsFailed">> {
  const { pool, dbPath, paths, generation, lease, signal, logger } = context;
  const task = { dbPath, home: paths.home, generation, lease, entries: entries.map(entryOf) };
  const failed = (failure: FoldFailure): readonly FoldedEntry[] =>
    entries.map((entry) => ({ entry, bytes: 0, failure }));
  try {
    const { files, leaseLost, rowsFailed } = await pool.fold(task, signal);
    if (leaseLost !== null) throw fault("lease_lost", leaseLost.reason, { retryable: true });
    if (rowsFailed === null) return { files, rowsFailed };
    logger.warn({ ...rowsFailed, files: entries.length }, "rows could not be written; the files are tried one by one");
    return { files: failed(rowsFailed), rowsFailed };
  } catch (error) {
    signal?.throwIfAborted();
    const failure = failureOf(error);
    if (failure.code === "lease_lost") throw error;
    logger.warn({ error, files: entries.length }, "a worker failed under a task; its files are tried one by one");
    return { files: failed({ ...failure, code: "worker_failed" }), rowsFailed: null };
  }
}

function entryOf({ path, name, archived, size }: SizedEntry): SizedEntry {
  return { path, name, archived, size };
}

/** Files refused one after the other, before any was taken, after which the state DB is held to take none. */
const REFUSED_MAX = 8;
/** Why a file is in quarantine whose rows SQLite refused. */
const ROWS_REFUSED = "rows_refused";

/** Tries each file that failed once more, by itself; those that fail again are put into quarantine. */
async function foldAgain(
  context: HomeSyncContext,
  { failed, hasTaken }: Awaited<ReturnType<typeof foldAll>>,
  meter: Meter,
): Promise<number> {
  const known = new Map(context.read(() => context.tables().rollouts.quarantined()).map((file) => [file.path, file]));
  const refused: { readonly entry: SizedEntry; readonly rowsFailed: RowsFailure }[] = [];
  let quarantined = 0;
  let isTaking = hasTaken;
  const putAside = async (entry: SizedEntry, failure: FoldFailure): Promise<void> => {
    await quarantine(context, { entry, failure, known: known.get(pathInHome(context.paths, entry.path)) });
    quarantined += 1;
  };
  for (const { entry } of failed) {
    context.signal?.throwIfAborted();
    const path = pathInHome(context.paths, entry.path);
    const report = await foldTask(context, [entry]);
    const { rowsFailed } = report;
    if (rowsFailed === null) {
      const [again] = report.files;
      if (again?.failure) await putAside(entry, again.failure);
      else context.retries?.ended(path);
      isTaking ||= again !== undefined && hasRowsTaken(again);
    } else if (rowsFailed.refused === "values" || known.get(path)?.code === ROWS_REFUSED) {
      await putAside(entry, { code: ROWS_REFUSED, reason: rowsFailed.reason });
    } else if (rowsFailed.refused === "database") requireRows(report);
    else {
      refused.push({ entry, rowsFailed });
      if (!isTaking && refused.length >= REFUSED_MAX) requireRows(report);
    }
    meter.done(entry.size);
  }
  for (const { entry, rowsFailed } of refused) {
    if (!isTaking) requireRows({ files: [], rowsFailed });
    await putAside(entry, { code: ROWS_REFUSED, reason: rowsFailed.reason });
  }
  return quarantined;
}

/** Notes a file that failed; where the same is known of it already, nothing is written or told. */
async function quarantine(
  context: HomeSyncContext,
  {
    entry,
    failure,
    known,
  }: { readonly entry: RolloutEntry; readonly failure: FoldFailure; readonly known: QuarantinedFile | undefined },
): Promise<void> {
  const { files, paths, clock, logger } = context;
  const stat = await files.stat(entry.path);
  if (stat === undefined) return;
  const { inode, size, modifiedNs } = stat;
  const file = { inode, size, modifiedNs: String(modifiedNs), ...failure, sinceMs: clock.nowMs() };
  const path = pathInHome(paths, entry.path);
  context.retries?.failed(path, clock.monotonicMs());
  const isSame = known !== undefined && isAsKnown(known, stat) && known.code === failure.code;
  const isNoted = isSame && known.reason === failure.reason;
  if (isNoted && context.read(() => context.tables().rollouts.byPath(path)) === undefined) return;
  logger.warn({ path: entry.path, ...failure }, "a rollout could not be folded and is in quarantine");
  await context.write(() => {
    const { sql, rollouts, threads } = context.tables();
    const row = rollouts.byPath(path);
    if (row !== undefined) withTextIndex(sql, (index) => rollouts.remove(row.id, index));
    rollouts.quarantine(path, file);
    if (row?.threadId) threads.refresh(row.threadId);
  });
}

async function applyMoves(context: HomeSyncContext, { moved }: HomeSurvey): Promise<void> {
  await context.write(() => {
    const { rollouts, threads } = context.tables();
    for (const { id, threadId, entry } of moved) {
      const row = rollouts.byId(id);
      const path = pathInHome(context.paths, entry.path);
      if (row === undefined || rollouts.byPath(path) !== undefined) continue;
      rollouts.touch(id, { path, archived: entry.archived }, row);
      if (threadId !== null) threads.refresh(threadId);
    }
  });
}

/** Forgets rows whose files are nowhere, after one more look at each. */
async function removeGone(context: HomeSyncContext, gone: HomeSurvey["gone"]): Promise<void> {
  const { files, paths } = context;
  for (const { id, path, threadId, inode } of gone) {
    if ((await files.stat(`${paths.home}/${path}`)) !== undefined) continue;
    await context.write(() => {
      const { sql, rollouts, threads } = context.tables();
      const row = rollouts.byId(id);
      if (row === undefined || row.path !== path || row.inode !== inode) return;
      withTextIndex(sql, (index) => rollouts.remove(id, index));
      if (threadId !== null) threads.refresh(threadId);
    });
  }
}

/** What is not there any more keeps nobody's list from being complete. */
async function endQuarantines(context: HomeSyncContext, gone: HomeSurvey["gonePoison"]): Promise<void> {
  const { files, paths } = context;
  for (const path of gone) {
    if ((await files.stat(`${paths.home}/${path}`))?.kind === "file") continue;
    await context.write(() => context.tables().rollouts.endQuarantine(path));
    context.retries?.ended(path);
  }
}

/** Files in the order given, cut into tasks. */
function tasksOf(changed: readonly SizedEntry[]): readonly (readonly SizedEntry[])[] {
  const tasks: SizedEntry[][] = [];
  let task: SizedEntry[] = [];
  let bytes = 0;
  for (const entry of changed) {
    if (task.length > 0 && (task.length >= TASK_FILES_MAX || bytes + entry.size > TASK_BYTES_MAX)) {
      tasks.push(task);
      task = [];
      bytes = 0;
    }
    task.push(entry);
    bytes += entry.size;
  }
  if (task.length > 0) tasks.push(task);
  // The largest first: a large one begun last would leave the other threads idle.
  const sizeOf = (entries: readonly SizedEntry[]): number => entries.reduce((sum, { size }) => sum + size, 0);
  return tasks.toSorted((a, b) => sizeOf(b) - sizeOf(a));
}
