/**
 * What an error of SQLite becomes: a fault that says what was tried, with one of Skein's codes. SQLite keeps
 * the system's own error number to itself, so where it only says that it can't open a file, the folder is
 * asked instead. Bugs and SkeinErrors pass as they are.
 */
import { accessSync, closeSync, constants, existsSync, openSync, statfsSync } from "node:fs";
import { dirname } from "node:path";

import {
  AssertionError,
  type ErrorData,
  fault,
  type FaultCode,
  faultFromSystem,
  isSkeinError,
  systemCode,
} from "../base/index.ts";
import { isBusy } from "./sqlite-connection.ts";

/** What was done, to which file. */
export interface SqliteAttempt {
  /** Ends the sentence "could not …". */
  readonly attempted: string;
  readonly path: string;
}

/** Whether an error says that the file is no sound SQLite database. */
export function isDamage(error: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB)/.test(systemCode(error) ?? "");
}

/** Whether an error came from SQLite. */
export function isSqliteError(error: unknown): boolean {
  return (systemCode(error) ?? "").startsWith("SQLITE_");
}

/**
 * What an error of a write speaks of. `values`: those that were written, whatever the state of the database.
 * `database`: it takes nothing. `unclear`: either, which only other writes can tell.
 */
export function refusalOf(error: unknown): "values" | "unclear" | "database" {
  const sqlite = systemCode(error) ?? "";
  // A trigger on these tables is another program's, and may refuse all rows.
  if (sqlite.startsWith("SQLITE_CONSTRAINT_TRIGGER")) return "unclear";
  if (/^SQLITE_(CONSTRAINT|TOOBIG|MISMATCH|RANGE)/.test(sqlite)) return "values";
  return /^SQLITE_(ERROR|NOMEM)/.test(sqlite) ? "unclear" : "database";
}

/** What to throw in place of `error`. */
export function sqliteFault(error: unknown, { attempted, path }: SqliteAttempt): unknown {
  if (isSkeinError(error) || error instanceof AssertionError) return error;
  const sqlite = systemCode(error);
  if (sqlite === undefined) return isFolderGone(error, path) ? folderGone(error, path, attempted) : error;
  if (!sqlite.startsWith("SQLITE_")) return faultFromSystem(error, attempted, { path });
  const reason = error instanceof Error ? error.message : String(error);
  const data: ErrorData = { path, sqlite };
  const toFault = (code: FaultCode, retryable: boolean): unknown =>
    fault(code, `could not ${attempted}: ${reason} (${sqlite})`, { retryable, data, cause: error });
  if (isBusy(error)) return toFault("state_db_busy", true);
  if (isDamage(error)) return toFault("state_db_unusable", false);
  if (sqlite === "SQLITE_FULL" || (sqlite.startsWith("SQLITE_IOERR") && isDiskFull(path)))
    return toFault("disk_full", true);
  if (/^SQLITE_(READONLY|PERM|AUTH)/.test(sqlite)) return toFault("permission_denied", false);
  if (sqlite.startsWith("SQLITE_CANTOPEN")) {
    const found = whyNotOpened(path);
    return found === undefined ? toFault("io_error", false) : faultFromSystem(found, attempted, { path, sqlite });
  }
  return toFault("io_error", false);
}

/** The driver looks for the folder itself, and says so in an error without a code. */
function isFolderGone(error: unknown, path: string): boolean {
  return error instanceof TypeError && !existsSync(dirname(path));
}

function folderGone(cause: unknown, path: string, attempted: string): unknown {
  const home = dirname(path);
  return fault("home_unusable", `could not ${attempted}: the folder ${home} is gone`, { data: { home, path }, cause });
}

/** Less room than the shared memory beside a WAL begins with. */
const ROOM_BYTES_MIN = 32 * 1024;

/** SQLite says that the disk is full where it writes, and that it failed where it makes its shared memory larger. */
function isDiskFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < ROOM_BYTES_MIN;
  } catch {
    // It can't be asked: then what SQLite said stands.
    return false;
  }
}

/** What a connection opens: the database, its WAL and shared memory, a journal, and the folder to sync it. */
const CONNECTION_FILES = 5;

/**
 * Shows a lack of descriptors: as many as a connection takes are there, as its own were given back when it failed. The
 * database itself is never opened here: closing it would drop every lock that a connection of this process has on it
 * (POSIX).
 */
function requireDescriptors(folder: string): void {
  const opened: number[] = [];
  try {
    while (opened.length < CONNECTION_FILES) opened.push(openSync(folder, "r"));
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/** The system's reason why a database can't be opened or made at a path, if it shows. */
function whyNotOpened(path: string): unknown {
  try {
    const folder = dirname(path);
    requireDescriptors(folder);
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    accessSync(path, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return systemCode(error) === "ENOENT" ? undefined : error;
  }
}
