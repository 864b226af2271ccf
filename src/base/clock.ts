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

/** How a timer is set. */
export interface TimerOptions {
  /**
   * Somebody waits for what the timer brings, so the process must not end before. Default false: a
   * forgotten timer never holds a process open.
   */
  readonly holdsProcess?: boolean;
}

/** Wall time, monotonic time and timers. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. May jump. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start; never goes backwards. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs` (0 or more). */
  setTimer(delayMs: number, run: () => void, options?: TimerOptions): Timer;
}

/** The machine's own clock. */
export const systemClock: Clock = Object.freeze({
  nowMs: (): number => Date.now(),
  monotonicMs: (): number => performance.now(),
  setTimer: (delayMs: number, run: () => void, options: TimerOptions = {}): Timer => {
    const handle = setTimeout(run, delayMs);
    if (options.holdsProcess !== true) handle.unref();
    return { cancel: (): void => clearTimeout(handle) };
  },
});

/** Resolves after `delayMs` on the given clock, and holds the process until then; rejects with the signal's reason when aborted first. */
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
    const elapsed = (): void => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    };
    const timer = clock.setTimer(delayMs, elapsed, { holdsProcess: true });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
