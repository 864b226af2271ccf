/**
 * Rows that belong to nothing: turns and texts of rollouts that have no row, list rows whose rollout is gone,
 * names that the name index does not have. They do not show in a comparison thread by thread.
 */
import { textIdsOf } from "./rollout-store.ts";
import type { SqlValue } from "./set-statements.ts";
import type { Tables } from "./tables.ts";
import { strayTexts } from "./text-index-check.ts";

/** Rows of one table that belong to nothing. */
export interface LeftOver {
  readonly table: string;
  readonly threadId: string | null;
  readonly message: string;
}

/** All of them. `names` is what the name index says; null where that is not to be compared. Inside a transaction. */
export function findLeftOvers(tables: Tables, names: ReadonlyMap<string, string | null> | null): readonly LeftOver[] {
  const { sql } = tables;
  const found: LeftOver[] = [];
  const turns = countOf(
    tables,
    "SELECT count(*) AS rows FROM turns_# WHERE rollout_id NOT IN (SELECT id FROM rollouts_#)",
  );
  if (turns > 0) found.push({ table: "turns", threadId: null, message: `${turns} turns of no rollout` });
  const texts = countOf(
    tables,
    "SELECT count(*) AS rows FROM texts_# WHERE id / ? NOT IN (SELECT id FROM rollouts_#)",
    BigInt(textIdsOf(1).from),
  );
  if (texts > 0) found.push({ table: "texts", threadId: null, message: `${texts} texts of no rollout` });
  const stray = strayTexts(tables);
  if (stray > 0) {
    found.push({
      table: "texts_fts",
      threadId: null,
      message: `${stray} rows are in the texts or in their index alone`,
    });
  }
  const threads = sql.all<{ thread_id: string }>(
    "SELECT thread_id FROM threads_# t WHERE NOT EXISTS (SELECT 1 FROM rollouts_# r WHERE r.id = t.rollout_id AND r.thread_id = t.thread_id)",
  );
  for (const { thread_id: threadId } of threads) {
    found.push({ table: "threads", threadId, message: "a row in the list without a rollout of its thread" });
  }
  return names === null ? found : [...found, ...strayNames(tables, names)];
}

function countOf({ sql }: Tables, statement: string, ...values: readonly SqlValue[]): number {
  return sql.get<{ rows: number }>(statement, ...values)?.rows ?? 0;
}

function* strayNames({ sql }: Tables, names: ReadonlyMap<string, string | null>): Generator<LeftOver, void, undefined> {
  const known = new Map(
    sql
      .all<{ thread_id: string; name: string | null }>("SELECT thread_id, name FROM names_#")
      .map((row) => [row.thread_id, row.name]),
  );
  for (const threadId of new Set([...known.keys(), ...names.keys()])) {
    // Of a thread that has rows, its digest has said so.
    const isListed = sql.get("SELECT 1 FROM threads_# WHERE thread_id = ?", threadId) !== undefined;
    if (isListed || (known.has(threadId) && known.get(threadId) === names.get(threadId))) continue;
    yield { table: "names", threadId, message: "its name is not what the name index says" };
  }
}
