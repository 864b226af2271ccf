/**
 * Where a thread's log ends. The store's port pages through records and does not count them, so the end is looked
 * for from a place near it: what lies before that place is not parsed.
 */
import { fault, isSkeinError } from "../base/index.ts";
import type { RolloutRecord } from "../events/index.ts";
import type { HistoryPage } from "../store/index.ts";
import type { Runtime } from "./runtime.ts";

/** Where threads are looked for. */
export type LogPlace = Pick<Runtime, "store" | "thread">;

/** Records looked at in one go. */
const PAGE_RECORDS = 1_000;

/** Whether the log of a thread can be found; a loaded thread need not have one yet. `thread_not_found`. */
export async function requireThread(place: LogPlace, threadId: string): Promise<void> {
  await loadPage(place, threadId, { from: 0, limit: 1 });
}

/** The ordinal that the next record gets. `near` is where the search begins; it may be wrong. `thread_not_found`. */
export async function findLogEnd(place: LogPlace, threadId: string, near: number): Promise<number> {
  // The record before tells if the log reaches that far: a page past the end is empty, wherever the end is.
  let from = Math.max(0, near - 1);
  let hint: string | undefined;
  for (;;) {
    const page = await loadPage(place, threadId, {
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

/** The record before an ordinal of 1 or more; undefined where the log doesn't reach that far. `thread_not_found`. */
export async function recordBefore(
  place: LogPlace,
  threadId: string,
  ordinal: number,
): Promise<RolloutRecord | undefined> {
  return (await loadPage(place, threadId, { from: ordinal - 1, limit: 1 }))?.records[0];
}

/** Throws `ordinal_conflict` where the log doesn't reach a place: who waits there would wait for ever. */
export async function requireReached(place: LogPlace, threadId: string, from: number): Promise<void> {
  const loadedEnd = place.thread(threadId)?.snapshot().nextOrdinal ?? 0;
  if (from <= loadedEnd || (await recordBefore(place, threadId, from)) !== undefined) return;
  const actualOrdinal = await findLogEnd(place, threadId, loadedEnd);
  if (from <= actualOrdinal) return;
  const remedy = "the log was cut or replaced, or it is another thread's place: give a `from` within the log";
  throw fault(
    "ordinal_conflict",
    `from is ${from}, past the end of thread ${threadId}'s log, which is ${actualOrdinal}: ${remedy}`,
    { data: { threadId, expectedOrdinal: from, actualOrdinal } },
  );
}

interface Range {
  readonly from: number;
  readonly limit: number;
  readonly hint?: string;
}

/** Null: the thread is loaded, and nothing of it is stored yet. */
async function loadPage(place: LogPlace, threadId: string, range: Range): Promise<HistoryPage | null> {
  try {
    return await place.store.loadHistory({ threadId, ...range });
  } catch (error) {
    if (isSkeinError(error, "thread_not_found") && place.thread(threadId) !== undefined) return null;
    throw error;
  }
}
