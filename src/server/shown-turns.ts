/**
 * Turns of a page as clients see them. A store shows a turn without an end as interrupted, for all it knows; where
 * the thread is loaded here, its own turn of that id says what is true.
 */
import { applyItemsView, type ItemsView, type Turn } from "../events/index.ts";
import type { RuntimeThread } from "../runtime/index.ts";

/** The turns of a page, those that are open or just ended as the loaded thread has them. */
export function shownTurns(
  page: readonly Turn[],
  loaded: RuntimeThread | undefined,
  itemsView: ItemsView,
): readonly Turn[] {
  if (loaded === undefined || !page.some(isOpen)) return page;
  const live = new Map(loaded.snapshot().thread.turns.map((turn) => [turn.id, turn] as const));
  return page.map((stored) => {
    const turn = isOpen(stored) ? live.get(stored.id) : undefined;
    // Of a turn that was loaded in outline, only the store has the items.
    return turn === undefined || turn.itemsView === "notLoaded" ? stored : applyItemsView(turn, itemsView);
  });
}

function isOpen(turn: Turn): boolean {
  return turn.status === "interrupted" && turn.completedAt === null;
}
