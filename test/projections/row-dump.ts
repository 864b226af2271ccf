/**
 * All rows of a table set in a form that two sets can be compared by: rollouts by their paths instead of their
 * row ids, JSON as values. Places where folding goes on (marks) and what was seen of the file are hints, and
 * left out; of a turn that was rolled back only where it stood counts, nobody is shown the rest.
 */
import type { SqliteDatabase } from "../../src/projections/sqlite-connection.ts";
import { SetStatements } from "../../src/projections/set-statements.ts";
import { textIdsOf } from "../../src/projections/rollout-store.ts";

/** One row, by its columns. */
type Row = Readonly<Record<string, unknown>>;

export interface RowDump {
  readonly rollouts: readonly Row[];
  readonly turns: readonly Row[];
  readonly texts: readonly Row[];
  /** Texts that the full-text index has, and those that are noted for it, by the same places. */
  readonly found: readonly string[];
  readonly threads: readonly Row[];
  readonly names: readonly Row[];
  readonly quarantine: readonly Row[];
}

/** The rows of one generation, in an order that depends on nothing but what they say. */
export function dumpRows(db: SqliteDatabase, generation: number): RowDump {
  const sql = new SetStatements(db, generation);
  const rollouts = sql.all<Row>("SELECT * FROM rollouts_# ORDER BY path");
  const pathOf = new Map(rollouts.map((row) => [Number(row["id"]), String(row["path"])]));
  const textsPerRollout = textIdsOf(1).from;
  const placeOf = (textId: number): string =>
    `${pathOf.get(Math.floor(textId / textsPerRollout)) ?? "nowhere"} ${String(textId % textsPerRollout).padStart(9, "0")}`;
  return {
    rollouts: rollouts.map(rolloutView),
    turns: sql
      .all<Row>("SELECT * FROM turns_#")
      .map((row) => turnView(row, pathOf))
      .toSorted(byText),
    texts: sql
      .all<Row>("SELECT * FROM texts_#")
      .map(({ id, ...text }) => ({ place: placeOf(Number(id)), ...text }))
      .toSorted(byText),
    found: [...sql.all<{ rowid: number }>("SELECT rowid FROM texts_fts_#"), ...notedTexts(sql)]
      .map(({ rowid }) => placeOf(rowid))
      .toSorted(),
    threads: sql
      .all<Row>("SELECT * FROM threads_# ORDER BY thread_id")
      .map(({ rollout_id, ...thread }) => ({ ...thread, path: pathOf.get(Number(rollout_id)) })),
    names: sql.all<Row>("SELECT * FROM names_# ORDER BY thread_id"),
    quarantine: sql.all<Row>("SELECT path, code FROM quarantine_# ORDER BY path"),
  };
}

/** Texts whose place in the index is still to be made; a text that is there and noted too shows twice in a dump. */
function notedTexts(sql: SetStatements): readonly { readonly rowid: number }[] {
  const table = `unindexed_${sql.generation}`;
  if (sql.get("SELECT 1 FROM sqlite_schema WHERE name = ?", table) === undefined) return [];
  return sql.all("SELECT id AS rowid FROM unindexed_#");
}

/** The generation that is read. */
export function currentGeneration(db: SqliteDatabase): number {
  return Number(db.prepare("SELECT generation FROM table_sets WHERE state = 'current'").pluck().get());
}

function rolloutView(row: Row): Row {
  const { id: _id, mark: _mark, modified_ns: _modified, inode: _inode, size: _size, tail_check: _tail, ...rest } = row;
  // The times in the JSON may be those of its first writing: the columns beside it are the ones that count.
  const { updatedAtMs: _updated, recencyAtMs: _recency, ...metadata } = parsed(row["metadata"]) as Row;
  return { ...rest, metadata, usage: parsed(row["usage"]), compaction: parsed(row["compaction"]) };
}

function turnView({ rollout_id, ...turn }: Row, pathOf: ReadonlyMap<number, string>): Row {
  const { start_offset: _start, end_offset: _end, first_index: _index, ...rest } = turn;
  const path = pathOf.get(Number(rollout_id));
  if (turn["dropped_by"] === null) {
    return { path, ...rest, error: parsed(turn["error"]), late: parsed(turn["late"]), usage: parsed(turn["usage"]) };
  }
  const { start_ordinal, end_ordinal, id, dropped_by, first_item, begun_at_ms } = turn;
  return { path, start_ordinal, end_ordinal, id, dropped_by, first_item, begun_at_ms };
}

function parsed(json: unknown): unknown {
  return typeof json === "string" ? JSON.parse(json) : null;
}

function byText(a: Row, b: Row): number {
  const keyOf = ({ path, place, start_ordinal: start }: Row): string =>
    `${String(path ?? place)} ${String(Number(start ?? 0)).padStart(12, "0")}`;
  const [left, right] = [keyOf(a), keyOf(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
