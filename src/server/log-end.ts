/**
 * Where a thread's log ends. The store's port pages through records and does not count them, so the end is looked
 * for from a place near it: what lies before that place is not parsed.
 */
import { isSkeinError } from "../base/index.ts";
import type { Runtime } from "../runtime/index.ts";
import type { HistoryPage } from "../store/index.ts";

/** Records looked at in one go. */
const PAGE_RECORDS = 1_000;

/** Whether the log of a thread can be found; a loaded thread need not have one yet. `thread_not_found`. */
export async function requireThread(runtime: Runtime, threadId: string): Promise<void> {
  await loadPage(runtime, threadId, { from: 0, limit: 1 });
}

/** The ordinal that the next record gets. `near` is where the search begins; it may be wrong. `thread_not_found`. */
export async function findLogEnd(runtime: Runtime, threadId: string, near: number): Promise<number> {
  // The record before tells if the log reaches that far: a page past the end is empty, wherever the end is.
  let from = Math.max(0, near - 1);
  let hint: string | undefined;
  for (;;) {
    const page = await loadPage(runtime, threadId, {
      from,
      limit: PAGE_RECORDS,
      ...(hint === undefined ? {} : { hint }),
    });
    if (page === null) return 0;
    if (page.records.length === 0 && from > 0 && hint === undefined) from = 0;
    else if (page.isEnd) return page.nextOrdinal;
    else ({ nextOrdinal: from, hint } = page);
  }
}

interface Range {
  readonly from: number;
  readonly limit: number;
  readonly hint?: string;
}

/** Null: the thread is loaded, and nothing of it is stored yet. */
async function loadPage(runtime: Runtime, threadId: string, range: Range): Promise<HistoryPage | null> {
  try {
    return await runtime.store.loadHistory({ threadId, ...range });
  } catch (error) {
    if (isSkeinError(error, "thread_not_found") && runtime.thread(threadId) !== undefined) return null;
    throw error;
  }
}
