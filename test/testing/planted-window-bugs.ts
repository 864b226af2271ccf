/**
 * Bugs of windows: ones that hide too much, begin elsewhere, are older than they say, or are another
 * thread's. The laws of `window` find them.
 */
import type { ThreadStore, ThreadWindow } from "../../src/store/index.ts";
import type { PlantedBug } from "./planted-bug.ts";

type Change = (window: ThreadWindow) => ThreadWindow;

/** The store with its windows changed. */
function changed(store: ThreadStore, change: Change): Pick<ThreadStore, "loadWindow"> {
  return {
    loadWindow: async (threadId) => {
      const window = await store.loadWindow(threadId);
      return window === null ? null : change(window);
    },
  };
}

/** The bugs. */
export const windowBugs: readonly PlantedBug[] = [
  {
    name: "a window forgets how many items it hides",
    caughtBy: ["window.outline", "window.fork"],
    plant: (store) =>
      changed(store, (window) => {
        const entries = window.place.entries.map(({ hiddenItems: _hidden, ...entry }) => entry);
        return { ...window, place: { ...window.place, entries } };
      }),
  },
  {
    name: "a window begins with its compaction, not with its turn",
    caughtBy: ["window.outline", "window.compaction"],
    plant: (store) =>
      changed(store, (window) => {
        const place = { ...window.place, nextOrdinal: window.place.nextOrdinal + 1 };
        return { ...window, place };
      }),
  },
  {
    name: "a window counts items from 1 again",
    caughtBy: ["window.outline"],
    plant: (store) => changed(store, (window) => ({ ...window, place: { ...window.place, nextItem: 1 } })),
  },
  {
    name: "a window tells no usage",
    caughtBy: ["window.outline"],
    plant: (store) =>
      changed(store, (window) => ({ ...window, usage: { usage: null, turnId: null, turnPosition: 0 } })),
  },
  {
    name: "a window stays when its turn was rolled back",
    caughtBy: ["window.compaction", "window.outline"],
    plant: (store) => {
      const first = new Map<string, ThreadWindow>();
      return {
        loadWindow: async (threadId) => {
          const known = first.get(threadId) ?? (await store.loadWindow(threadId));
          if (known !== null) first.set(threadId, known);
          return known;
        },
      };
    },
  },
  {
    name: "a fork's window is its source's",
    caughtBy: ["window.fork"],
    plant: (store) => {
      const sources = new Map<string, string>();
      return {
        createThread: async (params) => {
          const opened = await store.createThread(params);
          if (params.fork !== undefined) sources.set(opened.writer.threadId, params.fork.threadId);
          return opened;
        },
        loadWindow: (threadId) => store.loadWindow(sources.get(threadId) ?? threadId),
      };
    },
  },
  {
    name: "an archived thread's window knows no turns",
    caughtBy: ["window.archived"],
    plant: (store) => {
      const archived = new Set<string>();
      return {
        archiveThread: async (threadId) => {
          await store.archiveThread(threadId);
          archived.add(threadId);
        },
        loadWindow: async (threadId) => {
          const window = await store.loadWindow(threadId);
          if (window === null || !archived.has(threadId)) return window;
          return { ...window, place: { ...window.place, entries: [] } };
        },
      };
    },
  },
];
