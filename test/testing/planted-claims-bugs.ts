/**
 * Bugs of stores that claim less than others: they do a little of it, or nothing, where they should refuse. The laws
 * of `claims` find them.
 */
import { rejection } from "../../src/base/index.ts";
import type { PlantedBug } from "./planted-bug.ts";

/** The bugs. */
export const claimsBugs: readonly PlantedBug[] = [
  {
    name: "a store of which no search is claimed says that it can search",
    caughtBy: ["claims.agree"],
    claims: { search: false },
    plant: () => ({}),
  },
  {
    name: "a store says that its appends are synced to the disk, and answers them from memory",
    caughtBy: ["claims.durability"],
    plant: () => ({ durability: { acknowledged: "fsync", scope: "local", standbys: 0 } }),
  },
  {
    name: "a store speaks of a quorum where no standby is waited for",
    caughtBy: ["claims.durability"],
    plant: () => ({ durability: { acknowledged: "memory", scope: "quorum", standbys: 0 } }),
  },
  {
    name: "a store that is opened again counts a standby less than none",
    caughtBy: ["claims.durability"],
    plant: (_, isReopened) => ({
      durability: { acknowledged: "memory", scope: "local", standbys: isReopened ? -1 : 0 },
    }),
  },
  {
    name: "a store without search finds nothing",
    caughtBy: ["claims.search"],
    plant: (store) => ({
      capabilities: { ...store.capabilities, search: false },
      searchThreads: async () => ({ data: [], nextCursor: null, isComplete: true, asOfMs: 0 }),
    }),
  },
  {
    name: "a store without lists of items lists none",
    caughtBy: ["claims.item-lists"],
    claims: { itemLists: false },
    plant: () => ({ listItems: async () => ({ data: [], nextCursor: null, backwardsCursor: null }) }),
  },
  {
    name: "a store without files reads any path as its newest thread",
    caughtBy: ["claims.paths"],
    plant: (store) => ({
      readThreadByRolloutPath: async () => {
        const [thread] = (await store.listThreads()).data;
        if (thread === undefined) throw rejection("unsupported", "no files");
        return thread;
      },
    }),
  },
  {
    name: "a store without an archive takes threads into it and leaves them where they are",
    caughtBy: ["claims.archive"],
    claims: { archive: false },
    plant: (store) => ({
      archiveThread: async () => {},
      unarchiveThread: (threadId) => store.readThread({ threadId }),
    }),
  },
  {
    name: "a store without deleting keeps what it was asked to delete, and says nothing",
    caughtBy: ["claims.delete"],
    claims: { delete: false },
    plant: () => ({ deleteThread: async () => {} }),
  },
  {
    name: "a store without forks makes an empty thread instead",
    caughtBy: ["claims.fork"],
    claims: { fork: "none" },
    plant: (store) => ({ createThread: ({ fork: _fork, ...params }) => store.createThread(params) }),
  },
];
