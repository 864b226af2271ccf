/**
 * One connection to a SQLite file, set up the way Skein uses it: WAL, synchronous NORMAL (what is in here is
 * folded from the logs and can be folded again, so a power cut may cost the last transactions but not the
 * file), and a short busy timeout, because waiting here stops the whole event loop. Who may wait longer does
 * it outside, see busy-retry.ts. It knows nothing of schemas or of damage.
 */
import Database from "better-sqlite3";

import { assert, systemCode } from "../base/index.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

export type { SqliteDatabase } from "./sqlite-database.ts";

/** How a connection is opened. */
export interface ConnectionOptions {
  /** `read-only` creates nothing, and fails where there is no file. */
  readonly mode: "read-write" | "read-only";
  /** How long one call waits for another process's lock, milliseconds, with the event loop stopped. Default 5. */
  readonly busyTimeoutMs?: number;
  /** Looks at the file before anything is written to it, and throws to leave it as it is. */
  readonly admit?: (db: SqliteDatabase) => void;
}

/** Below it, a WAL that is reset while another process checkpoints can corrupt the file. */
const SQLITE_VERSION_MIN = "3.51.3";
const BUSY_TIMEOUT_MS = 5;
const CACHE_KIB = 8 * 1024;
/** A WAL that a long read made grow is cut back to this. */
const WAL_BYTES_KEPT = 64 * 1024 * 1024;

/** Opens a connection; the caller closes it. Throws the driver's errors as they are: see sqlite-fault.ts. */
export function openConnection(path: string, options: ConnectionOptions): SqliteDatabase {
  const { mode, busyTimeoutMs = BUSY_TIMEOUT_MS } = options;
  const readonly = mode === "read-only";
  const db = openDriver(path, { readonly, fileMustExist: readonly, timeout: busyTimeoutMs });
  try {
    assertVersion(db);
    db.pragma("trusted_schema = off");
    db.pragma("foreign_keys = off");
    db.pragma(`cache_size = -${CACHE_KIB}`);
    // Else each statement that may be undone makes a file for that: 0.4 ms an upsert.
    db.pragma("temp_store = memory");
    options.admit?.(db);
    if (!readonly) {
      db.pragma("journal_mode = wal");
      db.pragma("synchronous = normal");
      db.pragma(`journal_size_limit = ${WAL_BYTES_KEPT}`);
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** The driver's own connection, by the part of it that is used here. */
export function openDriver(
  path: string,
  options: { readonly readonly?: boolean; readonly fileMustExist?: boolean; readonly timeout?: number } = {},
): SqliteDatabase {
  // The same methods; the driver's generics say less of what a statement is bound to than ours.
  return new Database(path, options) as unknown as SqliteDatabase;
}

/** Whether an error says that another connection has the lock: the same call may work in a moment. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(systemCode(error) ?? "");
}

function assertVersion(db: SqliteDatabase): void {
  const version = String(db.prepare("SELECT sqlite_version()").pluck().get());
  assert(
    isAtLeast(version, SQLITE_VERSION_MIN),
    `SQLite is ${version}, and ${SQLITE_VERSION_MIN} is the oldest safe one`,
  );
}

/** Whether a dotted version is the wanted one or a later one. */
export function isAtLeast(version: string, wanted: string): boolean {
  const parts = version.split(".").map(Number);
  const least = wanted.split(".").map(Number);
  const differing = least.findIndex((part, index) => part !== (parts[index] ?? 0));
  return differing === -1 || (parts[differing] ?? 0) > (least[differing] ?? 0);
}
