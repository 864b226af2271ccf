/**
 * A clock whose wall time stands still until it is moved, for laws about timestamps. Monotonic time
 * and timers are the machine's own, so a store that waits for something still gets on.
 */
import { type Clock, systemClock } from "../base/index.ts";

/** Wall time by hand. */
export interface SettableClock extends Clock {
  /** Moves wall time forward, or back when negative. */
  advance(deltaMs: number): void;
}

/** Makes a clock that stands at `startMs` (default: a fixed day in 2026). */
export function createSettableClock(startMs: number = Date.UTC(2026, 0, 15, 12)): SettableClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => systemClock.monotonicMs(),
    setTimer: (delayMs, run, options) => systemClock.setTimer(delayMs, run, options),
    advance(deltaMs) {
      nowMs += deltaMs;
    },
  };
}
