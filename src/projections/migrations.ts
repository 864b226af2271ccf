/**
 * The schema's versions, and the marks by which a file is known: `application_id` says that it is Skein's,
 * `user_version` which schema it has. Each step leads from one version to the next, and 1 is the first. All
 * steps that a file lacks are done in one transaction, so it has one version or another and never half of
 * one, whoever else opens it at the same time.
 */
import { assert, fault } from "../base/index.ts";
import type { SqliteDatabase } from "./sqlite-connection.ts";

/** One step of the schema. */
export interface Migration {
  /** The version that the step leads to: 1, 2, 3 … without a gap. */
  readonly version: number;
  /** SQL, or work on the connection. It runs inside the transaction, and must not begin or end one. */
  readonly up: string | ((db: SqliteDatabase) => void);
}

/** "Skei" in ASCII. */
export const STATE_DB_APPLICATION_ID = 0x53_6b_65_69;

/** The version that a list of steps leads to. */
export function latestVersion(migrations: readonly Migration[]): number {
  migrations.forEach(({ version }, at) => assert(version === at + 1, `migration ${version} is number ${at + 1}`));
  return migrations.length;
}

/** The schema version that a file has; 0 where nothing of ours is in it yet. */
export function versionOf(db: SqliteDatabase): number {
  return Number(db.pragma("user_version", { simple: true }));
}

/** Does the steps that the file lacks; the version it had before. Throws the driver's errors, also when busy. */
export function migrate(db: SqliteDatabase, migrations: readonly Migration[]): number {
  const latest = latestVersion(migrations);
  if (versionOf(db) === latest) return latest;
  const work = (): number => {
    // Read again inside: another process may have been here since.
    const before = versionOf(db);
    refuseNewer(db, migrations);
    for (const { up } of migrations.slice(before)) {
      if (typeof up === "string") db.exec(up);
      else up(db);
    }
    db.pragma(`application_id = ${STATE_DB_APPLICATION_ID}`);
    db.pragma(`user_version = ${latest}`);
    return before;
  };
  return db.transaction(work).immediate();
}

/** Why a database is not one of Skein's; undefined for one that is, and for an empty one. */
export function whyForeign(db: SqliteDatabase): string | undefined {
  const applicationId = Number(db.pragma("application_id", { simple: true }));
  if (applicationId === STATE_DB_APPLICATION_ID) return undefined;
  const tableCount = Number(db.prepare("SELECT count(*) FROM sqlite_schema").pluck().get());
  if (tableCount === 0) return undefined;
  return `it is the database of another program, with ${tableCount} tables and indexes and application id ${applicationId}`;
}

/** `state_db_newer` for a file that a later Skein has migrated. */
export function refuseNewer(db: SqliteDatabase, migrations: readonly Migration[]): void {
  const version = versionOf(db);
  const versionMax = latestVersion(migrations);
  if (version <= versionMax) return;
  const message =
    `the state DB ${db.name} has schema version ${version}, and this Skein knows up to ${versionMax}: ` +
    "use the Skein that made it, or move the file away, and a new one is folded from the logs";
  throw fault("state_db_newer", message, { data: { path: db.name, version, versionMax } });
}
