/**
 * The window of a thread (thread-window.ts) as its rows say it: where its newest compaction stands, the
 * outlines of the turns before that one, and what was told last. Nothing of the log is read.
 */
import type { TurnEntry, TurnsPlace } from "../events/index.ts";
import type { IndexedThread, IndexedTurn } from "./thread-index.ts";
import type { ThreadWindow } from "./thread-window.ts";

/** The window by a thread's rows. Null: no turn that stands holds such a compaction, or its place is not known. */
export function windowFromRows(indexed: IndexedThread): ThreadWindow | null {
  const { compaction, metadata, usage, nextOrdinal: endOrdinal } = indexed;
  if (compaction === null) return null;
  const turns = indexed.turns.all();
  const at = turns.findIndex(({ startOrdinal }) => startOrdinal === compaction.turnStart);
  const first = turns[at];
  if (first === undefined || first.firstIndex === null || !metadata.hasSessionMeta) return null;
  const place: TurnsPlace = {
    nextOrdinal: first.startOrdinal,
    nextIndex: first.firstIndex,
    nextItem: first.firstItem,
    isUnverified: true,
    entries: turns.slice(0, at).map(entryOf),
  };
  return { place, metadata, usage, endOrdinal };
}

function entryOf({ turn, startOrdinal, endOrdinal, itemCount }: IndexedTurn): TurnEntry {
  const shown: TurnEntry = { turn: { ...turn, items: [], itemsView: "full" }, startOrdinal, endOrdinal };
  return itemCount === 0
    ? shown
    : { ...shown, turn: { ...shown.turn, itemsView: "notLoaded" }, hiddenItems: itemCount };
}
