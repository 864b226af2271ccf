/**
 * All turns of a stored thread, page by page: a store knows how to read turns without parsing what no turn
 * shows. A turn that is rolled back between two pages makes the reading begin anew.
 */
import { isSkeinError, LIMITS } from "../base/index.ts";
import type { Turn } from "../events/index.ts";
import type { ThreadStore } from "../store/index.ts";

/** Rollbacks under the reading before it is given up. */
const ROUNDS_MAX = 5;

/** The turns, oldest first, with all their items. `thread_not_found`, `rollout_unreadable`. */
export async function readStoredTurns(store: ThreadStore, threadId: string): Promise<readonly Turn[]> {
  for (let round = 1; ; round += 1) {
    try {
      return await readPages(store, threadId);
    } catch (error) {
      if (!isSkeinError(error, "invalid_cursor") || round >= ROUNDS_MAX) throw error;
    }
  }
}

async function readPages(store: ThreadStore, threadId: string): Promise<readonly Turn[]> {
  const turns: Turn[] = [];
  let cursor: string | null = null;
  do {
    const page = await store.listTurns({
      threadId,
      itemsView: "full",
      sortDirection: "asc",
      limit: LIMITS.pageSizeMax,
      ...(cursor === null ? {} : { cursor }),
    });
    turns.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return turns;
}
