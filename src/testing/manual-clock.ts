/**
 * ManualClock: a Clock that moves only when a test says so. Timers fire in the order of their times
 * (ties in the order they were set), each at exactly its time, so that a run repeats exactly.
 *
 * `advance` alone fires timers and returns; what they started may still be running. `run` advances
 * in steps and lets the event loop drain between timers, so that a timer set by the work of another
 * one is seen too. Wall time can be moved on its own with `jumpWall`: monotonic time never follows.
 */
import type { Clock, Timer } from "../base/index.ts";

/** A clock under a test's hand. */
export interface ManualClock extends Clock {
  /** Moves time forward and fires what is due, in order. Returns how many timers fired. */
  advance(ms: number): number;
  /** As `advance`, but lets pending promises and I/O callbacks run before and after every timer. */
  run(ms: number): Promise<number>;
  /** Moves the wall clock alone, forwards or backwards. */
  jumpWall(ms: number): void;
  /** Timers that were set and neither fired nor cancelled. */
  pendingTimers(): number;
  /** Milliseconds until the next timer fires; undefined without one. */
  nextTimerInMs(): number | undefined;
}

/** How a manual clock begins. */
export interface ManualClockOptions {
  /** Wall time at the start, milliseconds since the epoch. Default 2026-01-02T03:04:05.000Z. */
  readonly startMs?: number;
}

interface PendingTimer {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
}

const DEFAULT_START_MS = 1_767_323_045_000;

/** Rounds of the event loop that `run` waits at each stop: enough for a write and its sync. */
const DRAIN_ROUNDS = 4;

/** Makes a clock that stands still until it is moved. */
export function createManualClock(options: ManualClockOptions = {}): ManualClock {
  const pending = new Set<PendingTimer>();
  let wallMs = options.startMs ?? DEFAULT_START_MS;
  let monotonicMs = 0;
  let sequence = 0;

  const next = (): PendingTimer | undefined => {
    let first: PendingTimer | undefined;
    for (const timer of pending) if (first === undefined || isBefore(timer, first)) first = timer;
    return first;
  };
  const moveTo = (atMs: number): void => {
    if (atMs <= monotonicMs) return;
    wallMs += atMs - monotonicMs;
    monotonicMs = atMs;
  };
  const fireNextUntil = (endMs: number): boolean => {
    const timer = next();
    if (timer === undefined || timer.atMs > endMs) return false;
    pending.delete(timer);
    moveTo(timer.atMs);
    timer.run();
    return true;
  };

  return {
    nowMs: (): number => wallMs,
    monotonicMs: (): number => monotonicMs,
    setTimer(delayMs: number, run: () => void): Timer {
      const timer: PendingTimer = { atMs: monotonicMs + Math.max(0, delayMs), sequence, run };
      sequence += 1;
      pending.add(timer);
      return { cancel: (): void => void pending.delete(timer) };
    },
    advance(ms: number): number {
      const endMs = monotonicMs + ms;
      let fired = 0;
      while (fireNextUntil(endMs)) fired += 1;
      moveTo(endMs);
      return fired;
    },
    async run(ms: number): Promise<number> {
      const endMs = monotonicMs + ms;
      let fired = 0;
      await drainEventLoop();
      while (fireNextUntil(endMs)) {
        fired += 1;
        await drainEventLoop();
      }
      moveTo(endMs);
      return fired;
    },
    jumpWall(ms: number): void {
      wallMs += ms;
    },
    pendingTimers: (): number => pending.size,
    nextTimerInMs: (): number | undefined => {
      const timer = next();
      return timer === undefined ? undefined : timer.atMs - monotonicMs;
    },
  };
}

/** Lets promises and finished I/O be handled, without any time passing on a manual clock. */
export async function drainEventLoop(rounds: number = DRAIN_ROUNDS): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

function isBefore(a: PendingTimer, b: PendingTimer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
