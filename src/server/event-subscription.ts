/**
 * One subscription of a client to a thread's events. It pulls the thread's feed while the client's window has room,
 * joins what is there in one notification, and stops reading when the window is full: the log is the buffer of a
 * slow client. A window that stays full gives back what the feed had read ahead.
 *
 * Invariants
 *   D1  Records are sent in ordinal order, each once, without a gap, from `from` on; the first after the answer.
 *   D2  What is under way and not acknowledged: `window` records at most; in bytes the bounds of EVENT_FEED_LIMITS,
 *       for this subscription and for all of its client, and one record more for each.
 *   D3  The end is told once, behind all that was sent, and nothing is sent after it. A client that left hears nothing.
 *   D4  A signal is sent behind every record that was told before it; signals are dropped before a record waits.
 */
import type { Signal } from "../actors/index.ts";
import { type Clock, isSkeinError, type Logger, nextLoopTurn, type Timer } from "../base/index.ts";
import type { RolloutRecord } from "../events/index.ts";
import type { ThreadFeed, ThreadFeedOptions } from "../runtime/index.ts";
import type { FeedEvent, FeedIterator } from "../streams/index.ts";
import type { RecordPlace } from "./checkpoint-store.ts";
import { EventBatch, encodeRecord } from "./event-batch.ts";
import { EVENT_FEED_LIMITS } from "./event-feed-limits.ts";
import { type ClientBytes, EventWindow, type WindowBegin } from "./event-window.ts";
import { encodeNotification } from "./protocol/index.ts";

/** What a subscription needs of a connected client. */
export interface FeedClient {
  /** Whether it did not opt out of this method. */
  wants(method: string): boolean;
  send(text: string): void;
}

/** What a subscription is made of. */
export interface EventSubscriptionOptions {
  readonly id: string;
  readonly threadId: string;
  readonly client: FeedClient;
  /** Opens the thread's feed. */
  readonly open: (options: ThreadFeedOptions) => Promise<ThreadFeed>;
  readonly signals: boolean;
  /** Records under way at most. */
  readonly window: number;
  /** What all subscriptions of the client have under way. */
  readonly clientBytes: ClientBytes;
  readonly clock: Clock;
  readonly logger: Logger;
  /** It is over, whatever for; told once. */
  readonly ended: () => void;
}

/** Why a feed ended, where clients tell one from the other. */
export const FEED_ENDINGS = Object.freeze({
  deleted: "the thread was deleted",
  stopping: "the server is stopping",
  takenOver: "taken over by another subscriber",
  checkpointDeleted: "its checkpoint was deleted",
  truncated: "history of the thread was lost",
});

export class EventSubscription {
  readonly #options: EventSubscriptionOptions;
  readonly #batch: EventBatch;
  #window: EventWindow | null = null;
  #iterator: FeedIterator<FeedEvent<Signal>> | null = null;
  #wake: (() => void) | null = null;
  #isFlushing = false;
  #signalBytes = 0;
  #isOver = false;
  /** Why it ended before it was started, to be told behind the answer. */
  #earlyEnd: string | null = null;
  #isThreadGone = false;
  /** The feed was opened again after it had come to its end, and told nothing since. */
  #isReopened = false;

  constructor(options: EventSubscriptionOptions) {
    this.#options = options;
    this.#batch = new EventBatch({ subscriptionId: options.id, threadId: options.threadId });
  }

  get id(): string {
    return this.#options.id;
  }

  get threadId(): string {
    return this.#options.threadId;
  }

  get client(): FeedClient {
    return this.#options.client;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The first record that was not sent; null before the start. */
  get sentEnd(): number | null {
    return this.#window?.sentEnd ?? null;
  }

  /** Begins to send from here on; its answer was written. */
  start(begin: WindowBegin): void {
    if (this.#earlyEnd !== null) this.#tellEnd(this.#earlyEnd);
    if (this.#isOver) return;
    const window = new EventWindow(begin, this.#options.window, this.#options.clientBytes);
    this.#window = window;
    void this.#run(window);
  }

  /** Every record below is done, and was sent: see `sentEnd`. Answers the record before; null where that is not known. */
  acknowledge(nextOrdinal: number): RecordPlace | null {
    const before = this.#window?.acknowledge(nextOrdinal) ?? null;
    this.#signalBytes = 0;
    this.#wake?.();
    return before;
  }

  /** The thread is deleted: what the feed still holds is sent, then it has ended. */
  threadDeleted(): void {
    this.#isThreadGone = true;
    if (this.#window === null) this.end(FEED_ENDINGS.deleted);
    else this.#wake?.();
  }

  /** Ends it, and tells the client why. Idempotent. */
  end(reason: string): void {
    if (this.#isOver) return;
    if (this.#window === null) this.#earlyEnd = reason;
    else this.#flush();
    this.stop();
    if (this.#window !== null) this.#tellEnd(reason);
  }

  /** Ends it without a word. Idempotent. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#window?.close();
    this.#letGo();
    this.#wake?.();
    this.#options.ended();
  }

  /** Never rejects. */
  async #run(window: EventWindow): Promise<void> {
    try {
      while (!this.#isOver) {
        if (window.hasRoom) await this.#pull(window);
        else await this.#waitForRoom();
      }
    } catch (error) {
      this.end(this.#endingFor(error));
    }
  }

  /** Takes one event of the feed. */
  async #pull(window: EventWindow): Promise<void> {
    if (this.#iterator === null) {
      // Nothing is read again that was let go when the thread is gone.
      if (this.#isThreadGone) return this.end(FEED_ENDINGS.deleted);
      const iterator = await this.#open(window.takenEnd);
      if (this.#isOver) return void iterator.return();
      this.#iterator = iterator;
    }
    const next = await this.#iterator.next();
    if (this.#isOver) return;
    if (next.done === true) this.#cameToEnd();
    else if (next.value.type === "record") await this.#takeRecord(window, next.value.record);
    else this.#sendSignal(window, next.value.signal);
  }

  /** A feed ends with its thread and with its runtime, and does not say which: opening it again does. */
  #cameToEnd(): void {
    if (this.#isThreadGone) return this.end(FEED_ENDINGS.deleted);
    if (this.#isReopened) return this.end("the feed ended");
    this.#isReopened = true;
    this.#letGo();
  }

  #endingFor(error: unknown): string {
    if (this.#isThreadGone || isSkeinError(error, "thread_not_found")) return FEED_ENDINGS.deleted;
    if (isSkeinError(error, "runtime_closed")) return FEED_ENDINGS.stopping;
    // A log that doesn't reach any more what was sent of it is one that lost it.
    const isTruncated = isSkeinError(error, "history_truncated") || isSkeinError(error, "ordinal_conflict");
    if (isTruncated) return FEED_ENDINGS.truncated;
    this.#options.logger.error({ error, threadId: this.threadId }, "a thread's feed failed");
    return `the feed failed: ${error instanceof Error ? error.message : String(error)}`;
  }

  async #open(from: number): Promise<FeedIterator<FeedEvent<Signal>>> {
    const { batchRecordsMax, signalsHeldMax } = EVENT_FEED_LIMITS;
    const { open, signals } = this.#options;
    const feed = await open({ from, signals, bufferRecordsMax: batchRecordsMax, bufferSignalsMax: signalsHeldMax });
    return feed[Symbol.asyncIterator]();
  }

  async #takeRecord(window: EventWindow, record: RolloutRecord): Promise<void> {
    this.#isReopened = false;
    const encoded = encodeRecord(record);
    if (this.#batch.isFullFor(encoded.bytes)) {
      this.#flush();
      // A long log in memory would else be sent without anybody else getting a turn.
      await nextLoopTurn();
      if (this.#isOver) return;
    }
    this.#batch.add(encoded);
    window.take(encoded);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    // Behind all that the feed has ready: it goes out together.
    void nextLoopTurn().then(() => {
      this.#isFlushing = false;
      if (!this.#isOver) this.#flush();
    });
  }

  #flush(): void {
    if (this.#batch.size === 0) return;
    this.client.send(this.#batch.take());
    this.#window?.sent();
  }

  #sendSignal(window: EventWindow, signal: Signal): void {
    const { client, id: subscriptionId, threadId } = this.#options;
    this.#flush();
    if (!client.wants("thread/events/signal")) return;
    const isLate = !window.isEmpty && this.#signalBytes >= EVENT_FEED_LIMITS.signalBytesMax;
    if (isLate) return;
    const text = encodeNotification("thread/events/signal", { subscriptionId, threadId, signal });
    this.#signalBytes = window.isEmpty ? 0 : this.#signalBytes + Buffer.byteLength(text);
    client.send(text);
  }

  /** Until something is acknowledged, or it is over. */
  async #waitForRoom(): Promise<void> {
    let parking: Timer | undefined;
    if (this.#iterator !== null) {
      parking = this.#options.clock.setTimer(EVENT_FEED_LIMITS.parkMs, () => {
        this.#letGo();
        if (this.#isThreadGone) this.end(FEED_ENDINGS.deleted);
      });
    } else if (this.#isThreadGone) {
      return this.end(FEED_ENDINGS.deleted);
    }
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = null;
    parking?.cancel();
  }

  /** What the feed holds is dropped; it is in the log. */
  #letGo(): void {
    void this.#iterator?.return();
    this.#iterator = null;
  }

  #tellEnd(reason: string): void {
    const { client, id: subscriptionId, threadId } = this.#options;
    if (!client.wants("thread/events/ended")) return;
    client.send(encodeNotification("thread/events/ended", { subscriptionId, threadId, reason }));
  }
}
