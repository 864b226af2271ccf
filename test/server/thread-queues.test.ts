/**
 * Queues by key: jobs of one key in their order and one at a time, jobs of different keys side by side, and nothing
 * kept when all is done.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ThreadQueues } from "../../src/server/thread-queues.ts";

describe("thread queues", () => {
  it("runs jobs of one key in order and one at a time, whatever fails (Q1, Q2, Q3)", async () => {
    const job = fc.record({ key: fc.constantFrom("a", "b", "c"), steps: fc.nat(3), fails: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(job, { maxLength: 20 }), async (jobs) => {
        const queues = new ThreadQueues();
        const running = new Set<string>();
        const begun: { readonly key: string; readonly index: number }[] = [];
        const runs = jobs.map(async ({ key, steps, fails }, index) => {
          await queues.run(key, async () => {
            expect(running.has(key)).toBe(false);
            running.add(key);
            begun.push({ key, index });
            for (let step = 0; step < steps; step += 1) await Promise.resolve();
            running.delete(key);
            if (fails) throw new Error("a job failed");
          });
        });
        const ends = await Promise.allSettled(runs);
        expect(ends.map(({ status }) => status === "rejected")).toEqual(jobs.map(({ fails }) => fails));
        for (const key of ["a", "b", "c"]) {
          const order = begun.filter((one) => one.key === key).map(({ index }) => index);
          expect(order).toEqual([...order].sort((a, b) => a - b));
        }
        expect(queues.size).toBe(0);
      }),
    );
  });

  it("begins a job of another key while one waits", async () => {
    const queues = new ThreadQueues();
    const gate = Promise.withResolvers<void>();
    const slow = queues.run("a", () => gate.promise);
    let isDone = false;
    await queues.run("b", () => {
      isDone = true;
      return Promise.resolve();
    });
    expect(isDone).toBe(true);
    gate.resolve();
    await slow;
  });
});
