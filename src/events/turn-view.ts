/**
 * How much of a turn an answer holds: everything, a summary, or no items at all. A view changes the items
 * and says which view it is; the rest of the turn stays.
 */
import type { ItemsView, ThreadItem, Turn } from "./thread-view.ts";

/** The first user message and the last agent message; either may be missing. */
function summaryItems(turn: Turn): readonly ThreadItem[] {
  const first = turn.items.find((item) => item.type === "userMessage");
  const last = turn.items.findLast((item) => item.type === "agentMessage");
  return [first, last].filter((item) => item !== undefined);
}

/** The turn with as much of its items as the view holds. */
export function applyItemsView(turn: Turn, itemsView: ItemsView): Turn {
  switch (itemsView) {
    case "full":
      return turn.itemsView === "full" ? turn : { ...turn, itemsView };
    case "summary":
      return { ...turn, items: summaryItems(turn), itemsView };
    case "notLoaded":
      return { ...turn, items: [], itemsView };
  }
}
