/**
 * A feed: one thing that is both an RxJS Observable and an AsyncIterable. It is cold: each subscription
 * and each iteration is one of its own, begins when it is made (`[Symbol.asyncIterator]()`, not the first
 * `next()`), and is bounded on its own. It ends by unsubscribing, by `break`, or by the abort signal.
 */
/// <reference lib="esnext.disposable" preserve="true" />
import type { Subscriber } from "rxjs";

import type { Logger } from "../base/index.ts";
import type { EventSource, FeedStats } from "./event-source.ts";
import { GuardedObservable } from "./guarded-observable.ts";

/** One iteration of a feed. End it with `return()` (`break` does) when it is not read to its end. */
export interface FeedIterator<Event> extends AsyncIterableIterator<Event, undefined, undefined> {
  next(): Promise<IteratorResult<Event, undefined>>;
  return(): Promise<IteratorResult<Event, undefined>>;
  /** What this iteration holds and has been through. */
  stats(): FeedStats;
  [Symbol.asyncDispose](): Promise<void>;
}

/** See the file's head. */
export class EventFeed<Event> extends GuardedObservable<Event> implements AsyncIterable<Event> {
  readonly #start: () => EventSource<Event>;

  /** `start` opens the source of one subscription. */
  constructor(logger: Logger, start: () => EventSource<Event>) {
    super(logger, (subscriber) => {
      const source = start();
      void drain(source, subscriber);
      return () => source.stop();
    });
    this.#start = start;
  }

  [Symbol.asyncIterator](): FeedIterator<Event> {
    return iterate(this.#start());
  }
}

async function drain<Event>(source: EventSource<Event>, subscriber: Subscriber<Event>): Promise<void> {
  try {
    while (await source.ready()) {
      for (let event = source.poll(); event !== undefined; event = source.poll()) {
        if (subscriber.closed) return;
        subscriber.next(event);
      }
    }
    subscriber.complete();
  } catch (error) {
    subscriber.error(error);
  }
}

function iterate<Event>(source: EventSource<Event>): FeedIterator<Event> {
  const over: IteratorResult<Event, undefined> = { done: true, value: undefined };
  const iterator: FeedIterator<Event> = {
    async next() {
      do {
        const value = source.poll();
        if (value !== undefined) return { done: false, value };
      } while (await source.ready());
      return over;
    },
    async return() {
      source.stop();
      return over;
    },
    stats: () => source.stats(),
    [Symbol.asyncIterator]: () => iterator,
    async [Symbol.asyncDispose]() {
      source.stop();
    },
  };
  return iterator;
}
