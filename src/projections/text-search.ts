/**
 * Full text over names and the messages of standing turns, newest thread first. The index knows triples of
 * letters; what it finds is looked at again with the very rule that makes snippets, so it never finds too
 * much. Terms of one or two letters have no triple and are looked for in the texts themselves.
 *
 * A term that is rare is looked up at once and its threads are sorted; one that is common is looked for
 * thread after thread, in the order of the answer, until a page is full. Nothing is ranked.
 * (search.finds, search.short, search.pages)
 */
import { createSnippetFinder, pageThreads, type SearchThreadsParams, type StoredThread } from "../store/index.ts";
import { type RolloutStore, textIdsOf } from "./rollout-store.ts";
import type { SetStatements } from "./set-statements.ts";
import { listCandidates } from "./thread-list-queries.ts";
import type { ThreadRows } from "./thread-rows.ts";

/** Texts that are looked at before a term counts as common. */
const RARE_TEXTS_MAX = 2_000;
/** Triples of a long term that are asked for: these few already leave next to nothing else. */
const TRIPLES_MAX = 24;
/** Threads that are looked through at a time. */
const THREADS_A_STEP = 64;

interface SearchTables {
  readonly sql: SetStatements;
  readonly rollouts: RolloutStore;
  readonly threads: ThreadRows;
}

interface FoundThread extends StoredThread {
  readonly snippet: string;
}

/** A page of what was found. `invalid_cursor`, `invalid_argument`. */
export function searchTexts(
  tables: SearchTables,
  params: SearchThreadsParams,
): {
  readonly data: readonly { readonly thread: StoredThread; readonly snippet: string }[];
  readonly nextCursor: string | null;
} {
  const search = new TextSearch(tables, params.query);
  const lists = params.archived === undefined ? [false, true] : [params.archived];
  const found = search.isRare() ? search.allThreads() : null;
  const rows = lists.flatMap((archived) => {
    const wanted = { ...pageOf(params), archived };
    return found === null
      ? search.threadsInOrder(tables, wanted)
      : found.filter((thread) => thread.archived === archived);
  });
  // Both lists are one here: which of them a thread is in was looked at above.
  const page = pageThreads(
    rows.map((row) => ({ ...row, archived: false, isArchived: row.archived })),
    pageOf(params),
    null,
  );
  const data = page.data.map(({ snippet, isArchived, ...thread }) => ({
    thread: { ...thread, archived: isArchived },
    snippet,
  }));
  return { data, nextCursor: page.nextCursor };
}

interface PageParams {
  readonly cursor?: string;
  readonly limit?: number;
  readonly sortKey: "updated_at";
}

function pageOf({ cursor, limit }: SearchThreadsParams): PageParams {
  return {
    sortKey: "updated_at",
    ...(cursor === undefined ? {} : { cursor }),
    ...(limit === undefined ? {} : { limit }),
  };
}

class TextSearch {
  readonly #tables: SearchTables;
  readonly #snippetOf: ReturnType<typeof createSnippetFinder>;
  readonly #match: string | null;
  readonly #nameKey: string;
  #matchingIds: readonly number[] | null = null;

  constructor(tables: SearchTables, query: string) {
    this.#tables = tables;
    this.#snippetOf = createSnippetFinder(query);
    this.#match = matchOf(query);
    this.#nameKey = query.toLowerCase();
  }

  /** Whether few enough texts hold the term to look at all of them. */
  isRare(): boolean {
    if (this.#match === null) return false;
    const rows = this.#tables.sql.all<{ rowid: number }>(
      "SELECT rowid FROM texts_fts_# WHERE texts_fts_# MATCH ? LIMIT ?",
      this.#match,
      RARE_TEXTS_MAX + 1,
    );
    if (rows.length > RARE_TEXTS_MAX) return false;
    this.#matchingIds = rows.map((row) => row.rowid);
    return true;
  }

  /** Every thread with the term, in no order. */
  allThreads(): readonly FoundThread[] {
    const { sql, rollouts, threads } = this.#tables;
    const textsPerRollout = textIdsOf(1).from;
    const ids = new Set((this.#matchingIds ?? []).map((id) => Math.floor(id / textsPerRollout)));
    const named = sql.all<{ rollout_id: number }>(
      "SELECT rollout_id FROM threads_# WHERE name_key IS NOT NULL AND instr(name_key, ?) > 0",
      this.#nameKey,
    );
    for (const { rollout_id: id } of named) ids.add(id);
    return [...ids].flatMap((id) => {
      const rollout = rollouts.byId(id);
      if (rollout?.threadId === null || rollout === undefined) return [];
      if (threads.rolloutOf(rollout.threadId)?.id !== id) return [];
      return this.#look(threads.storedOf(rollout), id);
    });
  }

  /** The threads with the term behind a cursor, newest first: one page of them and one more. */
  threadsInOrder(tables: SearchTables, params: PageParams & { readonly archived: boolean }): readonly FoundThread[] {
    const found: FoundThread[] = [];
    const wanted = (params.limit ?? 25) + 1;
    let { cursor } = params;
    for (;;) {
      const step = { ...params, limit: THREADS_A_STEP, ...(cursor === undefined ? {} : { cursor }) };
      const { rows } = listCandidates(tables, step, null);
      const page = pageThreads(rows, step, null);
      for (const thread of page.data) {
        const rollout = tables.threads.rolloutOf(thread.id.toLowerCase());
        if (rollout !== undefined) found.push(...this.#look(thread, rollout.id));
      }
      if (found.length >= wanted || page.nextCursor === null) return found;
      cursor = page.nextCursor;
    }
  }

  #look(thread: StoredThread, rolloutId: number): readonly FoundThread[] {
    const snippet = this.#snippetOf([thread.name]) ?? this.#snippetOf(this.#texts(rolloutId));
    return snippet === null ? [] : [{ ...thread, snippet }];
  }

  /** Texts of a rollout that may hold the term, oldest first. */
  *#texts(rolloutId: number): Generator<string, void, undefined> {
    const { sql } = this.#tables;
    const { from, to } = textIdsOf(rolloutId);
    const rows =
      this.#match === null
        ? sql.all<{ id: number }>("SELECT id FROM texts_# WHERE id >= ? AND id < ? ORDER BY id", from, to)
        : sql.all<{ id: number }>(
            "SELECT rowid AS id FROM texts_fts_# WHERE texts_fts_# MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid",
            this.#match,
            from,
            to,
          );
    for (const { id } of rows) {
      const text = sql.get<{ text: string }>("SELECT text FROM texts_# WHERE id = ?", id)?.text;
      if (text !== undefined) yield text;
    }
  }
}

/** The triples of a term, all of which a text with it has; null when it is too short for one. */
function matchOf(query: string): string | null {
  const letters = Array.from(query.replaceAll("\0", "\uFFFD"));
  if (letters.length < 3) return null;
  const triples = letters.slice(0, -2).map((_, at) => letters.slice(at, at + 3).join(""));
  const wanted = [...new Set(triples)].slice(0, TRIPLES_MAX);
  return wanted.map((triple) => `"${triple.replaceAll('"', '""')}"`).join(" AND ");
}
