/**
 * One page of a thread list: filter, sort, cut. Every adapter gives its rows here, so that filters,
 * ties and cursors can't differ between them.
 *
 * Invariants
 *   L1  Order is total: (key in ms, id), both in the direction asked for.
 *       (list.complete)
 *   L2  A cursor is a position, exclusive: a page begins strictly behind it, so rows that come or go
 *       never make another row double or missing.
 *       (list.under-writes)
 *   L3  Sorted by updated_at or recency_at, a walk sees the keys as they were when it began (`asOfMs`, in the
 *       cursor from the second page on): a thread that is written to meanwhile keeps its place in this walk.
 *       (list.recency)
 *   L4  `backwardsCursor` starts a walk of its own the other way: what has come or changed since is in it.
 *       (list.backwards, list.walks-meet)
 */
import { rejection, toShownValue } from "../base/index.ts";
import type { SessionSource } from "../events/index.ts";
import { decodeCursor, encodeCursor, invalidCursor } from "./opaque-cursor.ts";
import { pageLimit } from "./page-limit.ts";
import type { ListThreadsParams, SortDirection, SortKey } from "./thread-store.ts";

/** What a list needs to know of a thread; StoredThread fits as it is. */
export interface ThreadRow {
  readonly id: string;
  readonly archived: boolean;
  readonly name: string | null;
  readonly preview: string;
  readonly cwd: string;
  readonly modelProvider: string;
  readonly source: SessionSource;
  readonly createdAtMs: number;
  /** In a walk that freezes time (see `listAsOfMs`): the newest record's time up to then, else `createdAtMs`. */
  readonly updatedAtMs: number;
  /** In such a walk: the newest time up to then that a turn was begun at, else `createdAtMs`. */
  readonly recencyAtMs: number;
  readonly parentThreadId: string | null;
}

/** A page of rows and where to go on. */
export interface ThreadPage<Row> {
  readonly data: readonly Row[];
  readonly nextCursor: string | null;
  readonly backwardsCursor: string | null;
}

interface ListPosition {
  readonly sortKey: SortKey;
  readonly keyMs: number;
  readonly id: string;
  readonly asOfMs: number | null;
}

/**
 * The moment as of which a list by updated_at or recency_at sees its keys: the one its walk began at, or
 * `freeze()` on a walk's first page; null for a list by created_at, whose keys don't change. Rows whose key
 * is newer are to be given with the time of their newest record up to that moment (by recency_at: the newest
 * that begins a turn); rows without such a record (threads begun later) with their creation's.
 */
export function listAsOfMs(params: ListThreadsParams, freeze: () => number): number | null {
  const sortKey = sortKeyOf(params);
  if (sortKey === "created_at") return null;
  const begun = params.cursor === undefined ? null : readPosition(params.cursor, sortKey).asOfMs;
  return begun ?? freeze();
}

/**
 * Filters, sorts and cuts one page of rows as of a moment. Rows may come in any order; of `ancestorThreadId` it
 * knows nothing, as that takes all rows to tell (see `descendantsOf`). `invalid_cursor`, `invalid_argument`.
 */
export function pageThreads<Row extends ThreadRow>(
  rows: Iterable<Row>,
  params: ListThreadsParams,
  asOfMs: number | null,
): ThreadPage<Row> {
  const limit = pageLimit(params.limit);
  const sortKey = sortKeyOf(params);
  const direction = directionOf(params.sortDirection, "desc");
  const position = params.cursor === undefined ? null : readPosition(params.cursor, sortKey);
  const order = rowOrder<Row>(sortKey, direction);

  let newestMs = Number.NEGATIVE_INFINITY;
  const behind: Row[] = [];
  for (const row of rows) {
    newestMs = Math.max(newestMs, keyOf(row, sortKey));
    if (!isListed(row, params)) continue;
    if (position !== null && !isBehind(row, position, direction)) continue;
    behind.push(row);
  }
  behind.sort(order);

  const data = behind.slice(0, limit);
  const first = data[0];
  const last = data.at(-1);
  if (first === undefined || last === undefined) {
    return { data, nextCursor: null, backwardsCursor: null };
  }
  // The walk goes on as of its newest row: what another process wrote behind that, unseen yet, is left out too.
  const heldMs = asOfMs === null ? null : Math.min(asOfMs, newestMs);
  const at = (row: Row, frozenMs: number | null): string =>
    writePosition({ sortKey, keyMs: keyOf(row, sortKey), id: row.id, asOfMs: frozenMs });
  return {
    data,
    nextCursor: behind.length > data.length ? at(last, position?.asOfMs ?? heldMs) : null,
    backwardsCursor: at(first, null),
  };
}

/** Whether the filters of `params` let a row through, all but `ancestorThreadId`. The search term looks at name and preview. */
export function isListed(row: ThreadRow, params: ListThreadsParams): boolean {
  if (row.archived !== (params.archived ?? false)) return false;
  if (params.modelProviders?.includes(row.modelProvider) === false) return false;
  if (params.cwds?.includes(row.cwd) === false) return false;
  if (params.sources?.includes(sourceWord(row.source)) === false) return false;
  if (params.parentThreadId !== undefined && params.parentThreadId !== row.parentThreadId) return false;
  const term = params.searchTerm?.toLowerCase() ?? "";
  if (term === "") return true;
  return row.preview.toLowerCase().includes(term) || (row.name?.toLowerCase().includes(term) ?? false);
}

/** The word that the `sources` filter knows a source by: the plain word, or the object's one member. */
export function sourceWord(source: SessionSource): string {
  if (typeof source === "string") return source;
  const [word] = Object.keys(source);
  return word ?? "unknown";
}

/** Checks a direction given from outside. */
export function directionOf(wished: unknown, otherwise: SortDirection): SortDirection {
  if (wished === undefined) return otherwise;
  if (wished === "asc" || wished === "desc") return wished;
  throw rejection("invalid_argument", "sortDirection must be asc or desc");
}

function sortKeyOf(params: ListThreadsParams): SortKey {
  const wished: unknown = params.sortKey === undefined ? "created_at" : params.sortKey;
  if (wished === "created_at" || wished === "updated_at" || wished === "recency_at") return wished;
  throw rejection("invalid_argument", "sortKey must be created_at, updated_at or recency_at");
}

function keyOf(row: ThreadRow, sortKey: SortKey): number {
  switch (sortKey) {
    case "created_at":
      return row.createdAtMs;
    case "updated_at":
      return row.updatedAtMs;
    case "recency_at":
      return row.recencyAtMs;
  }
}

function rowOrder<Row extends ThreadRow>(sortKey: SortKey, direction: SortDirection): (a: Row, b: Row) => number {
  const sign = direction === "asc" ? 1 : -1;
  return (a, b) => {
    const byKey = keyOf(a, sortKey) - keyOf(b, sortKey);
    if (byKey !== 0) return sign * byKey;
    if (a.id === b.id) return 0;
    return a.id < b.id ? -sign : sign;
  };
}

function isBehind(row: ThreadRow, position: ListPosition, direction: SortDirection): boolean {
  const byKey = keyOf(row, position.sortKey) - position.keyMs;
  if (byKey !== 0) return direction === "asc" ? byKey > 0 : byKey < 0;
  if (row.id === position.id) return false;
  return direction === "asc" ? row.id > position.id : row.id < position.id;
}

function writePosition(position: ListPosition): string {
  const { sortKey, keyMs, id, asOfMs } = position;
  return encodeCursor(asOfMs === null ? { k: sortKey, t: keyMs, id } : { k: sortKey, t: keyMs, id, a: asOfMs });
}

function readPosition(cursor: string, sortKey: SortKey): ListPosition {
  const { k, t, id, a } = decodeCursor(cursor);
  if (typeof t !== "number" || typeof id !== "string") throw invalidCursor(cursor);
  if (a !== undefined && typeof a !== "number") throw invalidCursor(cursor);
  if (k !== sortKey) throw invalidCursor(cursor, `it belongs to a list sorted by ${toShownValue(k)}`);
  return { sortKey, keyMs: t, id, asOfMs: a ?? null };
}

/** What a page is cut by, read from what was asked for: for adapters that can begin there instead of reading all rows. */
export interface ListCut {
  readonly sortKey: SortKey;
  readonly direction: SortDirection;
  readonly limit: number;
  /** The page begins strictly behind this; null at the beginning. */
  readonly behind: { readonly keyMs: number; readonly id: string } | null;
}

/** Reads it. `invalid_cursor`, `invalid_argument`. */
export function listCutOf(params: ListThreadsParams): ListCut {
  const sortKey = sortKeyOf(params);
  const direction = directionOf(params.sortDirection, "desc");
  const behind = params.cursor === undefined ? null : readPosition(params.cursor, sortKey);
  return { sortKey, direction, limit: pageLimit(params.limit), behind };
}
