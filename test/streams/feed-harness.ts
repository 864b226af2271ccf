/**
 * What the feed tests share: a memory store with a thread, a hub over it whose store can be slowed down or
 * made deaf, and ways to read a feed. Not a test.
 */
import type { AppendableItem, RolloutRecord } from "../../src/events/index.ts";
import { createMemoryThreadStore, type MemoryThreadStore } from "../../src/store/memory/index.ts";
import type { LoadHistoryParams, OpenedThread, StoreEvent, ThreadStore } from "../../src/store/index.ts";
import type { FeedEvent } from "../../src/streams/index.ts";

/** A store, a thread in it, and how to write to it. */
export interface FeedWorld {
  readonly store: MemoryThreadStore;
  readonly threadId: string;
  readonly opened: OpenedThread;
  /** Appends user messages, one batch. */
  say(...texts: readonly string[]): Promise<void>;
  log(): Promise<readonly RolloutRecord[]>;
}

export function message(text: string): AppendableItem {
  return { type: "event_msg", payload: { type: "user_message", message: text } };
}

/** Makes a store with one thread; it is only created until something is said. */
export async function createFeedWorld(...said: readonly string[]): Promise<FeedWorld> {
  const store = createMemoryThreadStore();
  const opened = await store.createThread({ metadata: { cwd: "/work/place" } });
  const { writer } = opened;
  const say = async (...texts: readonly string[]): Promise<void> => {
    await store.appendItems({ writer, items: texts.map(message) });
  };
  for (const text of said) await say(text);
  const log = async (): Promise<readonly RolloutRecord[]> =>
    (await store.loadHistory({ threadId: writer.threadId })).records;
  return { store, threadId: writer.threadId, opened, say, log };
}

/** How a store is made worse for a hub. */
export interface StoreTroubles {
  /** Stands between the hub and the log. */
  readonly loadHistory?: (params: LoadHistoryParams) => ReturnType<ThreadStore["loadHistory"]>;
  /** Stands between the store and the hub. */
  readonly subscribe?: (listener: (event: StoreEvent) => void) => () => void;
}

/** The store as a hub sees it. */
export function troubled(store: ThreadStore, troubles: StoreTroubles): ThreadStore {
  return new Proxy(store, {
    get(target, name) {
      if (Object.hasOwn(troubles, name)) return Reflect.get(troubles, name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Takes `count` events. */
export async function take<Event>(iterator: AsyncIterator<Event>, count: number): Promise<readonly Event[]> {
  const events: Event[] = [];
  while (events.length < count) {
    const next = await iterator.next();
    if (next.done === true) break;
    events.push(next.value);
  }
  return events;
}

/** Reads to the end. */
export async function readAll<Event>(iterable: AsyncIterable<Event>): Promise<readonly Event[]> {
  const events: Event[] = [];
  for await (const event of iterable) events.push(event);
  return events;
}

/** An event in short: a record's ordinal, or the signal. */
export function short<Signal>(event: FeedEvent<Signal>): number | Signal {
  return event.type === "record" ? event.record.ordinal : event.signal;
}
