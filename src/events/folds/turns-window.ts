/**
 * Turns folded from a place inside the log instead of from its start. What stands before the place is
 * known by its outline alone: which turns there are, how they ended, how many items they have. Such a
 * state goes on exactly as one that saw every record, but for the records `needsHiddenItems` tells.
 *
 * It is what a projection goes on from, and what a thread is resumed with whose turns nobody asked for.
 */
import { emptyList, listOf, listTake, listValues } from "../append-list.ts";
import type { RolloutRecord } from "../rollout-item.ts";
import { itemCountOf, type TurnEntry, type TurnsState } from "./turns-fold.ts";
import { emptyTrack, type TurnStart } from "./turn-track.ts";

/** A place between two records where no turn is open and no input waits for one, and what is known there. */
export interface TurnsPlace {
  /** Ordinal of the first record behind the place. */
  readonly nextOrdinal: number;
  /** Codex's index of that record (turn-index.ts). */
  readonly nextIndex: number;
  /** N of the next `item-N`. */
  readonly nextItem: number;
  /** `nextIndex` was counted by the heads of lines alone. */
  readonly isUnverified: boolean;
  /** The turns that stood there, oldest first. */
  readonly entries: readonly TurnEntry[];
}

/** The fold's state at a place. */
export function turnsStateAt(place: TurnsPlace): TurnsState {
  const { nextOrdinal, nextIndex, nextItem, isUnverified, entries } = place;
  const starts = entries.map(({ turn, startOrdinal }): TurnStart => ({ id: turn.id, isExplicit: true, startOrdinal }));
  const track = { ...emptyTrack(), starts: listOf(starts), nextOrdinal, nextIndex, isUnverified };
  return { track, closed: listOf(entries), pending: null, nextItem };
}

/** The turn's outline: everything but its items, whose number stays known. */
export function outlineOf(entry: TurnEntry): TurnEntry {
  if (entry.turn.items.length === 0) return entry;
  const turn = { ...entry.turn, items: [], itemsView: "notLoaded" as const };
  return { ...entry, turn, hiddenItems: itemCountOf(entry) };
}

/** The state with the items of all closed turns but the newest `keep` given up. */
export function withoutClosedItems(state: TurnsState, keep: number): TurnsState {
  const { closed } = state;
  const hidden = Math.max(0, closed.length - keep);
  const entries = listValues(closed).map((entry, index) => (index < hidden ? outlineOf(entry) : entry));
  return { ...state, closed: hidden === 0 ? closed : listTake(listOf(entries), entries.length) };
}

/**
 * Whether a record changes an item of a closed turn whose items were given up: then only a fold from the
 * log's start tells how many items that turn has.
 */
export function needsHiddenItems(state: TurnsState, { item }: RolloutRecord): boolean {
  if (item.type !== "event_msg") return false;
  const { type, turn_id: turnId } = item.payload;
  if (type !== "patch_apply_end" && type !== "item_completed") return false;
  if (typeof turnId !== "string" || turnId === "" || state.pending?.id === turnId) return false;
  const named = listValues(state.closed).find((entry) => entry.turn.id === turnId);
  return named !== undefined && (named.hiddenItems ?? 0) > 0;
}

/** The state of a log nothing is known of before the place: for folding a stretch of it by itself. */
export function emptyTurnsAt(nextOrdinal: number, nextItem: number): TurnsState {
  return { track: { ...emptyTrack(), nextOrdinal }, closed: emptyList(), pending: null, nextItem };
}
