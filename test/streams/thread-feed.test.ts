/**
 * A thread's feed: where it begins, when it ends, what it holds, and what a bad subscriber can't do. The
 * store is real; where it is slow, deaf or broken, the test says so.
 */
import { filter, firstValueFrom, lastValueFrom, take as takeFirst, toArray } from "rxjs";
import { describe, expect, it } from "vitest";

import { fault, type Logger, silentLogger } from "../../src/base/index.ts";
import type { StoreEvent } from "../../src/store/index.ts";
import { createFeedHub } from "../../src/streams/index.ts";
import { createManualClock, drainEventLoop } from "../../src/testing/index.ts";
import { createFeedWorld, readAll, short, take, troubled } from "./feed-harness.ts";

const closed = { code: "runtime_closed", kind: "fault" };
const idle = { threads: 0, subscriptions: 0, runtimeSubscriptions: 0 };

describe("where a feed begins", () => {
  it("tells the log from the first record, then what is appended", async () => {
    const { store, threadId, say, log } = await createFeedWorld("a", "b");
    const iterator = createFeedHub<never>({ store }).openFeed({ threadId })[Symbol.asyncIterator]();
    const early = await take(iterator, 3);
    await say("c");
    const events = [...early, ...(await take(iterator, 1))];
    expect(events).toEqual((await log()).map((record) => ({ type: "record", threadId, record })));
  });

  it("begins at the ordinal that was asked for, in the log or not yet there", async () => {
    const { store, threadId, say } = await createFeedWorld("1", "2", "3");
    const hub = createFeedHub<never>({ store });
    const [within, beyond] = [2, 6].map((from) => hub.openFeed({ threadId, from })[Symbol.asyncIterator]());
    const asked = beyond?.next();
    for (const text of ["4", "5", "6", "7"]) await say(text);
    expect((await take(within ?? fail(), 6)).map(short)).toEqual([2, 3, 4, 5, 6, 7]);
    expect((await asked)?.value).toMatchObject({ record: { ordinal: 6 } });
  });

  it("begins at the end with the next record, and reads nothing of the log", async () => {
    const { store, threadId, say } = await createFeedWorld("old", "older");
    store.clearJournal();
    const feed = createFeedHub<never>({ store }).openFeed({ threadId, from: "end" });
    const iterator = feed[Symbol.asyncIterator]();
    await say("new", "newer");
    expect((await take(iterator, 2)).map(short)).toEqual([3, 4]);
    expect(store.journal.map((call) => call.method)).toEqual(["subscribe", "appendItems"]);
  });

  it("waits for a thread that is only created", async () => {
    const { store, threadId, say } = await createFeedWorld();
    const iterator = createFeedHub<never>({ store }).openFeed({ threadId })[Symbol.asyncIterator]();
    const first = iterator.next();
    await drainEventLoop();
    await say("first");
    expect((await first).value).toMatchObject({ record: { ordinal: 0 } });
    expect((await iterator.next()).value).toMatchObject({ record: { ordinal: 1 } });
  });

  it("refuses what is no thread id, ordinal or bound, at once", async () => {
    const { store, threadId } = await createFeedWorld();
    const hub = createFeedHub<never>({ store });
    expect(() => hub.openFeed({ threadId: "nope" })).toThrow("UUID");
    for (const bad of [{ from: -1 }, { from: 0.5 }, { bufferRecordsMax: 0 }, { pollIntervalMs: 0 }]) {
      expect(() => hub.openFeed({ threadId, ...bad })).toThrow("whole number");
    }
    expect(() => hub.openRuntimeFeed({ bufferEventsMax: 1 })).toThrow("whole number");
  });
});

function fail(): never {
  throw new Error("no iterator");
}

describe("when a feed ends", () => {
  it("completes behind the last record when its thread is deleted", async () => {
    const { store, threadId } = await createFeedWorld("a", "b");
    const hub = createFeedHub<never>({ store });
    const iterator = hub.openFeed({ threadId })[Symbol.asyncIterator]();
    const first = await take(iterator, 1);
    await store.deleteThread(threadId);
    const rest = await take(iterator, 100);
    expect([...first, ...rest].map(short)).toEqual([0, 1, 2]);
    expect(hub.stats()).toEqual(idle);
  });

  it("completes when the hub closes, and a later subscription fails", async () => {
    const { store, threadId } = await createFeedWorld("a");
    const hub = createFeedHub<never>({ store });
    const reading = readAll(hub.openFeed({ threadId }));
    const observed = lastValueFrom(hub.openFeed({ threadId }).pipe(toArray()));
    await drainEventLoop();
    hub.close();
    hub.close();
    expect((await reading).map(short)).toEqual([0, 1]);
    expect((await observed).map(short)).toEqual([0, 1]);
    await expect(async () => await readAll(hub.openFeed({ threadId }))).rejects.toMatchObject(closed);
    await expect(async () => await readAll(hub.openRuntimeFeed())).rejects.toMatchObject(closed);
    expect(hub.stats()).toEqual(idle);
  });

  it("fails on a store that is closed: an empty end would look like an empty log", async () => {
    const { store, threadId } = await createFeedWorld("a");
    const hub = createFeedHub<never>({ store });
    const waiting = hub.openFeed({ threadId })[Symbol.asyncIterator]();
    await store.close();
    await expect(take(waiting, 1)).rejects.toMatchObject(closed);
    await expect(async () => await readAll(hub.openFeed({ threadId }))).rejects.toMatchObject(closed);
  });

  it("stops at an abort, also in the middle of a page, and lets go of everything", async () => {
    const { store, threadId } = await createFeedWorld("a", "b");
    const neverRead = troubled(store, { loadHistory: () => new Promise(() => {}) });
    for (const hub of [createFeedHub<never>({ store }), createFeedHub<never>({ store: neverRead })]) {
      const abort = new AbortController();
      const iterator = hub.openFeed({ threadId, signal: abort.signal })[Symbol.asyncIterator]();
      const first = iterator.next();
      await drainEventLoop();
      abort.abort();
      const done = [(await first).done, (await iterator.next()).done];
      expect(done.at(-1)).toBe(true);
      expect(hub.stats()).toEqual(idle);
      expect(await readAll(hub.openFeed({ threadId, signal: abort.signal }))).toEqual([]);
    }
  });

  it("ends by break and by unsubscribing, and the hub lets go of the store with its last subscriber", async () => {
    const { store, threadId } = await createFeedWorld("a", "b");
    let listeners = 0;
    const subscribe = (listener: (event: StoreEvent) => void): (() => void) => {
      const unsubscribe = store.subscribe(listener);
      listeners += 1;
      return () => {
        listeners -= 1;
        unsubscribe();
      };
    };
    const hub = createFeedHub<never>({ store: troubled(store, { subscribe }) });
    const observed = hub.openFeed({ threadId }).subscribe(() => {});
    const runtime = hub.openRuntimeFeed().subscribe(() => {});
    for await (const event of hub.openFeed({ threadId })) {
      expect(short(event)).toBe(0);
      expect(hub.stats()).toEqual({ threads: 1, subscriptions: 2, runtimeSubscriptions: 1 });
      expect(listeners).toBe(1);
      break;
    }
    expect(hub.stats()).toEqual({ threads: 1, subscriptions: 1, runtimeSubscriptions: 1 });
    observed.unsubscribe();
    expect(hub.stats()).toEqual({ threads: 0, subscriptions: 0, runtimeSubscriptions: 1 });
    expect(listeners).toBe(1);
    runtime.unsubscribe();
    expect(listeners).toBe(0);
    expect(await firstValueFrom(hub.openFeed({ threadId }).pipe(takeFirst(1)))).toMatchObject({ type: "record" });
    expect([hub.stats(), listeners]).toEqual([idle, 0]);
  });

  it("fails with the store's fault, and says it again to who asks again", async () => {
    const { store, threadId } = await createFeedWorld("a");
    const broken = troubled(store, { loadHistory: () => Promise.reject(fault("io_error", "the disk is gone")) });
    const hub = createFeedHub<never>({ store: broken });
    const iterator = hub.openFeed({ threadId })[Symbol.asyncIterator]();
    await expect(iterator.next()).rejects.toMatchObject({ code: "io_error" });
    await expect(iterator.next()).rejects.toMatchObject({ code: "io_error" });
    await expect(firstValueFrom(hub.openFeed({ threadId }))).rejects.toMatchObject({ code: "io_error" });
    expect(hub.stats()).toEqual(idle);
  });
});

describe("a log that lost what was told", () => {
  it("isn't one that the feed only looked for its end in", async () => {
    const { store, threadId, say } = await createFeedWorld();
    const feed = createFeedHub<never>({ store }).openFeed({ threadId, from: "end", pollIntervalMs: 1_000 });
    const iterator = feed[Symbol.asyncIterator]();
    // Told before the log is first looked at, and found there by that look.
    await say("first");
    expect((await take(iterator, 2)).map(short)).toEqual([0, 1]);
    await iterator.return?.();
  });

  it("fails the feed behind the last record there is, instead of being read for ever", async () => {
    const { store, threadId, say } = await createFeedWorld("a", "b");
    const loadHistory: typeof store.loadHistory = async (params) => {
      const page = await store.loadHistory(params);
      const records = page.records.filter(({ ordinal }) => ordinal < 3);
      const nextOrdinal = (params.from ?? 0) + records.length;
      return { ...page, records, nextOrdinal, isEnd: nextOrdinal >= 3 };
    };
    const hub = createFeedHub<never>({ store: troubled(store, { loadHistory }) });
    const iterator = hub.openFeed({ threadId, bufferRecordsMax: 1 })[Symbol.asyncIterator]();
    await say("c", "d");
    expect((await take(iterator, 3)).map(short)).toEqual([0, 1, 2]);
    await expect(iterator.next()).rejects.toMatchObject({
      code: "rollout_unreadable",
      data: { threadId, nextOrdinal: 3, publishedEnd: 5 },
    });
    expect(hub.stats()).toEqual(idle);
  });

  it("fails the feed also where the page says that it ends behind what was told", async () => {
    const { store, threadId, say } = await createFeedWorld("a");
    const loadHistory: typeof store.loadHistory = async (params) => {
      const page = await store.loadHistory(params);
      return { ...page, records: page.records.filter(({ ordinal }) => ordinal < 2) };
    };
    const hub = createFeedHub<never>({ store: troubled(store, { loadHistory }) });
    const iterator = hub.openFeed({ threadId, bufferRecordsMax: 2 })[Symbol.asyncIterator]();
    await say("b");
    expect((await take(iterator, 2)).map(short)).toEqual([0, 1]);
    await expect(iterator.next()).rejects.toMatchObject({
      code: "rollout_unreadable",
      data: { threadId, nextOrdinal: 2, publishedEnd: 3 },
    });
  });
});

describe("a slow subscriber", () => {
  it("never holds more than its bound and still gets every record", async () => {
    const { store, threadId, say } = await createFeedWorld("start");
    const hub = createFeedHub<never>({ store });
    const iterator = hub.openFeed({ threadId, bufferRecordsMax: 4 })[Symbol.asyncIterator]();
    const early = await take(iterator, 2);
    for (let n = 0; n < 50; n += 1) await say(`a${n}`, `b${n}`);
    expect(iterator.stats()).toMatchObject({ held: 4, overflows: 1 });
    const events = [...early, ...(await take(iterator, 100))];
    expect(events.map(short)).toEqual(Array.from({ length: 102 }, (_, ordinal) => ordinal));
    expect(iterator.stats().heldPeak).toBe(4);
    await say("live again");
    expect((await take(iterator, 1)).map(short)).toEqual([102]);
  });

  it("loses its signals while it is behind, and gets them again when it has caught up", async () => {
    const { store, threadId, say } = await createFeedWorld("start");
    const hub = createFeedHub<string>({ store });
    const iterator = hub.openFeed({ threadId, signals: true, bufferRecordsMax: 2 })[Symbol.asyncIterator]();
    await take(iterator, 2);
    hub.publishSignal(threadId, "before");
    await say("2", "3", "4");
    hub.publishSignal(threadId, "behind");
    expect((await take(iterator, 3)).map(short)).toEqual([2, 3, 4]);
    expect(iterator.stats()).toMatchObject({ signalsDropped: 2, overflows: 1 });
    hub.publishSignal(threadId, "caught up");
    expect((await take(iterator, 1)).map(short)).toEqual(["caught up"]);
  });

  it("keeps the newest signals at their bound", async () => {
    const { store, threadId } = await createFeedWorld("start");
    const hub = createFeedHub<string>({ store });
    const feed = hub.openFeed({ threadId, from: "end", signals: true, bufferSignalsMax: 2 });
    const iterator = feed[Symbol.asyncIterator]();
    for (const signal of ["a", "b", "c", "d"]) hub.publishSignal(threadId, signal);
    expect(iterator.stats()).toMatchObject({ signalsHeld: 2, signalsDropped: 2 });
    expect((await take(iterator, 2)).map(short)).toEqual(["c", "d"]);
  });
});

describe("signals", () => {
  it("come only to who asks for them, and only of their thread", async () => {
    const { store, threadId, say } = await createFeedWorld("start");
    const hub = createFeedHub<string>({ store });
    const [deaf, hearing] = [false, true].map((signals) => hub.openFeed({ threadId, from: "end", signals }));
    const silent = deaf?.[Symbol.asyncIterator]() ?? fail();
    const asking = hearing?.[Symbol.asyncIterator]() ?? fail();
    hub.publishSignal("019b0000-0000-7000-8000-0000000000ff", "another thread's");
    hub.publishSignal(threadId, "one");
    await say("a");
    hub.publishSignal(threadId, "two");
    expect((await take(asking, 3)).map(short)).toEqual(["one", 2, "two"]);
    expect((await take(silent, 1)).map(short)).toEqual([2]);
  });

  it("come after the records that were published before them, also during catch-up", async () => {
    const { store, threadId, say } = await createFeedWorld("1", "2", "3");
    const release = Promise.withResolvers<void>();
    const slow = troubled(store, {
      loadHistory: async (params) => {
        await release.promise;
        return store.loadHistory(params);
      },
    });
    const hub = createFeedHub<string>({ store: slow });
    const iterator = hub.openFeed({ threadId, signals: true })[Symbol.asyncIterator]();
    hub.publishSignal(threadId, "after 3");
    await say("4");
    hub.publishSignal(threadId, "after 4");
    await say("5");
    release.resolve();
    const events = [0, 1, 2, 3, "after 3", 4, "after 4", 5];
    expect((await take(iterator, 8)).map(short)).toEqual(events);
  });
});

describe("a subscriber that throws", () => {
  it("is reported and hurts neither the others, nor the store, nor its own later events", async () => {
    const { store, threadId, say } = await createFeedWorld("a");
    const reported: unknown[] = [];
    const logger: Logger = { ...silentLogger, error: (fields) => reported.push(fields) };
    const hub = createFeedHub<never>({ store, logger });
    const seen: number[] = [];
    const bad = (event: Parameters<typeof short<never>>[0]): void => {
      if (short(event) === 1) throw new Error("a bad subscriber");
      seen.push(short(event));
    };
    hub.openFeed({ threadId }).subscribe(bad);
    hub
      .openFeed({ threadId })
      .pipe(filter(() => true))
      .subscribe({ next: bad });
    const good = hub.openFeed({ threadId })[Symbol.asyncIterator]();
    await take(good, 2);
    await say("b");
    expect((await take(good, 1)).map(short)).toEqual([2]);
    await drainEventLoop();
    expect(seen.toSorted((a, b) => a - b)).toEqual([0, 0, 2, 2]);
    expect(reported).toHaveLength(2);
  });
});

describe("a feed over records that others write", () => {
  it("goes back to the log when what is published leaves a gap", async () => {
    const { store, threadId, say, log } = await createFeedWorld("1");
    let heard: ((event: StoreEvent) => void) | undefined;
    const subscribe = (listener: (event: StoreEvent) => void): (() => void) => {
      heard = listener;
      return () => {};
    };
    const hub = createFeedHub<never>({ store: troubled(store, { subscribe }) });
    const iterator = hub.openFeed({ threadId })[Symbol.asyncIterator]();
    await take(iterator, 2);
    const waiting = take(iterator, 3);
    await drainEventLoop();
    await say("2", "3");
    await say("4");
    heard?.({ type: "appended", threadId, records: (await log()).slice(4) });
    expect((await waiting).map(short)).toEqual([2, 3, 4]);
  });

  it.each([0, "end"] as const)("finds them by looking at the log, from %s", async (from) => {
    const clock = createManualClock();
    const { store, threadId, say } = await createFeedWorld("1", "2", "3");
    const deaf = troubled(store, { subscribe: () => () => {} });
    const hub = createFeedHub<never>({ store: deaf, clock });
    const feed = hub.openFeed({ threadId, from, bufferRecordsMax: 2, pollIntervalMs: 500 });
    const iterator = feed[Symbol.asyncIterator]();
    if (from === 0) expect((await take(iterator, 4)).map(short)).toEqual([0, 1, 2, 3]);
    const next = take(iterator, 3);
    await drainEventLoop();
    await say("4", "5", "6");
    await clock.run(499);
    expect(iterator.stats().held).toBe(0);
    await clock.run(1);
    expect((await next).map(short)).toEqual([4, 5, 6]);
    const end = take(iterator, 1);
    await drainEventLoop();
    await store.deleteThread(threadId);
    await clock.run(500);
    expect(await end).toEqual([]);
    expect([clock.pendingTimers(), hub.stats()]).toEqual([0, idle]);
  });

  it("finds a thread that another process only now begins", async () => {
    const clock = createManualClock();
    const { store, threadId, say } = await createFeedWorld();
    const deaf = troubled(store, { subscribe: () => () => {} });
    const feed = createFeedHub<never>({ store: deaf, clock }).openFeed({ threadId, from: "end", pollIntervalMs: 10 });
    const iterator = feed[Symbol.asyncIterator]();
    const first = take(iterator, 2);
    await clock.run(25);
    await say("1");
    await clock.run(10);
    expect((await first).map(short)).toEqual([0, 1]);
    const waiting = take(iterator, 1);
    await drainEventLoop();
    expect(clock.pendingTimers()).toBe(1);
    await iterator.return();
    expect([await waiting, clock.pendingTimers()]).toEqual([[], 0]);
  });
});
