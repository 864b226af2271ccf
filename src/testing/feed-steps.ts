/**
 * What the laws of feeds do over and over: follow a thread by an iterator or an observable and check each record as
 * it comes, wait until a follower has come to an ordinal or to its end, and stand between a hub and its store.
 *
 * A follower that is told nothing for two seconds though there is something to tell has lost it: that is the one
 * thing about feeds that only waiting can tell. It decides nothing for a store that tells at all.
 */
import { equal, fail, ok } from "node:assert/strict";

import { systemClock } from "../base/index.ts";
import type { RolloutRecord } from "../events/index.ts";
import type { ThreadStore } from "../store/index.ts";
import type { EventFeed, FeedEvent, FeedIterator } from "../streams/index.ts";

/** A process that gets no time counts as one look, however long it waited. */
const STILL_LOOKS_MAX = 20;
const STILL_LOOK_MS = 100;

/** How a feed is read. */
export type FollowerKind = "iterator" | "observable";

/** One subscription. */
export interface FollowOptions {
  readonly kind: FollowerKind;
  /** Awaited before each event is asked for; iterators only. Default: at once. */
  readonly pace?: () => Promise<unknown>;
  /** Called with each event before it counts as told. */
  readonly onEvent?: (event: FeedEvent<string>) => void;
}

/** A subscriber, and what it was told. */
export interface Follower {
  /** In the order they were told. */
  readonly records: readonly RolloutRecord[];
  readonly signals: readonly string[];
  /** The most records its feed ever held for it; 0 for an observable, which doesn't say. */
  heldPeak(): number;
  /** Resolves when the record before this ordinal was told. Rejects when the feed fails, ends, or falls silent before. */
  until(nextOrdinal: number): Promise<void>;
  /** Resolves when the feed has ended. */
  untilEnd(): Promise<void>;
  /** Unsubscribes; whatever is told from now on breaks the law. */
  stop(): Promise<void>;
}

/** Follows a feed. Records that leave a gap, come twice, or come after `stop` fail the next `until`. */
export function follow(feed: EventFeed<FeedEvent<string>>, options: FollowOptions): Follower {
  const records: RolloutRecord[] = [];
  const signals: string[] = [];
  const progress = createProgress();
  let isEnded = false;
  let isStopped = false;
  const take = (event: FeedEvent<string>): void => {
    ok(!isStopped, "a subscriber that left is told no more");
    options.onEvent?.(event);
    if (event.type === "signal") signals.push(event.signal);
    else {
      const last = records.at(-1);
      if (last !== undefined) equal(event.record.ordinal, last.ordinal + 1, "no gap, none twice, in order");
      records.push(event.record);
    }
    progress.mark();
  };
  const end = (): void => {
    isEnded = true;
    progress.mark();
  };
  const reading = { feed, options, take: progress.guarding(take), end, fail: progress.fail };
  const subscription = options.kind === "iterator" ? iterate(reading) : observe(reading);
  return {
    records,
    signals,
    heldPeak: subscription.heldPeak,
    until: (nextOrdinal) =>
      progress.until(() => {
        const told = records.at(-1)?.ordinal ?? -1;
        if (told + 1 >= nextOrdinal) return true;
        return isEnded ? fail(`the feed ended at ordinal ${told + 1}, before ${nextOrdinal}`) : false;
      }, `told up to ordinal ${nextOrdinal}`),
    untilEnd: () => progress.until(() => isEnded, "told of the end"),
    async stop() {
      isStopped = true;
      await subscription.leave();
    },
  };
}

interface Reading {
  readonly feed: EventFeed<FeedEvent<string>>;
  readonly options: FollowOptions;
  readonly take: (event: FeedEvent<string>) => void;
  readonly end: () => void;
  readonly fail: (error: unknown) => void;
}

interface Subscribed {
  readonly heldPeak: () => number;
  readonly leave: () => Promise<void>;
}

function observe({ feed, take, end, fail: failed }: Reading): Subscribed {
  const subscription = feed.subscribe({ next: take, complete: end, error: failed });
  return { heldPeak: () => 0, leave: async () => subscription.unsubscribe() };
}

function iterate({ feed, options, take, end, fail: failed }: Reading): Subscribed {
  const iterator = feed[Symbol.asyncIterator]();
  let isLeft = false;
  const read = async (): Promise<void> => {
    for (;;) {
      await options.pace?.();
      if (isLeft) return;
      const next = await iterator.next();
      if (next.done === true) return end();
      take(next.value);
    }
  };
  read().catch(failed);
  const leave = async (): Promise<void> => {
    isLeft = true;
    await iterator.return();
  };
  return { heldPeak: () => iterator.stats().heldPeak, leave };
}

/** The next record of a feed without signals. Rejects when the feed ends or falls silent instead. */
export async function nextRecord(iterator: FeedIterator<FeedEvent<string>>): Promise<RolloutRecord> {
  const progress = createProgress();
  let next: IteratorResult<FeedEvent<string>, undefined> | undefined;
  iterator.next().then((answer) => {
    next = answer;
    progress.mark();
  }, progress.fail);
  await progress.until(() => next !== undefined, "told of one more record");
  if (next?.done === false && next.value.type === "record") return next.value.record;
  return fail("the feed ended, or told something else than a record");
}

/** Something that moves on, and those who wait for it. */
export interface Progress {
  readonly mark: () => void;
  readonly fail: (error: unknown) => void;
  /** The function; what it throws fails whoever waits, now or later. */
  guarding<Value>(run: (value: Value) => void): (value: Value) => void;
  until(isDone: () => boolean, what: string): Promise<void>;
}

/** Makes one; who waits on it gives up when nothing moves for two seconds. */
export function createProgress(): Progress {
  const waiting = new Set<() => void>();
  let failure: { readonly error: unknown } | undefined;
  const mark = (): void => {
    for (const look of waiting) look();
  };
  const failed = (error: unknown): void => {
    failure ??= { error };
    mark();
  };
  return {
    mark,
    fail: failed,
    guarding: (run) => (value) => {
      try {
        run(value);
      } catch (error) {
        failed(error);
      }
    },
    until: (isDone, what) =>
      new Promise((resolve, reject) => {
        let timer = systemClock.setTimer(0, () => {});
        const leave = (settle: () => void): void => {
          timer.cancel();
          waiting.delete(look);
          settle();
        };
        const look = (): void => {
          try {
            if (failure !== undefined) throw failure.error;
            if (isDone()) return leave(resolve);
          } catch (error) {
            return leave(() => reject(error));
          }
          wait(STILL_LOOKS_MAX);
        };
        const wait = (looks: number): void => {
          timer.cancel();
          const lookAgain = (): void => {
            if (looks > 0) wait(looks - 1);
            else leave(() => reject(new Error(`a feed is still: it was never ${what}`)));
          };
          timer = systemClock.setTimer(STILL_LOOK_MS, lookAgain, { holdsProcess: true });
        };
        waiting.add(look);
        look();
      }),
  };
}

/** The store with some of its methods replaced, as a hub sees it. */
export function standingBefore(store: ThreadStore, methods: Partial<ThreadStore>): ThreadStore {
  return new Proxy(store, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** The store as a hub sees it that hears only of some appends: the others are as if somebody else wrote them. */
export function hearingOnly(store: ThreadStore, isHeard: (record: RolloutRecord) => boolean): ThreadStore {
  return standingBefore(store, {
    subscribe: (listener) =>
      store.subscribe((event) => {
        if (event.type !== "appended" || event.records.every(isHeard)) listener(event);
      }),
  });
}
