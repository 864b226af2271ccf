/**
 * The times that lines are stamped with: RFC 3339 UTC with milliseconds, as Codex writes them. One for a
 * store, as many appends of many threads fall into one millisecond and its text is made once.
 */
import type { Clock } from "../../base/index.ts";

/** Gives the time as lines carry it. */
export interface LineClock {
  now(): string;
}

/** Makes a line clock over wall time. */
export function createLineClock(clock: Clock): LineClock {
  let lastMs = Number.NaN;
  let lastText = "";
  return {
    now() {
      const nowMs = clock.nowMs();
      if (nowMs !== lastMs) {
        lastMs = nowMs;
        lastText = new Date(nowMs).toISOString();
      }
      return lastText;
    },
  };
}
