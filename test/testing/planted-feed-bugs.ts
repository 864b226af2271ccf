/**
 * Bugs of what feeds are made of: a store's pages, its events, and when they come. The laws of `feed` find them.
 * Bugs in the feeds themselves are feed-mutants.ts.
 */
import type { HistoryPage, StoreEvent, ThreadStore } from "../../src/store/index.ts";
import { eventLoopTurn, type PlantedBug } from "./planted-bug.ts";

type Listener = (event: StoreEvent) => void;

/** The store's `subscribe`, whose listeners hear what `hear` makes of each event. */
function hearing(
  store: ThreadStore,
  hear: (event: StoreEvent, listener: Listener) => void,
): Pick<ThreadStore, "subscribe"> {
  return { subscribe: (listener) => store.subscribe((event) => hear(event, listener)) };
}

/** The bugs. */
export const feedBugs: readonly PlantedBug[] = [
  {
    name: "a page that is full says that it is the last",
    caughtBy: ["feed.complete"],
    plant: (store) => ({
      loadHistory: async (params) => {
        const page = await store.loadHistory(params);
        return page.records.length === params.limit ? { ...page, isEnd: true } : page;
      },
    }),
  },
  {
    name: "an append beside another one of its thread is not told",
    caughtBy: ["feed.told"],
    plant: (store) => {
      let inFlight = 0;
      return {
        appendItems: async (params) => {
          inFlight += 1;
          const answer = await store.appendItems(params);
          await eventLoopTurn();
          inFlight -= 1;
          return answer;
        },
        ...hearing(store, (event, listener) => {
          if (event.type !== "appended" || inFlight < 3) listener(event);
        }),
      };
    },
  },
  {
    name: "what is appended right behind a page is not told",
    caughtBy: ["feed.meanwhile"],
    plant: (store) => {
      let pages = 0;
      return {
        loadHistory: async (params) => {
          const page = await store.loadHistory(params);
          pages += 1;
          setImmediate(() => (pages -= 1));
          return page;
        },
        ...hearing(store, (event, listener) => {
          if (event.type !== "appended" || pages === 0) listener(event);
        }),
      };
    },
  },
  {
    name: "who leaves takes along whoever came last",
    caughtBy: ["feed.told"],
    plant: (store) => {
      const leaving: (() => void)[] = [];
      return {
        subscribe: (listener) => {
          leaving.push(store.subscribe(listener));
          return () => leaving.pop()?.();
        },
      };
    },
  },
  {
    name: "new subscribers are told the newest append again",
    caughtBy: ["feed.told"],
    plant: (store) => {
      let newest: StoreEvent | undefined;
      store.subscribe((event) => {
        if (event.type === "appended") newest = event;
      });
      return {
        subscribe: (listener) => {
          if (newest !== undefined) listener(newest);
          return store.subscribe(listener);
        },
      };
    },
  },
  {
    name: "a subscriber is told, a little later, what was appended before it came",
    caughtBy: ["feed.from-end"],
    plant: (store) => {
      let newest: StoreEvent | undefined;
      store.subscribe((event) => {
        if (event.type === "appended") newest = event;
      });
      return {
        subscribe: (listener) => {
          const event = newest;
          if (event !== undefined) setImmediate(() => listener(event));
          return store.subscribe(listener);
        },
      };
    },
  },
  {
    name: "who goes on at what was the end is given the record behind it",
    caughtBy: ["feed.polled"],
    plant: (store) => {
      const ends = new Set<number>();
      return {
        loadHistory: async (params) => {
          const { from = 0 } = params;
          const page = await store.loadHistory(ends.has(from) ? { ...params, from: from + 1 } : params);
          if (page.isEnd) ends.add(page.nextOrdinal);
          return page;
        },
      };
    },
  },
  {
    name: "a page holds one record more than was asked for",
    caughtBy: ["feed.slow"],
    plant: (store) => ({
      loadHistory: (params) =>
        store.loadHistory(params.limit === undefined ? params : { ...params, limit: params.limit + 1 }),
    }),
  },
  {
    name: "behind 256 records of an append, each is told with the item of the one before",
    caughtBy: ["feed.many"],
    plant: (store) =>
      hearing(store, (event, listener) => {
        if (event.type !== "appended") return listener(event);
        const { records } = event;
        const told = records.map((record, nth) => ({
          ...record,
          item: records[nth < 256 ? nth : nth - 1]?.item ?? record.item,
        }));
        listener({ ...event, records: told });
      }),
  },
  {
    name: "what was rolled back is left out of pages",
    caughtBy: ["feed.rollback"],
    plant: (store) => ({
      loadHistory: async (params) => {
        const page = await store.loadHistory(params);
        const isMarker = ({ item }: HistoryPage["records"][number]): boolean =>
          item.type === "event_msg" && item.payload.type === "thread_rolled_back";
        const marker = page.records.findIndex(isMarker);
        return marker < 1 ? page : { ...page, records: page.records.toSpliced(marker - 1, 1) };
      },
    }),
  },
  {
    name: "a listener that throws fails the append, and the others aren't told",
    caughtBy: ["feed.throwing"],
    plant: (store) => {
      const listeners = new Set<Listener>();
      let thrown: unknown;
      store.subscribe((event) => {
        try {
          for (const listener of listeners) listener(event);
        } catch (error) {
          thrown = error;
        }
      });
      return {
        appendItems: async (params) => {
          const answer = await store.appendItems(params);
          if (thrown !== undefined) throw thrown as Error;
          return answer;
        },
        subscribe: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      };
    },
  },
  {
    name: "a page that is asked for while another one is read is that one",
    caughtBy: ["feed.threads"],
    plant: (store) => {
      let inFlight: Promise<HistoryPage> | undefined;
      return {
        loadHistory: async (params) => {
          inFlight ??= store.loadHistory(params);
          const page = await inFlight;
          inFlight = undefined;
          return page;
        },
      };
    },
  },
  {
    name: "a store goes on where it was read last, whoever asks",
    caughtBy: ["feed.cold"],
    plant: (store) => {
      let read = 0;
      return {
        loadHistory: async (params) => {
          const from = params.from === 0 ? read : (params.from ?? 0);
          const page = await store.loadHistory({ ...params, from });
          read = page.isEnd ? 0 : page.nextOrdinal;
          return page;
        },
      };
    },
  },
  {
    name: "appends are told after they were answered",
    caughtBy: ["feed.signals", "feed.closed"],
    plant: (store) =>
      hearing(store, (event, listener) => {
        setImmediate(() => listener(event));
      }),
  },
  {
    name: "what is appended to an archived thread is not told",
    caughtBy: ["feed.archive"],
    plant: (store) => {
      const archived = new Set<string>();
      return hearing(store, (event, listener) => {
        if (event.type === "archived") archived.add(event.threadId);
        if (event.type === "unarchived") archived.delete(event.threadId);
        if (event.type !== "appended" || !archived.has(event.threadId)) listener(event);
      });
    },
  },
  {
    name: "a deletion is not told",
    caughtBy: ["feed.deleted"],
    plant: (store) =>
      hearing(store, (event, listener) => {
        if (event.type !== "deleted") listener(event);
      }),
  },
  {
    name: "a page from an ordinal begins behind it",
    caughtBy: ["feed.checkpoint", "feed.complete"],
    plant: (store) => ({
      loadHistory: async ({ from = 0, ...params }) =>
        store.loadHistory({ ...params, from: from > 1 ? from + 1 : from }),
    }),
  },
  {
    name: "records are counted anew after reopening, without the first",
    caughtBy: ["feed.checkpoint-reopened"],
    plant: (store, isReopened) => ({
      loadHistory: async (params) => {
        const page = await store.loadHistory(params);
        if (!isReopened) return page;
        return { ...page, records: page.records.map((record) => ({ ...record, ordinal: record.ordinal - 1 })) };
      },
    }),
  },
];
