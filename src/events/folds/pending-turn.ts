/**
 * The open turn inside the turns fold. Its items grow by appending and only the last one may change
 * (reasoning), so a step costs the same however long the turn is, and older states keep theirs.
 */
import { type AppendList, emptyList, listAppend, listFind, listOf, listValues, listWith } from "../append-list.ts";
import type { ThreadItem, Turn } from "../thread-view.ts";
import type { TurnStart } from "./turn-track.ts";

export interface PendingTurn extends Omit<Turn, "items" | "itemsView"> {
  readonly startOrdinal: number;
  /** All items but the last. */
  readonly settled: AppendList<ThreadItem>;
  readonly last: ThreadItem | null;
  /**
   * Ids that items brought with them. It only grows and is shared with older and newer states, so it
   * may hold more than this state has: not in it means not there.
   */
  readonly ownIds: Set<string>;
}

export interface SavedPending extends Omit<PendingTurn, "settled" | "last" | "ownIds"> {
  readonly items: readonly ThreadItem[];
}

/** A turn that begins. */
export function newPending(start: TurnStart): PendingTurn {
  return {
    id: start.id,
    status: start.isExplicit ? "inProgress" : "completed",
    error: null,
    startedAt: null,
    completedAt: null,
    durationMs: null,
    startOrdinal: start.startOrdinal,
    settled: emptyList(),
    last: null,
    ownIds: new Set(),
  };
}

/** The turn as it is shown now, all items in it. */
export function asTurn(pending: PendingTurn): Turn {
  const { id, status, error, startedAt, completedAt, durationMs } = pending;
  return {
    id,
    items: itemsOf(pending),
    itemsView: "full",
    status,
    error,
    startedAt,
    completedAt,
    durationMs,
  };
}

function itemsOf({ settled, last }: PendingTurn): ThreadItem[] {
  const items = listValues(settled);
  if (last !== null) items.push(last);
  return items;
}

/** The turn with one more item. */
export function appendItem(pending: PendingTurn, item: ThreadItem): PendingTurn {
  if (!isGeneratedId(item.id)) pending.ownIds.add(item.id);
  const settled = pending.last === null ? pending.settled : listAppend(pending.settled, pending.last);
  return { ...pending, settled, last: item };
}

/** The turn with the item that has this id replaced, or one more. */
export function upsertItem(pending: PendingTurn, item: ThreadItem): PendingTurn {
  if (!isGeneratedId(item.id) && !pending.ownIds.has(item.id)) return appendItem(pending, item);
  const index = listFind(pending.settled, (existing) => existing.id === item.id);
  if (index >= 0) return { ...pending, settled: listWith(pending.settled, index, item) };
  if (pending.last?.id === item.id) return { ...pending, last: item };
  return appendItem(pending, item);
}

/** Ids that could be ours by their look are always searched for. */
function isGeneratedId(id: string): boolean {
  return id.startsWith("item-");
}

/** The turn with a text added to its last item, or null when that is no reasoning. */
export function extendReasoning(pending: PendingTurn, text: string, part: "summary" | "content"): PendingTurn | null {
  const { last } = pending;
  if (last?.type !== "reasoning") return null;
  return { ...pending, last: { ...last, [part]: [...last[part], text] } };
}

/** Saves the open turn. */
export function savePending(pending: PendingTurn): SavedPending {
  const { settled: _, last: __, ownIds: ___, ...rest } = pending;
  return { ...rest, items: itemsOf(pending) };
}

/** Loads a saved open turn. */
export function loadPending(saved: SavedPending): PendingTurn {
  const { items, ...rest } = saved;
  const last = items.at(-1) ?? null;
  const ownIds = new Set(items.map((item) => item.id).filter((id) => !isGeneratedId(id)));
  return { ...rest, settled: listOf(items.slice(0, -1)), last, ownIds };
}
