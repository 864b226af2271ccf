/**
 * The feed over all threads: what the store says and what the runtime publishes, in one order; and what a
 * slow subscriber is told of what it missed.
 */
import fc from "fast-check";
import { lastValueFrom, toArray } from "rxjs";
import { describe, expect, it } from "vitest";

import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { createFeedHub, type RuntimeFeedEvent } from "../../src/streams/index.ts";
import { message, readAll, take } from "./feed-harness.ts";

const metadata = { cwd: "/work/place" };

describe("the feed over all threads", () => {
  it("tells what starts, ends and moves, in the order it happened", async () => {
    const store = createMemoryThreadStore();
    const hub = createFeedHub<never>({ store });
    const reading = readAll(hub.openRuntimeFeed());
    const observing = lastValueFrom(hub.openRuntimeFeed().pipe(toArray()));
    const { writer } = await store.createThread({ metadata });
    const { threadId } = writer;
    hub.publishLifecycle({ type: "thread_loaded", threadId });
    await store.appendItems({ writer, items: [message("hello")] });
    hub.publishLifecycle({ type: "turn_started", threadId, turnId: "t" });
    hub.publishLifecycle({ type: "turn_completed", threadId, turnId: "t", status: "failed" });
    await store.updateThreadMetadata({ threadId, patch: { name: "named" } });
    await store.archiveThread(threadId);
    await store.unarchiveThread(threadId);
    hub.publishLifecycle({ type: "thread_unloaded", threadId, reason: "deleted" });
    await store.deleteThread(threadId);
    hub.close();
    const events = await reading;
    expect(events).toEqual([
      { type: "thread_loaded", threadId },
      { type: "thread_created", threadId },
      { type: "turn_started", threadId, turnId: "t" },
      { type: "turn_completed", threadId, turnId: "t", status: "failed" },
      { type: "thread_name_updated", threadId, name: "named" },
      { type: "thread_archived", threadId },
      { type: "thread_unarchived", threadId },
      { type: "thread_unloaded", threadId, reason: "deleted" },
      { type: "thread_deleted", threadId },
    ]);
    expect(await observing).toEqual(events);
  });

  it("says how many events a slow subscriber missed, where they are missing, and holds no more than its bound", () => {
    const steps = fc.array(
      fc.oneof(fc.constant("publish" as const), fc.constant("publish" as const), fc.constant("read" as const)),
      {
        maxLength: 60,
      },
    );
    return fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 5 }), steps, async (bufferEventsMax, script) => {
        const hub = createFeedHub<never>({ store: createMemoryThreadStore() });
        const iterator = hub.openRuntimeFeed({ bufferEventsMax })[Symbol.asyncIterator]();
        const told: RuntimeFeedEvent[] = [];
        let published = 0;
        for (const step of script) {
          if (step === "publish") {
            hub.publishLifecycle({ type: "thread_loaded", threadId: String(published) });
            published += 1;
          } else if (iterator.stats().held > 0) told.push(...(await take(iterator, 1)));
        }
        hub.close();
        told.push(...(await take(iterator, published + 1)));
        expect(iterator.stats().heldPeak).toBeLessThanOrEqual(bufferEventsMax);
        let next = 0;
        for (const event of told) {
          if (event.type === "missed") {
            expect(event.count).toBeGreaterThan(0);
            next += event.count;
          } else {
            expect(event).toEqual({ type: "thread_loaded", threadId: String(next) });
            next += 1;
          }
        }
        expect(next).toBe(published);
      }),
    );
  });

  it("ends at an abort", async () => {
    const hub = createFeedHub<never>({ store: createMemoryThreadStore() });
    const abort = new AbortController();
    const reading = readAll(hub.openRuntimeFeed({ signal: abort.signal }));
    hub.publishLifecycle({ type: "thread_loaded", threadId: "a" });
    await Promise.resolve();
    abort.abort();
    expect((await reading).length).toBeLessThanOrEqual(1);
    expect(await readAll(hub.openRuntimeFeed({ signal: abort.signal }))).toEqual([]);
    expect(hub.stats().runtimeSubscriptions).toBe(0);
  });
});
