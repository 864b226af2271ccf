/**
 * The times that records are stamped with: RFC 3339 UTC with milliseconds, as Codex writes them. One for
 * a store, as many appends of many threads fall into one millisecond and its text is made once.
 *
 * Times never go back within a store, also when the wall clock does. A list that freezes the order at a
 * moment (`freeze`) is sure that no later record bears that time: where the clock has not moved on since,
 * the next stamp is a millisecond ahead of it.
 */
import type { Clock } from "../base/index.ts";

/** Gives the time as records carry it. */
export interface LineClock {
  now(): string;
  /** Milliseconds since the epoch that everything stamped so far is at or before, and nothing stamped later. */
  freeze(): number;
}

/** Makes a line clock over wall time. */
export function createLineClock(clock: Clock): LineClock {
  let lastMs = 0;
  let lastText = new Date(0).toISOString();
  /** Stamps are at this time or later. */
  let floorMs = 0;
  return {
    now() {
      const nowMs = Math.max(clock.nowMs(), lastMs, floorMs);
      if (nowMs !== lastMs) {
        lastMs = nowMs;
        lastText = new Date(nowMs).toISOString();
      }
      return lastText;
    },
    freeze() {
      const frozenMs = Math.max(clock.nowMs(), lastMs);
      floorMs = frozenMs + 1;
      return frozenMs;
    },
  };
}
