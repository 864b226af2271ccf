/**
 * What a remote store's listeners are told, and when. One stream for all of them, opened by the first and ended with
 * the last; after a lost connection it goes on behind the newest event that was told. Where the server can't tell
 * what happened meanwhile, the threads that were told of are read from where that ended.
 *
 * Invariant
 *   L1  A call's own events are told before it is answered: answers name the newest event that was told by then, and
 *       wait for it here. (append.told)
 */
import { type Clock, isSkeinError, type Logger } from "../../base/index.ts";
import type { RolloutRecord } from "../../events/index.ts";
import { createStoreEvents } from "../store-events.ts";
import type { HistoryPage, LoadHistoryParams, StoreEvent } from "../thread-store.ts";
import type { SubscribeResponse } from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import type { RemoteLink } from "./remote-link.ts";
import { fromWireEvent, type HeardEvent } from "./wire-events.ts";

/** Threads whose end is remembered for a gap; the one that was told of longest ago is forgotten first. */
const THREADS_MAX = 100_000;
/** Longest that an answer waits for its events, milliseconds. */
const AWAITED_MAX_MS = 10_000;

/** What listening is made with. */
export interface RemoteListeningOptions {
  readonly link: RemoteLink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly loadHistory: (params: LoadHistoryParams) => Promise<HistoryPage>;
}

/** One stream, from the first listener to the last. */
interface Listening {
  readonly end: AbortController;
  /** The server tells from here on; also when it can't be reached. */
  readonly isReady: Promise<void>;
  readonly ready: () => void;
  generation: string;
  told: bigint;
}

/** See the file's head. */
export class RemoteListening {
  readonly #options: RemoteListeningOptions;
  readonly #events;
  /** Next ordinal by thread, of those that were told of. */
  readonly #ends = new Map<string, number>();
  readonly #waiting = new Set<() => void>();
  #listening: Listening | null = null;

  constructor(options: RemoteListeningOptions) {
    this.#options = options;
    this.#events = createStoreEvents(options.logger);
  }

  /** Tells a listener from now on. */
  subscribe(listener: (event: StoreEvent) => void): () => void {
    const leave = this.#events.subscribe(listener);
    this.#listening ??= this.#start();
    return () => {
      leave();
      if (!this.#events.hasListeners()) this.#stop();
    };
  }

  /** Resolves when what happens from now on will be told. At once where nobody listens. */
  async whenReady(): Promise<void> {
    await this.#listening?.isReady;
  }

  /** Resolves when the events up to this one were told (L1). */
  async whenTold(sequence: bigint): Promise<void> {
    const listening = this.#listening;
    if (listening === null || listening.told >= sequence) return;
    const { clock, logger } = this.#options;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.#listening !== listening || listening.told >= sequence) done();
      };
      const done = (): void => {
        this.#waiting.delete(look);
        timer.cancel();
        resolve();
      };
      const timer = clock.setTimer(AWAITED_MAX_MS, () => {
        logger.warn({ sequence: String(sequence) }, "an answer's events have not come; it is given without them");
        done();
      });
      this.#waiting.add(look);
    });
  }

  /** Tells no more. */
  close(): void {
    this.#events.clear();
    this.#stop();
  }

  #start(): Listening {
    let ready = (): void => {};
    const isReady = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const listening: Listening = { end: new AbortController(), isReady, ready, generation: "", told: 0n };
    this.#listen(listening).catch((error: unknown) => {
      this.#options.logger.debug({ error }, "events are not listened to any more");
      ready();
    });
    return listening;
  }

  #stop(): void {
    this.#listening?.end.abort();
    this.#listening?.ready();
    this.#listening = null;
    this.#ends.clear();
    this.#wake();
  }

  async #listen(listening: Listening): Promise<void> {
    const { link, logger } = this.#options;
    const signal = AbortSignal.any([listening.end.signal, link.closing]);
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        const from = { generation: listening.generation, after: listening.told };
        for await (const message of link.client.subscribe(from, { signal })) {
          await this.#hear(listening, message);
          failures = 0;
        }
      } catch (error) {
        if (signal.aborted) return;
        logger.info({ error, url: link.url }, "events are not heard; trying again");
      }
      // A server that can't be reached must not keep calls waiting: they fail by themselves.
      listening.ready();
      await link.pause(failures);
    }
  }

  async #hear(listening: Listening, { start, events }: SubscribeResponse): Promise<void> {
    if (start !== undefined) {
      if (start.isGap) await this.#closeGap(listening);
      listening.generation = start.generation;
      listening.told = start.after;
      listening.ready();
    }
    for (const event of events) {
      if (this.#listening !== listening) return;
      const heard = fromWireEvent(event);
      if (heard !== undefined) await this.#tell(heard);
      listening.told = event.sequence;
    }
    this.#wake();
  }

  async #tell(heard: HeardEvent): Promise<void> {
    if ("event" in heard) this.#tellEvent(heard.event);
    else await this.#tellFrom(heard.threadId, heard.from, heard.end);
  }

  #tellEvent(event: StoreEvent): void {
    const { threadId } = event;
    if (event.type === "deleted") this.#ends.delete(threadId);
    else if (event.type === "created") this.#remember(threadId, 0);
    // Others come at the ordinals of those that are lost.
    else if (event.type === "truncated") this.#remember(threadId, event.nextOrdinal);
    if (event.type !== "appended") {
      this.#events.tell(event);
      return;
    }
    const known = this.#ends.get(threadId) ?? 0;
    const records = event.records.filter(({ ordinal }) => ordinal >= known);
    const last = records.at(-1);
    if (last === undefined) return;
    this.#remember(threadId, last.ordinal + 1);
    this.#events.tell({ ...event, records });
  }

  /** Tells the records of a thread from an ordinal on, as its log has them. */
  async #tellFrom(threadId: string, from: number, end: number): Promise<void> {
    try {
      for (let next = from; next < end;) {
        const { records, nextOrdinal, isEnd } = await this.#options.loadHistory({ threadId, from: next });
        const wanted: readonly RolloutRecord[] = records.filter(({ ordinal }) => ordinal < end);
        if (wanted.length > 0) this.#tellEvent({ type: "appended", threadId, records: wanted });
        if (isEnd) return;
        next = nextOrdinal;
      }
    } catch (error) {
      if (isSkeinError(error, "thread_not_found")) this.#tellEvent({ type: "deleted", threadId });
      else this.#options.logger.warn({ error, threadId }, "what was appended could not be read, and is not told");
    }
  }

  async #closeGap(listening: Listening): Promise<void> {
    this.#options.logger.warn({ threads: this.#ends.size }, "events were missed; the logs are read instead");
    // A copy: what is told is remembered anew.
    const ends = [...this.#ends];
    for (const [threadId, end] of ends) {
      if (this.#listening !== listening) return;
      await this.#tellFrom(threadId, end, Number.MAX_SAFE_INTEGER);
    }
  }

  #remember(threadId: string, end: number): void {
    this.#ends.delete(threadId);
    this.#ends.set(threadId, end);
    if (this.#ends.size <= THREADS_MAX) return;
    const [oldest] = this.#ends.keys();
    if (oldest !== undefined) this.#ends.delete(oldest);
  }

  #wake(): void {
    for (const look of this.#waiting) look();
  }
}
