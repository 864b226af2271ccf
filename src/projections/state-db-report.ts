/**
 * What a state DB's file says of itself, for `skein doctor`: versions, sets, leases, owners, how far the rows are
 * behind the files, what is in quarantine. It writes nothing, and where the file can't be read it says why
 * instead of failing.
 */
import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

import { isSkeinError, silentLogger, systemClock } from "../base/index.ts";
import { homePaths, nodeFileSystem } from "../store/local/index.ts";
import { surveyHome } from "./home-survey.ts";
import { listLeaseHolders } from "./lease-rows.ts";
import { MIGRATIONS } from "./schema.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import { openStateDbFile, STATE_DB_FILE_NAME } from "./state-db-file.ts";
import { listTableSets, PROJECTION_VERSION, type TableSet } from "./table-set.ts";
import { tablesOf } from "./tables.ts";
import { listThreadOwners } from "./thread-owner-rows.ts";

/** A process that has something. */
export interface ReportedOwner {
  /** A lease's name, or a thread's id. */
  readonly holds: string;
  readonly ownerId: string;
  readonly host: string | null;
  readonly pid: number | null;
  /** Since when, milliseconds since the epoch. */
  readonly sinceMs: number;
  /** What the holder says of its work; null where it says nothing. */
  readonly progress: string | null;
}

/** How far the rows are behind the files. */
export interface ReportedLag {
  readonly files: number;
  readonly changed: number;
  readonly changedBytes: number;
  readonly moved: number;
  readonly gone: number;
  /** When all files were last looked at, milliseconds since the epoch; 0 for never. */
  readonly sweptAtMs: number;
}

/** What there is of a home's state DB. */
export interface StateDbReport {
  readonly path: string;
  /** `ready`: its rows can be read. `missing`, `unfilled`: the next opening makes them. `unusable`: see `problem`. */
  readonly status: "ready" | "missing" | "unfilled" | "unusable";
  readonly problem: { readonly code: string; readonly message: string } | null;
  /** Bytes of the file and of what SQLite keeps beside it. */
  readonly bytes: { readonly file: number; readonly wal: number };
  readonly projectionVersion: number;
  readonly sets: readonly TableSet[];
  readonly counts: {
    readonly rollouts: number;
    readonly threads: number;
    readonly turns: number;
    readonly texts: number;
  };
  readonly leases: readonly ReportedOwner[];
  readonly owners: readonly ReportedOwner[];
  readonly lag: ReportedLag | null;
  readonly quarantined: readonly { readonly path: string; readonly code: string; readonly reason: string }[];
  /** Files that could not be used and were set aside. */
  readonly setAside: readonly string[];
  readonly integrity: "not checked" | "ok" | "damaged";
}

const OWNERS_MAX = 1_000;

/** Reads the report. `checksIntegrity` looks through the whole file, which takes its time. Never rejects for the file's sake. */
export async function readStateDbReport(
  home: string,
  options: { readonly checksIntegrity?: boolean } = {},
): Promise<StateDbReport> {
  const paths = homePaths(resolve(home));
  const path = join(paths.home, STATE_DB_FILE_NAME);
  const empty = emptyReport(paths.home, path);
  if (sizeOf(path) === null) return empty;
  try {
    const file = await openStateDbFile({
      path,
      mode: "read-only",
      migrations: MIGRATIONS,
      clock: systemClock,
      logger: silentLogger,
    });
    try {
      return await readOpen(file.db, { empty, home: paths.home, checks: options.checksIntegrity ?? false });
    } finally {
      file.close();
    }
  } catch (error) {
    const { code, message } = isSkeinError(error) ? error : { code: "state_db_unusable", message: String(error) };
    return { ...empty, status: "unusable", problem: { code, message } };
  }
}

interface OpenReport {
  readonly empty: StateDbReport;
  readonly home: string;
  readonly checks: boolean;
}

async function readOpen(db: SqliteDatabase, { empty, home, checks }: OpenReport): Promise<StateDbReport> {
  const sets = listTableSets(db);
  const leases = listLeaseHolders(db).map(({ name, ownerId, host, pid, sinceMs, progress }) => ({
    holds: name,
    ownerId,
    host,
    pid,
    sinceMs,
    progress,
  }));
  const owners = listThreadOwners(db, OWNERS_MAX).map(({ threadId, ownerId, sinceMs, process }) => ({
    holds: threadId,
    ownerId,
    host: process?.host ?? null,
    pid: process?.pid ?? null,
    sinceMs,
    progress: null,
  }));
  const integrity = checks ? integrityOf(db) : "not checked";
  const known = { ...empty, sets, leases, owners, integrity };
  const current = sets.find((set) => set.state === "current");
  if (current === undefined) return { ...known, status: "unfilled" };
  return { ...known, ...(await readSet(db, home, current.generation)), status: "ready" };
}

async function readSet(
  db: SqliteDatabase,
  home: string,
  generation: number,
): Promise<Pick<StateDbReport, "counts" | "lag" | "quarantined">> {
  const paths = homePaths(home);
  const { sql, rollouts } = tablesOf(db, generation, paths);
  const count = (table: string): number => sql.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}_#`)?.n ?? 0;
  const quarantined = rollouts.quarantined();
  const survey = await surveyHome(nodeFileSystem, paths, { files: rollouts.files(), quarantined });
  const sweptAtMs = sql.get<{ at: number }>("SELECT swept_at_ms AS at FROM index_state_#")?.at ?? 0;
  return {
    counts: {
      rollouts: count("rollouts"),
      threads: count("threads"),
      turns: count("turns"),
      texts: count("texts"),
    },
    lag: {
      files: survey.filesTotal,
      changed: survey.changed.length,
      changedBytes: survey.changed.reduce((sum, { size }) => sum + size, 0),
      moved: survey.moved.length,
      gone: survey.gone.length,
      sweptAtMs,
    },
    quarantined: quarantined.map(({ path, code, reason }) => ({ path, code, reason })),
  };
}

function integrityOf(db: SqliteDatabase): StateDbReport["integrity"] {
  return db.prepare("PRAGMA quick_check(1)").pluck().get() === "ok" ? "ok" : "damaged";
}

function emptyReport(home: string, path: string): StateDbReport {
  return {
    path,
    status: "missing",
    problem: null,
    bytes: { file: sizeOf(path) ?? 0, wal: sizeOf(`${path}-wal`) ?? 0 },
    projectionVersion: PROJECTION_VERSION,
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

function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}

function setAsideIn(home: string): readonly string[] {
  if (sizeOf(home) === null) return [];
  const isAside = /^skein\.sqlite\.(damaged|foreign)-/;
  return readdirSync(home)
    .filter((name) => isAside.test(name) && !/-(wal|shm)$/.test(name))
    .map((name) => join(home, name));
}
