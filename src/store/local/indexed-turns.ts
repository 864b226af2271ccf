/**
 * Pages of turns and items by the state DB's rows: which turns a page holds and how they stand is in the
 * rows; what they hold is read from the log, their own bytes and nothing else.
 *
 * A turn is folded by itself with the turns fold, begun where it begins. What only the turns before it could
 * tell (whether an end that names another turn ends this one) is asked of the rows.
 */
import { rejection } from "../../base/index.ts";
import {
  applyItemsView,
  createLogScanner,
  decodeLine,
  emptyTurnsAt,
  type RolloutRecord,
  type ThreadItem,
  type Turn,
  turnEntriesOf,
  turnsFold,
  turnsStateAt,
  type TurnsState,
} from "../../events/index.ts";
import { directionOf } from "../list-page.ts";
import { pageLimit } from "../page-limit.ts";
import type { IndexedTurn, IndexedTurns } from "../thread-index.ts";
import type { ListItemsParams, ListItemsResult, ListTurnsParams, ListTurnsResult } from "../thread-store.ts";
import { anchorGone, itemsViewOf, readAnchor, type TurnAnchor, writeAnchor } from "../turn-page.ts";
import { readExactly } from "./backward-lines.ts";
import { readBlocks } from "./block-reader.ts";
import type { FileSystem } from "./file-system.ts";
import { findRecord } from "./log-places.ts";
import type { ReadableRollout } from "./rollout-access.ts";

/** An open rollout and the rows of its turns. */
export interface IndexedRollout {
  readonly files: FileSystem;
  readonly rollout: ReadableRollout;
  readonly turns: IndexedTurns;
}

/** One page of turns. Default: newest first, summary view. */
export async function pageTurnsByRows(source: IndexedRollout, params: ListTurnsParams): Promise<ListTurnsResult> {
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
export async function pageItemsByRows(source: IndexedRollout, params: ListItemsParams): Promise<ListItemsResult> {
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

/** The items of one turn, read from its own bytes. */
async function readTurnItems(source: IndexedRollout, turn: IndexedTurn): Promise<readonly ThreadItem[]> {
  if (turn.itemCount === 0) return [];
  const records = await readTurnRecords(source, turn);
  let state = stateBefore(source.turns, turn, records);
  const before = state.closed.length;
  for (const record of records) state = turnsFold.step(state, record);
  // Folded alone it is one turn; its id may be counted otherwise, and late records name it by the right one.
  let items = turnEntriesOf(state, { live: true })
    .slice(before)
    .flatMap((entry) => entry.turn.items);
  for (const [ordinal, start, end] of turn.late) {
    const bytes = await readExactly(source.files, {
      fd: source.rollout.fd,
      from: start,
      size: Math.min(end, source.rollout.stat.size) - start,
    });
    items = withLate(turn, items, decodeLine(bytes.toString("utf8"), ordinal));
  }
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

/** The records that the turns fold needs of [startOrdinal, endOrdinal). */
async function readTurnRecords(
  { files, rollout }: IndexedRollout,
  { startOrdinal, endOrdinal, startOffset, endOffset }: IndexedTurn,
): Promise<readonly RolloutRecord[]> {
  const from = startOffset ?? (await findRecord(files, rollout, startOrdinal))?.offset ?? 0;
  const records: RolloutRecord[] = [];
  const scanner = createLogScanner({
    needs: [turnsFold.needs],
    startOrdinal,
    startOffset: from,
    sink: { record: (record) => void (record.ordinal < endOrdinal && records.push(record)) },
  });
  const readTo = async (range: { readonly from: number; readonly end: number }): Promise<void> => {
    await readBlocks(files, { ...rollout, ...range }, (block) => {
      scanner.push(block);
      return scanner.end().nextOrdinal < endOrdinal;
    });
  };
  // Its own bytes are enough, unless its last line is in the middle of an append.
  const own = Math.min(endOffset ?? rollout.end, rollout.end);
  await readTo({ from, end: own });
  if (own < rollout.end && scanner.end().nextOrdinal < endOrdinal) await readTo({ from: own, end: rollout.end });
  return records;
}
