/**
 * ManualClock: time moves only by hand, and timers fire in order, each at its own time, so that what
 * depends on time can be tested without waiting for it.
 */
import { describe, expect, test } from "vitest";

import { sleep } from "../../src/base/index.ts";
import { createManualClock } from "../../src/testing/manual-clock.ts";

describe("ManualClock", () => {
  test("stands still until it is moved", () => {
    const clock = createManualClock({ startMs: 1_000 });
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1_000, 0]);
    clock.advance(250);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1_250, 250]);
  });

  test("fires timers in the order of their times, ties as they were set, each at its own time", () => {
    const clock = createManualClock();
    const fired: string[] = [];
    const note = (name: string) => (): void => void fired.push(`${name}@${clock.monotonicMs()}`);
    clock.setTimer(20, note("late"));
    clock.setTimer(10, note("first"));
    clock.setTimer(10, note("second"));
    expect(clock.advance(15)).toBe(2);
    expect(clock.nextTimerInMs()).toBe(5);
    expect(clock.advance(15)).toBe(1);
    expect(fired).toEqual(["first@10", "second@10", "late@20"]);
  });

  test("never fires a cancelled timer, and cancelling twice is nothing", () => {
    const clock = createManualClock();
    const timer = clock.setTimer(5, () => expect.unreachable());
    timer.cancel();
    timer.cancel();
    expect(clock.advance(10)).toBe(0);
    expect(clock.pendingTimers()).toBe(0);
  });

  test("run sees the timers that the work of a timer sets", async () => {
    const clock = createManualClock();
    let done = false;
    const work = (async (): Promise<void> => {
      await sleep(clock, 10);
      await sleep(clock, 10);
      done = true;
    })();
    expect(await clock.run(20)).toBe(2);
    await work;
    expect(done).toBe(true);
  });

  test("a jump of the wall clock leaves monotonic time and timers alone", () => {
    const clock = createManualClock({ startMs: 5_000 });
    let fired = 0;
    clock.setTimer(10, () => (fired += 1));
    clock.jumpWall(-4_000);
    expect([clock.nowMs(), clock.monotonicMs(), fired]).toEqual([1_000, 0, 0]);
    clock.advance(10);
    expect([clock.nowMs(), fired]).toEqual([1_010, 1]);
  });
});
