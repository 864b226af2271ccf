/**
 * Pages of turns and items by the rows that are kept of a log: which turns a page holds and how they stand is in the
 * rows; what they hold is read from the log, their own records and nothing else.
 *
 * A turn is folded by itself with the turns fold, begun where it begins. What only the turns before it could
 * tell (whether an end that names another turn ends this one) is asked of the rows.
 */
import { rejection } from "../base/index.ts";
import {
  applyItemsView,
  emptyTurnsAt,
  type RolloutRecord,
  type ThreadItem,
  type Turn,
  turnEntriesOf,
  turnsFold,
  turnsStateAt,
  type TurnsState,
} from "../events/index.ts";
import { directionOf } from "./list-page.ts";
import { pageLimit } from "./page-limit.ts";
import type { IndexedTurn, IndexedTurns } from "./thread-index.ts";
import type { ListItemsParams, ListItemsResult, ListTurnsParams, ListTurnsResult } from "./thread-store.ts";
import { anchorGone, itemsViewOf, readAnchor, type TurnAnchor, writeAnchor } from "./turn-page.ts";

/** A log, and the rows of its turns. */
export interface IndexedLog {
  readonly turns: IndexedTurns;
  /** The records of [startOrdinal, endOrdinal), those that the turns fold needs at least. */
  readTurn(turn: IndexedTurn): Promise<readonly RolloutRecord[]>;
  /** A record behind a turn that changed its items. */
  readRecord(late: IndexedTurn["late"][number]): Promise<RolloutRecord>;
}

/** One page of turns. Default: newest first, summary view. */
export async function pageTurnsByRows(source: IndexedLog, params: ListTurnsParams): Promise<ListTurnsResult> {
  const { turns } = source;
  const view = itemsViewOf(params.itemsView);
  const limit = pageLimit(params.limit);
  const direction = directionOf(params.sortDirection, "desc");
  const anchor = params.cursor === undefined ? null : readAnchor(params.cursor);
  if (anchor !== null && anchor.itemIndex !== null) throw anchorGone(params.cursor ?? "");
  const behind = anchor === null ? null : anchoredTurn(turns, anchor, params.cursor ?? "").startOrdinal;
  const isInclusive = anchor?.includeAnchor ?? false;
  const found = turns.range({ direction, limit: limit + 1, behind, isInclusive });
  const page = found.slice(0, limit);
  const data: Turn[] = [];
  for (const turn of page) {
    const items = view === "notLoaded" ? [] : await readTurnItems(source, turn);
    data.push(applyItemsView({ ...shown(turn), items, itemsView: "full" }, view));
  }
  const [first, last] = [page[0], page.at(-1)];
  const at = (turn: IndexedTurn, includeAnchor: boolean): string =>
    writeAnchor({ ...anchorOf(turns, turn), itemIndex: null, includeAnchor });
  return {
    data,
    nextCursor: found.length > limit && last !== undefined ? at(last, false) : null,
    backwardsCursor: first === undefined ? null : at(first, true),
  };
}

interface PlacedItem {
  readonly turn: IndexedTurn;
  readonly itemIndex: number;
  readonly item: ThreadItem;
}

/** One page of items, over all turns or of one. Default: oldest first. `turn_not_found`. */
export async function pageItemsByRows(source: IndexedLog, params: ListItemsParams): Promise<ListItemsResult> {
  const { turns } = source;
  const limit = pageLimit(params.limit);
  const direction = directionOf(params.sortDirection, "asc");
  const { turnId, cursor } = params;
  if (turnId !== undefined && turns.named(turnId).length === 0) {
    throw rejection("turn_not_found", `turn not found: ${turnId}`, { turnId });
  }
  const anchor = cursor === undefined ? null : readAnchor(cursor);
  const begin = anchor === null ? null : anchoredTurn(turns, anchor, cursor ?? "");
  if (anchor !== null && begin !== null) checkItemAnchor({ anchor, begin, turnId, cursor: cursor ?? "" });
  const found: PlacedItem[] = [];
  for await (const turn of turnsFrom(turns, { direction, begin, turnId })) {
    const items = (await readTurnItems(source, turn)).map((item, itemIndex) => ({ turn, itemIndex, item }));
    const ordered = direction === "asc" ? items : items.toReversed();
    found.push(...(turn.startOrdinal === begin?.startOrdinal ? fromAnchor(ordered, anchor, cursor ?? "") : ordered));
    if (found.length > limit) break;
  }
  const page = found.slice(0, limit);
  const [first, last] = [page[0], page.at(-1)];
  const at = ({ turn, itemIndex }: PlacedItem, includeAnchor: boolean): string =>
    writeAnchor({ ...anchorOf(turns, turn), itemIndex, includeAnchor });
  return {
    data: page.map(({ turn, item }) => ({ turnId: turn.turn.id, item })),
    nextCursor: found.length > limit && last !== undefined ? at(last, false) : null,
    backwardsCursor: first === undefined ? null : at(first, true),
  };
}

interface ItemAnchor {
  readonly anchor: TurnAnchor;
  readonly begin: IndexedTurn;
  readonly turnId: string | undefined;
  readonly cursor: string;
}

function checkItemAnchor({ anchor, begin, turnId, cursor }: ItemAnchor): void {
  const { itemIndex } = anchor;
  const isThere = itemIndex !== null && itemIndex >= 0 && itemIndex < begin.itemCount;
  if (!isThere || (turnId !== undefined && begin.turn.id !== turnId)) throw anchorGone(cursor);
}

function fromAnchor(ordered: readonly PlacedItem[], anchor: TurnAnchor | null, cursor: string): readonly PlacedItem[] {
  const index = ordered.findIndex(({ itemIndex }) => itemIndex === anchor?.itemIndex);
  if (index < 0) throw anchorGone(cursor);
  return ordered.slice(anchor?.includeAnchor === true ? index : index + 1);
}

const TURNS_A_STEP = 16;

async function* turnsFrom(
  turns: IndexedTurns,
  from: {
    readonly direction: "asc" | "desc";
    readonly begin: IndexedTurn | null;
    readonly turnId: string | undefined;
  },
): AsyncGenerator<IndexedTurn, void, undefined> {
  const { direction, begin, turnId } = from;
  if (turnId !== undefined) {
    const all = turns.named(turnId);
    const ordered = direction === "asc" ? all : all.toReversed();
    const first = begin === null ? 0 : ordered.findIndex((turn) => turn.startOrdinal === begin.startOrdinal);
    yield* ordered.slice(Math.max(0, first));
    return;
  }
  let behind = begin?.startOrdinal ?? null;
  let isInclusive = true;
  for (;;) {
    const step = turns.range({ direction, limit: TURNS_A_STEP, behind, isInclusive });
    yield* step;
    const last = step.at(-1);
    if (last === undefined || step.length < TURNS_A_STEP) return;
    behind = last.startOrdinal;
    isInclusive = false;
  }
}

/** As stored: a turn without an end was interrupted. */
function shown({ turn }: IndexedTurn): Turn {
  return turn.status === "inProgress" ? { ...turn, status: "interrupted", completedAt: null } : turn;
}

function anchoredTurn(turns: IndexedTurns, { turnId, occurrence }: TurnAnchor, cursor: string): IndexedTurn {
  const turn = turns.named(turnId)[occurrence];
  if (turn === undefined) throw anchorGone(cursor);
  return turn;
}

function anchorOf(turns: IndexedTurns, { turn, startOrdinal }: IndexedTurn): Pick<TurnAnchor, "turnId" | "occurrence"> {
  const occurrence = turns.named(turn.id).findIndex((named) => named.startOrdinal === startOrdinal);
  return { turnId: turn.id, occurrence: Math.max(0, occurrence) };
}

/** The items of one turn, read from its own records. */
async function readTurnItems(source: IndexedLog, turn: IndexedTurn): Promise<readonly ThreadItem[]> {
  if (turn.itemCount === 0) return [];
  const records = await source.readTurn(turn);
  let state = stateBefore(source.turns, turn, records);
  const before = state.closed.length;
  for (const record of records) state = turnsFold.step(state, record);
  // Folded alone it is one turn; its id may be counted otherwise, and late records name it by the right one.
  let items = turnEntriesOf(state, { live: true })
    .slice(before)
    .flatMap((entry) => entry.turn.items);
  for (const late of turn.late) items = withLate(turn, items, await source.readRecord(late));
  return items;
}

/** The turn's items behind a record that names it after it was closed. */
function withLate(
  { turn, endOrdinal }: IndexedTurn,
  items: readonly ThreadItem[],
  record: RolloutRecord,
): ThreadItem[] {
  const entry = { turn: { ...turn, items }, startOrdinal: 0, endOrdinal };
  const state = turnsStateAt({
    nextOrdinal: record.ordinal,
    nextIndex: 0,
    nextItem: 1,
    isUnverified: false,
    entries: [entry],
  });
  const after = turnEntriesOf(turnsFold.step(state, record), { live: true })[0];
  return [...(after?.turn.items ?? items)];
}

/** A state that knows the earlier turns that this turn's records name, and no others. */
function stateBefore(turns: IndexedTurns, turn: IndexedTurn, records: readonly RolloutRecord[]): TurnsState {
  const { startOrdinal, firstItem } = turn;
  const named = new Set(records.flatMap(namedTurn).filter((id) => id !== turn.turn.id));
  const earlier = [...named].filter((id) => turns.stoodBefore(id, startOrdinal));
  if (earlier.length === 0) return emptyTurnsAt(startOrdinal, firstItem);
  const entries = earlier.map((id) => ({ turn: { ...turn.turn, id, items: [] }, startOrdinal: 0, endOrdinal: 0 }));
  return turnsStateAt({ nextOrdinal: startOrdinal, nextIndex: 0, nextItem: firstItem, isUnverified: false, entries });
}

function namedTurn({ item }: RolloutRecord): readonly string[] {
  if (item.type !== "event_msg") return [];
  const { turn_id: turnId } = item.payload;
  return typeof turnId === "string" && turnId !== "" ? [turnId] : [];
}
