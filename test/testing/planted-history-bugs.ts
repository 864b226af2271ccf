/**
 * Bugs of long logs, rollbacks, forks as threads of their own, deletions, and of calls in flight when a writer goes.
 * The laws of `history`, `rollback`, `fork`, `delete` and `lifecycle` find them.
 */
import type { RolloutRecord } from "../../src/events/index.ts";
import type { CreateThreadParams, StoredThread, ThreadStore } from "../../src/store/index.ts";
import { eventLoopTurn, type PlantedBug } from "./planted-bug.ts";

const LONG = 512;

/** Adds what a created fork is to know. */
function onFork(
  store: ThreadStore,
  noted: (params: CreateThreadParams, threadId: string) => Promise<void> | void,
): Pick<ThreadStore, "createThread"> {
  return {
    createThread: async (params) => {
      const opened = await store.createThread(params);
      if (params.fork !== undefined) await noted(params, opened.writer.threadId);
      return opened;
    },
  };
}

function isRollback({ item }: RolloutRecord): boolean {
  return item.type === "event_msg" && item.payload.type === "thread_rolled_back";
}

/** The bugs. */
export const historyBugs: readonly PlantedBug[] = [
  {
    name: "places of a long log are one record off",
    caughtBy: ["history.long"],
    plant: (store) => ({
      loadHistory: async (params) => {
        const { from = 0 } = params;
        const page = await store.loadHistory(params);
        if (from <= LONG || page.records.length === 0) return page;
        const off = await store.loadHistory({ ...params, from: from - 1 });
        return { ...page, records: off.records };
      },
    }),
  },
  {
    name: "a hint is believed whose thread it is not",
    caughtBy: ["history.hints-of-others"],
    plant: (store) => ({
      loadHistory: async (params) => {
        const { hint, from = 0, threadId } = params;
        const page = await store.loadHistory({ threadId, from, ...(params.limit && { limit: params.limit }) });
        const owner = hint?.split(" ")[0];
        if (hint !== undefined && owner !== threadId && from > 20) return { ...page, records: page.records.slice(1) };
        return { ...page, hint: `${threadId} ${page.nextOrdinal}` };
      },
    }),
  },
  {
    name: "a long log is forked at its place, which is one record off",
    caughtBy: ["fork.long"],
    plant: (store) => ({
      createThread: (params) => {
        const { fork } = params;
        if (fork === undefined || fork.endOrdinal < LONG) return store.createThread(params);
        return store.createThread({ ...params, fork: { ...fork, endOrdinal: fork.endOrdinal - 1 } });
      },
    }),
  },
  {
    name: "a fork to a taken id goes to a new one",
    caughtBy: ["fork.taken-id"],
    plant: (store) => ({
      createThread: async (params) => {
        const { threadId: _id, ...rest } = params;
        return params.fork === undefined ? store.createThread(params) : store.createThread(rest);
      },
    }),
  },
  {
    name: "a fork is not told",
    caughtBy: ["fork.told"],
    plant: (store) => {
      const forks = new Set<string>();
      let isForking = false;
      return {
        createThread: async (params) => {
          isForking = params.fork !== undefined;
          const opened = await store.createThread(params);
          if (isForking) forks.add(opened.writer.threadId);
          isForking = false;
          return opened;
        },
        subscribe: (listener) =>
          store.subscribe((event) => {
            if (event.type !== "created" || (!isForking && !forks.has(event.threadId))) listener(event);
          }),
      };
    },
  },
  {
    name: "a deletion is told twice",
    caughtBy: ["delete.told"],
    plant: (store) => ({
      subscribe: (listener) =>
        store.subscribe((event) => {
          listener(event);
          if (event.type === "deleted") listener(event);
        }),
    }),
  },
  {
    name: "a deletion leaves the thread's name",
    caughtBy: ["delete.anew"],
    plant: (store) => {
      const names = new Map<string, string | null>();
      const named = (thread: StoredThread): StoredThread => ({
        ...thread,
        name: thread.name ?? names.get(thread.id) ?? null,
      });
      return {
        deleteThread: async (threadId) => {
          const { name } = await store.readThread({ threadId });
          await store.deleteThread(threadId);
          names.set(threadId, name);
        },
        readThread: async (params) => named(await store.readThread(params)),
      };
    },
  },
  {
    name: "a shutdown beside a discard is refused",
    caughtBy: ["lifecycle.cancelled", "lifecycle.idempotent"],
    plant: (store) => {
      const discarded = new Set<number>();
      return {
        discardThread: async (writer) => {
          discarded.add(writer.epoch);
          await store.discardThread(writer);
        },
        shutdownThread: async (writer) => {
          await eventLoopTurn();
          if (discarded.has(writer.epoch)) await store.flushThread(writer);
          await store.shutdownThread(writer);
        },
      };
    },
  },
  {
    name: "a flush is answered at once",
    caughtBy: ["lifecycle.flush"],
    plant: (store) => ({
      appendItems: async (params) => {
        const answer = await store.appendItems(params);
        await eventLoopTurn();
        await eventLoopTurn();
        return answer;
      },
      flushThread: async () => {},
    }),
  },
  {
    name: "a newer writer begins where the older one had begun",
    caughtBy: ["lifecycle.replaced"],
    plant: (store) => {
      const begun = new Map<string, number>();
      return {
        resumeThread: async (params) => {
          const opened = await store.resumeThread(params);
          return { ...opened, nextOrdinal: begun.get(params.threadId) ?? opened.nextOrdinal };
        },
        createThread: async (params) => {
          const opened = await store.createThread(params);
          begun.set(opened.writer.threadId, opened.nextOrdinal);
          return opened;
        },
      };
    },
  },
  {
    name: "a reopened store's windows know no turns",
    caughtBy: ["window.reopened"],
    plant: (store, isReopened) => ({
      loadWindow: async (threadId) => {
        const window = await store.loadWindow(threadId);
        return window === null || !isReopened ? window : { ...window, place: { ...window.place, entries: [] } };
      },
    }),
  },
  {
    name: "a rollback cuts the log",
    caughtBy: ["rollback.markers", "rollback.revert"],
    plant: (store) => ({
      loadHistory: async (params) => {
        const page = await store.loadHistory(params);
        const at = page.records.findIndex(isRollback);
        return at < 1 ? page : { ...page, records: page.records.toSpliced(at - 1, 1) };
      },
    }),
  },
  {
    name: "a cursor of a dropped turn begins again",
    caughtBy: ["rollback.cursors"],
    plant: (store) => ({
      listTurns: async (params) => {
        try {
          return await store.listTurns(params);
        } catch (error) {
          const { cursor, ...rest } = params;
          if (cursor === undefined) throw error;
          return store.listTurns(rest);
        }
      },
    }),
  },
  {
    name: "a fork shows the turns of its source",
    caughtBy: ["rollback.fork"],
    plant: (store) => {
      const sources = new Map<string, string>();
      return {
        ...onFork(store, ({ fork }, threadId) => void sources.set(threadId, fork?.threadId ?? threadId)),
        listTurns: (params) =>
          store.listTurns({ ...params, threadId: sources.get(params.threadId) ?? params.threadId }),
      };
    },
  },
  {
    name: "what was rolled back is back after reopening",
    caughtBy: ["rollback.reopened"],
    plant: (store, isReopened) => ({
      listTurns: async (params) => {
        const page = await store.listTurns(params);
        const [first] = page.data;
        if (!isReopened || first === undefined || page.data.length > 3) return page;
        return { ...page, data: [...page.data, { ...first, id: "turn 99" }] };
      },
    }),
  },
];
