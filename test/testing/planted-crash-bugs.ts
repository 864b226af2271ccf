/**
 * Bugs that only show when a handle is killed, the power is cut, a log is damaged, or a second process is there. They
 * are planted in local stores, whose places can do such things. The laws of `crash`, `damage` and `fencing` find them.
 */
import { isSkeinError } from "../../src/base/index.ts";
import type { FileSystem } from "../../src/store/local/index.ts";
import type { HistoryPage, StoredThread, ThreadStore } from "../../src/store/index.ts";
import type { StoreFixture } from "../../src/testing/index.ts";
import { indexedFixture } from "../projections/indexed-place.ts";
import { localFixture, simulatedFixture } from "../store/local/local-place.ts";
import type { PlantedBug } from "./planted-bug.ts";

const processes = { multiProcess: true };

/** What becomes of a call that nobody waits for. */
function ignore(): void {}

/** A disk on which one call does nothing, and says that it did. */
function lazy(name: "syncData" | "syncDirectory"): (disk: FileSystem) => FileSystem {
  return (disk) => ({ ...disk, [name]: async () => {} });
}

/** Kills nobody, until the place is disposed of. */
const unkillable: StoreFixture = async () => {
  const place = await indexedFixture()();
  const spared: ThreadStore[] = [];
  return {
    ...place,
    kill: async (handle) => void spared.push(handle),
    dispose: async () => {
      for (const handle of spared) await place.kill?.(handle);
      await place.dispose();
    },
  };
};

function isLoser(error: unknown): boolean {
  return isSkeinError(error) && (error.code === "thread_owned_elsewhere" || error.code === "writer_fenced");
}

/** The page up to the first record of a kind that nobody knows. */
function upToDamage(page: HistoryPage): HistoryPage {
  const at = page.records.findIndex(({ item }) => item.type === "unreadable" || item.type === "unknown");
  if (at < 0) return page;
  return { records: page.records.slice(0, at), nextOrdinal: page.nextOrdinal, isEnd: true };
}

const crashes: readonly PlantedBug[] = [
  {
    name: "an append is acknowledged when it is taken, not when it is written",
    caughtBy: ["crash.appends"],
    base: simulatedFixture(),
    plant: (store) => ({
      appendItems: async (params) => {
        store.appendItems(params).catch(ignore);
        return { firstOrdinal: 1, nextOrdinal: 2, durability: "fsync", duplicate: false };
      },
    }),
  },
  {
    name: "idempotency keys are forgotten when a process is killed",
    caughtBy: ["crash.keys", "crash.power-cut-keys"],
    base: simulatedFixture(),
    plant: (store, isReopened) => ({
      appendItems: ({ idempotencyKey, ...params }) =>
        store.appendItems(isReopened || idempotencyKey === undefined ? params : { ...params, idempotencyKey }),
    }),
  },
  {
    name: "a move is acknowledged before it is made",
    caughtBy: ["crash.work"],
    base: simulatedFixture(),
    plant: (store) => ({
      archiveThread: async (threadId) => void store.archiveThread(threadId).catch(ignore),
      deleteThread: async (threadId) => void store.deleteThread(threadId).catch(ignore),
    }),
  },
  {
    name: "what is written is not synced",
    caughtBy: ["crash.power-cut-appends", "crash.power-cut-keys", "crash.power-cut-retries"],
    base: simulatedFixture(lazy("syncData")),
    plant: () => ({}),
  },
  {
    name: "the names of files are not synced",
    caughtBy: ["crash.power-cut-work"],
    base: simulatedFixture(lazy("syncDirectory")),
    plant: () => ({}),
  },
];

const damages: readonly PlantedBug[] = [
  {
    name: "a place that says it was damaged, and wasn't",
    caughtBy: ["damage.garbage"],
    base: async () => ({ ...(await simulatedFixture()()), corrupt: async () => {} }),
    plant: () => ({}),
  },
  {
    name: "a tear takes the record before it along",
    caughtBy: ["damage.torn"],
    base: simulatedFixture(),
    plant: (store, isReopened) => ({
      loadHistory: async (params) => {
        const page = await store.loadHistory(params);
        return isReopened && page.records.length > 1 ? { ...page, records: page.records.slice(0, -1) } : page;
      },
    }),
  },
  {
    name: "a log ends at the first record that can't be read",
    caughtBy: ["damage.garbage", "damage.flipped-bit"],
    base: simulatedFixture(),
    plant: (store) => ({ loadHistory: async (params) => upToDamage(await store.loadHistory(params)) }),
  },
  {
    name: "a fork leaves out what can't be read",
    caughtBy: ["damage.forked"],
    base: simulatedFixture(),
    plant: (store) => {
      const forks = new Set<string>();
      return {
        createThread: async (params) => {
          const opened = await store.createThread(params);
          if (params.fork !== undefined) forks.add(opened.writer.threadId);
          return opened;
        },
        loadHistory: async (params) => {
          const page = await store.loadHistory(params);
          return forks.has(params.threadId) ? upToDamage(page) : page;
        },
      };
    },
  },
];

const losers: readonly PlantedBug[] = [
  {
    name: "two processes may write to one thread as long as they don't at once",
    caughtBy: ["fencing.refused", "fencing.awake"],
    claims: processes,
    base: localFixture,
    plant: () => ({}),
  },
  {
    name: "a process keeps its threads until it ends",
    caughtBy: ["fencing.let-go"],
    claims: processes,
    base: indexedFixture(),
    plant: (store) => ({ shutdownThread: async () => {}, discardThread: (writer) => store.flushThread(writer) }),
  },
  {
    name: "a killed process keeps its threads",
    caughtBy: ["fencing.killed"],
    claims: processes,
    base: unkillable,
    plant: () => ({}),
  },
  {
    name: "a process that lost a thread opens it anew and writes on",
    caughtBy: ["fencing.slept"],
    claims: processes,
    base: indexedFixture(),
    plant: (store) => ({
      appendItems: async (params) => {
        try {
          return await store.appendItems(params);
        } catch (error) {
          if (!isLoser(error)) throw error;
          const { writer } = await store.resumeThread({ threadId: params.writer.threadId });
          return store.appendItems({ ...params, writer });
        }
      },
    }),
  },
  {
    name: "the append of a process that lost its thread is taken for done",
    caughtBy: ["fencing.one-log"],
    claims: processes,
    base: localFixture,
    plant: (store) => ({
      appendItems: async (params) => {
        try {
          return await store.appendItems(params);
        } catch (error) {
          if (!isLoser(error)) throw error;
          return { firstOrdinal: 1, nextOrdinal: 2, durability: "fsync", duplicate: false };
        }
      },
    }),
  },
  {
    name: "a thread that was read once is not read again",
    caughtBy: ["fencing.seen"],
    claims: processes,
    base: indexedFixture(),
    plant: (store) => {
      const known = new Map<string, StoredThread>();
      return {
        readThread: async (params) => {
          const thread = known.get(params.threadId) ?? (await store.readThread(params));
          known.set(params.threadId, thread);
          return thread;
        },
      };
    },
  },
];

/** The bugs. */
export const crashBugs: readonly PlantedBug[] = [...crashes, ...damages, ...losers];
