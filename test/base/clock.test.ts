/**
 * The clock port: sleeping ends by time or by abort, and leaves no timer behind.
 * The timers here are fired by hand; only the last test waits for the machine's own clock.
 */
import { describe, expect, test } from "vitest";

import { type Clock, sleep, systemClock } from "../../src/base/index.ts";

interface Pending {
  readonly delayMs: number;
  readonly run: () => void;
  cancelled: boolean;
}

function recordingClock(): { clock: Clock; pending: Pending[] } {
  const pending: Pending[] = [];
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    setTimer: (delayMs, run) => {
      const timer: Pending = { delayMs, run, cancelled: false };
      pending.push(timer);
      return { cancel: () => void (timer.cancelled = true) };
    },
  };
  return { clock, pending };
}

describe("sleep", () => {
  test("resolves when its timer fires", async () => {
    const { clock, pending } = recordingClock();
    const slept = sleep(clock, 50);
    expect(pending[0]?.delayMs).toBe(50);
    pending[0]?.run();
    await expect(slept).resolves.toBeUndefined();
  });

  test("rejects with the abort's reason and cancels its timer", async () => {
    const { clock, pending } = recordingClock();
    const abort = new AbortController();
    const slept = sleep(clock, 50, abort.signal);
    abort.abort(new Error("enough"));
    await expect(slept).rejects.toThrow("enough");
    expect(pending[0]?.cancelled).toBe(true);
  });

  test("does not set a timer under a signal that is aborted already", async () => {
    const { clock, pending } = recordingClock();
    await expect(sleep(clock, 50, AbortSignal.abort(new Error("over")))).rejects.toThrow("over");
    expect(pending).toEqual([]);
  });

  test("the system clock fires, and a cancelled timer does not", async () => {
    let cancelledFired = false;
    systemClock.setTimer(0, () => void (cancelledFired = true)).cancel();
    await new Promise<void>((resolve) => {
      const keepAlive = setInterval(() => {}, 1_000);
      systemClock.setTimer(5, () => {
        clearInterval(keepAlive);
        resolve();
      });
    });
    expect(cancelledFired).toBe(false);
  });
});
