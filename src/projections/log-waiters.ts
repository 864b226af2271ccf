/**
 * Who waits for a record to be in the rows: "read your write". Told after the transaction that has it; a wait has
 * an end, and so has the number of those who wait.
 */
import { type Clock, fault, rejection } from "../base/index.ts";
import type { RowsAwaited } from "../store/index.ts";

interface Waiter {
  readonly nextOrdinal: number;
  readonly reached: () => void;
  readonly failed: (error: Error) => void;
}

/** How rows that are waited for come up, and how far they are. */
export interface WaitMeans {
  readonly rowsEnd: () => number;
  readonly bring: () => Promise<void>;
}

const WAITERS_MAX = 10_000;
const WAIT_MAX_MS = 10_000;

/** The waits of one handle. */
export class LogWaiters {
  readonly #clock: Clock;
  readonly #waiters = new Map<string, Set<Waiter>>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether anybody waits. */
  get isAwaited(): boolean {
    return this.#count > 0;
  }

  /**
   * Waits for a thread's rows. `bring` is begun when a write can't be missed any more, and its error ends the wait;
   * `rowsEnd` is asked what to say where the time is over before. `timed_out`.
   */
  async wait(
    { threadId, nextOrdinal, waitMaxMs = WAIT_MAX_MS }: RowsAwaited,
    { rowsEnd, bring }: WaitMeans,
  ): Promise<void> {
    if (this.#count >= WAITERS_MAX) {
      const message = `${WAITERS_MAX} calls wait for rows already; try again`;
      throw fault("server_overloaded", message, { retryable: true, data: { waitersMax: WAITERS_MAX } });
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { nextOrdinal, reached: resolve, failed: reject };
    const late = (): void => {
      const actual = rowsEnd();
      const message =
        `the rows of the thread ${threadId} end at ${actual} after ${waitMaxMs} ms, and ${nextOrdinal} was waited for: ` +
        "wait longer, or read the thread itself";
      const data = { threadId, nextOrdinal, actualNextOrdinal: actual, waitedMs: waitMaxMs };
      reject(fault("timed_out", message, { retryable: true, data }));
    };
    const timer = this.#clock.setTimer(waitMaxMs, late, { holdsProcess: true });
    const own = this.#waiters.get(threadId) ?? new Set<Waiter>();
    this.#waiters.set(threadId, own.add(waiter));
    this.#count += 1;
    try {
      bring().catch(reject);
      await promise;
    } finally {
      timer.cancel();
      this.#count -= 1;
      own.delete(waiter);
      if (own.size === 0 && this.#waiters.get(threadId) === own) this.#waiters.delete(threadId);
    }
  }

  /** A thread's rows end here now; null: the thread is gone. */
  applied(threadId: string, nextOrdinal: number | null): void {
    for (const waiter of this.#waiters.get(threadId) ?? []) {
      if (nextOrdinal === null) waiter.failed(threadGone(threadId));
      else if (nextOrdinal >= waiter.nextOrdinal) waiter.reached();
    }
  }

  /** Ends all waits. */
  fail(error: Error): void {
    for (const own of this.#waiters.values()) for (const waiter of own) waiter.failed(error);
  }
}

/** No thread has this id, or not any more. */
export function threadGone(threadId: string): Error {
  return rejection("thread_not_found", `there is no thread ${threadId}`, { threadId });
}
