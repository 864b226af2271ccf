/**
 * Everything that can be asked of a store's threads, as plain values to compare: each thread read whole, its turns
 * and items in every view, direction and page size with every cursor followed, and every list in every order.
 * Two stores on one home must answer the same, whatever each reads them from. Not a test.
 */
import { isSkeinError } from "../../src/base/index.ts";
import type { ThreadItem } from "../../src/events/index.ts";
import {
  createSnippetFinder,
  type ListThreadsParams,
  type ListThreadsResult,
  type SortDirection,
  type SortKey,
  type StoredThread,
  type ThreadStore,
} from "../../src/store/index.ts";

export const SORT_KEYS: readonly SortKey[] = ["created_at", "updated_at", "recency_at"];
export const DIRECTIONS: readonly SortDirection[] = ["asc", "desc"];

/** Every order of both lists. */
const LIST_ORDERS = SORT_KEYS.flatMap((sortKey) =>
  DIRECTIONS.flatMap((sortDirection) => [false, true].map((archived) => ({ sortKey, sortDirection, archived }))),
);

const PAGES_MAX = 2_000;

interface Page {
  readonly data: readonly unknown[];
  readonly nextCursor: string | null;
  readonly backwardsCursor: string | null;
}

/** What a call answers, or the code it is refused with. */
export async function answerOf<Value>(call: () => Promise<Value>): Promise<Value | { readonly refused: string }> {
  try {
    return await call();
  } catch (error) {
    if (isSkeinError(error)) return { refused: error.code };
    throw error;
  }
}

/** All pages of something, each with its cursors and the page before it in the other direction. */
async function pagesOf(
  list: (cursor: string | undefined, isBackwards: boolean) => Promise<Page>,
): Promise<readonly unknown[]> {
  const pages: unknown[] = [];
  let cursor: string | undefined;
  for (let n = 0; n < PAGES_MAX; n += 1) {
    const page = await list(cursor, false);
    const { backwardsCursor } = page;
    const before = backwardsCursor === null ? null : await list(backwardsCursor, true);
    pages.push({ page, before });
    if (page.nextCursor === null) return pages;
    cursor = page.nextCursor;
  }
  throw new Error(`${PAGES_MAX} pages and no end`);
}

/** How much is asked about each thread. */
export interface ThreadQuestions {
  readonly sizes: readonly number[];
  /** Default true. */
  readonly withHistory?: boolean;
}

/** All that a store says of one thread. */
export async function threadAnswers(
  store: ThreadStore,
  threadId: string,
  { sizes, withHistory = true }: ThreadQuestions,
): Promise<Readonly<Record<string, unknown>>> {
  const answers: Record<string, unknown> = {
    thread: await answerOf(() => store.readThread({ threadId, includeHistory: withHistory })),
  };
  const all = await answerOf(() =>
    store.listTurns({ threadId, itemsView: "full", limit: 1_000, sortDirection: "asc" }),
  );
  answers["turns"] = all;
  if ("refused" in all) return answers;
  for (const limit of sizes) {
    for (const direction of DIRECTIONS) {
      for (const itemsView of ["notLoaded", "summary", "full"] as const) {
        answers[`turns ${itemsView} ${direction} ${limit}`] = await pagesOf((cursor, isBackwards) =>
          store.listTurns({ threadId, itemsView, limit, sortDirection: turned(direction, isBackwards), ...at(cursor) }),
        );
      }
      answers[`items ${direction} ${limit}`] = await pagesOf((cursor, isBackwards) =>
        store.listItems({ threadId, limit, sortDirection: turned(direction, isBackwards), ...at(cursor) }),
      );
    }
  }
  for (const turnId of new Set([...all.data.map(({ id }) => id), "nobody"])) {
    for (const direction of DIRECTIONS) {
      answers[`items of ${turnId} ${direction}`] = await answerOf(() =>
        pagesOf((cursor, isBackwards) =>
          store.listItems({ threadId, turnId, limit: 2, sortDirection: turned(direction, isBackwards), ...at(cursor) }),
        ),
      );
    }
  }
  return answers;
}

/** One list, page by page. */
export async function listPages(
  store: ThreadStore,
  params: ListThreadsParams,
): Promise<readonly { readonly data: readonly StoredThread[]; readonly backwardsCursor: string | null }[]> {
  const pages: ListThreadsResult[] = [];
  let cursor: string | undefined;
  for (let n = 0; n < PAGES_MAX; n += 1) {
    const page = await store.listThreads({ ...params, ...at(cursor) });
    pages.push(page);
    if (page.nextCursor === null) return pages.map(({ data, backwardsCursor }) => ({ data, backwardsCursor }));
    cursor = page.nextCursor;
  }
  throw new Error(`${PAGES_MAX} pages and no end`);
}

/** Filters that are tried beside none. */
function listFilters(threads: readonly StoredThread[]): readonly ListThreadsParams[] {
  const cwds = [...new Set(threads.map(({ cwd }) => cwd))];
  const parents = threads.flatMap(({ parentThreadId }) => (parentThreadId === null ? [] : [parentThreadId]));
  return [
    { cwds: cwds.slice(0, 1) },
    { cwds: [] },
    { modelProviders: ["unknown"] },
    { sources: ["cli", "subagent"] },
    { searchTerm: "ask" },
    { searchTerm: "HELLO" },
    ...parents.slice(0, 1).flatMap((id) => [{ parentThreadId: id }, { ancestorThreadId: id }]),
  ];
}

/** All lists of a home: each order and page size whole, each filter in one order. */
export async function listAnswers(
  store: ThreadStore,
  sizes: readonly number[],
): Promise<Readonly<Record<string, unknown>>> {
  const answers: Record<string, unknown> = {};
  const seen: StoredThread[] = [];
  for (const { sortKey, sortDirection, archived } of LIST_ORDERS) {
    for (const limit of sizes) {
      const pages = await listPages(store, { archived, sortKey, sortDirection, limit });
      answers[`${archived ? "archived " : ""}${sortKey} ${sortDirection} ${limit}`] = pages.map((page) => page.data);
      if (sortKey === "created_at") seen.push(...pages.flatMap((page) => page.data));
    }
  }
  for (const filter of listFilters(seen)) {
    for (const archived of [false, true]) {
      const pages = await listPages(store, { ...filter, archived, sortKey: "recency_at", limit: 2 });
      answers[`${archived ? "archived " : ""}${JSON.stringify(filter)}`] = pages.map((page) => page.data);
    }
  }
  return answers;
}

/** What a search over these threads finds, made from what is read of each: newest first, with its snippet. */
export async function foundByReading(
  store: ThreadStore,
  query: string,
): Promise<readonly { readonly id: string; readonly snippet: string }[]> {
  const snippetOf = createSnippetFinder(query);
  const lists = await Promise.all([false, true].map((archived) => listPages(store, { archived, limit: 1_000 })));
  const threads = lists.flat().flatMap((page) => page.data);
  const newestFirst = threads.toSorted((a, b) => b.updatedAtMs - a.updatedAtMs || (a.id < b.id ? 1 : -1));
  const found: { readonly id: string; readonly snippet: string }[] = [];
  for (const { id, name } of newestFirst) {
    const { data } = await store.listItems({ threadId: id, limit: 1_000 });
    const snippet = snippetOf([name, ...data.flatMap(({ item }) => textsOf(item))]);
    if (snippet !== null) found.push({ id, snippet });
  }
  return found;
}

function textsOf(item: ThreadItem): readonly string[] {
  if (item.type === "agentMessage") return [item.text];
  if (item.type !== "userMessage") return [];
  return item.content.flatMap((part) =>
    part.type === "text" && typeof part["text"] === "string" ? [part["text"]] : [],
  );
}

/** The same by the store's own search, page by page. */
export async function foundBySearch(
  store: ThreadStore,
  query: string,
): Promise<readonly { readonly id: string; readonly snippet: string }[]> {
  const found: { readonly id: string; readonly snippet: string }[] = [];
  let cursor: string | undefined;
  for (let n = 0; n < PAGES_MAX; n += 1) {
    const page = await store.searchThreads({ query, limit: 2, ...at(cursor) });
    found.push(...page.data.map(({ thread, snippet }) => ({ id: thread.id, snippet })));
    if (page.nextCursor === null) return found;
    cursor = page.nextCursor;
  }
  throw new Error(`${PAGES_MAX} pages and no end`);
}

/** Ids of one list from its first page to its last and back again; they must be the same ones. */
export async function thereAndBack(store: ThreadStore, params: ListThreadsParams): Promise<void> {
  const pages = await listPages(store, params);
  const there = pages.flatMap((page) => page.data.map(({ id }) => id));
  if (new Set(there).size !== there.length) throw new Error(`a thread is listed twice: ${there.join(", ")}`);
  const last = pages.at(-1)?.backwardsCursor;
  if (last === null || last === undefined) return;
  const sortDirection = turned(params.sortDirection ?? "desc", true);
  const back = await listPages(store, { ...params, sortDirection, cursor: last });
  const lastPage = pages.at(-1)?.data.map(({ id }) => id) ?? [];
  const before = there.slice(0, there.length - lastPage.length);
  const seen = back.flatMap((page) => page.data.map(({ id }) => id));
  if (seen.join() !== before.toReversed().join()) {
    throw new Error(`pages back give ${seen.join(", ")}, and pages there ${before.toReversed().join(", ")}`);
  }
}

function at(cursor: string | undefined): { readonly cursor?: string } {
  return cursor === undefined ? {} : { cursor };
}

function turned(direction: SortDirection, isBackwards: boolean): SortDirection {
  if (!isBackwards) return direction;
  return direction === "asc" ? "desc" : "asc";
}
