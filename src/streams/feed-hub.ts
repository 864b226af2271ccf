/**
 * The hub of a store handle's feeds: listens to the store once, and hands each thread's records to that
 * thread's subscribers, so a subscriber costs nothing to the other threads. What the store can't know
 * (signals, what is loaded, which turn runs) is published into it by whoever composes the runtime.
 *
 * It listens to the store while anybody listens to it, and not a moment longer. It does not own the
 * store: close the hub first, so that every feed ends; then the store.
 */
import {
  canonicalThreadId,
  checkOptions,
  type Clock,
  fault,
  LIMITS,
  type Logger,
  rejection,
  silentLogger,
  systemClock,
} from "../base/index.ts";
import type { StoreEvent, ThreadStore } from "../store/index.ts";
import { EventFeed } from "./event-feed.ts";
import type { FeedEvent, LifecycleEvent, RuntimeEvent, RuntimeFeedEvent } from "./feed-event.ts";
import { type LossyListener, openLossySource } from "./lossy-source.ts";
import { openThreadFeedSource, type ThreadFeedSettings, type ThreadListener } from "./thread-feed-source.ts";

/** What a hub is made with. */
export interface FeedHubOptions {
  readonly store: ThreadStore;
  /** Hears of subscribers that throw. Default: silent. */
  readonly logger?: Logger;
  /** Timers of feeds that poll. Default: the machine's clock. */
  readonly clock?: Clock;
}

/** What a feed of one thread is opened with. */
export interface FeedOptions {
  readonly threadId: string;
  /** First ordinal told, or "end": only what is published from the subscription on. One that isn't reached is waited for. Default 0. */
  readonly from?: number | "end";
  /** Whether live signals are told too. Default false. */
  readonly signals?: boolean;
  /** Records held for a slow subscriber. Default LIMITS.feedBufferRecordsMax; 1 to LIMITS.historyPageRecordsMax. */
  readonly bufferRecordsMax?: number;
  /** Signals held for a slow subscriber. Default LIMITS.feedBufferSignalsMax; at least 1. */
  readonly bufferSignalsMax?: number;
  /** Ends every subscription of the feed, as if it had come to its end. */
  readonly signal?: AbortSignal;
  /** Also look at the log this often, for records that another process writes. Default: never. At least 1. */
  readonly pollIntervalMs?: number;
}

/** What a feed of the whole runtime is opened with. */
export interface RuntimeFeedOptions {
  /** Events held for a slow subscriber. Default LIMITS.feedBufferEventsMax; at least 2. */
  readonly bufferEventsMax?: number;
  /** Ends every subscription of the feed. */
  readonly signal?: AbortSignal;
}

/** Who listens now. */
export interface FeedHubStats {
  /** Threads with at least one subscription. */
  readonly threads: number;
  /** Subscriptions to threads. */
  readonly subscriptions: number;
  /** Subscriptions to the whole runtime. */
  readonly runtimeSubscriptions: number;
}

/** See the file's head. `Signal` is what the runtime publishes as live signals. */
export interface FeedHub<Signal> {
  /** A thread's records from an ordinal on, then live ones. `invalid_thread_id`, `invalid_argument`. */
  openFeed(options: FeedOptions): EventFeed<FeedEvent<Signal>>;
  /** What starts, ends and moves over all threads, from each subscription on. */
  openRuntimeFeed(options?: RuntimeFeedOptions): EventFeed<RuntimeFeedEvent>;
  /** Tells a live signal to those of the thread's subscribers who asked for signals. Never throws. */
  publishSignal(threadId: string, signal: Signal): void;
  /** Tells what only the runtime knows. Never throws. */
  publishLifecycle(event: LifecycleEvent): void;
  /** Whether anybody follows this thread now: an idle thread that is followed stays loaded. */
  hasSubscribers(threadId: string): boolean;
  stats(): FeedHubStats;
  /** Ends every feed, after what it holds was read. A later subscription fails with `runtime_closed`. Idempotent. */
  close(): void;
}

/** Makes the hub of a store handle. */
export function createFeedHub<Signal>(options: FeedHubOptions): FeedHub<Signal> {
  return new StoreFeedHub<Signal>(options);
}

class StoreFeedHub<Signal> implements FeedHub<Signal> {
  readonly #store: ThreadStore;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #threads = new Map<string, Set<ThreadListener<Signal>>>();
  readonly #runtime = new Set<LossyListener<RuntimeEvent>>();
  #unsubscribe: (() => void) | undefined;
  #isClosed = false;

  constructor({ store, logger = silentLogger, clock = systemClock }: FeedHubOptions) {
    this.#store = store;
    this.#logger = logger;
    this.#clock = clock;
  }

  openFeed(options: FeedOptions): EventFeed<FeedEvent<Signal>> {
    checkOptions("events", options, FEED_OPTIONS);
    const threadId = canonicalThreadId(options.threadId);
    if (threadId === undefined) {
      throw rejection("invalid_thread_id", "a thread id is a UUID", { threadId: options.threadId });
    }
    const settings = threadFeedSettings(options);
    const context = {
      threadId,
      clock: this.#clock,
      loadHistory: this.#store.loadHistory.bind(this.#store),
      listen: (listener: ThreadListener<Signal>) => this.#listenToThread(threadId, listener),
    };
    return new EventFeed(this.#logger, () => openThreadFeedSource(context, settings));
  }

  openRuntimeFeed(options: RuntimeFeedOptions = {}): EventFeed<RuntimeFeedEvent> {
    checkOptions("events", options, RUNTIME_FEED_OPTIONS);
    requireSignal(options.signal);
    const { bufferEventsMax = LIMITS.feedBufferEventsMax, signal: abort } = options;
    requireWhole("bufferEventsMax", bufferEventsMax, { min: 2, max: Number.MAX_SAFE_INTEGER });
    const listen = (listener: LossyListener<RuntimeEvent>): (() => void) => this.#listenToRuntime(listener);
    return new EventFeed(this.#logger, () => openLossySource({ listen, bufferEventsMax, abort }));
  }

  publishSignal(threadId: string, signal: Signal): void {
    const listeners = this.#threads.get(threadId);
    if (listeners === undefined) return;
    for (const listener of listeners) listener.onSignal(signal);
  }

  publishLifecycle(event: LifecycleEvent): void {
    this.#tellRuntime(event);
  }

  hasSubscribers(threadId: string): boolean {
    return this.#threads.has(threadId);
  }

  stats(): FeedHubStats {
    let subscriptions = 0;
    for (const listeners of this.#threads.values()) subscriptions += listeners.size;
    return { threads: this.#threads.size, subscriptions, runtimeSubscriptions: this.#runtime.size };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const listeners of this.#threads.values()) for (const listener of listeners) listener.onEnd();
    for (const listener of this.#runtime) listener.onEnd();
    this.#threads.clear();
    this.#runtime.clear();
    this.#letGoOfStore();
  }

  #listenToThread(threadId: string, listener: ThreadListener<Signal>): () => void {
    return this.#listen(() => {
      const listeners = this.#threads.get(threadId) ?? new Set();
      this.#threads.set(threadId, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        // Only if the set is still the thread's: it may have been emptied and made anew since.
        if (listeners.size === 0 && this.#threads.get(threadId) === listeners) this.#threads.delete(threadId);
      };
    });
  }

  #listenToRuntime(listener: LossyListener<RuntimeEvent>): () => void {
    return this.#listen(() => {
      this.#runtime.add(listener);
      return () => void this.#runtime.delete(listener);
    });
  }

  /** `runtime_closed` when the hub or the store is closed: to end at once would look like a log without records. */
  #listen(add: () => () => void): () => void {
    if (this.#isClosed) throw fault("runtime_closed", "the feeds were closed with their runtime");
    this.#unsubscribe ??= this.#store.subscribe((event) => this.#onStoreEvent(event));
    const remove = add();
    return () => {
      remove();
      if (this.#threads.size === 0 && this.#runtime.size === 0) this.#letGoOfStore();
    };
  }

  #letGoOfStore(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  #onStoreEvent(event: StoreEvent): void {
    const { threadId } = event;
    switch (event.type) {
      case "appended": {
        const listeners = this.#threads.get(threadId);
        if (listeners === undefined) return;
        for (const listener of listeners) listener.onRecords(event.records);
        return;
      }
      case "truncated":
        for (const listener of this.#threads.get(threadId) ?? []) listener.onTruncated(event.nextOrdinal);
        return;
      case "created":
        this.#tellRuntime({ type: "thread_created", threadId });
        return;
      case "name_updated":
        this.#tellRuntime({ type: "thread_name_updated", threadId, name: event.name });
        return;
      case "archived":
        this.#tellRuntime({ type: "thread_archived", threadId });
        return;
      case "unarchived":
        this.#tellRuntime({ type: "thread_unarchived", threadId });
        return;
      case "deleted":
        for (const listener of this.#threads.get(threadId) ?? []) listener.onEnd();
        this.#tellRuntime({ type: "thread_deleted", threadId });
        return;
    }
  }

  #tellRuntime(event: RuntimeEvent): void {
    for (const listener of this.#runtime) listener.onEvent(event);
  }
}

const FEED_OPTIONS: Readonly<Record<keyof FeedOptions, true>> = {
  threadId: true,
  from: true,
  signals: true,
  bufferRecordsMax: true,
  bufferSignalsMax: true,
  signal: true,
  pollIntervalMs: true,
};
const RUNTIME_FEED_OPTIONS: Readonly<Record<keyof RuntimeFeedOptions, true>> = { bufferEventsMax: true, signal: true };

function threadFeedSettings(options: FeedOptions): ThreadFeedSettings {
  requireSignal(options.signal);
  const {
    from = 0,
    signals = false,
    bufferRecordsMax = LIMITS.feedBufferRecordsMax,
    bufferSignalsMax = LIMITS.feedBufferSignalsMax,
    pollIntervalMs = null,
  } = options;
  const most = Number.MAX_SAFE_INTEGER;
  if (from !== "end") requireWhole("from", from, { min: 0, max: most });
  requireWhole("bufferRecordsMax", bufferRecordsMax, { min: 1, max: LIMITS.historyPageRecordsMax });
  requireWhole("bufferSignalsMax", bufferSignalsMax, { min: 1, max: most });
  if (pollIntervalMs !== null) requireWhole("pollIntervalMs", pollIntervalMs, { min: 1, max: most });
  return { from, signals, bufferRecordsMax, bufferSignalsMax, pollIntervalMs, abort: options.signal };
}

function requireSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw rejection("invalid_argument", "signal must be an AbortSignal");
}

function requireWhole(name: string, value: number, { min, max }: { readonly min: number; readonly max: number }): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw rejection("invalid_argument", `${name} must be a whole number of ${min} to ${max}`);
}
