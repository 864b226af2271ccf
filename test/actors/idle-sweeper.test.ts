/**
 * IdleSweeper: one timer for all, each thread told exactly when its own time is over, and nothing left
 * ticking when nobody is idle.
 */
import { describe, expect, test } from "vitest";

import { IdleSweeper } from "../../src/actors/idle-sweeper.ts";
import { createManualClock } from "../../src/testing/manual-clock.ts";

describe("IdleSweeper", () => {
  test("tells each thread at its own time, whoever was touched again in between", () => {
    const clock = createManualClock();
    const sweeper = new IdleSweeper(clock, 100);
    const told: string[] = [];
    const thread = (name: string) => ({ idleElapsed: () => void told.push(`${name}@${clock.monotonicMs()}`) });
    const [a, b, c] = [thread("a"), thread("b"), thread("c")];
    sweeper.touch(a);
    clock.advance(30);
    sweeper.touch(b);
    clock.advance(30);
    sweeper.touch(a);
    sweeper.touch(c);
    sweeper.forget(c);
    expect(clock.pendingTimers()).toBe(1);
    clock.advance(200);
    expect(told).toEqual(["b@130", "a@160"]);
    expect(clock.pendingTimers()).toBe(0);
  });

  test("a thread that touches itself when it is told is told again a whole time later", () => {
    const clock = createManualClock();
    const sweeper = new IdleSweeper(clock, 10);
    let told = 0;
    const thread = {
      idleElapsed: () => {
        told += 1;
        if (told < 3) sweeper.touch(thread);
      },
    };
    sweeper.touch(thread);
    clock.advance(29);
    expect(told).toBe(2);
    clock.advance(1);
    expect(told).toBe(3);
  });

  test("sets no timer where nothing is ever due, and none once the last thread is forgotten", () => {
    const clock = createManualClock();
    const never = new IdleSweeper(clock, Number.POSITIVE_INFINITY);
    const thread = { idleElapsed: () => expect.unreachable() };
    never.touch(thread);
    const sweeper = new IdleSweeper(clock, 10);
    sweeper.touch(thread);
    sweeper.forget(thread);
    expect(clock.pendingTimers()).toBe(0);
  });
});
