/**
 * Emmett's event stores: a stream a thread, an event a record. A turn is one `appendToStream` of its six events, or
 * three of two; the expected version is given, which saves Emmett from asking for it. It has no way to write
 * to several streams at once.
 */
import { createIdSource, systemClock } from "../../src/base/index.ts";
import type { AppendableItem } from "../../src/events/index.ts";
import { type BenchTurn, recordOf, TURN_RECORDS, TURN_STEPS } from "./bench-turn.ts";
import { PEER_WORKS, type PeerSide, type PeerThread } from "./peer-side.ts";

interface EmmettEvent {
  readonly type: string;
  readonly data: object;
}

/** What is used of Emmett's stores. */
export interface EmmettStore {
  appendToStream(
    stream: string,
    events: readonly EmmettEvent[],
    options: { readonly expectedStreamVersion: bigint },
  ): Promise<{ readonly nextExpectedStreamVersion: bigint }>;
  readStream(stream: string): Promise<{ readonly events: readonly unknown[] }>;
}

/** A store that is set up. */
export interface EmmettOptions {
  readonly store: EmmettStore;
  readonly settings: string;
  storedBytes(): Promise<number>;
  close(): Promise<void>;
}

/** The side over a store. */
export function createEmmettSide({ store, ...side }: EmmettOptions): PeerSide {
  const ids = createIdSource(systemClock);
  return {
    ...side,
    name: "Emmett",
    hasOwnBytes: true,
    settle: async () => {},
    works: PEER_WORKS,
    newThread: async () => new EmmettThread(store, ids.next()),
    openThread: async (id) => (await store.readStream(`thread-${id}`)).events.length / TURN_RECORDS,
  };
}

class EmmettThread implements PeerThread {
  readonly id: string;
  readonly #store: EmmettStore;
  #version = 0n;

  constructor(store: EmmettStore, id: string) {
    this.#store = store;
    this.id = id;
  }

  append(text: string): Promise<void> {
    return this.#append([recordOf(text)]);
  }

  turnAtOnce({ items }: BenchTurn): Promise<void> {
    return this.#append(items);
  }

  async turnInSteps({ items }: BenchTurn): Promise<void> {
    for (const [begin, end] of TURN_STEPS) await this.#append(items.slice(begin, end));
  }

  async #append(items: readonly AppendableItem[]): Promise<void> {
    const events = items.map(({ type, payload }) => ({ type, data: payload }));
    const options = { expectedStreamVersion: this.#version };
    const { nextExpectedStreamVersion } = await this.#store.appendToStream(`thread-${this.id}`, events, options);
    this.#version = nextExpectedStreamVersion;
  }
}
