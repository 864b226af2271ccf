/**
 * What a state DB's file says of itself, for `skein doctor`: versions, sets, leases, owners, how far the rows are
 * behind the files, what is in quarantine. It writes nothing into the home, and where the file can't be read it
 * says why instead of failing.
 */
import { readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { createIdSource, faultFromSystem, isSkeinError, silentLogger, systemClock } from "../base/index.ts";
import { type HomePaths, homePaths, nodeFileSystem } from "../store/local/index.ts";
import { pathInHome } from "./file-fold.ts";
import { surveyHome } from "./home-survey.ts";
import { listLeaseHolders } from "./lease-rows.ts";
import { latestVersion, versionOf } from "./migrations.ts";
import { networkMountOf } from "./network-mount.ts";
import { createProcessIdentity, isProvenDead, type OwnerProcess, type ProcessIdentity } from "./process-identity.ts";
import { MIGRATIONS } from "./schema.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import { openDriver } from "./sqlite-connection.ts";
import { isDamage, sqliteFault } from "./sqlite-fault.ts";
import { openStateDbFile, STATE_DB_FILE_NAME } from "./state-db-file.ts";
import { listTableSets, PROJECTION_VERSION, type TableSet } from "./table-set.ts";
import { type Tables, tablesOf } from "./tables.ts";
import { listThreadOwners } from "./thread-owner-rows.ts";
import { takeUntouched } from "./untouched-file.ts";

/** A process that has something. */
export interface ReportedOwner {
  /** A lease's name, or a thread's id. */
  readonly holds: string;
  readonly ownerId: string;
  /** Null, as `pid`, when the owner has left no more than its id. */
  readonly host: string | null;
  readonly pid: number | null;
  /** Since when, milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Beats that it has made; one that stands still between two reports belongs to a process that does not run. */
  readonly heartbeat: number;
  /** What the holder says of its work; null where it says nothing. */
  readonly progress: string | null;
  /** It is certain that it will never write again: who wants what it holds gets it at once. */
  readonly isProvenDead: boolean;
}

/** How far the rows are behind the files. */
export interface ReportedLag {
  readonly files: number;
  readonly changed: number;
  /** Bytes of the changed files that the rows have not folded. */
  readonly changedBytes: number;
  readonly moved: number;
  readonly gone: number;
  /** When all files were last looked at, milliseconds since the epoch; 0 for never. */
  readonly sweptAtMs: number;
}

/** A set of tables, and how its filling went. */
export interface ReportedSet extends TableSet {
  /** Null where nothing was noted. */
  readonly backfill: {
    readonly status: string;
    readonly filesDone: number;
    readonly filesTotal: number;
    readonly bytesDone: number;
    readonly bytesTotal: number;
    readonly updatedAtMs: number;
    readonly completedAtMs: number | null;
  } | null;
}

/** What there is of a home's state DB. */
export interface StateDbReport {
  readonly path: string;
  /** `ready`: its rows can be read. `missing`, `unfilled`: the next opening makes them. `unusable`: see `problem`. */
  readonly status: "ready" | "missing" | "unfilled" | "unusable";
  readonly problem: { readonly code: string; readonly message: string } | null;
  /** Bytes of the file and of what SQLite keeps beside it. */
  readonly bytes: { readonly file: number; readonly wal: number; readonly shm: number };
  /** Of SQLite, and of what the file has (null where it could not be read) beside what this Skein knows. */
  readonly versions: {
    readonly sqlite: string;
    readonly schema: number | null;
    readonly schemaKnown: number;
    readonly projectionKnown: number;
  };
  /** The type of the network file system that the home lies on; null where that is none. */
  readonly network: string | null;
  readonly sets: readonly ReportedSet[];
  readonly counts: {
    readonly rollouts: number;
    readonly threads: number;
    readonly turns: number;
    readonly texts: number;
  };
  readonly leases: readonly ReportedOwner[];
  readonly owners: readonly ReportedOwner[];
  /** Null where the file or the home's folders could not be read. */
  readonly lag: ReportedLag | null;
  readonly quarantined: readonly {
    readonly path: string;
    readonly code: string;
    readonly reason: string;
    readonly sinceMs: number;
  }[];
  /** Files that could not be used and were set aside. */
  readonly setAside: readonly string[];
  readonly integrity: "not checked" | "ok" | "damaged";
}

const OWNERS_MAX = 1_000;
/** Who only looks has no time to wait for a lock. */
const WAIT_MAX_MS = 2_000;

/** Reads the report. `checksIntegrity` looks through the whole file, which takes its time. Never rejects for the file's sake. */
export async function readStateDbReport(
  home: string,
  options: { readonly checksIntegrity?: boolean } = {},
): Promise<StateDbReport> {
  const paths = homePaths(resolve(home));
  const path = join(paths.home, STATE_DB_FILE_NAME);
  const empty = emptyReport(paths.home, path);
  if (sizeOf(path) === null) return { ...empty, ...(await lookForLag(paths, null)) };
  let readPath = path;
  try {
    const taken = takeUntouched(path);
    readPath = taken.path;
    try {
      const checks = options.checksIntegrity ?? false;
      return await readFile({ readPath, empty, home: paths.home, checks });
    } finally {
      taken.release();
    }
  } catch (error) {
    const found = sqliteFault(error, { attempted: "read the state DB", path });
    const { code, message } = isSkeinError(found) ? found : { code: "state_db_unusable", message: String(error) };
    const problem = { code, message: message.replaceAll(readPath, path) };
    return { ...empty, status: "unusable", problem, integrity: isDamage(error) ? "damaged" : "not checked" };
  }
}

interface Reading {
  readonly readPath: string;
  readonly empty: StateDbReport;
  readonly home: string;
  readonly checks: boolean;
}

async function readFile(reading: Reading): Promise<StateDbReport> {
  const { readPath: path } = reading;
  const at = { clock: systemClock, logger: silentLogger, waitMaxMs: WAIT_MAX_MS };
  const file = await openStateDbFile({ path, mode: "read-only", migrations: MIGRATIONS, ...at });
  try {
    return await readOpen(file.db, reading);
  } finally {
    file.close();
  }
}

async function readOpen(db: SqliteDatabase, { empty, home, checks }: Reading): Promise<StateDbReport> {
  const me = createProcessIdentity({ ids: createIdSource(systemClock), clock: systemClock });
  const integrity = checks ? integrityOf(db) : "not checked";
  const read = db.transaction(() => {
    const sets = setsOf(db);
    const versions = { ...empty.versions, schema: versionOf(db) };
    const known = { ...empty, versions, sets, ...holdersOf(db, me), integrity };
    const current = sets.find((set) => set.state === "current");
    return { known, rows: current === undefined ? null : readRows(db, home, current.generation) };
  });
  const { known, rows } = read();
  const lag = await lookForLag(homePaths(home), rows);
  if (rows === null) return { ...known, status: "unfilled", ...lag };
  const quarantined = rows.quarantined.map(({ path, code, reason, sinceMs }) => ({ path, code, reason, sinceMs }));
  return { ...known, status: "ready", counts: rows.counts, quarantined, ...lag };
}

function setsOf(db: SqliteDatabase): readonly ReportedSet[] {
  const backfills = db
    .prepare<[], NonNullable<ReportedSet["backfill"]> & { generation: number }>(
      `SELECT generation, status, files_done AS filesDone, files_total AS filesTotal, bytes_done AS bytesDone,
         bytes_total AS bytesTotal, updated_at_ms AS updatedAtMs, completed_at_ms AS completedAtMs FROM backfill_state`,
    )
    .all();
  return listTableSets(db).map((set) => {
    const found = backfills.find(({ generation }) => generation === set.generation);
    if (found === undefined) return { ...set, backfill: null };
    const { generation: _same, ...backfill } = found;
    return { ...set, backfill };
  });
}

function holdersOf(db: SqliteDatabase, me: ProcessIdentity): Pick<StateDbReport, "leases" | "owners"> {
  const isDead = (process: OwnerProcess | undefined): boolean => process === undefined || isProvenDead(process, me);
  return {
    leases: listLeaseHolders(db).map((holder) => {
      const { name: holds, ownerId, host, pid, sinceMs, heartbeat, progress } = holder;
      return { holds, ownerId, host, pid, sinceMs, heartbeat, progress, isProvenDead: isDead(holder) };
    }),
    owners: listThreadOwners(db, OWNERS_MAX).map(({ threadId: holds, ownerId, sinceMs, process, heartbeat }) => {
      const { host = null, pid = null } = process ?? {};
      return { holds, ownerId, host, pid, sinceMs, heartbeat, progress: null, isProvenDead: isDead(process) };
    }),
  };
}

interface ReportedRows extends Pick<StateDbReport, "counts"> {
  readonly files: ReturnType<Tables["rollouts"]["files"]>;
  readonly quarantined: ReturnType<Tables["rollouts"]["quarantined"]>;
  readonly sweptAtMs: number;
  readonly tables: Tables;
}

function readRows(db: SqliteDatabase, home: string, generation: number): ReportedRows {
  const tables = tablesOf(db, generation, homePaths(home));
  const { sql, rollouts } = tables;
  const count = (table: string): number => sql.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}_#`)?.n ?? 0;
  return {
    counts: { rollouts: count("rollouts"), threads: count("threads"), turns: count("turns"), texts: count("texts") },
    files: rollouts.files(),
    quarantined: rollouts.quarantined(),
    sweptAtMs: sql.get<{ at: number }>("SELECT swept_at_ms AS at FROM index_state_#")?.at ?? 0,
    tables,
  };
}

/** Looks at every file of the home; a folder that can't be read is the problem then. */
async function lookForLag(
  paths: HomePaths,
  rows: ReportedRows | null,
): Promise<Pick<StateDbReport, "lag"> & Partial<Pick<StateDbReport, "problem">>> {
  try {
    const survey = await surveyHome(nodeFileSystem, paths, rows ?? { files: [], quarantined: [] });
    const { filesTotal: files, moved, gone } = survey;
    // What is in quarantine as it is stands among the quarantined.
    const changed = survey.changed.filter(({ isRetry }) => !isRetry);
    let changedBytes = 0;
    for (const { path, size } of changed) {
      const row = rows?.tables.rollouts.peek(pathInHome(paths, path));
      // As far as the rows are, they need not be folded again: if it is the same file, and has only grown.
      const hasGrown = row !== undefined && row.endOffset <= size && row.inode === (await inodeOf(path));
      changedBytes += size - (hasGrown ? row.endOffset : 0);
    }
    const sweptAtMs = rows?.sweptAtMs ?? 0;
    const counts = { files, changed: changed.length, changedBytes, moved: moved.length, gone: gone.length };
    return { lag: { ...counts, sweptAtMs } };
  } catch (error) {
    const { code, message } = faultFromSystem(error, "look at the home's files");
    return { lag: null, problem: { code, message } };
  }
}

async function inodeOf(path: string): Promise<string | undefined> {
  return (await nodeFileSystem.stat(path))?.inode;
}

function integrityOf(db: SqliteDatabase): StateDbReport["integrity"] {
  return db.prepare("PRAGMA quick_check(1)").pluck().get() === "ok" ? "ok" : "damaged";
}

function emptyReport(home: string, path: string): StateDbReport {
  const size = (end: string): number => sizeOf(path + end) ?? 0;
  return {
    path,
    status: "missing",
    problem: null,
    bytes: { file: size(""), wal: size("-wal"), shm: size("-shm") },
    versions: {
      sqlite: sqliteVersion(),
      schema: null,
      schemaKnown: latestVersion(MIGRATIONS),
      projectionKnown: PROJECTION_VERSION,
    },
    network: networkMountOf(dirname(path))?.type ?? null,
    sets: [],
    counts: { rollouts: 0, threads: 0, turns: 0, texts: 0 },
    leases: [],
    owners: [],
    lag: null,
    quarantined: [],
    setAside: setAsideIn(home),
    integrity: "not checked",
  };
}

function sqliteVersion(): string {
  const db = openDriver(":memory:");
  try {
    return String(db.prepare("SELECT sqlite_version()").pluck().get());
  } finally {
    db.close();
  }
}

function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}

/** Files of a home that were set aside, as set-aside.ts names them. */
function setAsideIn(home: string): readonly string[] {
  if (sizeOf(home) === null) return [];
  const isAside = /^skein\.sqlite\.(damaged|foreign)-/;
  return readdirSync(home)
    .filter((name) => isAside.test(name) && !/-(wal|shm|journal)$/.test(name))
    .map((name) => join(home, name));
}
