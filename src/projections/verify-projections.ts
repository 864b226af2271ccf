/**
 * Whether a state DB's rows are the fold of the logs: every log is folded again from its first byte, into
 * tables of its own, and thread by thread both sides are compared as digests. It changes nothing but for the
 * sweep before (unless told not to), and may run beside writers: rows are held to as much of a log as they
 * say they know, and what the log has beyond that is said as lag, not as a difference.
 *
 * 1. A thread's rows are read in one transaction, and count only if they reach as far as when it was folded.
 * 2. What changed after the rows last looked is `behind`; only what should be known is a difference.
 */
import { dirname, resolve } from "node:path";

import { canonicalThreadId, rejection, silentLogger, systemClock } from "../base/index.ts";
import { createSessionIndex, type HomePaths, homePaths, nodeFileSystem } from "../store/local/index.ts";
import { pathInHome } from "./file-fold.ts";
import type { FoldPool } from "./fold-pool.ts";
import { openStateDbWith } from "./open-state-db.ts";
import { type ProjectionVerdict, verdict, type VerifyProjectionsProgress } from "./projection-verdict.ts";
import { findLeftOvers } from "./row-leftovers.ts";
import { MIGRATIONS } from "./schema.ts";
import { ScratchTables } from "./scratch-tables.ts";
import { sqliteFault } from "./sqlite-fault.ts";
import { openStateDbFile, STATE_DB_FILE_NAME } from "./state-db-file.ts";
import { checkStateDbOptions, type StateDbOptions } from "./state-db-options.ts";
import { CurrentTables, type Tables } from "./tables.ts";
import { type ThreadVerificationContext, verifyThread } from "./thread-verification.ts";
import { lookAtHome, type VerifiedHome } from "./verified-home.ts";

/** How projections are verified. */
export interface VerifyProjectionsOptions extends Omit<StateDbOptions, "onProgress"> {
  /** Only this thread. Default: all, and what belongs to none. */
  readonly threadId?: string;
  /** Brings the rows up to the files first, filling them where that is due. Default true; false opens nothing for writing. */
  readonly sweeps?: boolean;
  /** Called before the first thread and after each. */
  readonly onProgress?: (progress: VerifyProjectionsProgress) => void;
}

/** How far a file's time of change may be behind the clock that the rows' last look was timed by. */
const TIMES_APART_MS = 1_000;

/** Verifies, and gives a verdict for each thread and for whatever else is not as it should be. As openStateDb. */
export async function* verifyProjectionsWith(
  options: VerifyProjectionsOptions,
  pool: FoldPool,
): AsyncGenerator<ProjectionVerdict, void, undefined> {
  const { onProgress: _told, threadId, sweeps = true, ...own } = options;
  checkStateDbOptions(own);
  const only = threadId === undefined ? undefined : canonicalThreadId(threadId);
  if (threadId !== undefined && only === undefined) {
    throw rejection("invalid_thread_id", `"${threadId}" is no thread id`, { id: threadId });
  }
  const stateDb = sweeps ? await openStateDbWith(own, pool) : null;
  try {
    await stateDb?.sweep();
    yield* verifyRows({ ...options, ...(only === undefined ? {} : { threadId: only }) });
  } catch (error) {
    const path = `${resolve(options.home)}/${STATE_DB_FILE_NAME}`;
    throw sqliteFault(error, { attempted: "read the state DB's rows", path });
  } finally {
    await stateDb?.close();
  }
}

async function* verifyRows(options: VerifyProjectionsOptions): AsyncGenerator<ProjectionVerdict, void, undefined> {
  const { clock = systemClock, logger = silentLogger } = options;
  const paths = homePaths(resolve(options.home));
  const path = `${paths.home}/${STATE_DB_FILE_NAME}`;
  const file = await openStateDbFile({ path, mode: "read-only", migrations: MIGRATIONS, clock, logger });
  const scratch = new ScratchTables(nodeFileSystem, paths);
  try {
    const current = new CurrentTables(file.db, paths);
    const read = <Value>(work: (tables: Tables) => Value): Value => file.db.transaction(() => work(current.get()))();
    const index = createSessionIndex({ files: nodeFileSystem, paths, clock, logger });
    const names: ThreadVerificationContext["names"] = async () => {
      const known = await index.names();
      return { names: known, isSeen: (await indexMark(paths)) === read(marks).namesFile };
    };
    const home = await lookAtHome({ paths, logger, read, threadId: options.threadId });
    yield* verifyThreads(options, { home, context: { paths, scratch, read, names } });
    yield* verifyRest(options, { home, context: { paths, scratch, read, names } });
  } finally {
    scratch.close();
    file.close();
  }
}

interface Verification {
  readonly home: VerifiedHome;
  readonly context: ThreadVerificationContext;
}

async function* verifyThreads(
  { onProgress, signal }: VerifyProjectionsOptions,
  { home, context }: Verification,
): AsyncGenerator<ProjectionVerdict, void, undefined> {
  const { generation, version } = context.read(marks);
  const { filesTotal, bytesTotal } = home;
  const done = { filesDone: 0, bytesDone: 0, threadsDone: 0, recordsDone: 0 };
  const tell = (): void => onProgress?.({ ...done, filesTotal, bytesTotal, generation, version });
  tell();
  for (const thread of home.threads) {
    signal?.throwIfAborted();
    const { verdicts, records, bytes } = await verifyThread(context, thread);
    yield* verdicts;
    done.filesDone += thread.entries.length;
    done.bytesDone += bytes;
    done.recordsDone += records;
    if (thread.threadId !== null) done.threadsDone += 1;
    tell();
  }
}

/** What belongs to no thread that has both files and rows. */
async function* verifyRest(
  { threadId: only }: VerifyProjectionsOptions,
  { home, context }: Verification,
): AsyncGenerator<ProjectionVerdict, void, undefined> {
  const { paths } = context;
  for (const { entry, threadId } of home.strays) {
    const isNew = await isNewerThanRows(context, entry.path);
    const message = isNew ? "a file that the rows have not seen yet" : "a file that should have rows has none";
    yield verdict(isNew ? "behind" : "missing", { threadId, path: pathInHome(paths, entry.path), message });
  }
  for (const { path, code, reason } of home.quarantined) {
    yield verdict("quarantined", { path, message: `it could not be folded: ${reason} [${code}]` });
  }
  for (const { path, threadId } of home.gone) {
    const isNew = await isNewerThanRows(context, `${paths.home}/${path}`);
    const message = isNew ? "its file went away after the rows last looked" : "rows of a file that is not there";
    yield verdict(isNew ? "behind" : "left_over", { threadId, path, message });
  }
  if (only !== undefined) return;
  const { names, isSeen } = await context.names();
  for (const { table, threadId, message } of context.read((tables) => findLeftOvers(tables, isSeen ? names : null))) {
    yield verdict("left_over", { threadId, tables: [table], message });
  }
}

interface RowMarks {
  readonly generation: number;
  readonly version: number;
  readonly sweptAtMs: number;
  readonly namesFile: string;
}

/** What the current set says of itself. */
function marks({ sql }: Tables): RowMarks {
  const found = sql.get<RowMarks>(
    `SELECT s.generation, s.version, i.swept_at_ms AS sweptAtMs, i.names_file AS namesFile
     FROM table_sets s, index_state_# i WHERE s.state = 'current'`,
  );
  return found ?? { generation: 0, version: 0, sweptAtMs: 0, namesFile: "" };
}

/** How name-sync.ts marks the name index as it is. */
async function indexMark(paths: HomePaths): Promise<string> {
  const stat = await nodeFileSystem.stat(paths.index);
  return stat === undefined ? "none" : `${stat.inode}:${stat.size}:${stat.modifiedNs}`;
}

/** Whether a file, or the folder it is or was in, changed after the rows last looked: then they can't know. */
async function isNewerThanRows({ read }: ThreadVerificationContext, path: string): Promise<boolean> {
  const sweptAtNs = BigInt(Math.floor(read(marks).sweptAtMs - TIMES_APART_MS)) * 1_000_000n;
  const [file, folder] = [await nodeFileSystem.stat(path), await nodeFileSystem.stat(dirname(path))];
  return folder === undefined || folder.modifiedNs >= sweptAtNs || (file !== undefined && file.modifiedNs >= sweptAtNs);
}
