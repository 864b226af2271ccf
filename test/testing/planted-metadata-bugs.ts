/**
 * Bugs of metadata that are kept, and of who holds the objects they are kept in. The laws of `metadata` find them;
 * those of threads as a whole are planted-thread-bugs.ts.
 */
import type { StoredThread } from "../../src/store/index.ts";
import type { PlantedBug } from "./planted-bug.ts";

/** The bugs. */
export const metadataBugs: readonly PlantedBug[] = [
  {
    name: "a patch takes a thread out of the archive",
    caughtBy: ["metadata.archived"],
    plant: (store) => ({
      updateThreadMetadata: async (params) => {
        const thread = await store.updateThreadMetadata(params);
        return thread.archived ? store.unarchiveThread(thread.id) : thread;
      },
    }),
  },
  {
    name: "a thread is handed out as the cache's own object",
    caughtBy: ["metadata.no-sharing"],
    plant: (store) => {
      const cache = new Map<string, StoredThread>();
      return {
        readThread: async (params) => {
          const thread = await store.readThread(params);
          const cached = cache.get(thread.id);
          if (cached?.updatedAtMs === thread.updatedAtMs) return cached;
          cache.set(thread.id, thread);
          return thread;
        },
        listThreads: async (params) => {
          const page = await store.listThreads(params);
          return { ...page, data: page.data.map((thread) => cache.get(thread.id) ?? thread) };
        },
      };
    },
  },
];
