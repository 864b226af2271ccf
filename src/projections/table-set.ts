/**
 * The tables that folds fill, as sets: every table's name carries the number of its set (`turns_3`), so
 * that a rebuild fills a new set beside the one that is read, and a swap is one row in `table_sets`.
 *
 * A set belongs to one version of the projection. Raising PROJECTION_VERSION makes every home's rows be
 * folded again, once, by the next process that opens its state DB.
 */
import type { SqliteDatabase } from "./sqlite-database.ts";

/** Raised when the same log gives other rows than before. */
export const PROJECTION_VERSION = 1;

/** `building`: nobody reads it yet. `current`: the one that is read. `old`: kept after a rebuild. */
export type TableSetState = "building" | "current" | "old";

/** One set of tables. */
export interface TableSet {
  readonly generation: number;
  readonly version: number;
  readonly state: TableSetState;
  readonly madeAtMs: number;
}

/** Tables that are not folded and belong to no set. */
export const TABLE_SETS_DDL = `
CREATE TABLE table_sets (
  generation INTEGER PRIMARY KEY,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  made_at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE backfill_state (
  generation INTEGER PRIMARY KEY,
  status TEXT NOT NULL,
  files_done INTEGER NOT NULL,
  files_total INTEGER NOT NULL,
  bytes_done INTEGER NOT NULL,
  bytes_total INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  completed_at_ms INTEGER
) STRICT;
`;

/** Rollouts, and the threads that lists show; n is the set's generation. */
function threadTables(n: number): string {
  return `
CREATE TABLE rollouts_${n} (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  path TEXT NOT NULL UNIQUE,
  archived INTEGER NOT NULL,
  inode TEXT NOT NULL,
  size INTEGER NOT NULL,
  modified_ns TEXT,
  thread_id TEXT,
  next_ordinal INTEGER NOT NULL,
  end_offset INTEGER NOT NULL,
  tail_check TEXT NOT NULL,
  mark TEXT NOT NULL,
  metadata TEXT NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  recency_at_ms INTEGER NOT NULL,
  usage TEXT NOT NULL,
  compaction TEXT
) STRICT;
CREATE INDEX rollouts_${n}_thread ON rollouts_${n} (thread_id);
CREATE TABLE threads_${n} (
  thread_id TEXT PRIMARY KEY,
  rollout_id INTEGER NOT NULL,
  archived INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  recency_at_ms INTEGER NOT NULL,
  cwd TEXT NOT NULL,
  model_provider TEXT NOT NULL,
  source TEXT NOT NULL,
  parent_thread_id TEXT,
  forked_from_id TEXT,
  is_review INTEGER NOT NULL,
  preview_key TEXT NOT NULL,
  name TEXT,
  name_key TEXT
) STRICT;
CREATE INDEX threads_${n}_created ON threads_${n} (archived, created_at_ms, thread_id);
CREATE INDEX threads_${n}_updated ON threads_${n} (archived, updated_at_ms, thread_id);
CREATE INDEX threads_${n}_recency ON threads_${n} (archived, recency_at_ms, thread_id);
CREATE INDEX threads_${n}_cwd ON threads_${n} (cwd, archived, updated_at_ms, thread_id);
CREATE INDEX threads_${n}_parent ON threads_${n} (parent_thread_id) WHERE parent_thread_id IS NOT NULL;
CREATE INDEX threads_${n}_forked ON threads_${n} (forked_from_id) WHERE forked_from_id IS NOT NULL;
`;
}

/** What is in a thread, the names, and what could not be folded. */
function contentTables(n: number): string {
  return `
CREATE TABLE names_${n} (
  thread_id TEXT PRIMARY KEY,
  name TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE turns_${n} (
  rollout_id INTEGER NOT NULL,
  start_ordinal INTEGER NOT NULL,
  end_ordinal INTEGER NOT NULL,
  start_offset INTEGER,
  end_offset INTEGER,
  id TEXT NOT NULL,
  status TEXT NOT NULL,
  error TEXT,
  started_at REAL,
  completed_at REAL,
  duration_ms REAL,
  first_item INTEGER NOT NULL,
  first_index INTEGER,
  item_count INTEGER NOT NULL,
  begun_at_ms INTEGER,
  dropped_by INTEGER,
  late TEXT,
  usage TEXT,
  PRIMARY KEY (rollout_id, start_ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX turns_${n}_id ON turns_${n} (rollout_id, id);
CREATE TABLE texts_${n} (
  id INTEGER PRIMARY KEY,
  turn_start INTEGER NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE texts_fts_${n} USING fts5 (
  text, content='', contentless_delete=1, detail=none, tokenize='trigram'
);
CREATE TABLE quarantine_${n} (
  path TEXT PRIMARY KEY,
  inode TEXT NOT NULL,
  size INTEGER NOT NULL,
  modified_ns TEXT NOT NULL,
  code TEXT NOT NULL,
  reason TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  since_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE index_state_${n} (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  names_file TEXT NOT NULL,
  swept_at_ms INTEGER NOT NULL
) STRICT;
INSERT INTO index_state_${n} VALUES (1, '', 0);
`;
}

const SET_TABLES = [
  "unindexed",
  "texts_fts",
  "texts",
  "turns",
  "threads",
  "rollouts",
  "names",
  "quarantine",
  "index_state",
] as const;

const FTS_HASH_BYTES = 16 * 1024 * 1024;

/** All sets, oldest first. */
export function listTableSets(db: SqliteDatabase): readonly TableSet[] {
  return db
    .prepare<[], TableSet>(
      "SELECT generation, version, state, made_at_ms AS madeAtMs FROM table_sets ORDER BY generation",
    )
    .all();
}

/** The set that is read, or undefined before the first one. */
export function currentTableSet(db: SqliteDatabase): TableSet | undefined {
  return listTableSets(db).find((set) => set.state === "current");
}

/** Makes the tables of a new set. Call it inside a transaction. */
export function createTableSet(
  db: SqliteDatabase,
  set: { readonly state: TableSetState; readonly madeAtMs: number },
): number {
  const { state, madeAtMs } = set;
  const newest = listTableSets(db).at(-1)?.generation ?? 0;
  const generation = newest + 1;
  db.exec(threadTables(generation) + contentTables(generation));
  // What a transaction adds is sorted in memory up to here: fewer, larger runs to merge.
  db.exec(`INSERT INTO texts_fts_${generation} (texts_fts_${generation}, rank) VALUES ('hashsize', ${FTS_HASH_BYTES})`);
  db.prepare("INSERT INTO table_sets VALUES (?, ?, ?, ?)").run(generation, PROJECTION_VERSION, state, madeAtMs);
  return generation;
}

/** Removes a set and its tables. Call it inside a transaction. */
export function dropTableSet(db: SqliteDatabase, generation: number): void {
  for (const table of SET_TABLES) db.exec(`DROP TABLE IF EXISTS ${table}_${generation}`);
  db.prepare("DELETE FROM backfill_state WHERE generation = ?").run(generation);
  db.prepare("DELETE FROM table_sets WHERE generation = ?").run(generation);
}

/** Makes a set the one that is read; the one before is `old` then. Call it inside a transaction. */
export function makeCurrent(db: SqliteDatabase, generation: number): void {
  db.prepare("UPDATE table_sets SET state = 'old' WHERE state = 'current'").run();
  db.prepare("UPDATE table_sets SET state = 'current' WHERE generation = ?").run(generation);
}
