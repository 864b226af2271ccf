/**
 * A feed whose store says that it lost history: over at once, whatever it holds or reads, and alone in that. The store
 * is a real one, which loses nothing: only what it says is the test's.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { StoreEvent } from "../../src/store/index.ts";
import { createFeedHub, type FeedHub } from "../../src/streams/index.ts";
import { arbScheduler } from "../../src/testing/model/index.ts";
import { createFeedWorld, type FeedWorld, message, short, take, troubled } from "./feed-harness.ts";

interface LosingWorld extends FeedWorld {
  readonly hub: FeedHub<string>;
  /** The store says so of the thread. */
  lose(nextOrdinal: number): void;
}

/** A world whose store can say that it lost history. */
async function createLosingWorld(
  loadHistory?: (world: FeedWorld) => FeedWorld["store"]["loadHistory"],
  ...said: readonly string[]
): Promise<LosingWorld> {
  const world = await createFeedWorld(...said);
  const { store, threadId } = world;
  const listeners = new Set<(event: StoreEvent) => void>();
  const subscribe = (listener: (event: StoreEvent) => void): (() => void) => {
    listeners.add(listener);
    const leave = store.subscribe(listener);
    return () => {
      listeners.delete(listener);
      leave();
    };
  };
  const troubles = loadHistory === undefined ? { subscribe } : { subscribe, loadHistory: loadHistory(world) };
  const hub = createFeedHub<string>({ store: troubled(store, troubles) });
  const lose = (nextOrdinal: number): void => {
    for (const listener of listeners) listener({ type: "truncated", threadId, nextOrdinal });
  };
  return { ...world, hub, lose };
}

describe("a feed of a thread that the server lost history of", () => {
  it("fails with where the log ends now and what was told, and again for who asks again", async () => {
    const { hub, threadId, say, lose } = await createLosingWorld(undefined, "a", "b");
    const iterator = hub.openFeed({ threadId })[Symbol.asyncIterator]();
    expect((await take(iterator, 3)).map(short)).toEqual([0, 1, 2]);
    const waiting = iterator.next();
    lose(2);
    const failure = { code: "history_truncated", data: { threadId, nextOrdinal: 2, toldOrdinal: 2 } };
    await expect(waiting).rejects.toMatchObject(failure);
    await say("another");
    await expect(iterator.next()).rejects.toMatchObject(failure);
    expect(hub.stats()).toEqual({ threads: 0, subscriptions: 0, runtimeSubscriptions: 0 });
  });

  it("tells nothing of what it still held", async () => {
    const { hub, threadId, say, lose } = await createLosingWorld(undefined, "a");
    const iterator = hub.openFeed({ threadId })[Symbol.asyncIterator]();
    expect((await take(iterator, 2)).map(short)).toEqual([0, 1]);
    await say("held", "held too");
    lose(3);
    await say("another");
    await expect(iterator.next()).rejects.toMatchObject({
      code: "history_truncated",
      data: { nextOrdinal: 3, toldOrdinal: 1 },
    });
  });

  it("fails though its thread isn't found any more", async () => {
    const losing: { lose?: () => void } = {};
    const { hub, threadId, store, lose } = await createLosingWorld(
      ({ store: inner }) =>
        async (params) => {
          if ((params.from ?? 0) > 0) losing.lose?.();
          return inner.loadHistory(params);
        },
      "a",
    );
    const iterator = hub.openFeed({ threadId, bufferRecordsMax: 1 })[Symbol.asyncIterator]();
    expect((await take(iterator, 1)).map(short)).toEqual([0]);
    losing.lose = () => lose(0);
    const reading = iterator.next();
    await store.close();
    await expect(reading).rejects.toMatchObject({ code: "history_truncated", data: { nextOrdinal: 0 } });
  });

  it("goes on where it begins at the end and nothing of the thread was told", async () => {
    const { hub, threadId, say, lose } = await createLosingWorld(undefined, "a", "b");
    const iterator = hub.openFeed({ threadId, from: "end" })[Symbol.asyncIterator]();
    lose(3);
    await say("c");
    expect((await take(iterator, 1)).map(short)).toEqual([3]);
    await iterator.return();
  });

  it("leaves the feeds of other threads as they are", async () => {
    const { hub, store, lose } = await createLosingWorld(undefined, "a");
    const { writer } = await store.createThread({ metadata: { cwd: "/elsewhere" } });
    const iterator = hub.openFeed({ threadId: writer.threadId })[Symbol.asyncIterator]();
    await store.appendItems({ writer, items: [message("one")] });
    expect((await take(iterator, 2)).map(short)).toEqual([0, 1]);
    lose(1);
    await store.appendItems({ writer, items: [message("two")] });
    expect((await take(iterator, 1)).map(short)).toEqual([2]);
    await iterator.return();
  });

  it("tells nothing behind the loss, for any interleaving of appends, pages and pace", async () => {
    await fc.assert(
      fc.asyncProperty(
        arbScheduler(),
        fc.nat(6),
        fc.integer({ min: 1, max: 4 }),
        async (s, after, bufferRecordsMax) => {
          const { hub, threadId, store, opened, lose } = await createLosingWorld(
            ({ store: inner }) =>
              async (params) => {
                const page = inner.loadHistory(params);
                page.catch(() => {});
                await s.schedule(Promise.resolve(), "answer a page");
                return page;
              },
          );
          const iterator = hub.openFeed({ threadId, bufferRecordsMax })[Symbol.asyncIterator]();
          const seen: number[] = [];
          let isLost = false;
          let seenAtLoss = 0;
          let failure: unknown;
          const read = async (): Promise<void> => {
            try {
              for (;;) {
                await s.schedule(Promise.resolve(), "read");
                const next = await iterator.next();
                if (next.done === true) return;
                seen.push(Number(short(next.value)));
              }
            } catch (error) {
              failure = error;
            }
          };
          const reading = read();
          const steps = Array.from({ length: 8 }, (_, index) => async (): Promise<void> => {
            if (index === after) {
              lose(1);
              isLost = true;
              seenAtLoss = seen.length;
            }
            await store.appendItems({ writer: opened.writer, items: [message(`${index}`), message("more")] });
          });
          s.scheduleSequence(steps.map((builder, index) => ({ builder, label: `append ${index}` })));
          await s.waitIdle();
          await reading;
          expect(isLost).toBe(true);
          expect(failure).toMatchObject({ code: "history_truncated", data: { nextOrdinal: 1 } });
          // One was on its way to the reader when the loss was told, at most.
          expect(seen.length - seenAtLoss).toBeLessThanOrEqual(1);
          expect(seen).toEqual(Array.from({ length: seen.length }, (_, n) => n));
          expect(failure).toMatchObject({ data: { toldOrdinal: seen.length - 1 } });
        },
      ),
      { numRuns: 200 },
    );
  });
});
