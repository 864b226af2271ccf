/**
 * The tables that say who may do what in a state DB, and a place for single values. Nothing in them is
 * folded from a log: a state DB that is made anew begins with them empty, and that is fine.
 *
 * Times (`_ms`) are wall time and only shown; whether a heartbeat stands still is judged by who waits.
 */

/** Who a row belongs to; the last three say how another process on the same machine can prove it gone. */
const PROCESS_COLUMNS = `
  owner_id TEXT NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  boot_id TEXT,
  pid_namespace TEXT,
  process_start TEXT`;

/** DDL of the system tables, a part of schema version 1. */
export const SYSTEM_TABLES_SQL: string = `
CREATE TABLE meta (
  key TEXT NOT NULL PRIMARY KEY,
  value
) WITHOUT ROWID;

CREATE TABLE leases (
  name TEXT NOT NULL PRIMARY KEY,
  token INTEGER NOT NULL,
  ${PROCESS_COLUMNS.trim()},
  started_at_ms INTEGER NOT NULL,
  heartbeat INTEGER NOT NULL,
  progress TEXT,
  released INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE process_owners (
  ${PROCESS_COLUMNS.trim()},
  started_at_ms INTEGER NOT NULL,
  heartbeat INTEGER NOT NULL,
  PRIMARY KEY (owner_id)
) WITHOUT ROWID;

CREATE TABLE thread_owners (
  thread_id TEXT NOT NULL PRIMARY KEY,
  owner_id TEXT NOT NULL,
  token INTEGER NOT NULL,
  since_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX thread_owners_by_owner ON thread_owners (owner_id);
`;
