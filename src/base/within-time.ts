/**
 * A bounded wait for work that may never end. The work itself is not stopped; who waits goes on, and is
 * told that it wasn't done.
 */
import type { Clock } from "./clock.ts";

/** Resolves with true when the work has settled, either way, and with false when the time is over before. */
export function withinTime(work: Promise<unknown>, clock: Clock, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(timeoutMs, () => resolve(false), { holdsProcess: true });
    const settled = (): void => {
      timer.cancel();
      resolve(true);
    };
    work.then(settled, settled);
  });
}
