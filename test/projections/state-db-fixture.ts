/**
 * What the tests of the state DB share: a folder of their own, a file with the system tables, and processes that
 * are told apart. Not a test.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { onTestFinished } from "vitest";

import { type Clock, createIdSource, type Logger, silentLogger } from "../../src/base/index.ts";
import { openStateDbFile, type StateDbFile, type StateDbFileOptions } from "../../src/projections/state-db-file.ts";
import { createProcessIdentity, type ProcessIdentity } from "../../src/projections/process-identity.ts";
import { openConnection, type SqliteDatabase } from "../../src/projections/sqlite-connection.ts";
import { SYSTEM_TABLES_SQL } from "../../src/projections/system-tables.ts";
import { createManualClock, type ManualClock } from "../../src/testing/index.ts";

export const SYSTEM_MIGRATIONS = [{ version: 1, up: SYSTEM_TABLES_SQL }];

/** A folder that is gone after the test. */
export function createFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "skein-state-db-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens a state DB with a clock that moves by itself where it waits, and closes it after the test. */
export async function openFile(path: string, options: Partial<StateDbFileOptions> = {}): Promise<StateDbFile> {
  const clock = createManualClock();
  const defaults = { path, mode: "read-write", migrations: SYSTEM_MIGRATIONS, clock, logger: silentLogger } as const;
  const opening = openStateDbFile({ ...defaults, ...options });
  const file = await runUntilSettled(opening, clock);
  onTestFinished(() => file.close());
  return file;
}

/** Moves a manual clock on until a promise has settled. */
export async function runUntilSettled<Result>(work: Promise<Result>, clock: ManualClock): Promise<Result> {
  let isSettled = false;
  const settled = (): void => {
    isSettled = true;
  };
  work.then(settled, settled);
  for (let turn = 0; turn < 10_000 && !isSettled; turn += 1) await clock.run(isSettled ? 0 : 10);
  return await work;
}

/** A plain connection to a file that has the system tables. */
export function connect(path: string): SqliteDatabase {
  const db = openConnection(path, { mode: "read-write", busyTimeoutMs: 0 });
  onTestFinished(() => void db.close());
  if (db.prepare("SELECT count(*) FROM sqlite_schema").pluck().get() === 0) db.exec(SYSTEM_TABLES_SQL);
  return db;
}

/** This process under a name of its own: nobody can prove it dead. */
export function createIdentity(clock: Clock = createManualClock()): ProcessIdentity {
  return createProcessIdentity({ ids: createIdSource(), clock });
}

/** A logger that keeps its warnings. */
export function createWarnings(): {
  readonly logger: Logger;
  readonly warnings: { fields: object; message: string }[];
} {
  const warnings: { fields: object; message: string }[] = [];
  const warn = (fields: object, message: string): void => void warnings.push({ fields, message });
  return { logger: { ...silentLogger, warn }, warnings };
}
