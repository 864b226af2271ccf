/**
 * Notices the clocks that handles are opened with, and how far a law moved them between two calls: a clock has no
 * record of its own, but what a store can notice of it is where it stood at each call.
 */
import { type Clock, systemClock } from "../base/index.ts";
import { clockName, type RecordedClock, type RecordedMoment } from "./recorded-call.ts";

/** The clocks seen until now. */
export interface ClockNotes {
  /** What a clock is called in the script; undefined for anything that isn't one. A new one is noted. */
  nameOf(value: object): string | undefined;
  /** Notes what moved since the last look. */
  look(): void;
}

interface SeenClock {
  readonly recorded: RecordedClock;
  readonly clock: Clock;
  wallMs: number;
  monotonicMs: number;
}

/** Notes go to `note`. */
export function createClockNotes(note: (moment: RecordedMoment) => void): ClockNotes {
  const seen = new Map<object, SeenClock>();
  return {
    nameOf(value) {
      if (!isClock(value) || value === systemClock) return undefined;
      const known = seen.get(value);
      if (known !== undefined) return clockName(known.recorded);
      const wallMs = value.nowMs();
      const kind = "pendingTimers" in value ? "manual" : "settable";
      const recorded: RecordedClock = { index: seen.size, kind, startMs: wallMs };
      seen.set(value, { recorded, clock: value, wallMs, monotonicMs: value.monotonicMs() });
      note({ kind: "clock", clock: recorded });
      return clockName(recorded);
    },
    look() {
      for (const entry of seen.values()) {
        const wallMs = entry.clock.nowMs();
        // The monotonic time of a settable clock is the machine's, and moves by itself.
        const monotonicMs = entry.recorded.kind === "manual" ? entry.clock.monotonicMs() : entry.monotonicMs;
        const moved = { wallMs: wallMs - entry.wallMs, monotonicMs: monotonicMs - entry.monotonicMs };
        Object.assign(entry, { wallMs, monotonicMs });
        if (moved.wallMs !== 0 || moved.monotonicMs !== 0) note({ kind: "moved", clock: entry.recorded, ...moved });
      }
    },
  };
}

function isClock(value: object): value is Clock {
  return "nowMs" in value && "monotonicMs" in value && "setTimer" in value;
}
