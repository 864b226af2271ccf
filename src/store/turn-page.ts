/**
 * Pages of turns and of items, cut from a thread's turns as the turn fold gives them (oldest first).
 *
 * A cursor names a turn, never an offset: it is the JSON text that Codex uses
 * (`{"turnId","includeAnchor"}`), with an `occurrence` where one id stands for several turns and an
 * `itemIndex` where it names an item. A turn that was rolled back is no anchor any more:
 * `invalid_cursor`. `nextCursor` goes on behind the page; `backwardsCursor` names the page's first
 * entry and includes it again, so that who goes back sees it as it is by then.
 * (turns.backwards, turns.rolled-back-cursor, rollback.cursors)
 */
import { rejection, type SkeinError } from "../base/index.ts";
import { applyItemsView, type ItemsView, type ThreadItem, type Turn } from "../events/index.ts";
import { directionOf } from "./list-page.ts";
import { invalidCursor, parseObject } from "./opaque-cursor.ts";
import { pageLimit } from "./page-limit.ts";
import type {
  ListItemsParams,
  ListItemsResult,
  ListTurnsParams,
  ListTurnsResult,
  SortDirection,
} from "./thread-store.ts";

/** What a cursor names. */
export interface TurnAnchor {
  readonly turnId: string;
  readonly includeAnchor: boolean;
  /** Which of the turns with this id, from 0. */
  readonly occurrence: number;
  readonly itemIndex: number | null;
}

interface Entry<Value> {
  readonly value: Value;
  readonly anchor: Omit<TurnAnchor, "includeAnchor">;
}

/** One page of turns. Default: newest first, summary view. */
export function pageTurns(turns: readonly Turn[], params: Omit<ListTurnsParams, "threadId"> = {}): ListTurnsResult {
  const view = itemsViewOf(params.itemsView);
  const page = cutPage(turnEntries(turns), {
    cursor: params.cursor,
    limit: pageLimit(params.limit),
    direction: directionOf(params.sortDirection, "desc"),
  });
  return { ...page, data: page.data.map((turn) => applyItemsView(turn, view)) };
}

/** One page of items, over all turns or of one. Default: oldest first. `turn_not_found`. */
export function pageItems(turns: readonly Turn[], params: Omit<ListItemsParams, "threadId"> = {}): ListItemsResult {
  const { turnId } = params;
  const all = turnEntries(turns);
  const wanted = turnId === undefined ? all : all.filter(({ value }) => value.id === turnId);
  if (turnId !== undefined && wanted.length === 0) {
    throw rejection("turn_not_found", `turn not found: ${turnId}`, { turnId });
  }
  return cutPage(wanted.flatMap(itemEntries), {
    cursor: params.cursor,
    limit: pageLimit(params.limit),
    direction: directionOf(params.sortDirection, "asc"),
  });
}

/** Checks a view given from outside. */
export function itemsViewOf(wished: unknown): ItemsView {
  if (wished === undefined) return "summary";
  if (wished === "notLoaded" || wished === "summary" || wished === "full") return wished;
  throw rejection("invalid_argument", "itemsView must be notLoaded, summary or full");
}

function turnEntries(turns: readonly Turn[]): readonly Entry<Turn>[] {
  const seen = new Map<string, number>();
  return turns.map((turn) => {
    const occurrence = seen.get(turn.id) ?? 0;
    seen.set(turn.id, occurrence + 1);
    return { value: turn, anchor: { turnId: turn.id, occurrence, itemIndex: null } };
  });
}

function itemEntries(turn: Entry<Turn>): readonly Entry<{ turnId: string; item: ThreadItem }>[] {
  return turn.value.items.map((item, itemIndex) => ({
    value: { turnId: turn.value.id, item },
    anchor: { ...turn.anchor, itemIndex },
  }));
}

interface Cut {
  readonly cursor: string | undefined;
  readonly limit: number;
  readonly direction: SortDirection;
}

function cutPage<Value>(
  oldestFirst: readonly Entry<Value>[],
  { cursor, limit, direction }: Cut,
): { data: readonly Value[]; nextCursor: string | null; backwardsCursor: string | null } {
  const entries = direction === "asc" ? oldestFirst : oldestFirst.toReversed();
  const begin = cursor === undefined ? 0 : beginBehind(entries, readAnchor(cursor), cursor);
  const page = entries.slice(begin, begin + limit);
  const first = page[0];
  const last = page.at(-1);
  const more = begin + page.length < entries.length;
  return {
    data: page.map((entry) => entry.value),
    nextCursor: more && last !== undefined ? writeAnchor({ ...last.anchor, includeAnchor: false }) : null,
    backwardsCursor: first === undefined ? null : writeAnchor({ ...first.anchor, includeAnchor: true }),
  };
}

function beginBehind<Value>(entries: readonly Entry<Value>[], anchor: TurnAnchor, cursor: string): number {
  const index = entries.findIndex(
    (entry) =>
      entry.anchor.turnId === anchor.turnId &&
      entry.anchor.occurrence === anchor.occurrence &&
      entry.anchor.itemIndex === anchor.itemIndex,
  );
  if (index < 0) throw anchorGone(cursor);
  return anchor.includeAnchor ? index : index + 1;
}

/** The rejection for a cursor whose turn was rolled back. */
export function anchorGone(cursor: string): SkeinError {
  return invalidCursor(cursor, "anchor turn is no longer present");
}

/** The cursor of an anchor. */
export function writeAnchor(anchor: TurnAnchor): string {
  const { turnId, includeAnchor, occurrence, itemIndex } = anchor;
  return JSON.stringify({
    turnId,
    includeAnchor,
    ...(occurrence === 0 ? {} : { occurrence }),
    ...(itemIndex === null ? {} : { itemIndex }),
  });
}

/** Reads a cursor. `invalid_cursor`. */
export function readAnchor(cursor: string): TurnAnchor {
  const { turnId, includeAnchor, occurrence = 0, itemIndex = null } = parseObject(cursor, cursor);
  if (typeof turnId !== "string" || typeof includeAnchor !== "boolean") throw invalidCursor(cursor);
  if (typeof occurrence !== "number") throw invalidCursor(cursor);
  if (itemIndex !== null && typeof itemIndex !== "number") throw invalidCursor(cursor);
  return { turnId, includeAnchor, occurrence, itemIndex };
}
