/**
 * Laws of feeds: whoever follows a thread is told its log, from where it began, each record once and in order,
 * whatever the moment, the pace and the buffer. A feed is the hub's of the streams room, over the store under test:
 * what a subscriber of any store gets, and what its `loadHistory` and its `subscribe` must be good for together.
 *
 * Where pages are read and answered in another order than appends, the order is a scheduler's that is drawn.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem, RolloutRecord } from "../../events/index.ts";
import type { HistoryPage, LoadHistoryParams, ThreadStore } from "../../store/index.ts";
import { createFeedHub, type FeedHub } from "../../streams/index.ts";
import { arbBatch, arbBatches, arbTurnEvents } from "../arbitraries/index.ts";
import { follow, type Follower, type FollowerKind, hearingOnly, nextRecord, standingBefore } from "../feed-steps.ts";
import { plainMetadata, readLog, seedThread, userMessage } from "../law-steps.ts";
import { createManualClock, drainEventLoop } from "../manual-clock.ts";
import { arbScheduler } from "../model/index.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

const arbKind = fc.constantFrom<FollowerKind>("iterator", "observable");
const arbReader = fc.record({
  kind: arbKind,
  from: fc.oneof(fc.constant(0), fc.nat(10)),
  bufferRecordsMax: fc.integer({ min: 1, max: 5 }),
  /** Appends that were made when it subscribes. */
  after: fc.nat(5),
});
const arbHearing = fc.array(fc.record({ items: arbBatch(3), isHeard: fc.boolean() }), { minLength: 1, maxLength: 6 });

/** The laws of this file. */
export const feedLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "feed.complete",
    title: "a feed is the log from where it begins, for any interleaving, moment, pace and buffer",
    generator: fc.record({
      s: arbScheduler(),
      batches: arbHearing,
      readers: fc.array(arbReader, { minLength: 1, maxLength: 3 }),
    }),
    holds: feedIsTheLog,
  }),
  storeLaw({
    id: "feed.meanwhile",
    title: "what is appended while the log's last page is on its way is told, also when nothing is appended behind it",
    generator: fc.record({
      before: arbBatches(3),
      meanwhile: arbBatches(3),
      kind: arbKind,
      from: fc.nat(3),
      bufferRecordsMax: fc.integer({ min: 1, max: 6 }),
    }),
    holds: meanwhileIsTold,
  }),
  storeLaw({
    id: "feed.from-end",
    title: "a feed from the end tells what is appended from its subscription on, and nothing older",
    generator: fc.record({
      batches: arbBatches(5),
      after: fc.nat(4),
      polls: fc.boolean(),
      /** Whether it has found the end before more is appended. */
      settles: fc.boolean(),
      kind: arbKind,
      bufferRecordsMax: fc.integer({ min: 1, max: 3 }),
    }),
    holds: fromEndTellsTheNew,
  }),
  storeLaw({
    id: "feed.polled",
    title: "a feed that looks at the log finds what its store handle was not told of, each record once",
    runs: 10,
    generator: fc.record({ batches: arbHearing, from: fc.nat(4), kind: arbKind }),
    holds: pollingFindsAll,
  }),
  storeLaw({
    id: "feed.slow",
    title: "a slow subscriber loses nothing, and no more than its buffer is held for it",
    generator: fc.record({
      batches: arbBatches(6),
      bufferRecordsMax: fc.integer({ min: 1, max: 4 }),
      reads: fc.array(fc.nat(4), { maxLength: 6 }),
    }),
    holds: slowLosesNothing,
  }),
  storeLaw({
    id: "feed.many",
    title: "hundreds of records that are held for one subscriber are told whole and in order",
    runs: 2,
    generator: fc.record({ size: fc.integer({ min: 300, max: 400 }), reads: fc.nat(300) }),
    holds: manyAreHeld,
  }),
  storeLaw({
    id: "feed.rollback",
    title: "a rollback is told as the record it is: nothing told before is taken back or told again",
    runs: 10,
    generator: fc.record({ events: arbTurnEvents(8), numTurns: fc.integer({ min: 1, max: 3 }), behind: arbBatch(3) }),
    holds: rollbackIsARecord,
  }),
];

interface Heard {
  readonly items: readonly AppendableItem[];
  readonly isHeard: boolean;
}

interface Reader {
  readonly kind: FollowerKind;
  readonly from: number;
  readonly bufferRecordsMax: number;
  readonly after: number;
}

interface Scheduled {
  readonly s: fc.Scheduler;
  readonly batches: readonly Heard[];
  readonly readers: readonly Reader[];
}

async function feedIsTheLog(place: LawPlace, { s, batches, readers }: Scheduled): Promise<void> {
  const store = await place.open();
  const { writer } = await store.createThread({ metadata: plainMetadata });
  const { threadId } = writer;
  const unheard = new Set<number>();
  const hub = createFeedHub<string>({
    store: hearingOnly(answeringLate(store, s), ({ ordinal }) => !unheard.has(ordinal)),
  });
  const followers: (Follower & Reader)[] = [];
  const join = (done: number): void => {
    for (const reader of readers) {
      if (Math.min(reader.after, batches.length + 1) !== done) continue;
      const { kind, from, bufferRecordsMax } = reader;
      const feed = hub.openFeed({ threadId, from, bufferRecordsMax });
      const pace = (): Promise<unknown> => s.schedule(Promise.resolve(), "read");
      followers.push({ ...follow(feed, { kind, pace }), ...reader });
    }
  };
  join(0);
  let next = 1;
  const appends = batches.map(({ items, isHeard }, index) => async (): Promise<void> => {
    if (!isHeard) for (const [nth] of items.entries()) unheard.add(next + nth);
    next = (await store.appendItems({ writer, items })).nextOrdinal;
    join(index + 1);
  });
  // What is told last shows the place of all that was not.
  appends.push(async () => {
    next = (await store.appendItems({ writer, items: [userMessage("the last")] })).nextOrdinal;
    join(batches.length + 1);
  });
  const labelled = appends.map((builder, index) => ({ builder, label: `append ${index}` }));
  await s.waitFor(
    (async () => {
      const { faulty } = await s.scheduleSequence(labelled).task;
      ok(!faulty, "an append was refused");
      for (const follower of followers) if (follower.from < next) await follower.until(next);
    })(),
  );
  const log = await readLog(store, threadId);
  equal(followers.length, readers.length);
  for (const follower of followers) {
    deepEqual(follower.records, log.slice(follower.from));
    ok(follower.heldPeak() <= follower.bufferRecordsMax, "more is held than the buffer has places for");
    await follower.stop();
  }
  deepEqual(hub.stats(), { threads: 0, subscriptions: 0, runtimeSubscriptions: 0 });
}

/** The store as one whose pages are asked for late, or answered when they are old. */
function answeringLate(store: ThreadStore, s: fc.Scheduler): ThreadStore {
  let pages = 0;
  const loadHistory = async (params: LoadHistoryParams): Promise<HistoryPage> => {
    pages += 1;
    if (pages % 2 === 0) await s.schedule(Promise.resolve(), "ask for a page");
    const page = store.loadHistory(params);
    // It is awaited below, but maybe later than it fails.
    page.catch(() => {});
    await s.schedule(Promise.resolve(), "answer a page");
    return page;
  };
  return standingBefore(store, { loadHistory });
}

interface Meanwhile {
  readonly before: readonly (readonly AppendableItem[])[];
  readonly meanwhile: readonly (readonly AppendableItem[])[];
  readonly kind: FollowerKind;
  readonly from: number;
  readonly bufferRecordsMax: number;
}

async function meanwhileIsTold(place: LawPlace, example: Meanwhile): Promise<void> {
  const { before, meanwhile, kind, bufferRecordsMax } = example;
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store, before.flat());
  // Behind the log's end it would have to wait for ordinals that never come.
  const from = Math.min(example.from, 1 + before.flat().length);
  const due = [...meanwhile];
  // A page that is the log's end is old when it is answered, as long as there is something to append.
  const loadHistory: ThreadStore["loadHistory"] = async (params) => {
    const page = await store.loadHistory(params);
    const items = page.isEnd ? due.shift() : undefined;
    if (items !== undefined) await store.appendItems({ writer, items });
    return page;
  };
  const hub = createFeedHub<string>({ store: standingBefore(store, { loadHistory }) });
  const follower = follow(hub.openFeed({ threadId, from, bufferRecordsMax }), { kind });
  await follower.until(1 + before.flat().length + meanwhile.flat().length);
  deepEqual(follower.records, (await readLog(store, threadId)).slice(from));
  hub.close();
}

interface FromEnd {
  readonly batches: readonly (readonly AppendableItem[])[];
  readonly after: number;
  readonly polls: boolean;
  readonly settles: boolean;
  readonly kind: FollowerKind;
  readonly bufferRecordsMax: number;
}

async function fromEndTellsTheNew(place: LawPlace, example: FromEnd): Promise<void> {
  const { batches, after, polls, settles, kind, bufferRecordsMax } = example;
  const store = await place.open();
  const { writer } = await store.createThread({ metadata: plainMetadata });
  const { threadId } = writer;
  const pages: Promise<unknown>[] = [];
  const loadHistory: ThreadStore["loadHistory"] = (params) => {
    const page = store.loadHistory(params);
    pages.push(page);
    return page;
  };
  const hub = createFeedHub<string>({ store: standingBefore(store, { loadHistory }), clock: createManualClock() });
  const polling = polls ? { pollIntervalMs: 1_000 } : {};
  let next = 0;
  for (const items of batches.slice(0, after)) next = (await store.appendItems({ writer, items })).nextOrdinal;
  const begin = next;
  const follower = follow(hub.openFeed({ threadId, from: "end", bufferRecordsMax, ...polling }), { kind });
  for (await drainEventLoop(); settles && pages.length > 0; await drainEventLoop()) {
    await Promise.allSettled(pages.splice(0));
  }
  for (const items of batches.slice(after)) next = (await store.appendItems({ writer, items })).nextOrdinal;
  if (next > begin) await follower.until(next);
  else await drainEventLoop();
  deepEqual(follower.records, next === 0 ? [] : (await readLog(store, threadId)).slice(begin));
  hub.close();
}

interface Polled {
  readonly batches: readonly Heard[];
  readonly from: number;
  readonly kind: FollowerKind;
}

async function pollingFindsAll(place: LawPlace, { batches, from, kind }: Polled): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store);
  const clock = createManualClock();
  const unheard = new Set<number>();
  const hub = createFeedHub<string>({ store: hearingOnly(store, ({ ordinal }) => !unheard.has(ordinal)), clock });
  const feed = hub.openFeed({ threadId, from, pollIntervalMs: 1_000, bufferRecordsMax: 2 });
  const follower = follow(feed, { kind });
  let next = 2;
  for (const { items, isHeard } of batches) {
    if (!isHeard) for (const [nth] of items.entries()) unheard.add(next + nth);
    next = (await store.appendItems({ writer, items })).nextOrdinal;
    // It looks when its timer fires, and sets one when it has nothing to do.
    const reached = follower.until(next);
    let isThere = next <= from;
    const looks = (async () => {
      while (!isThere) await clock.run(1_000);
    })();
    if (!isThere) {
      await reached.finally(() => {
        isThere = true;
      });
    } else reached.catch(() => {});
    await looks;
  }
  deepEqual(follower.records, (await readLog(store, threadId)).slice(from));
  hub.close();
}

interface Slow {
  readonly batches: readonly (readonly AppendableItem[])[];
  readonly bufferRecordsMax: number;
  readonly reads: readonly number[];
}

async function slowLosesNothing(place: LawPlace, { batches, bufferRecordsMax, reads }: Slow): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store);
  const hub = createFeedHub<string>({ store });
  const iterator = hub.openFeed({ threadId, bufferRecordsMax })[Symbol.asyncIterator]();
  const told: RolloutRecord[] = [];
  const read = async (): Promise<void> => {
    told.push(await nextRecord(iterator));
    const { held, heldPeak } = iterator.stats();
    ok(
      Math.max(held, heldPeak) <= bufferRecordsMax,
      `${heldPeak} records are held for a buffer of ${bufferRecordsMax}`,
    );
  };
  let next = 2;
  for (const [index, items] of batches.entries()) {
    next = (await store.appendItems({ writer, items })).nextOrdinal;
    const count = Math.min(reads[index] ?? 0, next - told.length);
    for (let nth = 0; nth < count; nth += 1) await read();
  }
  while (told.length < next) await read();
  deepEqual(told, await readLog(store, threadId));
  await iterator.return();
  hub.close();
}

interface Many {
  readonly size: number;
  readonly reads: number;
}

async function manyAreHeld(place: LawPlace, { size, reads }: Many): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store);
  const hub = createFeedHub<string>({ store });
  const iterator = hub.openFeed({ threadId, from: "end", bufferRecordsMax: 800 })[Symbol.asyncIterator]();
  const told: RolloutRecord[] = [];
  for (const begin of [0, size]) {
    const items = Array.from({ length: size }, (_, nth) => userMessage(`${begin + nth}`));
    await store.appendItems({ writer, items });
    if (begin === 0) for (let nth = 0; nth < reads; nth += 1) told.push(await nextRecord(iterator));
  }
  while (told.length < 2 * size) told.push(await nextRecord(iterator));
  deepEqual(told, await readLog(store, threadId, { from: 2 }));
  await iterator.return();
  hub.close();
}

interface RolledBack {
  readonly events: readonly AppendableItem[];
  readonly numTurns: number;
  readonly behind: readonly AppendableItem[];
}

async function rollbackIsARecord(place: LawPlace, { events, numTurns, behind }: RolledBack): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store, events);
  const hub: FeedHub<string> = createFeedHub({ store });
  const early = follow(hub.openFeed({ threadId, bufferRecordsMax: 3 }), { kind: "observable" });
  await early.until(events.length + 1);
  const marker: AppendableItem = { type: "event_msg", payload: { type: "thread_rolled_back", num_turns: numTurns } };
  await store.appendItems({ writer, items: [marker] });
  const { nextOrdinal } = await store.appendItems({ writer, items: behind });
  const late = follow(hub.openFeed({ threadId, bufferRecordsMax: 3 }), { kind: "iterator" });
  const expected = [...events, marker, ...behind];
  for (const follower of [early, late]) {
    await follower.until(nextOrdinal);
    deepEqual(
      follower.records.slice(1).map((record) => record.item),
      expected,
    );
  }
  hub.close();
}
