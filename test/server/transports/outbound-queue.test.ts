/**
 * What waits for one reader: joined, in order, counted, and given up on when the reader is too slow. The medium is
 * scripted, and the clock is moved by hand.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

import { createOutboundQueue, type OutboundBounds, type OutboundQueue } from "../../../src/server/transports/index.ts";
import { createManualClock, drainEventLoop } from "../../../src/testing/index.ts";

const BOUNDS: OutboundBounds = { queueBytesMax: 1_000, stallBytesMax: 100, stallMs: 1_000, writeBytesMax: 50 };

/** A medium that takes `credit` writes, then none until it is drained. */
function createReader(bounds: Partial<OutboundBounds> = {}) {
  const clock = createManualClock();
  const writes: string[][] = [];
  const gaveUp: string[] = [];
  let credit = Infinity;
  const queue: OutboundQueue = createOutboundQueue({
    medium: {
      write: (messages) => {
        writes.push([...messages]);
        credit -= 1;
        return credit > 0;
      },
    },
    bounds: { ...BOUNDS, ...bounds },
    clock,
    gaveUp: (reason) => gaveUp.push(reason),
  });
  return {
    clock,
    queue,
    writes,
    gaveUp,
    takes: (writesMax: number): void => {
      credit = writesMax;
    },
    drains: (writesMax = Infinity): void => {
      credit = writesMax;
      queue.drained();
    },
  };
}

test("what is sent in one turn of the event loop, by callbacks and promises, is one write", async () => {
  const { queue, writes } = createReader();
  queue.send("a");
  await Promise.resolve();
  queue.send("b");
  process.nextTick(() => queue.send("c"));
  await drainEventLoop();
  expect(writes).toEqual([["a", "b", "c"]]);
});

test("ten thousand messages of one turn are as few writes as their bytes need", async () => {
  const { queue, writes } = createReader({ queueBytesMax: 10_000_000, writeBytesMax: 256 * 1024 });
  const text = "x".repeat(100);
  for (let index = 0; index < 10_000; index += 1) queue.send(text);
  await drainEventLoop();
  expect(writes.length).toBe(4);
  expect(writes.flat().length).toBe(10_000);
});

test("a message that is longer than a write goes out alone", async () => {
  const { queue, writes } = createReader();
  for (const text of ["a", "x".repeat(80), "b"]) queue.send(text);
  await drainEventLoop();
  expect(writes.map((write) => write.map(({ length }) => length))).toEqual([[1], [80], [1]]);
});

test("nothing is written to a medium that takes no more, and the rest goes when it does", async () => {
  const { queue, writes, takes, drains } = createReader();
  takes(1);
  queue.send("a");
  await drainEventLoop();
  queue.send("b");
  queue.send("c");
  await drainEventLoop();
  expect(writes).toEqual([["a"]]);
  expect(queue.waitingBytes).toBe(3);
  drains();
  expect(writes).toEqual([["a"], ["b", "c"]]);
  expect(queue.waitingBytes).toBe(0);
});

test("bytes are counted as UTF-8", () => {
  const { queue } = createReader();
  queue.send("漢😀");
  expect(queue.waitingBytes).toBe(7);
});

test("a reader for whom too much waits is given up on, and what waited is forgotten", async () => {
  const { queue, writes, takes, gaveUp } = createReader();
  takes(1);
  queue.send("a");
  await drainEventLoop();
  const sent: boolean[] = [];
  for (let index = 0; index < 15; index += 1) sent.push(queue.send("x".repeat(100)));
  expect(sent).toEqual([...Array<boolean>(10).fill(true), ...Array<boolean>(5).fill(false)]);
  expect(gaveUp).toEqual([]);
  expect(queue.waitingBytes).toBe(1);
  await drainEventLoop();
  expect(gaveUp).toEqual(["too slow: 1001 bytes wait for it, 1000 may"]);
  expect(writes).toEqual([["a"]]);
});

test("a message of any size is taken while little waits", () => {
  const { queue } = createReader();
  expect([queue.send("a"), queue.send("x".repeat(5_000)), queue.send("b")]).toEqual([true, true, false]);
});

test("a reader that takes nothing for too long while much waits is given up on", async () => {
  const { queue, takes, gaveUp, clock } = createReader();
  takes(1);
  for (const text of ["a", "x".repeat(150)]) queue.send(text);
  await drainEventLoop();
  await clock.run(999);
  expect(gaveUp).toEqual([]);
  await clock.run(2);
  await drainEventLoop();
  expect(gaveUp.map((reason) => reason.replace(/\d+ ms/, "… ms"))).toEqual([
    "too slow: it took nothing for … ms while 151 bytes wait for it",
  ]);
});

test("a reader that takes something now and then is kept, however long it takes", async () => {
  const { queue, takes, drains, gaveUp, writes, clock } = createReader();
  takes(1);
  for (let index = 0; index < 9; index += 1) queue.send("x".repeat(50));
  await drainEventLoop();
  for (let index = 0; index < 9; index += 1) {
    await clock.run(900);
    drains(1);
  }
  await clock.run(5_000);
  expect([writes.length, gaveUp]).toEqual([9, []]);
});

test("a reader that stands still is kept while little waits", async () => {
  const { queue, takes, gaveUp, clock } = createReader();
  takes(1);
  queue.send("a");
  await drainEventLoop();
  queue.send("b");
  await clock.run(3_600_000);
  expect([gaveUp, queue.send("c")]).toEqual([[], true]);
});

test("one long message has the time that its bytes need at a slow line's rate", async () => {
  const { queue, takes, gaveUp, clock } = createReader({ queueBytesMax: 1_000_000 });
  takes(1);
  queue.send("x".repeat(160_000));
  await drainEventLoop();
  await clock.run(10_900);
  expect(gaveUp).toEqual([]);
  await clock.run(200);
  await drainEventLoop();
  expect(gaveUp.length).toBe(1);
});

test("finish takes no more, and tells when all that waited is written", async () => {
  const { queue, writes, takes, drains } = createReader();
  let isWritten = false;
  takes(1);
  queue.send("a");
  await drainEventLoop();
  queue.send("b");
  queue.finish(() => {
    isWritten = true;
  });
  expect(queue.send("c")).toBe(false);
  await drainEventLoop();
  expect(isWritten).toBe(false);
  drains();
  expect([isWritten, writes]).toEqual([true, [["a"], ["b"]]]);
});

test("nothing is written after a stop, and no timer stays", async () => {
  const { queue, writes, takes, drains, clock } = createReader();
  takes(1);
  for (const text of ["a", "x".repeat(150)]) queue.send(text);
  await drainEventLoop();
  expect(clock.pendingTimers()).toBe(1);
  queue.stop();
  drains();
  await drainEventLoop();
  expect([writes, clock.pendingTimers(), queue.send("b")]).toEqual([[["a"]], 0, false]);
});

test("messages leave once each and in order, whatever the medium does (property)", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("send" as const), size: fc.nat(60) }),
    fc.record({ kind: fc.constant("drain" as const), size: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ kind: fc.constant("turn" as const), size: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { queue, writes, takes, drains } = createReader({ queueBytesMax: 1_000_000 });
      const sent: string[] = [];
      takes(1);
      for (const { kind, size } of steps) {
        if (kind === "drain") drains(size);
        else if (kind === "turn") await drainEventLoop();
        else {
          const text = `${sent.length}:${"x".repeat(size)}`;
          sent.push(text);
          queue.send(text);
        }
      }
      await drainEventLoop();
      drains();
      await drainEventLoop();
      expect(writes.flat()).toEqual(sent);
      expect(queue.waitingBytes).toBe(0);
    }),
  );
});
