/**
 * The file of the state DB, from "whatever lies there" to an open connection with the schema of this Skein.
 * Everything in it can be folded again from the logs, so a file that can't be used costs time and never data:
 * it is set aside and made anew, and that is reported. It does not fold, and knows no projection.
 *
 * 1. A file that another living process uses is never set aside.
 * 2. Of many processes that open one damaged file, one sets it aside, and all go on with the same new one.
 * 3. A file of a later schema, or one that the disk or its permissions keep from us, stays as it is.
 * 4. Read-only makes, migrates, sets aside and locks nothing.
 */
import { realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { type Clock, fault, type Logger, systemCode } from "../base/index.ts";
import { BUSY_WAIT_MAX_MS, retryBusy } from "./busy-retry.ts";
import { latestVersion, migrate, type Migration, refuseNewer, versionOf, whyForeign } from "./migrations.ts";
import { networkMountOf } from "./network-mount.ts";
import { type AsideReason, setAsideFile } from "./set-aside.ts";
import { openConnection, type SqliteDatabase } from "./sqlite-connection.ts";
import { isDamage, sqliteFault } from "./sqlite-fault.ts";
import { StateDbGuard } from "./state-db-guard.ts";

/** The state DB's name, beside `sessions/` in the home. */
export const STATE_DB_FILE_NAME = "skein.sqlite";

/** How a state DB's file is opened. */
export interface StateDbFileOptions {
  readonly path: string;
  readonly mode: "read-write" | "read-only";
  readonly migrations: readonly Migration[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Looks through the whole file also when nothing speaks for damage. Default false. */
  readonly alwaysCheck?: boolean;
  /** Longest wait for processes that open or use the file, milliseconds. Default 30,000. */
  readonly waitMaxMs?: number;
  /** The file is this handle's alone as long as it is open: `state_db_busy` for everyone else. Default false. */
  readonly isForOne?: boolean;
}

/** A file that was moved out of the way. */
export interface SetAside {
  /** Where it lies now. */
  readonly path: string;
  readonly reason: AsideReason;
  readonly why: string;
}

/** An open state DB file. */
export interface StateDbFile {
  /** The file, links resolved. Further connections are opened to this path, and closed before this one. */
  readonly path: string;
  readonly db: SqliteDatabase;
  readonly setAside: SetAside | null;
  /** Whoever used it last did not come to close it. Always false when read-only. */
  readonly wasUnclean: boolean;
  /** The schema's version before it was opened; 0 for a new file. */
  readonly versionBefore: number;
  /** Closes the connection and lets go of the file. A second time does nothing. */
  close(): void;
}

type ResolvedOptions = StateDbFileOptions & { readonly waitMaxMs: number };

/** What one look at the file gave: a connection to it, or why there can't be one. */
type Look = Sound | Unusable;

interface Sound {
  readonly db: SqliteDatabase;
  readonly versionBefore: number;
}

interface Unusable {
  readonly reason: AsideReason;
  readonly why: string;
}

/** Rounds of looking, setting aside and looking again. Three are enough where nobody else is in the way. */
const ROUNDS_MAX = 10;

/** Opens the state DB's file. Its faults are `state_db_*`, and what the disk says. */
export async function openStateDbFile(options: StateDbFileOptions): Promise<StateDbFile> {
  try {
    const path = resolveLinks(options.path);
    const resolved = { waitMaxMs: BUSY_WAIT_MAX_MS, ...options, path };
    warnOfNetwork(resolved);
    return await (options.mode === "read-only" ? openForReading(resolved) : openForWriting(resolved));
  } catch (error) {
    throw sqliteFault(error, { attempted: "open the state DB", path: options.path });
  }
}

async function openForWriting(options: ResolvedOptions): Promise<StateDbFile> {
  const { path, clock, waitMaxMs, isForOne = false } = options;
  requireFolder(path);
  const guard = new StateDbGuard(options);
  let setAside: SetAside | null = null;
  try {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      await (isForOne ? guard.takeForOne() : guard.takeAsItComes());
      // Nobody is here, and yet there is a WAL: who wrote it did not come to close the file.
      const wasUnclean = guard.isAlone && (statOf(`${path}-wal`)?.size ?? 0) > 0;
      const look = await retryBusy(clock, () => lookAtFile(options, wasUnclean), { waitMaxMs });
      if ("why" in look) {
        // Another may be about to mend it, or has just done so: it is judged again once nobody else is here.
        if (guard.isAlone) setAside = setAsideAndReport(options, look);
        else await guard.takeAlone(look.why);
      } else if (isForOne || (await stays(guard, path, look.db))) {
        return toStateDbFile(path, look, { guard, setAside, wasUnclean });
      }
    }
    const message = `the state DB ${path} was replaced again and again while it was being opened; try again`;
    throw fault("state_db_busy", message, { retryable: true, data: { path } });
  } catch (error) {
    guard.close();
    throw error;
  }
}

/** Goes on to hold the guard shared; false, with the connection closed, when the file was taken away meanwhile. */
async function stays(guard: StateDbGuard, path: string, db: SqliteDatabase): Promise<boolean> {
  try {
    const inode = statOf(path)?.ino;
    // Between alone and shared there is a moment in which another can be alone.
    if (guard.isAlone) await guard.takeShared();
    if (inode !== undefined && inode === statOf(path)?.ino) return true;
    db.close();
    return false;
  } catch (error) {
    db.close();
    throw error;
  }
}

function toStateDbFile(
  path: string,
  { db, versionBefore }: Sound,
  held: { readonly guard: StateDbGuard; readonly setAside: SetAside | null; readonly wasUnclean: boolean },
): StateDbFile {
  const { guard, setAside, wasUnclean } = held;
  const close = (): void => {
    db.close();
    guard.close();
  };
  return { path, db, setAside, wasUnclean, versionBefore, close };
}

/** Opens the file and brings it to this schema, or says what is wrong with it. Faults and busy are thrown. */
function lookAtFile(options: ResolvedOptions, wasUnclean: boolean): Look {
  const { path, mode, migrations, alwaysCheck = false } = options;
  let foreign: string | undefined;
  const admit = (db: SqliteDatabase): void => {
    foreign = whyForeign(db);
    if (foreign === undefined) refuseNewer(db, migrations);
    else throw fault("state_db_unusable", foreign);
  };
  let db: SqliteDatabase | undefined;
  try {
    db = openConnection(path, { mode, admit });
    const found = wasUnclean || alwaysCheck ? quickCheck(db) : "ok";
    if (found !== "ok") {
      db.close();
      return { reason: "damaged", why: found };
    }
    const versionBefore = mode === "read-only" ? versionOf(db) : migrate(db, migrations);
    return { db, versionBefore };
  } catch (error) {
    db?.close();
    if (foreign !== undefined) return { reason: "foreign", why: foreign };
    if (isDamage(error)) return { reason: "damaged", why: (error as Error).message };
    throw error;
  }
}

/** "ok", or the first thing that is wrong. */
function quickCheck(db: SqliteDatabase): string {
  return String(db.prepare("PRAGMA quick_check(1)").pluck().get());
}

function setAsideAndReport(options: ResolvedOptions, { reason, why }: Unusable): SetAside {
  const { path, clock, logger } = options;
  const asidePath = setAsideFile(path, reason, clock.nowMs());
  const message = `the state DB could not be used and was set aside; a new one is folded from the logs`;
  logger.warn({ path, asidePath, reason, why }, message);
  return { path: asidePath, reason, why };
}

async function openForReading(options: ResolvedOptions): Promise<StateDbFile> {
  const { path, clock, migrations, waitMaxMs } = options;
  const data = { path };
  if (statOf(path) === undefined) {
    throw fault("state_db_required", `there is no state DB at ${path}: open it once for writing`, { data });
  }
  const look = await retryBusy(clock, () => lookAtFile(options, false), { waitMaxMs });
  if ("why" in look) {
    const message = `the state DB ${path} can't be used: ${look.why}; opened for writing, it is set aside and made anew`;
    throw fault("state_db_unusable", message, { data: { ...data, reason: look.reason, why: look.why } });
  }
  const { db, versionBefore } = look;
  const version = latestVersion(migrations);
  if (versionBefore === version) {
    return { path, db, setAside: null, wasUnclean: false, versionBefore, close: () => void db.close() };
  }
  db.close();
  const message = `the state DB ${path} has schema version ${versionBefore}, older than ${version}: open it once for writing`;
  throw fault("state_db_unusable", message, { data: { ...data, version: versionBefore, versionWanted: version } });
}

function warnOfNetwork({ path, logger }: ResolvedOptions): void {
  const mount = networkMountOf(dirname(path));
  if (mount === undefined) return;
  const message = "the state DB lies on a network file system: two machines that use it at once can damage it";
  logger.warn({ path, mountPoint: mount.mountPoint, fileSystem: mount.type }, message);
}

function requireFolder(path: string): void {
  const folder = dirname(path);
  if (statOf(folder)?.isDirectory() === true) return;
  throw fault("home_unusable", `there is no folder ${folder} for the state DB`, { data: { path } });
}

/** SQLite puts its WAL beside the file that a link leads to; the guard belongs there too. */
function resolveLinks(path: string): string {
  const folder = dirname(path);
  if (statOf(path) !== undefined) return realpathSync(path);
  return statOf(folder) === undefined ? path : join(realpathSync(folder), basename(path));
}

/** A file's state, undefined where there is none. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
