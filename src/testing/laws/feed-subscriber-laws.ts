/**
 * Laws of feeds with more than one subscriber: ones that throw, ones that leave, ones on other threads, ones that
 * ask for signals. And of `subscribe` itself, which is what all feeds of a store hang on: a listener of its own is
 * told all that was appended while it listened.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem, RolloutRecord } from "../../events/index.ts";
import type { StoreEvent } from "../../store/index.ts";
import { createFeedHub } from "../../streams/index.ts";
import { arbBatch, arbBatches } from "../arbitraries/index.ts";
import { createProgress, follow, type Follower, type FollowerKind } from "../feed-steps.ts";
import { readLog, seedThread } from "../law-steps.ts";
import { drainEventLoop } from "../manual-clock.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

const arbKind = fc.constantFrom<FollowerKind>("iterator", "observable");
const arbThread = fc.nat(2);
const arbStep = fc.oneof(
  fc.record({ do: fc.constant("append" as const), thread: arbThread, items: arbBatch(2) }),
  fc.record({ do: fc.constant("follow" as const), thread: arbThread, kind: arbKind, from: fc.nat(3) }),
  fc.record({ do: fc.constant("leave" as const), nth: fc.nat(7) }),
);
const arbListening = fc.record({
  /** Appends that were begun when it subscribes, and when it leaves. */
  after: fc.nat(6),
  until: fc.nat(9),
  throws: fc.boolean(),
});

/** The laws of this file. */
export const feedSubscriberLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "feed.told",
    title: "a listener is told all that was appended while it listened, in order, whoever else throws or leaves",
    generator: fc.record({
      appends: fc.array(fc.record({ thread: fc.nat(1), items: arbBatch(2) }), { minLength: 1, maxLength: 6 }),
      listeners: fc.array(arbListening, { minLength: 1, maxLength: 4 }),
    }),
    holds: listenersAreTold,
  }),
  storeLaw({
    id: "feed.throwing",
    title: "a subscriber that throws harms neither the append nor the other subscribers, and is told on",
    runs: 10,
    generator: fc.record({ batches: arbBatches(4), throwsFirst: fc.boolean(), kind: arbKind }),
    holds: throwingHarmsNobody,
  }),
  storeLaw({
    id: "feed.threads",
    title: "feeds of several threads, begun and left at any moment, tell each its own thread's records",
    generator: fc.array(arbStep, { minLength: 3, maxLength: 16 }),
    holds: feedsAreTheirThreads,
  }),
  storeLaw({
    id: "feed.cold",
    title: "each subscription of one feed is one of its own, from the feed's beginning",
    runs: 10,
    generator: fc.record({
      batches: arbBatches(3),
      later: arbBatches(2),
      bufferRecordsMax: fc.integer({ min: 1, max: 4 }),
    }),
    holds: subscriptionsAreTheirOwn,
  }),
  storeLaw({
    id: "feed.signals",
    title: "a signal comes after every record that was appended before it, and signals keep their order",
    generator: fc.record({
      batches: arbBatches(6),
      kind: arbKind,
      joinAfter: fc.nat(3),
      bufferRecordsMax: fc.integer({ min: 1, max: 9 }),
    }),
    holds: signalsComeAfterRecords,
  }),
];

interface Listening {
  readonly after: number;
  readonly until: number;
  readonly throws: boolean;
}

interface Told {
  readonly appends: readonly { readonly thread: number; readonly items: readonly AppendableItem[] }[];
  readonly listeners: readonly Listening[];
}

async function listenersAreTold(place: LawPlace, { appends, listeners }: Told): Promise<void> {
  const store = await place.open();
  const threads = [await seedThread(store), await seedThread(store)];
  const heard = listeners.map((listening) => ({ ...listening, told: [] as StoreEvent[], leave: () => {} }));
  const answers: Promise<unknown>[] = [];
  for (let begun = 0; begun <= appends.length; begun += 1) {
    for (const one of heard) {
      const { after, throws, told } = one;
      if (Math.min(after, appends.length) === begun) {
        one.leave = store.subscribe((event) => {
          told.push(event);
          if (throws) throw new Error("a subscriber's own error");
        });
      } else if (one.until === begun && begun > after) one.leave();
    }
    const { thread = 0, items = [] } = appends[begun] ?? {};
    const writer = threads[thread]?.writer;
    if (writer !== undefined && items.length > 0) answers.push(store.appendItems({ writer, items }));
  }
  await Promise.all(answers);
  const stayed = new Set(heard.filter(({ after, until }) => until <= after || until > appends.length));
  for (const [index, { id }] of threads.entries()) {
    const log = await readLog(store, id);
    for (const one of heard) {
      const records = one.told.flatMap((event) =>
        event.type === "appended" && event.threadId === id ? event.records : [],
      );
      const first = records[0]?.ordinal ?? log.length;
      deepEqual(records, log.slice(first, first + records.length), "told in order, as it reads");
      if (!stayed.has(one)) continue;
      // Those in flight when it came may be told or not; those that were begun later are.
      const sure = appends.slice(one.after).flatMap(({ thread, items }) => (thread === index ? items : []));
      equal(first + records.length, log.length, "told to the end");
      ok(records.length >= sure.length, "told all that was appended since it listens");
    }
  }
}

interface Throwing {
  readonly batches: readonly (readonly AppendableItem[])[];
  readonly throwsFirst: boolean;
  readonly kind: FollowerKind;
}

async function throwingHarmsNobody(place: LawPlace, { batches, throwsFirst, kind }: Throwing): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store);
  const hub = createFeedHub<string>({ store });
  let thrown = 0;
  const telling = createProgress();
  const throwing = (): void => {
    const fails = (): never => {
      thrown += 1;
      telling.mark();
      throw new Error("a subscriber's own error");
    };
    hub.openFeed({ threadId }).subscribe({ next: fails, complete: fails });
    store.subscribe(() => {
      throw new Error("a listener's own error");
    });
  };
  if (throwsFirst) throwing();
  const follower = follow(hub.openFeed({ threadId }), { kind });
  if (!throwsFirst) throwing();
  let next = 2;
  for (const items of batches) next = (await store.appendItems({ writer, items })).nextOrdinal;
  await follower.until(next);
  const log = await readLog(store, threadId);
  deepEqual(follower.records, log);
  // Its feed is its own and may be behind; closed now, it would end with what it holds.
  await telling.until(() => thrown >= log.length, "told on who throws");
  hub.close();
  await follower.untilEnd();
  await telling.until(() => thrown > log.length, "told of the end who throws");
  equal(thrown, log.length + 1, "who throws is told each record once, and the end");
}

type Step =
  | { readonly do: "append"; readonly thread: number; readonly items: readonly AppendableItem[] }
  | { readonly do: "follow"; readonly thread: number; readonly kind: FollowerKind; readonly from: number }
  | { readonly do: "leave"; readonly nth: number };

interface Following {
  readonly thread: number;
  readonly from: number;
  readonly follower: Follower;
}

async function feedsAreTheirThreads(place: LawPlace, steps: readonly Step[]): Promise<void> {
  const store = await place.open();
  const threads = [await seedThread(store), await seedThread(store), await seedThread(store)];
  const hub = createFeedHub<string>({ store });
  const staying: Following[] = [];
  const left: Following[] = [];
  for (const step of steps) {
    if (step.do === "leave") {
      const [gone] = staying.splice(step.nth % Math.max(1, staying.length), 1);
      if (gone === undefined) continue;
      await gone.follower.stop();
      left.push(gone);
      continue;
    }
    const thread = threads[step.thread];
    if (thread === undefined) continue;
    if (step.do === "append") await store.appendItems({ writer: thread.writer, items: step.items });
    else {
      const { from, kind } = step;
      const feed = hub.openFeed({ threadId: thread.id, from, bufferRecordsMax: 2 });
      staying.push({ thread: step.thread, from, follower: follow(feed, { kind }) });
    }
  }
  const logs: (readonly RolloutRecord[])[] = [];
  for (const { id } of threads) logs.push(await readLog(store, id));
  for (const { thread, from, follower } of staying) {
    const log = logs[thread] ?? [];
    if (from < log.length) await follower.until(log.length);
    deepEqual(follower.records, log.slice(from));
  }
  for (const { thread, from, follower } of left) {
    deepEqual(follower.records, (logs[thread] ?? []).slice(from, from + follower.records.length));
  }
  for (const [index, { id }] of threads.entries()) {
    equal(
      hub.hasSubscribers(id),
      staying.some((one) => one.thread === index),
    );
  }
  for (const { follower } of staying) await follower.stop();
  deepEqual(hub.stats(), { threads: 0, subscriptions: 0, runtimeSubscriptions: 0 });
}

interface Cold {
  readonly batches: readonly (readonly AppendableItem[])[];
  readonly later: readonly (readonly AppendableItem[])[];
  readonly bufferRecordsMax: number;
}

async function subscriptionsAreTheirOwn(place: LawPlace, example: Cold): Promise<void> {
  const { batches, later, bufferRecordsMax } = example;
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store);
  const hub = createFeedHub<string>({ store });
  const feed = hub.openFeed({ threadId, bufferRecordsMax });
  const followers = [follow(feed, { kind: "iterator" }), follow(feed, { kind: "observable" })];
  for (const items of batches) await store.appendItems({ writer, items });
  followers.push(follow(feed, { kind: "observable" }), follow(feed, { kind: "iterator", pace: drainEventLoop }));
  for (const items of later) await store.appendItems({ writer, items });
  const log = await readLog(store, threadId);
  for (const follower of followers) {
    await follower.until(log.length);
    deepEqual(follower.records, log);
    await follower.stop();
  }
  deepEqual(hub.stats(), { threads: 0, subscriptions: 0, runtimeSubscriptions: 0 });
}

interface Signals {
  readonly batches: readonly (readonly AppendableItem[])[];
  readonly kind: FollowerKind;
  readonly joinAfter: number;
  readonly bufferRecordsMax: number;
}

async function signalsComeAfterRecords(place: LawPlace, example: Signals): Promise<void> {
  const { batches, kind, joinAfter, bufferRecordsMax } = example;
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store);
  const hub = createFeedHub<string>({ store });
  const joined: Follower[] = [];
  const join = (): void => {
    const feed = hub.openFeed({ threadId, signals: true, bufferRecordsMax });
    let told = -1;
    const onEvent = (event: {
      readonly type: string;
      readonly record?: RolloutRecord;
      readonly signal?: string;
    }): void => {
      if (event.record !== undefined) told = event.record.ordinal;
      else ok(Number(event.signal) <= told, `the signal behind record ${event.signal} comes behind record ${told}`);
    };
    joined.push(follow(feed, { kind, onEvent }));
  };
  let next = 2;
  for (const [index, items] of batches.entries()) {
    if (index === joinAfter) join();
    next = (await store.appendItems({ writer, items })).nextOrdinal;
    hub.publishSignal(threadId, `${next - 1}`);
  }
  for (const follower of joined) {
    await follower.until(next);
    const order = follower.signals.map(Number);
    deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
  }
  hub.close();
}
