/**
 * Bugs of threads as a whole: metadata, forks, archive and deletion, and what is left of them after
 * reopening. The laws of `metadata`, `fork`, `archive` and `delete` find them.
 */
import { rejection } from "../../src/base/index.ts";
import type { AppendResult, StoredThread } from "../../src/store/index.ts";
import type { PlantedBug } from "./planted-bug.ts";

/** The bugs. */
export const threadBugs: readonly PlantedBug[] = [
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
    name: "the provider of a new thread is dropped",
    caughtBy: ["metadata.created"],
    plant: (store) => ({
      createThread: ({ metadata: { modelProvider: _provider, ...metadata }, ...rest }) =>
        store.createThread({ ...rest, metadata }),
    }),
  },
  {
    name: "the preview is the newest user message",
    caughtBy: ["metadata.folded"],
    plant: (store) => ({
      readThread: async (params) => {
        const thread = await store.readThread(params);
        const { history = [] } = await store.readThread({ ...params, includeHistory: true });
        const messages = history.flatMap(({ item }) =>
          item.type === "event_msg" && item.payload.type === "user_message" ? [String(item.payload["message"])] : [],
        );
        return { ...thread, preview: messages.at(-1) ?? "" };
      },
    }),
  },
  {
    name: "a blank name clears the name",
    caughtBy: ["metadata.refused"],
    plant: (store) => ({
      updateThreadMetadata: ({ threadId, patch }) => {
        const isBlank = typeof patch.name === "string" && patch.name.trim() === "";
        return store.updateThreadMetadata({ threadId, patch: isBlank ? { ...patch, name: null } : patch });
      },
    }),
  },
  {
    name: "a thread that is only created can't be named",
    caughtBy: ["metadata.materialises"],
    plant: (store) => ({
      updateThreadMetadata: async (params) => {
        await store.readThread({ threadId: params.threadId });
        return store.updateThreadMetadata(params);
      },
    }),
  },
  {
    name: "a patch takes the thread's writer away",
    caughtBy: ["metadata.beside-appends"],
    plant: (store) => ({
      updateThreadMetadata: async (params) => {
        const { threadId } = params;
        const thread = await store.updateThreadMetadata(params);
        const { writer } = await store.resumeThread({ threadId });
        await store.shutdownThread(writer);
        return thread;
      },
    }),
  },
  {
    name: "names are forgotten at reopening",
    caughtBy: ["metadata.patches-reopened"],
    plant: (store, isReopened) => ({
      readThread: async (params) => {
        const thread = await store.readThread(params);
        return isReopened ? { ...thread, name: null } : thread;
      },
    }),
  },
  {
    name: "a fork of a fork names the first of them all",
    caughtBy: ["fork.of-fork"],
    plant: (store) => ({
      readThread: async (params) => {
        const thread = await store.readThread(params);
        let { forkedFromId } = thread;
        for (let next = forkedFromId; next !== null;) {
          forkedFromId = next;
          next = (await store.readThread({ threadId: next })).forkedFromId;
        }
        return { ...thread, forkedFromId };
      },
    }),
  },
  {
    name: "a fork has its source's folder",
    caughtBy: ["fork.own-metadata"],
    plant: (store) => ({
      createThread: async (params) => {
        if (params.fork === undefined) return store.createThread(params);
        const { cwd } = await store.readThread({ threadId: params.fork.threadId });
        return store.createThread({ ...params, metadata: { ...params.metadata, cwd } });
      },
    }),
  },
  {
    name: "a fork is as old as what it copied",
    caughtBy: ["fork.updated-when-made"],
    plant: (store) => ({
      readThread: async (params) => {
        const read = await store.readThread(params);
        if (read.forkedFromId === null) return read;
        const { updatedAtMs } = await store.readThread({ threadId: read.forkedFromId });
        return { ...read, updatedAtMs };
      },
    }),
  },
  {
    name: "a fork is listed when something was appended to it",
    caughtBy: ["fork.materialised"],
    plant: (store) => {
      const hidden = new Set<string>();
      return {
        createThread: async (params) => {
          const opened = await store.createThread(params);
          if (params.fork !== undefined) hidden.add(opened.writer.threadId);
          return opened;
        },
        listThreads: async (params) => {
          const page = await store.listThreads(params);
          return { ...page, data: page.data.filter((thread) => !hidden.has(thread.id)) };
        },
      };
    },
  },
  {
    name: "an archived thread can't be forked",
    caughtBy: ["fork.pending-appends"],
    plant: (store) => ({
      createThread: async (params) => {
        const { fork } = params;
        const source = fork === undefined ? null : await store.readThread({ threadId: fork.threadId });
        if (source?.archived === true) throw rejection("thread_archived", "unarchive it first");
        return store.createThread(params);
      },
    }),
  },
  {
    name: "a batch that a fork's cut halves is cut off at reopening",
    caughtBy: ["fork.mid-batch"],
    plant: (store, isReopened) => ({
      resumeThread: async (params) => {
        const opened = await store.resumeThread(params);
        return isReopened ? { ...opened, tornBytes: 100, nextOrdinal: opened.nextOrdinal - 1 } : opened;
      },
    }),
  },
  {
    name: "a fork cut past its source's end is cut at its end",
    caughtBy: ["fork.bad-cut"],
    plant: (store) => ({
      createThread: async (params) => {
        const { fork } = params;
        if (fork === undefined || !(fork.endOrdinal > 2)) return store.createThread(params);
        const { nextOrdinal } = await store.loadHistory({ threadId: fork.threadId });
        const endOrdinal = Math.min(fork.endOrdinal, nextOrdinal);
        return store.createThread({ ...params, fork: { ...fork, endOrdinal } });
      },
    }),
  },
  {
    name: "a fork knows the keys of its source",
    caughtBy: ["fork.own-keys"],
    plant: (store) => {
      const answers = new Map<string, AppendResult>();
      const roots = new Map<string, string>();
      return {
        createThread: async (params) => {
          const opened = await store.createThread(params);
          const { threadId } = opened.writer;
          roots.set(threadId, params.fork?.threadId ?? threadId);
          return opened;
        },
        appendItems: async (params) => {
          const name = `${roots.get(params.writer.threadId)} ${params.idempotencyKey}`;
          const known = params.idempotencyKey === undefined ? undefined : answers.get(name);
          if (known !== undefined) return { ...known, duplicate: true };
          const answer = await store.appendItems(params);
          answers.set(name, answer);
          return answer;
        },
      };
    },
  },
  {
    name: "resuming an archived thread unarchives it",
    caughtBy: ["archive.writable"],
    plant: (store) => ({
      resumeThread: async (params) => {
        const { archived } = await store.readThread({ threadId: params.threadId });
        if (archived) await store.unarchiveThread(params.threadId);
        return store.resumeThread(params);
      },
    }),
  },
  {
    name: "archiving closes the thread's writer",
    caughtBy: ["archive.open-writer"],
    plant: (store) => ({
      archiveThread: async (threadId) => {
        await store.archiveThread(threadId);
        const { writer } = await store.resumeThread({ threadId });
        await store.shutdownThread(writer);
      },
    }),
  },
  {
    name: "archiving what is archived is fine",
    caughtBy: ["archive.wrong-state"],
    plant: (store) => ({
      archiveThread: async (threadId) => {
        const { archived } = await store.readThread({ threadId });
        if (!archived) await store.archiveThread(threadId);
      },
    }),
  },
  {
    name: "all threads are live after reopening",
    caughtBy: ["archive.reopened"],
    plant: (store, isReopened) => ({
      listThreads: (params = {}) => store.listThreads(isReopened ? { ...params, archived: false } : params),
    }),
  },
  {
    name: "moves are not told",
    caughtBy: ["archive.told"],
    plant: (store) => ({
      subscribe: (listener) =>
        store.subscribe((event) => {
          if (event.type !== "archived" && event.type !== "unarchived") listener(event);
        }),
    }),
  },
  {
    name: "an append to a deleted thread makes it anew",
    caughtBy: ["delete.writer"],
    plant: (store) => ({
      appendItems: async (params) => {
        try {
          return await store.appendItems(params);
        } catch {
          const { threadId } = params.writer;
          const { writer } = await store.createThread({ threadId, metadata: { cwd: "/work/place" } });
          return store.appendItems({ ...params, writer });
        }
      },
    }),
  },
  {
    name: "a thread takes its forks with it",
    caughtBy: ["delete.forks"],
    plant: (store) => ({
      deleteThread: async (threadId) => {
        const { data } = await store.listThreads({ limit: 1_000 });
        for (const thread of data) if (thread.forkedFromId === threadId) await store.deleteThread(thread.id);
        await store.deleteThread(threadId);
      },
    }),
  },
  {
    name: "a deletion is only remembered by its handle",
    caughtBy: ["delete.reopened"],
    plant: (store) => {
      const gone = new Set<string>();
      return {
        deleteThread: async (threadId) => {
          await store.readThread({ threadId });
          gone.add(threadId);
        },
        readThread: async (params) => {
          if (gone.has(params.threadId)) throw rejection("thread_not_found", "deleted");
          return store.readThread(params);
        },
      };
    },
  },
];
