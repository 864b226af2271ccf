/**
 * Stores with one bug each, to prove that the laws find it. A bug is planted by replacing methods of a
 * store that keeps all laws; each entry names the laws that must fail on it. The bugs
 * are the kind that has been seen in real stores: lost keys, cursors that skip ties, writers that outlive
 * their end.
 */
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import type { AppendResult, StoredThread, ThreadStore, ThreadWriter } from "../../src/store/index.ts";
import type { StoreFixture } from "../../src/testing/index.ts";

/** One bug. */
export interface PlantedBug {
  readonly name: string;
  /** Laws that must fail. */
  readonly caughtBy: readonly string[];
  /** The methods that go wrong, over a store that doesn't. */
  plant(store: ThreadStore): Partial<ThreadStore>;
}

/** A fixture whose stores have the bug. */
export function fixtureWithBug(bug: PlantedBug): StoreFixture {
  return async () => ({
    open: async (options = {}) => {
      const store = createMemoryThreadStore(options);
      return overriding(store, bug.plant(store));
    },
    dispose: async () => {},
  });
}

function overriding(store: ThreadStore, methods: Partial<ThreadStore>): ThreadStore {
  return new Proxy(store, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The bugs. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: "a fork is cut one record too early",
    caughtBy: ["fork.prefix"],
    plant: (store) => ({
      createThread: (params) => {
        const { fork } = params;
        if (fork === undefined) return store.createThread(params);
        const endOrdinal = Math.max(0, fork.endOrdinal - 1);
        return store.createThread({ ...params, fork: { ...fork, endOrdinal } });
      },
    }),
  },
  {
    name: "what is appended to a fork goes into its source too",
    caughtBy: ["fork.independent"],
    plant: (store) => {
      const sources = new Map<string, string>();
      return {
        createThread: async (params) => {
          const opened = await store.createThread(params);
          if (params.fork !== undefined) sources.set(opened.writer.threadId, params.fork.threadId);
          return opened;
        },
        appendItems: async (params) => {
          const threadId = sources.get(params.writer.threadId);
          if (threadId !== undefined) {
            const { writer } = await store.resumeThread({ threadId });
            await store.appendItems({ writer, items: params.items });
          }
          return store.appendItems(params);
        },
      };
    },
  },
  {
    name: "idempotency keys are lost",
    caughtBy: ["append.idempotent", "append.idempotent-in-flight", "append.idempotent-resumed"],
    plant: (store) => ({
      appendItems: ({ writer, items, expectedOrdinal }) =>
        store.appendItems({ writer, items, ...(expectedOrdinal === undefined ? {} : { expectedOrdinal }) }),
    }),
  },
  {
    name: "idempotency keys are shared by all threads",
    caughtBy: ["append.idempotent-per-thread"],
    plant: (store) => {
      const answers = new Map<string, AppendResult>();
      return {
        appendItems: async (params) => {
          const key = params.idempotencyKey ?? "";
          const known = answers.get(key);
          if (key !== "" && known !== undefined) return { ...known, duplicate: true };
          const answer = await store.appendItems(params);
          answers.set(key, answer);
          return answer;
        },
      };
    },
  },
  {
    name: "the items of a batch are written in reverse",
    caughtBy: ["append.reads-back"],
    plant: (store) => ({
      appendItems: (params) => store.appendItems({ ...params, items: [...params.items].reverse() }),
    }),
  },
  {
    name: "appends in flight overtake each other",
    caughtBy: ["append.concurrent"],
    plant: (store) => {
      let calls = 0;
      return {
        appendItems: async (params) => {
          calls += 1;
          if (calls % 2 === 1) await eventLoopTurn();
          return store.appendItems(params);
        },
      };
    },
  },
  {
    name: "a batch that is refused is written up to its bad item",
    caughtBy: ["append.atomic", "bad-input.items"],
    plant: (store) => ({
      appendItems: async (params) => {
        const { writer, items } = params;
        try {
          return await store.appendItems(params);
        } catch (error) {
          for (const item of items) await store.appendItems({ writer, items: [item] });
          throw error;
        }
      },
    }),
  },
  {
    name: "expected ordinals are not looked at",
    caughtBy: ["append.expected-ordinal"],
    plant: (store) => ({
      appendItems: ({ writer, items, idempotencyKey }) =>
        store.appendItems({ writer, items, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) }),
    }),
  },
  {
    name: "an append says fsync where there is none",
    caughtBy: ["append.durability"],
    plant: (store) => ({
      appendItems: async (params) => ({ ...(await store.appendItems(params)), durability: "fsync" }),
    }),
  },
  {
    name: "every event is told twice",
    caughtBy: ["append.told", "metadata.told"],
    plant: (store) => ({
      subscribe: (listener) =>
        store.subscribe((event) => {
          listener(event);
          listener(event);
        }),
    }),
  },
  {
    name: "reads hand out what is stored, not copies",
    caughtBy: ["append.no-sharing"],
    plant: (store) => {
      const pages = new Map<string, ReturnType<ThreadStore["loadHistory"]>>();
      return {
        loadHistory: (params) => {
          const name = JSON.stringify(params);
          const page = pages.get(name) ?? store.loadHistory(params);
          pages.set(name, page);
          return page;
        },
      };
    },
  },
  {
    name: "the last record of a full page is skipped",
    caughtBy: ["history.pages"],
    plant: (store) => ({
      loadHistory: async (params) => {
        const page = await store.loadHistory(params);
        return page.isEnd ? page : { ...page, records: page.records.slice(0, -1) };
      },
    }),
  },
  {
    name: "a page that fits exactly is not the end, and neither is the empty one behind it",
    caughtBy: ["history.past-end"],
    plant: (store) => ({
      loadHistory: async (params) => {
        const page = await store.loadHistory(params);
        return { ...page, isEnd: page.isEnd && page.records.length > 0 };
      },
    }),
  },
  {
    name: "reading a thread touches it",
    caughtBy: ["history.reads-change-nothing"],
    plant: (store) => ({
      readThread: async (params) => {
        const { threadId } = params;
        await store.updateThreadMetadata({ threadId, patch: { memoryMode: "enabled" } });
        return store.readThread(params);
      },
    }),
  },
  {
    name: "clearing a git field keeps it",
    caughtBy: ["metadata.patches", "metadata.git-stays-cleared"],
    plant: (store) => ({
      updateThreadMetadata: ({ threadId, patch }) => {
        const fields = Object.entries(patch.git ?? {}).filter(([, value]) => value !== null);
        if (patch.git === undefined || fields.length === 0) {
          const { git: _git, ...rest } = patch;
          if (Object.keys(rest).length === 0) return store.readThread({ threadId });
          return store.updateThreadMetadata({ threadId, patch: rest });
        }
        return store.updateThreadMetadata({ threadId, patch: { ...patch, git: Object.fromEntries(fields) } });
      },
    }),
  },
  {
    name: "a name that equals the preview is not kept",
    caughtBy: ["metadata.name"],
    plant: (store) => ({
      readThread: async (params) => {
        const thread = await store.readThread(params);
        return thread.name === thread.preview ? { ...thread, name: null } : thread;
      },
    }),
  },
  {
    name: "created threads are stored at once",
    caughtBy: ["lifecycle.lazy"],
    plant: (store) => ({
      createThread: async (params) => {
        const opened = await store.createThread(params);
        await store.persistThread(opened.writer);
        return opened;
      },
    }),
  },
  {
    name: "an old writer appends with the newer one's right",
    caughtBy: ["lifecycle.fenced"],
    plant: (store) => {
      const newest = new Map<string, ThreadWriter>();
      const remember = <Opened extends { readonly writer: ThreadWriter }>(opened: Opened): Opened => {
        newest.set(opened.writer.threadId, opened.writer);
        return opened;
      };
      return {
        createThread: async (params) => remember(await store.createThread(params)),
        resumeThread: async (params) => remember(await store.resumeThread(params)),
        appendItems: (params) => {
          const writer = newest.get(params.writer.threadId) ?? params.writer;
          return store.appendItems({ ...params, writer });
        },
      };
    },
  },
  {
    name: "a discard releases nothing while an append is in flight",
    caughtBy: ["lifecycle.discard"],
    plant: (store) => {
      let inFlight = 0;
      return {
        appendItems: async (params) => {
          inFlight += 1;
          try {
            await eventLoopTurn();
            return await store.appendItems(params);
          } finally {
            inFlight -= 1;
          }
        },
        discardThread: async (writer) => {
          if (inFlight === 0) await store.discardThread(writer);
        },
      };
    },
  },
  {
    name: "a shutdown drops what is in flight",
    caughtBy: ["lifecycle.shutdown-flushes"],
    plant: (store) => ({
      appendItems: async (params) => {
        await eventLoopTurn();
        return store.appendItems(params);
      },
    }),
  },
  {
    name: "a list cursor skips threads of the same time",
    caughtBy: ["list.complete"],
    plant: (store) => {
      const lastOf = new Map<string, StoredThread>();
      return {
        listThreads: async (params = {}) => {
          const before = params.cursor === undefined ? undefined : lastOf.get(params.cursor);
          const page = await store.listThreads(params);
          const last = page.data.at(-1);
          if (page.nextCursor !== null && last !== undefined) lastOf.set(page.nextCursor, last);
          const data = page.data.filter((thread) => thread.createdAtMs !== before?.createdAtMs);
          return { ...page, data };
        },
      };
    },
  },
  {
    name: "a list cursor is an offset",
    caughtBy: ["list.under-writes", "list.backwards"],
    plant: (store) => ({
      listThreads: async (params = {}) => {
        const { cursor, limit = 25, ...rest } = params;
        const offset = cursor === undefined ? 0 : Number(cursor);
        const all = await store.listThreads({ ...rest, limit: 1_000 });
        const data = all.data.slice(offset, offset + limit);
        const end = offset + data.length;
        return {
          data,
          nextCursor: end < all.data.length ? String(end) : null,
          backwardsCursor: data.length === 0 ? null : String(offset),
        };
      },
    }),
  },
  {
    name: "folders are matched by their beginning",
    caughtBy: ["list.filters"],
    plant: (store) => ({
      listThreads: (params = {}) => {
        const { cwds, ...rest } = params;
        if (cwds === undefined) return store.listThreads(params);
        return store.listThreads({ ...rest, cwds: [...cwds, ...cwds.map((cwd) => `${cwd}/`)] });
      },
    }),
  },
  {
    name: "a cursor whose turn is gone begins again",
    caughtBy: ["turns.rolled-back-cursor", "bad-input.shapes"],
    plant: (store) => ({
      listTurns: async (params) => {
        try {
          return await store.listTurns(params);
        } catch {
          const { cursor: _cursor, ...rest } = params;
          return store.listTurns(rest);
        }
      },
    }),
  },
  {
    name: "a page of turns ends one turn early",
    caughtBy: ["turns.fold"],
    plant: (store) => ({
      listTurns: async (params) => {
        const page = await store.listTurns(params);
        return page.nextCursor === null ? page : { ...page, data: page.data.slice(0, -1) };
      },
    }),
  },
  {
    name: "an archived thread stays in the live list",
    caughtBy: ["archive.moves"],
    plant: (store) => ({
      listThreads: async (params = {}) => {
        const page = await store.listThreads(params);
        if (params.archived === true) return page;
        const archived = await store.listThreads({ ...params, archived: true });
        return { ...page, data: [...page.data, ...archived.data] };
      },
    }),
  },
  {
    name: "a deleted thread is still read from a cache",
    caughtBy: ["delete.gone"],
    plant: (store) => {
      const cache = new Map<string, StoredThread>();
      return {
        updateThreadMetadata: async (params) => {
          const thread = await store.updateThreadMetadata(params);
          cache.set(thread.id, thread);
          return thread;
        },
        readThread: async (params) => cache.get(params.threadId) ?? store.readThread(params),
      };
    },
  },
  {
    name: "search looks at names and previews only",
    caughtBy: ["search.finds"],
    plant: (store) => ({
      searchThreads: async ({ query }) => {
        const { data } = await store.listThreads({ searchTerm: query });
        return { data: data.map((thread) => ({ thread, snippet: query })), nextCursor: null };
      },
    }),
  },
  {
    name: "a closed store goes on",
    caughtBy: ["lifecycle.close"],
    plant: () => ({ close: async () => {} }),
  },
];
