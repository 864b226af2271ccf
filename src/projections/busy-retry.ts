/**
 * Waiting for a lock without stopping the event loop: the work is tried again after growing delays until it
 * gets through or the time is over. "database is locked" never reaches a caller; it becomes the fault
 * `state_db_busy`. Other errors pass at once.
 */
import { type Clock, fault, sleep } from "../base/index.ts";
import { isBusy } from "./sqlite-connection.ts";

/** How long is waited. */
export interface BusyRetryOptions {
  /** Milliseconds from the first try on. Default 30,000. */
  readonly waitMaxMs?: number;
  /** Ends the waiting with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The longest wait for a lock where nothing else is asked for. */
export const BUSY_WAIT_MAX_MS = 30_000;
const DELAY_MS = Object.freeze({ first: 2, max: 50 });

/** Runs synchronous work that may find the database busy, as often as it takes. The work must be all or nothing. */
export async function retryBusy<Result>(
  clock: Clock,
  work: () => Result,
  options: BusyRetryOptions = {},
): Promise<Result> {
  let done: { readonly result: Result } | undefined;
  let busy: unknown;
  const attempt = (): boolean => {
    try {
      done = { result: work() };
    } catch (error) {
      if (!isBusy(error)) throw error;
      busy = error;
    }
    return done !== undefined;
  };
  await waitUntil(clock, attempt, options);
  if (done === undefined) throw busyFault(options.waitMaxMs ?? BUSY_WAIT_MAX_MS, busy);
  return done.result;
}

/** Asks again and again, less and less often; false when the time is over before the answer is yes. */
export async function waitUntil(clock: Clock, isDone: () => boolean, options: BusyRetryOptions = {}): Promise<boolean> {
  const { waitMaxMs = BUSY_WAIT_MAX_MS, signal } = options;
  const startMs = clock.monotonicMs();
  let delayMs = 0;
  for (;;) {
    signal?.throwIfAborted();
    if (isDone()) return true;
    const leftMs = waitMaxMs - (clock.monotonicMs() - startMs);
    if (leftMs <= 0) return false;
    delayMs = nextBusyDelayMs(delayMs);
    await sleep(clock, Math.min(delayMs, leftMs), signal);
  }
}

/** The delay after one of `delayMs` that did not help; 0 before the first. */
export function nextBusyDelayMs(delayMs: number): number {
  return delayMs === 0 ? DELAY_MS.first : Math.min(delayMs * 2, DELAY_MS.max);
}

/**
 * Runs synchronous work for a caller that can't wait: `state_db_busy` where the database is locked at each of
 * `tries` tries, each of which lasts as long as the connection's busy timeout.
 */
export function orBusyFault<Result>(work: () => Result, tries: number = 1): Result {
  for (let left = tries; ; left -= 1) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (left <= 1) throw busyFault(0, error);
    }
  }
}

/** The fault of a database that stayed locked. */
export function busyFault(waitedMs: number, cause: unknown): unknown {
  const howLong = waitedMs > 0 ? ` for ${waitedMs} ms` : "";
  const message = `the state DB was locked by another process${howLong}; try again`;
  return fault("state_db_busy", message, { retryable: true, data: { waitedMs }, cause });
}
