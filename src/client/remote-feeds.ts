/**
 * All feeds of one client: hands each what comes for its subscription, tells them of connections that come and go,
 * and waits at the end for what they still have to say. What a feed is opened with is checked here; what a feed does
 * is its source's (thread-events-source.ts).
 */
import { checkOptions, type Clock, type Logger, rejection, type SkeinError } from "../base/index.ts";
import type { RolloutRecord } from "../events/index.ts";
import { EventFeed } from "../streams/index.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import type { ServerNotification } from "./client-notification.ts";
import type { Conversation } from "./conversation.ts";
import { type SourceHost, type SourceSettings, type ThreadEvent, ThreadEventsSource } from "./thread-events-source.ts";
import { type WirePlace, wireTypeOf } from "./wire-record.ts";

/** How a feed of a thread begins. */
export interface ThreadEventsOptions {
  /** First ordinal told. Default: the checkpoint's position, else 0. */
  readonly from?: number;
  /**
   * The record before `from` as this consumer was told it, or its timestamp and its item's type (of an unknown one the
   * `recordType`). Where the log has another one there, or none, the feed fails with `history_truncated`.
   */
  readonly after?: RolloutRecord | { readonly timestamp: string | null; readonly type: string };
  /** True: only records that are written from the subscription on. Default false. */
  readonly fromNow?: boolean;
  /** A name under which the server stores how far this consumer is done, and where it goes on next time. */
  readonly checkpoint?: string;
  /** Whether live signals (deltas, progress) are told too. They are never promised. Default false. */
  readonly signals?: boolean;
  /** Records under way and held at most. Default 1,024; 1 to 10,000. */
  readonly window?: number;
  /** Ends every subscription of the feed, as if it had come to its end. */
  readonly signal?: AbortSignal;
}

const OPTIONS: Readonly<Record<keyof ThreadEventsOptions, true>> = {
  from: true,
  after: true,
  fromNow: true,
  checkpoint: true,
  signals: true,
  window: true,
  signal: true,
};

/** What the feeds work with. */
export interface RemoteFeedsParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly progressed: () => void;
}

export class RemoteFeeds implements SourceHost {
  readonly clock: Clock;
  readonly #logger: Logger;
  readonly #progressed: () => void;
  readonly #sources = new Set<ThreadEventsSource>();
  readonly #routes = new Map<string, ThreadEventsSource>();
  readonly #leaving = new Set<Promise<void>>();
  #conversation: Conversation | undefined;
  #end: { readonly failure: SkeinError | null } | undefined;

  constructor({ clock, logger, progressed }: RemoteFeedsParts) {
    this.clock = clock;
    this.#logger = logger;
    this.#progressed = progressed;
  }

  /** A feed of this thread; each subscription and iteration is one of its own. `invalid_argument`. */
  open(threadId: string, options: ThreadEventsOptions): EventFeed<ThreadEvent> {
    const settings = checkedSettings(threadId, options);
    return new EventFeed(this.#logger, () => this.#start(settings));
  }

  connected(conversation: Conversation): void {
    this.#conversation = conversation;
    for (const source of this.#sources) source.connected(conversation);
  }

  /** A connection is over; one that was never told of changes nothing. */
  lost(conversation: Conversation): void {
    if (this.#conversation !== conversation) return;
    this.#conversation = undefined;
    this.#routes.clear();
    for (const source of this.#sources) source.lost();
  }

  /** No connection will come any more. Resolves when what the feeds had to say is answered. */
  async close(failure: SkeinError | null): Promise<void> {
    this.#end ??= { failure };
    for (const source of this.#sources) source.closed(failure);
    await Promise.all(this.#leaving);
  }

  /** Takes a notification if it is for one of the feeds. */
  take({ method, params }: ServerNotification): boolean {
    const source = "subscriptionId" in params ? this.#routes.get(params.subscriptionId) : undefined;
    if (source === undefined) return false;
    switch (method) {
      case "thread/events/records":
        source.received(params.records);
        return true;
      case "thread/events/signal":
        source.signalled(params.signal);
        return true;
      case "thread/events/ended":
        source.ended(params.reason);
        return true;
      default:
        return false;
    }
  }

  route(subscriptionId: string, source: ThreadEventsSource): void {
    this.#routes.set(subscriptionId, source);
  }

  unroute(subscriptionId: string): void {
    this.#routes.delete(subscriptionId);
  }

  progressed(): void {
    this.#progressed();
  }

  left(source: ThreadEventsSource, last: Promise<void>): void {
    this.#sources.delete(source);
    this.#leaving.add(last);
    void last.then(() => this.#leaving.delete(last));
  }

  #start(settings: SourceSettings): ThreadEventsSource {
    const source = new ThreadEventsSource(settings, this);
    if (this.#end !== undefined) source.closed(this.#end.failure);
    if (source.isOver) return source;
    this.#sources.add(source);
    if (this.#conversation !== undefined) source.connected(this.#conversation);
    return source;
  }
}

function checkedSettings(threadId: string, options: ThreadEventsOptions): SourceSettings {
  checkOptions("threadEvents", options, OPTIONS);
  const { from, fromNow = false, checkpoint, signals = false, signal: abort } = options;
  const { windowDefault, windowMax } = CLIENT_LIMITS;
  const { window = windowDefault } = options;
  if (typeof threadId !== "string") throw rejection("invalid_argument", "a feed needs the id of its thread");
  if (from !== undefined && fromNow) throw rejection("invalid_argument", "give either from or fromNow, not both");
  if (from !== undefined) requireWhole("from", from, { min: 0, max: Number.MAX_SAFE_INTEGER });
  const before = options.after === undefined ? null : checkedPlace(options.after, from);
  requireWhole("window", window, { min: 1, max: windowMax });
  return { threadId, from, before, fromNow, checkpoint, signals, window, abort };
}

/** A record, or what is said of one. */
type ToldRecord = WirePlace & Pick<RolloutRecord, "item">;

function checkedPlace(place: unknown, from: number | undefined): WirePlace {
  if (from === undefined || from === 0) {
    throw rejection("invalid_argument", "after is the record before `from`: give that too, 1 or more");
  }
  const { timestamp, ...told } = typeof place === "object" && place !== null ? (place as Partial<ToldRecord>) : {};
  const type = typeof told.item === "object" && told.item !== null ? wireTypeOf(told.item) : told.type;
  if ((typeof timestamp !== "string" && timestamp !== null) || typeof type !== "string") {
    throw rejection("invalid_argument", "after must be the record before `from`, or { timestamp, type } of it");
  }
  return { timestamp: timestamp ?? "", type };
}

function requireWhole(name: string, value: number, { min, max }: { readonly min: number; readonly max: number }): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw rejection("invalid_argument", `${name} must be a whole number from ${min} to ${max}`, { value });
}
