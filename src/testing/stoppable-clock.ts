/**
 * The clock of a process that can be stopped and go on, as SIGSTOP and SIGCONT do it: no timer of a stopped process
 * fires, and time goes on without it. What was due meanwhile fires when it goes on.
 */
import type { Clock, Timer } from "../base/index.ts";
import type { ManualClock } from "./manual-clock.ts";

/** See the file's head. */
export interface StoppableClock extends Clock {
  stop(): void;
  /** Fires what was due meanwhile. */
  goOn(): void;
}

/** Makes one over the world's clock, going. */
export function createStoppableClock(world: ManualClock): StoppableClock {
  let isStopped = false;
  const due = new Set<() => void>();
  return {
    nowMs: () => world.nowMs(),
    monotonicMs: () => world.monotonicMs(),
    setTimer(delayMs, run): Timer {
      const timer = world.setTimer(delayMs, () => void (isStopped ? due.add(run) : run()));
      return {
        cancel: () => {
          timer.cancel();
          due.delete(run);
        },
      };
    },
    stop: () => {
      isStopped = true;
    },
    goOn: () => {
      isStopped = false;
      const late = [...due];
      due.clear();
      for (const run of late) run();
    },
  };
}
