/**
 * The newest events of a served store, numbered, for all who subscribe: each reads at its own pace from one ring, so
 * a slow one holds no memory but its own place. Who falls out of the ring, or comes back to another server's
 * numbers, is told of the gap and reads the logs. It listens to the store only while somebody may ask.
 */
import type { Clock, Timer } from "../../base/index.ts";
import type { ThreadStore } from "../thread-store.ts";
import type { StoreEvent as WireEvent } from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import { type SizedEvent, toWireEvent } from "./wire-events.ts";

/** Bytes and events that are kept. */
const RING_BYTES_MAX = 16 * 1024 * 1024;
const RING_EVENTS_MAX = 20_000;
/** Bytes and events of one reading, one message. */
const READ_BYTES_MAX = 4 * 1024 * 1024;
const READ_EVENTS_MAX = 500;
/** How long it goes on listening when nobody does, for those whose connection was lost. */
const KEEP_MS = 60_000;

/** What a subscriber has behind its place. */
export interface RingReading {
  readonly events: readonly WireEvent[];
  /** The place behind them. */
  readonly after: bigint;
  /** Events behind the place that was asked for are gone; `after` is the newest one's. */
  readonly isGap: boolean;
}

/** What a ring is made with. */
export interface EventRingOptions {
  readonly store: ThreadStore;
  readonly clock: Clock;
  /** Names a numbering: another one each time. */
  readonly newGeneration: () => string;
}

/** See the file's head. */
export class EventRing {
  readonly #options: EventRingOptions;
  #events: SizedEvent[] = [];
  #bytes = 0;
  #newest = 0n;
  #generation = "";
  #unsubscribe: (() => void) | null = null;
  #subscribers = 0;
  #leaving: Timer | null = null;
  readonly #waiting = new Set<() => void>();

  constructor(options: EventRingOptions) {
    this.#options = options;
  }

  /** The newest event's number; 0 while nobody listens. */
  get newest(): bigint {
    return this.#newest;
  }

  get generation(): string {
    return this.#generation;
  }

  /** Listens from now on, until the returned function is called. */
  join(): () => void {
    this.#subscribers += 1;
    this.#leaving?.cancel();
    this.#leaving = null;
    if (this.#unsubscribe === null) {
      const { store, newGeneration } = this.#options;
      this.#generation = newGeneration();
      this.#newest = 0n;
      this.#unsubscribe = store.subscribe((event) => {
        this.#newest += 1n;
        this.#add(toWireEvent(event, this.#newest));
      });
    }
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      this.#subscribers -= 1;
      if (this.#subscribers > 0) return;
      this.#leaving = this.#options.clock.setTimer(KEEP_MS, () => this.close());
    };
  }

  /** What is behind a place, as much as goes into one message. */
  read(after: bigint): RingReading {
    const oldest = this.#newest - BigInt(this.#events.length);
    if (after < oldest || after > this.#newest) return { events: [], after: this.#newest, isGap: true };
    const events: WireEvent[] = [];
    let bytes = 0;
    for (let index = Number(after - oldest); index < this.#events.length; index += 1) {
      const entry = this.#events[index];
      if (entry === undefined || events.length >= READ_EVENTS_MAX) break;
      if (events.length > 0 && bytes + entry.bytes > READ_BYTES_MAX) break;
      events.push(entry.event);
      bytes += entry.bytes;
    }
    return { events, after: after + BigInt(events.length), isGap: false };
  }

  /** Resolves when there is something behind this place, or the signal is aborted. */
  async whenBehind(after: bigint, signal: AbortSignal): Promise<void> {
    if (this.#newest !== after || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  /** Forgets everything and listens no more. */
  close(): void {
    this.#leaving?.cancel();
    this.#leaving = null;
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#events = [];
    this.#bytes = 0;
    this.#newest = 0n;
  }

  #add(entry: SizedEvent): void {
    this.#events.push(entry);
    this.#bytes += entry.bytes;
    let gone = 0;
    while (this.#bytes > RING_BYTES_MAX || this.#events.length - gone > RING_EVENTS_MAX) {
      this.#bytes -= this.#events[gone]?.bytes ?? 0;
      gone += 1;
    }
    if (gone > 0) this.#events.splice(0, gone);
    for (const wake of this.#waiting) wake();
  }
}
