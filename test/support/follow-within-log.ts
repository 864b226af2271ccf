/**
 * Follows a thread from a place that was drawn without a look at its log. A place past the log's end is refused with
 * the log's end in the error; from there it is followed then.
 */
import { isSkeinError } from "../../src/base/index.ts";
import type { Runtime, ThreadFeed, ThreadFeedOptions } from "../../src/runtime/index.ts";

/** A feed, and where it begins. */
export interface BegunFeed {
  readonly feed: ThreadFeed;
  readonly from: number | "end";
}

/** Opens the feed. Throws what `threadEvents` throws otherwise. */
export async function followWithinLog(
  runtime: Runtime,
  threadId: string,
  options: ThreadFeedOptions & Pick<BegunFeed, "from">,
): Promise<BegunFeed> {
  const { from } = options;
  try {
    return { feed: await runtime.threadEvents(threadId, options), from };
  } catch (error) {
    const end = isSkeinError(error, "ordinal_conflict") ? error.data["actualOrdinal"] : undefined;
    if (typeof end !== "number" || typeof from !== "number" || end >= from) throw error;
    return { feed: await runtime.threadEvents(threadId, { ...options, from: end }), from: end };
  }
}
