/**
 * Time as a port. Rooms never read the wall clock or set a timer themselves: they are handed a
 * Clock, so that tests and the simulation can move time by hand and a run can be repeated.
 *
 * Wall time (`nowMs`) is only for what people and files see. Every decision about "how long" uses
 * `monotonicMs`, because the wall clock can jump backwards.
 */

/** A timer that was set; `cancel` is idempotent and a no-op after it fired. */
export interface Timer {
  cancel(): void;
}

/** Wall time, monotonic time and timers. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. May jump. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start; never goes backwards. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs` (0 or more). The timer does not keep the process alive. */
  setTimer(delayMs: number, run: () => void): Timer;
}

/** The machine's own clock. Its timers are unref'd: a forgotten one never holds a process open. */
export const systemClock: Clock = Object.freeze({
  nowMs: (): number => Date.now(),
  monotonicMs: (): number => performance.now(),
  setTimer: (delayMs: number, run: () => void): Timer => {
    const handle = setTimeout(run, delayMs);
    handle.unref();
    return { cancel: (): void => clearTimeout(handle) };
  },
});

/** Resolves after `delayMs` on the given clock; rejects with the signal's reason when aborted first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
