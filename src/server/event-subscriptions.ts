/**
 * EventSubscriptions: all subscriptions to threads' events of one server, by client, and the checkpoints of those
 * that have a name.
 *
 * Invariants
 *   B1  A checkpoint has one live subscription: a newer one takes it over, and the older one has ended before the
 *       newer one reads its position. Positions that were answered as stored are never behind.
 *   B2  An acknowledgement of a subscription with a checkpoint is answered when its position is kept.
 *   B3  A client that is gone, and a thread that is deleted, leave no subscription behind; the thread no checkpoint.
 *   B4  Who says which record it was told last goes on only where that is the log's record; who is refused takes
 *       nothing over. A subscription ends when the store says that records of its thread which were told are lost, also
 *       one whose feed is let go, and when its checkpoint's store says so of what it acknowledges.
 */
import { type Clock, fault, type IdSource, isSkeinError, type Logger } from "../base/index.ts";
import { findLogEnd, recordBefore, requireThread, type Runtime } from "../runtime/index.ts";
import type { StoreEvent } from "../store/index.ts";
import {
  type CheckpointKey,
  type CheckpointStore,
  createMemoryCheckpoints,
  type RecordPlace,
  requireCheckpointName,
} from "./checkpoint-store.ts";
import { recordPlaceOf } from "./event-batch.ts";
import { EVENT_FEED_LIMITS } from "./event-feed-limits.ts";
import { EventSubscription, FEED_ENDINGS, type FeedClient } from "./event-subscription.ts";
import { ClientBytes, type WindowBegin } from "./event-window.ts";
import type { RequestParams, RequestResult } from "./protocol/index.ts";
import { invalidRequest } from "./rpc-error.ts";

/** What the server's subscriptions are made of. */
export interface EventSubscriptionsOptions {
  /** Whose threads' checkpoints are deleted with them. */
  readonly runtime: Runtime;
  /** Null: checkpoints end with the process. */
  readonly checkpoints: CheckpointStore | null;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
}

/** Which events are wanted. */
export interface SubscribeCall {
  readonly client: FeedClient;
  /** The runtime that the thread lives in. */
  readonly runtime: Runtime;
  /** In its canonical form. */
  readonly threadId: string;
  readonly params: RequestParams<"thread/events/subscribe">;
}

/** A subscription that was made, and begins to send when its answer is written. */
export interface PreparedSubscription {
  readonly answer: RequestResult<"thread/events/subscribe">;
  readonly start: () => void;
}

interface ClientFeeds {
  readonly bytes: ClientBytes;
  readonly entries: Map<string, Entry>;
}

interface Entry {
  readonly subscription: EventSubscription;
  readonly key: CheckpointKey | null;
}

export class EventSubscriptions {
  readonly #options: EventSubscriptionsOptions;
  readonly #checkpoints: CheckpointStore;
  readonly #clients = new Map<FeedClient, ClientFeeds>();
  /** Clients that are gone; requests of theirs may still wait behind others. */
  readonly #left = new WeakSet<FeedClient>();
  readonly #threads = new Map<string, Set<EventSubscription>>();
  /** Who has a checkpoint now, by `keyText`. */
  readonly #holders = new Map<string, EventSubscription>();
  readonly #unsubscribeStore: () => void;
  #isClosed = false;

  constructor(options: EventSubscriptionsOptions) {
    this.#options = options;
    this.#checkpoints = options.checkpoints ?? createMemoryCheckpoints();
    this.#unsubscribeStore = options.runtime.store.subscribe((event) => this.#onStoreEvent(event));
  }

  /** Subscriptions there are, of all clients. */
  get size(): number {
    let size = 0;
    for (const { entries } of this.#clients.values()) size += entries.size;
    return size;
  }

  /** Makes a subscription. `thread_not_found`, `checkpoint_unreadable`, `history_truncated`, and refusals of what can't be granted. */
  async subscribe(call: SubscribeCall): Promise<PreparedSubscription> {
    const { runtime, threadId, params } = call;
    const { from: wished, fromNow, checkpoint } = params;
    requireOnePlace(params);
    const key = isGiven(checkpoint) ? { name: requireCheckpointName(checkpoint), threadId } : null;
    const subscription = this.#add(call, key);
    try {
      await requireThread(runtime, threadId);
      // Looked at first: who is refused ends nobody's subscription.
      const wishedBegin = isGiven(wished) ? await beginAt(call, wished, null) : null;
      if (key !== null) this.#takeOver(key, subscription);
      const stored = key === null ? null : await this.#storedPlace(key, isGiven(wished));
      const begin = wishedBegin ?? (await beginAt(call, stored ?? (fromNow === true ? null : 0), key));
      const { from, before, nextOrdinal } = begin;
      // A place of one's own that is not the first record must be found again also before anything is acknowledged.
      const isUnsaved = stored === undefined || (stored === null && from > 0);
      if (key !== null && isUnsaved) await this.#checkpoints.save(key, from, before);
      const answer = { subscriptionId: subscription.id, from, nextOrdinal, after: before };
      return { answer, start: () => subscription.start(begin) };
    } catch (error) {
      subscription.stop();
      throw error;
    }
  }

  /** Every record below is done. Resolves when that is kept, where the subscription has a checkpoint. */
  async acknowledge(client: FeedClient, params: RequestParams<"thread/events/ack">): Promise<void> {
    const { subscriptionId, nextOrdinal } = params;
    const entry = this.#clients.get(client)?.entries.get(subscriptionId);
    if (entry === undefined) throw noSubscription(subscriptionId);
    const { subscription, key } = entry;
    const { sentEnd } = subscription;
    if (sentEnd === null || nextOrdinal > sentEnd) throw aheadOfSent(nextOrdinal, sentEnd ?? 0);
    const before = subscription.acknowledge(nextOrdinal);
    if (key === null) return;
    try {
      await this.#checkpoints.save(key, nextOrdinal, before);
    } catch (error) {
      if (isSkeinError(error, "history_truncated")) subscription.end(FEED_ENDINGS.truncated);
      throw error;
    }
  }

  /** Ends a subscription of this client's; fine when it has none of that id. */
  unsubscribe(client: FeedClient, subscriptionId: string): void {
    this.#clients.get(client)?.entries.get(subscriptionId)?.subscription.stop();
  }

  /** The position of a checkpoint; null when there is none. */
  async readCheckpoint(key: CheckpointKey): Promise<number | null> {
    requireCheckpointName(key.name);
    return await this.#checkpoints.read(key);
  }

  /** Forgets a checkpoint. Who has it is told: its next acknowledgement would make it anew. */
  async deleteCheckpoint(key: CheckpointKey): Promise<void> {
    requireCheckpointName(key.name);
    this.#holders.get(keyText(key))?.end(FEED_ENDINGS.checkpointDeleted);
    await this.#checkpoints.delete(key);
  }

  /** A client is gone, and makes no subscription any more. */
  leave(client: FeedClient): void {
    this.#left.add(client);
    for (const { subscription } of this.#entriesOf(client)) subscription.stop();
  }

  /** Ends all subscriptions, and tells their clients. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unsubscribeStore();
    for (const client of this.#clients.keys()) {
      for (const { subscription } of this.#entriesOf(client)) subscription.end(FEED_ENDINGS.stopping);
    }
  }

  /** Null: there is none. Undefined: its record was lost, which stops nobody who says where to begin. */
  async #storedPlace(key: CheckpointKey, isAnew: boolean): Promise<number | null | undefined> {
    try {
      return await this.#checkpoints.read(key);
    } catch (error) {
      if (isAnew && isSkeinError(error, "history_truncated")) return undefined;
      throw error;
    }
  }

  #entriesOf(client: FeedClient): readonly Entry[] {
    return [...(this.#clients.get(client)?.entries.values() ?? [])];
  }

  #add({ client, runtime, threadId, params }: SubscribeCall, key: CheckpointKey | null): EventSubscription {
    if (this.#left.has(client)) throw invalidRequest("this client left: there is nobody to tell events");
    if (!client.wants("thread/events/records")) {
      throw invalidRequest("this client does not want thread/events/records, which is what a subscription tells");
    }
    const { subscriptionsPerClientMax, windowDefault } = EVENT_FEED_LIMITS;
    const { entries, bytes } = this.#clients.get(client) ?? { entries: new Map(), bytes: new ClientBytes() };
    if (entries.size >= subscriptionsPerClientMax) {
      throw invalidRequest(`this client has ${subscriptionsPerClientMax} event subscriptions, which is the most`);
    }
    const { clock, ids, logger } = this.#options;
    const subscription = new EventSubscription({
      id: ids.next(),
      threadId,
      client,
      open: (options) => runtime.threadEvents(threadId, options),
      signals: params.signals === true,
      window: params.window ?? windowDefault,
      clientBytes: bytes,
      clock,
      logger,
      ended: () => this.#remove(subscription, key),
    });
    this.#clients.set(client, { entries, bytes });
    entries.set(subscription.id, { subscription, key });
    const followers = this.#threads.get(threadId) ?? new Set();
    this.#threads.set(threadId, followers.add(subscription));
    if (this.#isClosed) subscription.end(FEED_ENDINGS.stopping);
    return subscription;
  }

  #remove(subscription: EventSubscription, key: CheckpointKey | null): void {
    const { client, id, threadId } = subscription;
    const entries = this.#clients.get(client)?.entries;
    entries?.delete(id);
    if (entries?.size === 0) this.#clients.delete(client);
    const followers = this.#threads.get(threadId);
    followers?.delete(subscription);
    if (followers?.size === 0) this.#threads.delete(threadId);
    if (key !== null && this.#holders.get(keyText(key)) === subscription) this.#holders.delete(keyText(key));
  }

  #takeOver(key: CheckpointKey, subscription: EventSubscription): void {
    if (subscription.isOver) return;
    this.#holders.get(keyText(key))?.end(FEED_ENDINGS.takenOver);
    this.#holders.set(keyText(key), subscription);
  }

  #onStoreEvent(event: StoreEvent): void {
    const { threadId, type } = event;
    if (type === "truncated") {
      for (const subscription of this.#threads.get(threadId) ?? []) subscription.end(FEED_ENDINGS.truncated);
    }
    if (type !== "deleted") return;
    for (const subscription of this.#threads.get(threadId) ?? []) subscription.threadDeleted();
    this.#checkpoints.deleteThread(threadId).catch((error: unknown) => {
      this.#options.logger.error({ error, threadId }, "the checkpoints of a deleted thread could not be deleted");
    });
  }
}

function keyText({ name, threadId }: CheckpointKey): string {
  return `${threadId}/${name}`;
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

/** A place at or before the end of the log, as near as is known without reading it. */
function nearEnd(runtime: Runtime, threadId: string): number {
  return runtime.thread(threadId)?.snapshot().nextOrdinal ?? 0;
}

function requireOnePlace({ from, fromNow, after }: RequestParams<"thread/events/subscribe">): void {
  if (isGiven(from) && fromNow === true) throw invalidRequest("give either `from` or `fromNow`, not both");
  if (!isGiven(after) || (isGiven(from) && from > 0)) return;
  throw invalidRequest("`after` is the record before `from`: give that too, 1 or more, or leave `after` out");
}

/** Where a subscription begins. */
interface Begin extends WindowBegin {
  readonly nextOrdinal: number;
}

/** A place in the log, null for its end; `key` is whose place it is. `history_truncated`, `ordinal_conflict`. */
async function beginAt(
  { runtime, threadId, params: { after } }: SubscribeCall,
  place: number | null,
  key: CheckpointKey | null,
): Promise<Begin> {
  const nextOrdinal = await findLogEnd(runtime, threadId, place ?? nearEnd(runtime, threadId));
  const from = place ?? nextOrdinal;
  const before = await placeBefore(runtime, threadId, from);
  if (isGiven(after) && !isSamePlace(before, after)) throw otherRecord({ threadId, from, nextOrdinal });
  if (from > nextOrdinal) throw aheadOfLog(from, nextOrdinal, key);
  return { from, before, nextOrdinal };
}

/** What is said of the record before an ordinal; null where there is none. */
async function placeBefore(runtime: Runtime, threadId: string, from: number): Promise<RecordPlace | null> {
  const record = from === 0 ? undefined : await recordBefore(runtime, threadId, from);
  return record === undefined ? null : recordPlaceOf(record);
}

function isSamePlace(one: RecordPlace | null, { timestamp, type }: RecordPlace): boolean {
  return one !== null && one.timestamp === timestamp && one.type === type;
}

interface LostPlace {
  readonly threadId: string;
  readonly from: number;
  readonly nextOrdinal: number;
}

function otherRecord({ threadId, from, nextOrdinal }: LostPlace): Error {
  const ordinal = from - 1;
  // Where a checkpoint stands, `fromNow` would begin at that.
  const remedy = `read the thread anew: subscribe with \`from\` 0, or \`from\` ${nextOrdinal} for what comes now`;
  return fault(
    "history_truncated",
    `record ${ordinal} of thread ${threadId} is another one than was told, or gone: its log lost history, and ends at ${nextOrdinal} now; ${remedy}`,
    { data: { threadId, ordinal, nextOrdinal } },
  );
}

function aheadOfLog(from: number, nextOrdinal: number, key: CheckpointKey | null): Error {
  const whose = key === null ? "from" : `the checkpoint ${key.name}`;
  const remedy = "the log was cut or replaced: delete the checkpoint, or give a `from` within the log";
  return invalidRequest(`${whose} is ${from}, past the end of the thread's log, which is ${nextOrdinal}: ${remedy}`, {
    skeinCode: "ordinal_conflict",
    retryable: false,
    expectedOrdinal: from,
    actualOrdinal: nextOrdinal,
  });
}

function aheadOfSent(nextOrdinal: number, sentEnd: number): Error {
  return invalidRequest(`can't acknowledge up to ${nextOrdinal}: records were sent up to ${sentEnd}`, {
    skeinCode: "ordinal_conflict",
    retryable: false,
    expectedOrdinal: nextOrdinal,
    actualOrdinal: sentEnd,
  });
}

function noSubscription(subscriptionId: string): Error {
  return invalidRequest(`no event subscription ${subscriptionId}: it ended, or belongs to another client`, {
    subscriptionId,
  });
}
