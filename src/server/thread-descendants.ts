/**
 * The threads that a thread spawned, and those that they spawned, whichever process wrote them: rows are brought up
 * to the files first. Only a store that finds them without looking at every thread is asked: without a state DB
 * nobody follows them, as in the peer.
 */
import { LIMITS } from "../base/index.ts";
import type { ServerContext } from "./server-context.ts";
import { SERVER_LIMITS } from "./server-limits.ts";

/** Ids of the threads below this one that are not archived, oldest first: who spawned comes before who was spawned. */
export async function descendantsOf({ threads, logger }: ServerContext, threadId: string): Promise<readonly string[]> {
  // What can search has rows.
  if (!threads.kept.store.capabilities.search) return [];
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await threads.kept.listThreads({
      ancestorThreadId: threadId,
      sortDirection: "asc",
      limit: LIMITS.pageSizeMax,
      ...(cursor === null ? {} : { cursor }),
    });
    ids.push(...page.data.map((thread) => thread.id));
    cursor = page.nextCursor;
  } while (cursor !== null && ids.length < SERVER_LIMITS.archivedDescendantsMax);
  if (cursor !== null) logger.warn({ threadId, taken: ids.length }, "a thread has more descendants than go with it");
  return ids;
}
