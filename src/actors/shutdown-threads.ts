/**
 * The end of all threads of a manager, within a bounded time: each is closed (its turn interrupted and
 * recorded, its writer flushed), all at once; those that take too long are let go and named.
 */
import { type Clock, faultFromSystem, type SkeinError } from "../base/index.ts";
import type { LiveThread } from "./live-thread.ts";

/** How a shutdown went, thread by thread. */
export interface ShutdownReport {
  /** Closed: everything recorded is flushed. */
  readonly completed: readonly string[];
  /** Closed, but their writer could not be flushed. */
  readonly failed: readonly { readonly threadId: string; readonly fault: SkeinError }[];
  /** Still closing when the time was over; their writers were let go. */
  readonly timedOut: readonly string[];
}

/** Closes the threads; resolves at the latest after `timeoutMs`. Never rejects. */
export async function shutdownThreads(
  threads: readonly LiveThread[],
  clock: Clock,
  timeoutMs: number,
): Promise<ShutdownReport> {
  const completed: string[] = [];
  const failed: { threadId: string; fault: SkeinError }[] = [];
  const open = new Set(threads);
  const closing = threads.map(async (thread) => {
    try {
      await thread.unload("closed");
      if (open.delete(thread)) completed.push(thread.id);
    } catch (error) {
      const fault = faultFromSystem(error, `close thread ${thread.id}`);
      if (open.delete(thread)) failed.push({ threadId: thread.id, fault });
    }
  });
  await withinTime(Promise.all(closing), clock, timeoutMs);
  const timedOut = [...open];
  open.clear();
  for (const thread of timedOut) thread.abandon();
  return { completed: completed.sort(), failed, timedOut: timedOut.map((thread) => thread.id).sort() };
}

/** Resolves when the work is done or the time is over. */
function withinTime(work: Promise<unknown>, clock: Clock, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(timeoutMs, resolve, { holdsProcess: true });
    void work.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
