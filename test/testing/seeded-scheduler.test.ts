/**
 * The scheduler of a simulation: events in the order of their times, one after the other has had its say; processes
 * that are stopped, killed, or have a wall clock of their own.
 */
import { describe, expect, it } from "vitest";

import { sleep } from "../../src/base/index.ts";
import { createSeededRandom, createSeededScheduler } from "../../src/testing/index.ts";

const FOREVER_MS = 1_000_000;

describe("a seeded scheduler", () => {
  it("lets events happen by their times, and those of one time in the order they were planned", async () => {
    const scheduler = createSeededScheduler();
    const process = scheduler.openProcess("one");
    const happened: string[] = [];
    for (const [name, delayMs] of [
      ["c", 5],
      ["a", 1],
      ["d", 5],
      ["b", 2],
    ] as const) {
      process.plan({ delayMs }, () => void happened.push(`${name} at ${scheduler.nowMs}`));
    }
    expect(await scheduler.runUntil(() => happened.length === 4, FOREVER_MS)).toBe(true);
    expect(happened).toEqual(["a at 1", "b at 2", "c at 5", "d at 5"]);
  });

  it("lets what an event set off have its say before the next", async () => {
    const scheduler = createSeededScheduler();
    const process = scheduler.openProcess("one");
    const happened: string[] = [];
    process.plan({ delayMs: 1 }, () => {
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => happened.push("said by the first"));
    });
    process.plan({ delayMs: 1 }, () => void happened.push("the second"));
    await scheduler.step();
    await scheduler.step();
    expect(happened).toEqual(["said by the first", "the second"]);
  });

  it("sees what a call outside of an event plans a moment later", async () => {
    const scheduler = createSeededScheduler();
    const { clock } = scheduler.openProcess("one");
    let isDone = false;
    void Promise.resolve()
      .then(() => sleep(clock, 10))
      .then(() => {
        isDone = true;
      });
    expect(await scheduler.runUntil(() => isDone, FOREVER_MS)).toBe(true);
    expect(scheduler.nowMs).toBe(10);
  });

  it("keeps a stopped process's events until it goes on, while time passes for the others", async () => {
    const scheduler = createSeededScheduler();
    const [stopped, other] = [scheduler.openProcess("stopped"), scheduler.openProcess("other")];
    const happened: string[] = [];
    const late = stopped.plan({ delayMs: 1 }, () => void happened.push("never"));
    stopped.plan({ delayMs: 2 }, () => void happened.push(`late at ${scheduler.nowMs}`));
    other.plan({ delayMs: 5 }, () => void happened.push("other"));
    stopped.stop();
    await scheduler.runUntil(() => happened.length > 0, FOREVER_MS);
    late.cancel();
    stopped.resume();
    await scheduler.runUntil(() => happened.length > 1, FOREVER_MS);
    expect(happened).toEqual(["other", "late at 5"]);
  });

  it("drops a killed process's events, and says so to who asked", async () => {
    const scheduler = createSeededScheduler();
    const process = scheduler.openProcess("one");
    const happened: string[] = [];
    process.plan({ delayMs: 1, onDropped: () => happened.push("dropped") }, () => void happened.push("happened"));
    process.kill();
    process.plan({ delayMs: 1 }, () => void happened.push("too late"));
    expect(await scheduler.runUntil(() => false, FOREVER_MS)).toBe(false);
    expect(happened).toEqual(["dropped"]);
  });

  it("moves one process's wall clock and nobody's monotonic time", () => {
    const scheduler = createSeededScheduler({ startMs: 1_000 });
    const [one, other] = [scheduler.openProcess("one"), scheduler.openProcess("other")];
    one.jumpWall(-300);
    expect([one.clock.nowMs(), other.clock.nowMs()]).toEqual([700, 1_000]);
    expect([one.clock.monotonicMs(), other.clock.monotonicMs()]).toEqual([0, 0]);
  });
});

describe("seeded randomness", () => {
  it("is the same for a seed on every machine", () => {
    const random = createSeededRandom(7);
    expect([random.below(1_000), random.below(1_000), random.below(1_000)]).toEqual([757, 800, 532]);
    expect([...createSeededRandom(7).split("disk").bytes(4)]).toEqual([81, 70, 242, 83]);
  });

  it("has streams that don't depend on what others draw", () => {
    const [drawn, fresh] = [createSeededRandom(3), createSeededRandom(3)];
    drawn.below(10);
    expect(drawn.split("a").unit()).toBe(fresh.split("a").unit());
    expect(fresh.split("a").unit()).not.toBe(fresh.split("b").unit());
  });

  it("is spread evenly", () => {
    const random = createSeededRandom("spread");
    const hits = Array.from({ length: 10_000 }, () => random.below(10));
    for (let digit = 0; digit < 10; digit += 1) {
      expect(hits.filter((hit) => hit === digit).length).toBeGreaterThan(900);
    }
  });
});
