/**
 * Skein's stores behind the port: a turn is one append of its six records, or three of two. Whichever adapter
 * is handed in, what is measured is the same.
 */
import type { AppendableItem } from "../../src/events/index.ts";
import type { ThreadStore, ThreadWriter } from "../../src/store/index.ts";
import { type BenchTurn, recordOf, TURN_RECORDS, TURN_STEPS } from "./bench-turn.ts";
import { PEER_WORKS, type PeerSide, type PeerThread } from "./peer-side.ts";

/** An opened store. */
export interface SkeinOptions {
  readonly store: ThreadStore;
  readonly name: string;
  readonly settings: string;
  /** Absent: nothing is left to be done. */
  settle?(): Promise<void>;
  storedBytes(): Promise<number>;
  close(): Promise<void>;
}

/** The side over a store. */
export function createSkeinSide({ store, ...side }: SkeinOptions): PeerSide {
  return {
    settle: async () => {},
    ...side,
    works: PEER_WORKS,
    hasOwnBytes: side.name === "Skein",
    newThread: async () => {
      const { writer } = await store.createThread({ metadata: { cwd: "/bench" } });
      await store.persistThread(writer);
      return new SkeinThread(store, writer);
    },
    openThread: async (id) => {
      let records = 0;
      for (let from = 0, hint: string | undefined, isEnd = false; !isEnd;) {
        const page = await store.loadHistory({ threadId: id, from, ...(hint === undefined ? {} : { hint }) });
        ({ nextOrdinal: from, hint, isEnd } = page);
        records += page.records.length;
      }
      // The first one is the thread's own head.
      return (records - 1) / TURN_RECORDS;
    },
  };
}

class SkeinThread implements PeerThread {
  readonly #store: ThreadStore;
  readonly #writer: ThreadWriter;

  constructor(store: ThreadStore, writer: ThreadWriter) {
    this.#store = store;
    this.#writer = writer;
  }

  get id(): string {
    return this.#writer.threadId;
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
    await this.#store.appendItems({ writer: this.#writer, items });
  }
}
