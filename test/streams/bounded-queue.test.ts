/**
 * The two parts that feeds are made of: a queue that is a plain list with a bound, and a wakeup that sleeps
 * through nothing.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { createBoundedQueue } from "../../src/streams/bounded-queue.ts";
import { createWakeup } from "../../src/streams/wakeup.ts";

describe("a bounded queue", () => {
  it("is a list that refuses, or forgets its oldest, at its bound", () => {
    const step = fc.constantFrom("push", "push", "drop", "shift", "clear", "peek");
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60 }), (sizeMax, steps) => {
        const queue = createBoundedQueue<number>(sizeMax);
        const model: number[] = [];
        let peak = 0;
        for (const [item, kind] of steps.entries()) {
          const isFull = model.length === sizeMax;
          if (kind === "push") {
            expect(queue.push(item)).toBe(!isFull);
            if (!isFull) model.push(item);
          } else if (kind === "drop") {
            expect(queue.pushDroppingOldest(item)).toBe(isFull);
            if (isFull) model.shift();
            model.push(item);
          } else if (kind === "shift") expect(queue.shift()).toBe(model.shift());
          else if (kind === "peek") expect(queue.peek()).toBe(model[0]);
          else {
            queue.clear();
            model.length = 0;
          }
          peak = Math.max(peak, model.length);
          expect([...queue]).toEqual(model);
          expect([queue.size, queue.peakSize]).toEqual([model.length, peak]);
        }
      }),
    );
  });

  it("keeps order and size over far more items than it holds", () => {
    const queue = createBoundedQueue<number>(1_000);
    for (let n = 0; n < 1_000; n += 1) queue.push(n);
    for (let n = 1_000; n < 5_000; n += 1) {
      expect(queue.shift()).toBe(n - 1_000);
      expect(queue.push(n)).toBe(true);
    }
    expect(queue.push(5_000)).toBe(false);
    expect([queue.size, queue.peakSize, queue.peek()]).toEqual([1_000, 1_000, 4_000]);
  });
});

describe("a wakeup", () => {
  it("remembers a wake that nobody waited for, once", async () => {
    const wakeup = createWakeup();
    wakeup.wake();
    wakeup.wake();
    await wakeup.wait();
    let isWoken = false;
    const second = wakeup.wait().then(() => (isWoken = true));
    await Promise.resolve();
    expect(isWoken).toBe(false);
    wakeup.wake();
    await second;
    expect(isWoken).toBe(true);
  });
});
