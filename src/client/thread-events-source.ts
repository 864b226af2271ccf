/**
 * The events of one thread over the wire, for one subscription: records from a position on, each once and in order,
 * across any number of connections. Records are acknowledged as the consumer is done with them (it asked for the
 * next), so the server sends no faster than they are taken, and a checkpoint never runs ahead of the consumer.
 *
 * Invariants
 *   T1  `#position` is the next ordinal the consumer gets. A new subscription begins there, whatever was received.
 *   T2  Of what a subscription sends, a record below the expected ordinal is passed over, and one above it fails the feed.
 *   T3  Records held are `window` at most. Signals held are bounded; the oldest goes first.
 *   T4  Only records that the consumer is done with are acknowledged, one acknowledgement at a time.
 *   T5  A new subscription says which record stands before `#position`: a server that has another one there, or none,
 *       refuses it with `history_truncated`, and the feed fails with that.
 */
import { type Clock, fault, type SkeinError, type Timer } from "../base/index.ts";
import type { Json, RolloutRecord } from "../events/index.ts";
import type { NotificationParams, RequestParams, RequestResult } from "../server/protocol/index.ts";
import {
  type BoundedQueue,
  createBoundedQueue,
  createWakeup,
  type EventSource,
  type FeedEvent,
  type FeedStats,
} from "../streams/index.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import type { Conversation } from "./conversation.ts";
import { recordOfWire, type WirePlace, wirePlaceOf } from "./wire-record.ts";

/** A live signal as the wire shows it. */
export type WireSignal = NotificationParams<"thread/events/signal">["signal"];
/** What a feed of a thread tells. */
export type ThreadEvent = FeedEvent<WireSignal>;

/** What a source needs of whoever keeps the connection. */
export interface SourceHost {
  readonly clock: Clock;
  /** From now on what comes for this subscription goes to the source. */
  route(subscriptionId: string, source: ThreadEventsSource): void;
  unroute(subscriptionId: string): void;
  /** A record came that is new to the consumer. */
  progressed(): void;
  /** The source is over: it is told of no connection any more. `last` settles when nothing of it is under way. */
  left(source: ThreadEventsSource, last: Promise<void>): void;
}

/** How a subscription begins, checked. */
export interface SourceSettings {
  readonly threadId: string;
  readonly from: number | undefined;
  /** The record before `from`; null where that isn't known. */
  readonly before: WirePlace | null;
  readonly fromNow: boolean;
  readonly checkpoint: string | undefined;
  readonly signals: boolean;
  readonly window: number;
  readonly abort: AbortSignal | undefined;
}

interface Placed<T> {
  /** Its place among all that came. */
  readonly place: number;
  readonly value: T;
}

/** One connection's subscription. */
interface Subscription {
  readonly conversation: Conversation;
  readonly id: string;
}

export class ThreadEventsSource implements EventSource<ThreadEvent> {
  readonly #settings: SourceSettings;
  readonly #host: SourceHost;
  readonly #records: BoundedQueue<Placed<RolloutRecord>>;
  readonly #signals = createBoundedQueue<Placed<WireSignal>>(CLIENT_LIMITS.signalsMax);
  readonly #wakeup = createWakeup();
  readonly #onAbort = (): void => this.stop();
  #place = 0;
  #signalsDropped = 0;
  #conversation: Conversation | undefined;
  #subscription: Subscription | undefined;
  #position: number | undefined;
  /** The record before `#position`; null where there is none, or the server didn't say. */
  #before: WirePlace | null;
  #expected = 0;
  /** The most that `#expected` ever was. */
  #furthest = 0;
  /** The record that the consumer has and has not asked beyond. */
  #inHand: number | undefined;
  #done = 0;
  #acknowledged = 0;
  #isAcknowledging = false;
  #retries = 0;
  #retryTimer: Timer | undefined;
  #isOver = false;
  #failure: SkeinError | undefined;

  constructor(settings: SourceSettings, host: SourceHost) {
    this.#settings = settings;
    this.#before = settings.before;
    this.#host = host;
    this.#records = createBoundedQueue(settings.window);
    if (settings.abort?.aborted === true) this.stop();
    else settings.abort?.addEventListener("abort", this.#onAbort);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  poll(): ThreadEvent | undefined {
    this.#finishRecord();
    const { threadId } = this.#settings;
    const [record, signal] = [this.#records.peek(), this.#signals.peek()];
    if (signal !== undefined && (record === undefined || signal.place < record.place)) {
      this.#signals.shift();
      return { type: "signal", threadId, signal: signal.value };
    }
    if (record === undefined) return undefined;
    this.#records.shift();
    this.#inHand = record.value.ordinal;
    this.#position = record.value.ordinal + 1;
    this.#before = wirePlaceOf(record.value);
    return { type: "record", threadId, record: record.value };
  }

  async ready(): Promise<boolean> {
    for (;;) {
      if (this.#records.size > 0 || this.#signals.size > 0) return true;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isOver) return false;
      this.#acknowledge({ isDue: true });
      await this.#wakeup.wait();
    }
  }

  stop(): void {
    this.#records.clear();
    this.#signals.clear();
    this.#failure = undefined;
    this.#end();
  }

  stats(): FeedStats {
    const { size: held, peakSize: heldPeak } = this.#records;
    const [signalsHeld, signalsDropped] = [this.#signals.size, this.#signalsDropped];
    return { held, heldPeak, signalsHeld, signalsDropped, overflows: 0, pagesRead: 0 };
  }

  /** There is a connection: subscribes, from where the consumer is. */
  connected(conversation: Conversation): void {
    if (this.#isOver) return;
    this.#conversation = conversation;
    conversation.call("thread/events/subscribe", JSON.stringify(this.#params()), (outcome) => {
      // What a lost connection leaves unanswered is asked again by the next one.
      if (conversation.failure !== undefined) return;
      if (outcome.ok) this.#subscribed(conversation, outcome.result as SubscribeResult & Json);
      else this.#retry(outcome.error, () => this.connected(conversation));
    });
  }

  /** The connection is lost. What was received and not taken comes again. */
  lost(): void {
    this.#conversation = undefined;
    this.#subscription = undefined;
    this.#isAcknowledging = false;
    this.#retryTimer?.cancel();
    this.#records.clear();
  }

  /** There will be no connection any more: null, the client was closed, and what is held can still be taken. */
  closed(failure: SkeinError | null): void {
    if (failure === null) this.#end();
    else this.#fail(failure);
  }

  /** Records came for the subscription. */
  received(records: NotificationParams<"thread/events/records">["records"]): void {
    if (this.#isOver) return;
    for (const record of records) {
      if (record.ordinal < this.#expected) continue;
      if (record.ordinal > this.#expected) return this.#fail(gap(this.#expected, record.ordinal));
      if (!this.#records.push({ place: this.#nextPlace(), value: recordOfWire(record) })) {
        return this.#fail(tooMany(this.#settings.window));
      }
      this.#expected += 1;
    }
    if (this.#expected > this.#furthest) {
      this.#furthest = this.#expected;
      this.#host.progressed();
    }
    this.#wakeup.wake();
  }

  signalled(signal: WireSignal): void {
    if (this.#isOver) return;
    if (this.#signals.pushDroppingOldest({ place: this.#nextPlace(), value: signal })) this.#signalsDropped += 1;
    this.#wakeup.wake();
  }

  /** The server ended the subscription. */
  ended(reason: string): void {
    const { threadId } = this.#settings;
    if (this.#isOver) return;
    this.#unroute();
    switch (reason) {
      case "the thread was deleted":
        this.#end();
        break;
      case "the server is stopping":
        // The connection's end follows, and with it the next attempt.
        break;
      case "taken over by another subscriber":
        this.#fail(fault("lease_lost", `the checkpoint was ${reason}`, { data: { threadId } }));
        break;
      case "history of the thread was lost":
        // What is held may be what was lost.
        this.#records.clear();
        this.#fail(historyTruncated(threadId, (this.#position ?? 0) - 1));
        break;
      default: {
        const retryable = reason.startsWith("the feed failed");
        this.#fail(fault("request_failed", `the server ended the feed: ${reason}`, { retryable, data: { threadId } }));
      }
    }
  }

  #params(): RequestParams<"thread/events/subscribe"> {
    const { threadId, checkpoint, signals, window, fromNow } = this.#settings;
    const from = this.#position ?? this.#settings.from;
    return {
      threadId,
      window,
      ...(from === undefined ? {} : { from }),
      ...(from === undefined && fromNow ? { fromNow } : {}),
      ...(checkpoint === undefined ? {} : { checkpoint }),
      ...(this.#before === null ? {} : { after: this.#before }),
      ...(signals ? { signals } : {}),
    };
  }

  /** Called in the answer's own turn: the first records may be behind it in the same read. */
  #subscribed(conversation: Conversation, { subscriptionId: id, from, after }: SubscribeResult): void {
    this.#host.route(id, this);
    if (this.#isOver) {
      void this.#takeLeave({ conversation, id });
      return;
    }
    this.#subscription = { conversation, id };
    this.#retries = 0;
    // Later ones don't change what was acknowledged: the answer to the last acknowledgement may be what was lost.
    if (this.#position === undefined) {
      this.#acknowledged = from;
      this.#before = after ?? null;
    }
    this.#position ??= from;
    this.#expected = from;
    this.#acknowledge({ isDue: true });
  }

  /** The consumer asked for more: it is done with what it had. */
  #finishRecord(): void {
    if (this.#inHand === undefined) return;
    this.#done = this.#inHand + 1;
    this.#inHand = undefined;
    // A checkpoint is moved as soon as it can be; else a part of the window is enough for the server to go on.
    const { checkpoint, window } = this.#settings;
    this.#acknowledge({ isDue: checkpoint !== undefined || this.#done - this.#acknowledged >= window / 4 });
  }

  #acknowledge({ isDue }: { readonly isDue: boolean }): void {
    const subscription = this.#subscription;
    if (subscription === undefined || !isDue || this.#isAcknowledging || this.#done <= this.#acknowledged) return;
    this.#isAcknowledging = true;
    const { conversation, id: subscriptionId } = subscription;
    const nextOrdinal = this.#done;
    const params = JSON.stringify({ subscriptionId, nextOrdinal });
    conversation.call("thread/events/ack", params, (outcome) => {
      if (this.#subscription !== subscription) return;
      if (!outcome.ok) {
        return this.#retry(outcome.error, () => {
          this.#isAcknowledging = false;
          this.#acknowledge({ isDue: true });
        });
      }
      this.#isAcknowledging = false;
      this.#retries = 0;
      this.#acknowledged = nextOrdinal;
      this.#acknowledge({ isDue: this.#settings.checkpoint !== undefined || this.#records.size === 0 });
    });
  }

  /** Does it again in a moment, where that can help: a server may have too much to do, or be about to stop. */
  #retry(failure: SkeinError, run: () => void): void {
    const { feedRetriesMax, feedRetryMs } = CLIENT_LIMITS;
    const conversation = this.#conversation;
    if (!failure.retryable || conversation === undefined || this.#retries >= feedRetriesMax) return this.#fail(failure);
    this.#retries += 1;
    this.#retryTimer = this.#host.clock.setTimer(feedRetryMs, () => {
      if (!this.#isOver && this.#conversation === conversation) run();
    });
  }

  #fail(failure: SkeinError): void {
    if (this.#isOver) return;
    this.#failure = failure;
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#retryTimer?.cancel();
    this.#settings.abort?.removeEventListener("abort", this.#onAbort);
    const subscription = this.#subscription;
    this.#subscription = undefined;
    this.#host.left(this, subscription === undefined ? Promise.resolve() : this.#takeLeave(subscription));
    this.#wakeup.wake();
  }

  /** Stores how far the consumer came, and unsubscribes. Never rejects: a server that is gone has nothing to be told. */
  #takeLeave({ conversation, id: subscriptionId }: Subscription): Promise<void> {
    return new Promise((resolve) => {
      const unsubscribe = (): void => {
        conversation.call("thread/events/unsubscribe", JSON.stringify({ subscriptionId }), () => {
          // Not before: what is still under way is nobody else's.
          this.#host.unroute(subscriptionId);
          resolve();
        });
      };
      const isBehind = this.#settings.checkpoint !== undefined && this.#done > this.#acknowledged;
      if (!isBehind) return unsubscribe();
      const params = JSON.stringify({ subscriptionId, nextOrdinal: this.#done });
      conversation.call("thread/events/ack", params, unsubscribe);
    });
  }

  #unroute(): void {
    if (this.#subscription !== undefined) this.#host.unroute(this.#subscription.id);
    this.#subscription = undefined;
  }

  #nextPlace(): number {
    this.#place += 1;
    return this.#place;
  }
}

type SubscribeResult = RequestResult<"thread/events/subscribe">;

function historyTruncated(threadId: string, toldOrdinal: number): SkeinError {
  return fault(
    "history_truncated",
    `the server lost history of thread ${threadId}: what was told up to ordinal ${toldOrdinal} may not be in its log; read the thread anew from its beginning`,
    { data: { threadId, toldOrdinal } },
  );
}

function gap(expectedOrdinal: number, actualOrdinal: number): SkeinError {
  return fault("ordinal_conflict", `record ${actualOrdinal} came where ${expectedOrdinal} was due`, {
    data: { expectedOrdinal, actualOrdinal },
  });
}

function tooMany(window: number): SkeinError {
  return fault("request_failed", `the server sent more than the ${window} records that may be under way`, {
    data: { window },
  });
}
