/**
 * The end of all threads of a manager, within a bounded time: each is closed (its turn interrupted and
 * recorded, its writer flushed), all at once, while calls under way end or undo what they began; what
 * takes too long is let go and named, and whoever waits for it is refused.
 */
import { type Clock, faultFromSystem, rejection, type SkeinError, withinTime } from "../base/index.ts";
import type { CallsInFlight, UnfinishedCall } from "./calls-in-flight.ts";
import type { LiveThread } from "./live-thread.ts";

/** How a shutdown is asked for. */
export interface ShutdownOptions {
  /** Milliseconds after which what still runs is let go. Default 10 000; 0 to 2 147 483 647. */
  readonly timeoutMs?: number;
}

/** How a shutdown went, thread by thread. */
export interface ShutdownReport {
  /** Closed: everything recorded is flushed. */
  readonly completed: readonly string[];
  /** Closed, but their writer could not be flushed. */
  readonly failed: readonly { readonly threadId: string; readonly fault: SkeinError }[];
  /** Still closing when the time was over; their writers were let go. */
  readonly timedOut: readonly string[];
  /**
   * Calls that were under way when the time was over; their callers got `runtime_closed`. What one had
   * begun may still be done, or left half-way: a thread that was being made may stay.
   */
  readonly unfinished: readonly UnfinishedCall[];
}

/** Whom a shutdown ends. */
export interface ShutdownParts {
  readonly threads: readonly LiveThread[];
  readonly calls: CallsInFlight;
  readonly clock: Clock;
}

const TIMEOUT_MS = 10_000;
/** The longest delay that timers take; a longer one would fire at once. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** The time a shutdown has. `invalid_argument` for what is no time or no option. */
export function shutdownTimeoutMs(options: ShutdownOptions = {}): number {
  if (typeof options !== "object" || options === null) {
    throw rejection("invalid_argument", "the options of a shutdown must be an object");
  }
  const unknown = Object.keys(options).find((name) => name !== "timeoutMs");
  if (unknown !== undefined) throw rejection("invalid_argument", `a shutdown has no option ${unknown}`);
  const { timeoutMs = TIMEOUT_MS } = options;
  if (typeof timeoutMs === "number" && timeoutMs >= 0 && timeoutMs <= TIMEOUT_MS_MAX) return timeoutMs;
  throw rejection("invalid_argument", `timeoutMs must be 0 to ${TIMEOUT_MS_MAX} milliseconds`);
}

/** Closes the threads and waits for the calls; resolves at the latest after `timeoutMs`. Never rejects. */
export async function shutdownThreads(
  { threads, calls, clock }: ShutdownParts,
  timeoutMs: number,
): Promise<ShutdownReport> {
  const completed: string[] = [];
  const failed: { threadId: string; fault: SkeinError }[] = [];
  const open = new Set(threads);
  const closing = threads.map(async (thread) => {
    // Nobody was told of a thread that is only being opened: the call that opens it says what became of it.
    const { isAnnounced } = thread;
    try {
      await thread.unload("closed");
      if (open.delete(thread) && isAnnounced) completed.push(thread.id);
    } catch (error) {
      const fault = faultFromSystem(error, `close thread ${thread.id}`);
      if (open.delete(thread) && isAnnounced) failed.push({ threadId: thread.id, fault });
    }
  });
  await withinTime(Promise.all([...closing, calls.settled()]), clock, timeoutMs);
  const timedOut = [...open];
  open.clear();
  for (const thread of timedOut) thread.abandon();
  const unfinished = calls.abandon();
  return { completed: completed.sort(), failed, timedOut: timedOut.map((thread) => thread.id).sort(), unfinished };
}
