/**
 * Lists from rows: one page costs a page, by keyset over an index. What the rows can't say is how a thread
 * that has changed since the walk began was sorted then; those are given apart (`newer`), for who can read
 * that from the log. Filters, order and cursors are list-page.ts's.
 */
import {
  type ListCandidates,
  type ListCut,
  listCutOf,
  type ListThreadsParams,
  type SortKey,
  type StoredThread,
} from "../store/index.ts";
import type { RolloutStore } from "./rollout-store.ts";
import type { SetStatements, SqlValue } from "./set-statements.ts";
import type { ThreadRows } from "./thread-rows.ts";

const KEY_COLUMNS: Readonly<Record<SortKey, string>> = {
  created_at: "created_at_ms",
  updated_at: "updated_at_ms",
  recency_at: "recency_at_ms",
};

/** Words of a filter that are bound one by one. */
const BOUND_WORDS_MAX = 64;

/** Finds the rows for one page. `invalid_cursor`, `invalid_argument`. */
export function listCandidates(
  tables: { readonly sql: SetStatements; readonly rollouts: RolloutStore; readonly threads: ThreadRows },
  params: ListThreadsParams,
  asOfMs: number | null,
): ListCandidates {
  const cut = listCutOf(params);
  const filter = filterOf(params);
  const column = KEY_COLUMNS[cut.sortKey];
  const { sql } = tables;
  const threadsOf = (found: readonly { readonly rollout_id: number }[]): readonly StoredThread[] =>
    found.flatMap(({ rollout_id: id }) => {
      const rollout = tables.rollouts.byId(id);
      return rollout === undefined ? [] : [tables.threads.storedOf(rollout)];
    });

  const within = pageCondition(cut, column, asOfMs);
  const order = cut.direction === "asc" ? "ASC" : "DESC";
  const rows = sql.all<{ rollout_id: number }>(
    `${filter.prefix} SELECT rollout_id FROM threads_# WHERE ${[...filter.conditions, ...within.conditions].join(" AND ")}
     ORDER BY ${column} ${order}, thread_id ${order} LIMIT ?`,
    ...filter.values,
    ...within.values,
    cut.limit + 1,
  );
  if (asOfMs === null) return { rows: threadsOf(rows), newer: [], newest: null };
  const newer = sql.all<{ rollout_id: number }>(
    `${filter.prefix} SELECT rollout_id FROM threads_# WHERE ${[...filter.conditions, `${column} > ?`].join(" AND ")}`,
    ...filter.values,
    asOfMs,
  );
  // Up to that moment: one written to since is sorted as it was then, and tells nothing of how new the others were.
  const newest = [0, 1].flatMap((archived) =>
    sql.all<{ rollout_id: number; key: number }>(
      `SELECT rollout_id, ${column} AS key FROM threads_# WHERE archived = ? AND ${column} <= ?
       ORDER BY ${column} DESC, thread_id DESC LIMIT 1`,
      archived,
      asOfMs,
    ),
  );
  const [first] = newest.toSorted((a, b) => b.key - a.key);
  return {
    rows: threadsOf(rows),
    newer: threadsOf(newer),
    newest: first === undefined ? null : (threadsOf([first])[0] ?? null),
  };
}

interface Conditions {
  readonly conditions: readonly string[];
  readonly values: readonly SqlValue[];
}

function pageCondition({ direction, behind }: ListCut, column: string, asOfMs: number | null): Conditions {
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  if (asOfMs !== null) {
    conditions.push(`${column} <= ?`);
    values.push(asOfMs);
  }
  if (behind !== null) {
    conditions.push(`(${column}, thread_id) ${direction === "asc" ? ">" : "<"} (?, ?)`);
    values.push(behind.keyMs, behind.id);
  }
  return { conditions, values };
}

function filterOf(params: ListThreadsParams): Conditions & { readonly prefix: string } {
  const conditions = ["archived = ?"];
  const values: SqlValue[] = [params.archived === true ? 1 : 0];
  const oneOf = (column: string, words: readonly string[] | undefined): void => {
    if (words === undefined) return;
    // A few are bound, which the planner knows how to use; more than that go in as one value.
    if (words.length <= BOUND_WORDS_MAX) {
      conditions.push(`${column} IN (${words.map(() => "?").join(", ")})`);
      values.push(...words);
      return;
    }
    conditions.push(`${column} IN (SELECT value FROM json_each(?))`);
    values.push(JSON.stringify(words));
  };
  oneOf("cwd", params.cwds);
  oneOf("model_provider", params.modelProviders);
  oneOf("source", params.sources);
  if (params.parentThreadId !== undefined) {
    conditions.push("parent_thread_id = ?");
    values.push(params.parentThreadId);
  }
  const term = params.searchTerm?.toLowerCase() ?? "";
  if (term !== "") {
    conditions.push("(instr(preview_key, ?) > 0 OR instr(name_key, ?) > 0)");
    values.push(term, term);
  }
  if (params.ancestorThreadId === undefined) return { prefix: "", conditions, values };
  // The ancestor itself is not below itself, whatever a file says; UNION ends circles.
  const ancestor = params.ancestorThreadId;
  const prefix = `WITH RECURSIVE below (id) AS (
      SELECT thread_id FROM threads_# WHERE parent_thread_id = ?
      UNION SELECT thread_id FROM threads_# JOIN below ON parent_thread_id = below.id)`;
  conditions.push("thread_id IN (SELECT id FROM below)", "thread_id <> ?");
  return { prefix, conditions, values: [ancestor, ...values, ancestor] };
}
