/**
 * The pool as a port: what a home asks of worker threads, as plain data that crosses their border, and the
 * work itself. Workers fold and write rows themselves: handing rows back to be written elsewhere would stop
 * that thread's event loop for the time of the writing. Which threads run it is the workers room's matter.
 */
import { type Clock, type ErrorCode, fault, isSkeinError, SkeinError, systemClock } from "../base/index.ts";
import {
  createRolloutAccess,
  type FileSystem,
  homePaths,
  mapBounded,
  nodeFileSystem,
  type RolloutEntry,
} from "../store/local/index.ts";
import { type FileFoldContext, foldFile, type FoldedFile, pathInHome } from "./file-fold.ts";
import { type HomeSurvey, surveyHome } from "./home-survey.ts";
import { retryBusy } from "./busy-retry.ts";
import { checkLeaseToken, type LeaseClaim } from "./lease-rows.ts";
import type { FileRow, QuarantinedFile } from "./rollout-store.ts";
import { withTextIndex } from "./text-index.ts";
import { failureOf, type FoldFailure, type FoldWrite, writeFolded } from "./rollout-sync.ts";
import { openConnection, type SqliteDatabase } from "./sqlite-connection.ts";
import { refusalOf, sqliteFault } from "./sqlite-fault.ts";
import { currentTableSet } from "./table-set.ts";
import { type Tables, tablesOf } from "./tables.ts";

/** Files to fold into one set. */
export interface FoldTask {
  readonly dbPath: string;
  readonly home: string;
  /** Null: the current set. */
  readonly generation: number | null;
  /** Checked in the transaction that writes; null where no lease is needed. */
  readonly lease: LeaseClaim | null;
  readonly entries: readonly (RolloutEntry & { readonly size: number })[];
}

/** What became of one file. */
export interface FoldedEntry {
  readonly entry: RolloutEntry;
  readonly bytes: number;
  /** Null when its rows are as the file was. */
  readonly failure: FoldFailure | null;
}

/** What became of a task. */
export interface FoldReport {
  readonly files: readonly FoldedEntry[];
  /** The task's lease was lost before its rows were written. */
  readonly leaseLost: FoldFailure | null;
  /** The rows could not be read or written, which says nothing of the files. */
  readonly rowsFailed: RowsFailure | null;
}

/** Why the state DB took or gave no rows. As data, because an error that leaves a worker keeps its message alone. */
export interface RowsFailure {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly retryable: boolean;
  /** Whether it was the rows that were refused, or the state DB takes none; `unclear` where only other rows can tell. */
  readonly refused: ReturnType<typeof refusalOf>;
}

/** A look at the home. */
export interface SurveyTask {
  readonly dbPath: string;
  readonly home: string;
  readonly generation: number | null;
  /** Files that the rows know: how much there is to look at. */
  readonly filesKnown: number;
}

/** Threads that fold. */
export interface FoldPool {
  /** Tasks that run at once. */
  readonly size: number;
  /** The disk its tasks read rollouts from, and who opens a state DB with it too. Default: the real one. */
  readonly files?: FileSystem;
  survey(task: SurveyTask, signal?: AbortSignal): Promise<HomeSurvey>;
  /** Rejects when the worker died under the task. */
  fold(task: FoldTask, signal?: AbortSignal): Promise<FoldReport>;
  close(): Promise<void>;
}

/** With what a task is done. Worker threads have the machine's own. */
export interface FoldMeans {
  /** Where the rollouts are. The database is always on the real disk. Default: the real one. */
  readonly files?: FileSystem;
  /** On which a locked database is waited for. Default: the machine's. */
  readonly clock?: Clock;
}

/** Files of one task that are folded at the same time: their reads overlap. */
const FILES_AT_ONCE = 4;
/** A worker has no event loop that anybody waits for. */
const WORKER_BUSY_MS = 2_000;

const NOTHING_FAILED = { leaseLost: null, rowsFailed: null } as const;

/** Folds a task's files and writes their rows, all in one transaction. */
export async function runFoldTask(task: FoldTask, signal?: AbortSignal, means: FoldMeans = {}): Promise<FoldReport> {
  try {
    return { ...NOTHING_FAILED, files: await foldFiles(task, signal, means) };
  } catch (error) {
    signal?.throwIfAborted();
    if (isSkeinError(error, "lease_lost")) return { ...NOTHING_FAILED, files: [], leaseLost: failureOf(error) };
    const found = sqliteFault(error, { attempted: "write rows", path: task.dbPath });
    if (!isSkeinError(found)) throw error;
    const { code, message: reason, retryable } = found;
    return { ...NOTHING_FAILED, files: [], rowsFailed: { code, reason, retryable, refused: refusalOf(error) } };
  }
}

async function foldFiles(
  task: FoldTask,
  signal: AbortSignal | undefined,
  means: FoldMeans,
): Promise<readonly FoldedEntry[]> {
  const db = openConnection(task.dbPath, { mode: "read-write", busyTimeoutMs: WORKER_BUSY_MS });
  try {
    const tables = taskTables(db, task);
    const context = foldContext(task.home, means.files);
    let pending: readonly RolloutEntry[] = task.entries;
    const done: FoldedEntry[] = [];
    // Files whose rows another process wrote meanwhile are looked at once more; what then races is left to the next sweep.
    for (let round = 0; round < 3 && pending.length > 0; round += 1) {
      const folded = await mapBounded(pending, FILES_AT_ONCE, (entry) => foldEntry(context, tables, { entry, signal }));
      const raced = await writeAll(db, task, { tables, folded, clock: means.clock ?? systemClock });
      for (const { entry, bytes, failure } of folded) {
        if (!raced.has(entry)) done.push({ entry, bytes, failure });
      }
      pending = [...raced];
    }
    return [...done, ...pending.map((entry) => ({ entry, bytes: 0, failure: null }))];
  } finally {
    db.close();
  }
}

/** Looks at the home's files beside the rows. */
export async function runSurveyTask(task: SurveyTask, { files = nodeFileSystem }: FoldMeans = {}): Promise<HomeSurvey> {
  const db = openConnection(task.dbPath, { mode: "read-only", busyTimeoutMs: WORKER_BUSY_MS });
  let rows: {
    readonly files: readonly FileRow[];
    readonly quarantined: readonly (QuarantinedFile & { path: string })[];
  };
  try {
    const { rollouts } = taskTables(db, task);
    rows = db.transaction(() => ({ files: rollouts.files(), quarantined: rollouts.quarantined() }))();
  } finally {
    db.close();
  }
  return surveyHome(files, homePaths(task.home), rows);
}

/** The task is tried again, and finds the new set. */
function swapped(): SkeinError {
  return fault("state_db_busy", "the state DB's rows were rebuilt meanwhile; fold again", { retryable: true });
}

interface FoldedTaskEntry extends FoldedEntry {
  readonly write: FoldWrite | null;
}

function foldContext(home: string, files: FileSystem = nodeFileSystem): FileFoldContext {
  return { files, paths: homePaths(home), access: createRolloutAccess(files, () => undefined) };
}

function taskTables(db: SqliteDatabase, task: { readonly home: string; readonly generation: number | null }): Tables {
  const generation = task.generation ?? currentTableSet(db)?.generation ?? 0;
  return tablesOf(db, generation, homePaths(task.home));
}

async function foldEntry(
  context: FileFoldContext,
  { rollouts }: Tables,
  { entry, signal }: { readonly entry: RolloutEntry; readonly signal: AbortSignal | undefined },
): Promise<FoldedTaskEntry> {
  const path = pathInHome(context.paths, entry.path);
  try {
    const row = rollouts.byPath(path);
    const known = row === undefined ? undefined : { row, base: rollouts.baseOf(row) };
    const folded: FoldedFile | undefined = await foldFile(context, entry, { known, signal });
    return { entry, bytes: folded?.bytes ?? 0, failure: null, write: { path, row, folded } };
  } catch (error) {
    signal?.throwIfAborted();
    return { entry, bytes: 0, failure: failureOf(error), write: null };
  }
}

/** Writes what was folded; answers the files whose rows were changed by another meanwhile. */
async function writeAll(
  db: SqliteDatabase,
  task: FoldTask,
  {
    tables,
    folded,
    clock,
  }: { readonly tables: Tables; readonly folded: readonly FoldedTaskEntry[]; readonly clock: Clock },
): Promise<ReadonlySet<RolloutEntry>> {
  // Files that can't be read again and again take the write lock from nobody.
  if (folded.every(({ write }) => write === null)) return new Set();
  const work = db.transaction(() => {
    if (task.lease !== null) checkLeaseToken(db, task.lease);
    // A rebuild may have swapped sets since the fold began, and have kept the old one: nobody reads that any more.
    if (task.generation === null && currentTableSet(db)?.generation !== tables.sql.generation) throw swapped();
    const raced = new Set<RolloutEntry>();
    withTextIndex(tables.sql, (index) => {
      for (const { entry, write } of folded) {
        if (write !== null && writeFolded(tables, write, index) === "raced") raced.add(entry);
      }
    });
    return raced;
  });
  return retryBusy(clock, () => work.immediate());
}

/** The files of a task whose rows were written; else throws why they weren't. */
export function requireRows({ files, rowsFailed }: Pick<FoldReport, "files" | "rowsFailed">): FoldReport["files"] {
  if (rowsFailed === null) return files;
  throw new SkeinError(rowsFailed.code, rowsFailed.reason, { kind: "fault", retryable: rowsFailed.retryable });
}
