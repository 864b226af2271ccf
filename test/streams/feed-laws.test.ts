/**
 * The law of feeds: whatever the interleaving of appends, reads of the log, and slow subscribers, a feed is
 * the log from where it began. Interleavings are a drawn scheduler's, so each is repeated by its seed and path.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { HistoryPage } from "../../src/store/index.ts";
import { createFeedHub, type FeedEvent, type FeedHub } from "../../src/streams/index.ts";
import { arbScheduler } from "../../src/testing/model/index.ts";
import { createFeedWorld, message, short, troubled } from "./feed-harness.ts";

type Event = FeedEvent<string>;

const batches = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 10 });
const reader = fc.record({
  kind: fc.constantFrom("iterable", "observable"),
  from: fc.oneof(fc.nat(12), fc.constant(0)),
  bufferRecordsMax: fc.integer({ min: 1, max: 6 }),
  /** Appends that have happened when it subscribes. */
  after: fc.nat(10),
  signals: fc.boolean(),
});
type Reader = typeof reader extends fc.Arbitrary<infer Value> ? Value : never;

/** A subscriber that reads at the scheduler's pace; `seen` fills as it goes. */
function subscribe(hub: FeedHub<string>, threadId: string, reading: Reader & { readonly s: fc.Scheduler }): Follower {
  const { kind, from, bufferRecordsMax, signals, s } = reading;
  const feed = hub.openFeed({ threadId, from, bufferRecordsMax, bufferSignalsMax: 100, signals });
  const seen: Event[] = [];
  if (kind === "observable") {
    const subscription = feed.subscribe((event) => seen.push(event));
    return { seen, from, bufferRecordsMax, heldPeak: () => 0, end: () => subscription.unsubscribe() };
  }
  const iterator = feed[Symbol.asyncIterator]();
  const read = async (): Promise<void> => {
    for (;;) {
      await s.schedule(Promise.resolve(), "read");
      const next = await iterator.next();
      if (next.done === true) return;
      seen.push(next.value);
    }
  };
  void read();
  return {
    seen,
    from,
    bufferRecordsMax,
    heldPeak: () => iterator.stats().heldPeak,
    end: () => void iterator.return(),
  };
}

interface Follower {
  readonly from: number;
  readonly seen: readonly Event[];
  readonly bufferRecordsMax: number;
  heldPeak(): number;
  end(): void;
}

function expectSignalsInOrder(seen: readonly Event[]): void {
  let ordinal = -1;
  let nth = -1;
  for (const event of seen) {
    if (event.type === "record") {
      ordinal = event.record.ordinal;
      continue;
    }
    const [after = -1, index = -1] = event.signal.split("/").map(Number);
    expect(ordinal).toBeGreaterThanOrEqual(after);
    expect(index).toBeGreaterThan(nth);
    nth = index;
  }
}

describe("a feed", () => {
  it("is the log from where it begins, for any interleaving, page size, pace and subscriber", async () => {
    await fc.assert(
      fc.asyncProperty(
        arbScheduler(),
        batches,
        fc.array(reader, { minLength: 1, maxLength: 3 }),
        async (s, sizes, readers) => {
          const world = await createFeedWorld();
          const { store, threadId, opened } = world;
          let pages = 0;
          // A page may be read at once and answered late, or asked late: it is old when it comes.
          const loadHistory = async (params: { threadId: string }): Promise<HistoryPage> => {
            pages += 1;
            if (pages % 2 === 0) await s.schedule(Promise.resolve(), "ask for a page");
            const page = store.loadHistory(params);
            page.catch(() => {});
            await s.schedule(Promise.resolve(), "answer a page");
            return page;
          };
          const hub = createFeedHub<string>({ store: troubled(store, { loadHistory }) });
          const followers: Follower[] = [];
          const join = (done: number): void => {
            for (const one of readers) {
              if (Math.min(one.after, sizes.length) === done) followers.push(subscribe(hub, threadId, { ...one, s }));
            }
          };
          join(0);
          let total = 0;
          const appends = sizes.map((size, index) => async (): Promise<void> => {
            const items = Array.from({ length: size }, (_, n) => message(`${index}.${n}`));
            total = (await store.appendItems({ writer: opened.writer, items })).nextOrdinal;
            hub.publishSignal(threadId, `${total - 1}/${index}`);
            join(index + 1);
          });
          s.scheduleSequence(appends.map((builder, index) => ({ builder, label: `append ${index}` })));
          await s.waitIdle();

          const log = await world.log();
          expect(total).toBe(log.length);
          for (const follower of followers) {
            const records = follower.seen.filter((event) => event.type === "record");
            expect(records.map((event) => event.record)).toEqual(log.slice(follower.from));
            expect(follower.heldPeak()).toBeLessThanOrEqual(follower.bufferRecordsMax);
            // A feed that begins beyond the log's end has no record for a signal to come after.
            if (follower.from === 0) expectSignalsInOrder(follower.seen);
            follower.end();
          }
          expect(followers).toHaveLength(readers.length);
          expect(hub.stats()).toEqual({ threads: 0, subscriptions: 0, runtimeSubscriptions: 0 });
        },
      ),
      { numRuns: 300 },
    );
  });

  it("tells from the end exactly what is published from the subscription on", async () => {
    await fc.assert(
      fc.asyncProperty(arbScheduler(), batches, fc.nat(10), async (s, sizes, after) => {
        const { store, threadId, opened, log } = await createFeedWorld();
        const hub = createFeedHub<string>({ store });
        let seen: readonly Event[] = [];
        let first = 0;
        const join = (done: number, ordinal: number): void => {
          if (done !== Math.min(after, sizes.length)) return;
          first = ordinal;
          const feed = hub.openFeed({ threadId, from: "end", bufferRecordsMax: 3 });
          const iterator = feed[Symbol.asyncIterator]();
          const events: Event[] = [];
          seen = events;
          void (async () => {
            for await (const event of iterator) {
              events.push(event);
              await s.schedule(Promise.resolve(), "read");
            }
          })();
        };
        join(0, 0);
        const appends = sizes.map((size, index) => async (): Promise<void> => {
          const items = Array.from({ length: size }, (_, n) => message(`${index}.${n}`));
          join(index + 1, (await store.appendItems({ writer: opened.writer, items })).nextOrdinal);
        });
        s.scheduleSequence(appends);
        await s.waitIdle();
        const ordinals = (await log()).map((record) => record.ordinal);
        expect(seen.map(short)).toEqual(ordinals.slice(first));
        hub.close();
      }),
      { numRuns: 150 },
    );
  });
});
