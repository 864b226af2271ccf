/**
 * A cursor that names an item by its id, as a cursor of the store's. The store's are opaque, so the item is looked
 * for page by page in its turn, and a page that ends with it tells where to go on.
 */
import { LIMITS } from "../base/index.ts";
import type { Runtime } from "../runtime/index.ts";
import type { ListItemsParams, SortDirection } from "../store/index.ts";
import { invalidRequest } from "./rpc-error.ts";
import { isGiven } from "./turn-params.ts";

interface ItemPlace {
  readonly threadId: string;
  readonly turnId: string;
  readonly itemId: string;
  readonly sortDirection?: SortDirection | null | undefined;
}

/** The cursor behind the item; null where nothing is behind it. Refuses an item that is not in the turn. */
export async function cursorOfItem(
  runtime: Runtime,
  { threadId, turnId, itemId, sortDirection }: ItemPlace,
): Promise<string | null> {
  const place = { threadId, turnId, ...(isGiven(sortDirection) ? { sortDirection } : {}) };
  let before: Pick<ListItemsParams, "cursor"> = {};
  for (;;) {
    const page = await runtime.listItems({ ...place, ...before, limit: LIMITS.pageSizeMax });
    const index = page.data.findIndex(({ item }) => item.id === itemId);
    if (index >= 0) return (await runtime.listItems({ ...place, ...before, limit: index + 1 })).nextCursor;
    if (page.nextCursor === null) throw invalidRequest(`invalid cursor: item ${itemId} is not in turn ${turnId}`);
    before = { cursor: page.nextCursor };
  }
}
