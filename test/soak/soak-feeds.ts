/**
 * The feeds of a soak: of single threads and of all, read quickly and slowly, to the end or dropped half-way, as
 * async iterables and as Observables, from anywhere or from a checkpoint that the last one kept. Each checks that
 * ordinals come in order without a gap. All of them end when they are told to; what one found wrong is kept for the
 * report.
 */
import { type Clock, isSkeinError, sleep } from "../../src/base/index.ts";
import type { Runtime, ThreadFeed } from "../../src/runtime/index.ts";
import type { CheckpointStore } from "../../src/server/checkpoint-store.ts";
import { followWithinLog } from "../support/follow-within-log.ts";

/** Where feeds are opened and how many at once. */
export interface SoakFeedsOptions {
  readonly runtime: Runtime;
  readonly checkpoints: CheckpointStore;
  readonly clock: Clock;
  readonly random: () => number;
  /** Shared by many feeds: ends all of them. */
  readonly signal: AbortSignal;
  readonly openMax: number;
}

/** What feeds did. */
export interface FeedTotals {
  readonly opened: number;
  readonly records: number;
  readonly signals: number;
  readonly overflows: number;
  /** Positions that were kept. */
  readonly checkpoints: number;
}

/** How one feed is read. */
interface Reading {
  readonly threadId: string;
  readonly from: number | "end";
  readonly isSlow: boolean;
  /** Keeps its place for the next that reads so. */
  readonly isCheckpointed: boolean;
}

const CONSUMER = "soak";
/** Records between two checkpoints. */
const CHECKPOINT_EVERY = 5;
const SLOW_MS = 20;
const EVENTS_MAX = 120;
/** A feed of a thread that nothing happens in is given up. */
const OPEN_MS_MAX = 6_000;

export class SoakFeeds {
  readonly #options: SoakFeedsOptions;
  readonly #ending = new Set<() => unknown>();
  readonly #running = new Set<Promise<void>>();
  readonly problems: string[] = [];
  #totals = { opened: 0, records: 0, signals: 0, overflows: 0, checkpoints: 0 };

  constructor(options: SoakFeedsOptions) {
    this.#options = options;
  }

  get open(): number {
    return this.#running.size;
  }

  get totals(): FeedTotals {
    return this.#totals;
  }

  /** Opens a feed of a thread, unless there are enough. */
  async follow(threadId: string): Promise<void> {
    const { runtime, checkpoints, random, signal, openMax } = this.#options;
    if (this.#running.size >= openMax) return;
    const isSlow = random() < 0.3;
    const isCheckpointed = random() < 0.2;
    const anywhere: number | "end" = random() < 0.3 ? "end" : Math.floor(random() * 20);
    const place: number | "end" = isCheckpointed
      ? ((await checkpoints.read({ name: CONSUMER, threadId })) ?? 0)
      : anywhere;
    const options = {
      from: place,
      signals: random() < 0.4,
      ...(isSlow ? { bufferRecordsMax: 4, bufferSignalsMax: 8 } : {}),
      ...(random() < 0.5 ? { signal } : {}),
    };
    // A checkpoint is never past the end.
    const { feed, from } = isCheckpointed
      ? { feed: await runtime.threadEvents(threadId, options), from: place }
      : await followWithinLog(runtime, threadId, options);
    this.#totals.opened += 1;
    const isObserved = !isCheckpointed && random() < 0.3;
    this.#run(isObserved ? this.#observe(feed) : this.#read(feed, { threadId, from, isSlow, isCheckpointed }));
  }

  /** Follows all threads for a while. */
  followAll(): void {
    const { runtime, random, openMax } = this.#options;
    if (this.#running.size >= openMax) return;
    this.#totals.opened += 1;
    this.#run(this.#readAll(runtime, Math.ceil(random() * EVENTS_MAX)));
  }

  /** Ends what is open, and resolves when all of it has. */
  async close(): Promise<void> {
    for (const end of this.#ending) end();
    await Promise.all(this.#running);
  }

  #run(reading: Promise<void>): void {
    const ended = reading
      .catch((error: unknown) => {
        // A feed that begins as its thread is deleted, or as all is closed, is told so.
        if (isSkeinError(error, "thread_not_found") || isSkeinError(error, "runtime_closed")) return;
        this.problems.push(`a feed failed: ${String(error)}`);
      })
      .finally(() => this.#running.delete(ended));
    this.#running.add(ended);
  }

  async #read(feed: ThreadFeed, { threadId, from, isSlow, isCheckpointed }: Reading): Promise<void> {
    const { clock, random } = this.#options;
    const iterator = feed[Symbol.asyncIterator]();
    const end = (): unknown => iterator.return();
    this.#ending.add(end);
    const timer = clock.setTimer(500 + random() * OPEN_MS_MAX, end);
    let next = from === "end" ? null : from;
    try {
      for (let left = Math.ceil(random() * EVENTS_MAX); left > 0; left -= 1) {
        const { value, done } = await iterator.next();
        if (done === true) return;
        if (value.type === "signal") this.#totals.signals += 1;
        else {
          const { ordinal } = value.record;
          if (next !== null && ordinal !== next) this.problems.push(`${threadId}: a feed gave ${ordinal}, not ${next}`);
          next = ordinal + 1;
          this.#totals.records += 1;
          if (isCheckpointed && next % CHECKPOINT_EVERY === 0) await this.#keep(threadId, next);
        }
        if (isSlow) await sleep(clock, SLOW_MS);
      }
    } finally {
      timer.cancel();
      this.#totals.overflows += iterator.stats().overflows;
      await iterator.return();
      this.#ending.delete(end);
    }
  }

  async #keep(threadId: string, nextOrdinal: number): Promise<void> {
    const { checkpoints } = this.#options;
    const key = { name: CONSUMER, threadId };
    await checkpoints.save(key, nextOrdinal);
    this.#totals.checkpoints += 1;
    const kept = (await checkpoints.read(key)) ?? 0;
    // A thread that is deleted meanwhile takes its checkpoints along.
    if (kept < nextOrdinal && kept > 0) this.problems.push(`${threadId}: checkpoint ${nextOrdinal} became ${kept}`);
  }

  #observe(feed: ThreadFeed): Promise<void> {
    const { clock, random } = this.#options;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        timer.cancel();
        subscription.unsubscribe();
        this.#ending.delete(end);
        resolve();
      };
      const timer = clock.setTimer(200 + random() * OPEN_MS_MAX, end);
      const subscription = feed.subscribe({
        next: ({ type }) => {
          if (type === "record") this.#totals.records += 1;
          else this.#totals.signals += 1;
        },
        error: (error: unknown) => {
          end();
          reject(error);
        },
        // Told inside of `subscribe` where the thread is gone already.
        complete: () => queueMicrotask(end),
      });
      this.#ending.add(end);
    });
  }

  async #readAll(runtime: Runtime, events: number): Promise<void> {
    const iterator = runtime.events({ bufferEventsMax: 64 })[Symbol.asyncIterator]();
    const end = (): unknown => iterator.return();
    this.#ending.add(end);
    try {
      for (let left = events; left > 0; left -= 1) if ((await iterator.next()).done === true) return;
    } finally {
      await iterator.return();
      this.#ending.delete(end);
    }
  }
}
