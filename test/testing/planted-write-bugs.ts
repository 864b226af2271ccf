/**
 * Bugs of writing: keys, ordinals, batches, writers that live too long or not long enough, and what subscribers
 * are told. The laws of `append` and `lifecycle` find them.
 */
import type { AppendableItem } from "../../src/events/index.ts";
import type { AppendResult, OpenedThread, ThreadStore, ThreadWriter } from "../../src/store/index.ts";
import { eventLoopTurn, type PlantedBug } from "./planted-bug.ts";

/** The bugs. */
export const writeBugs: readonly PlantedBug[] = [
  {
    name: "idempotency keys are lost",
    caughtBy: ["append.idempotent", "append.idempotent-in-flight", "append.idempotent-resumed"],
    plant: (store) => ({
      appendItems: ({ writer, items, expectedOrdinal }) =>
        store.appendItems({ writer, items, ...(expectedOrdinal === undefined ? {} : { expectedOrdinal }) }),
    }),
  },
  {
    name: "a repeated append is answered with the end of its batch only",
    caughtBy: ["append.idempotent-long"],
    plant: (store) => ({
      appendItems: async (params) => {
        const answer = await store.appendItems(params);
        const isHalved = answer.duplicate && params.items.length > 250;
        return isHalved ? { ...answer, firstOrdinal: answer.firstOrdinal + 248 } : answer;
      },
    }),
  },
  {
    name: "only the newest 1 000 idempotency keys are known",
    caughtBy: ["append.idempotent-bounds"],
    plant: (store) => {
      const keys: string[] = [];
      return {
        appendItems: (params) => {
          const { idempotencyKey: key, ...rest } = params;
          if (key === undefined) return store.appendItems(params);
          if (!keys.includes(key)) keys.push(key);
          return store.appendItems(keys.slice(-1_000).includes(key) ? params : rest);
        },
      };
    },
  },
  {
    name: "a known key with other items is written anew",
    caughtBy: ["append.idempotent-other-items"],
    plant: (store) => {
      const applied = new Map<string, string>();
      return {
        appendItems: (params) => {
          const { idempotencyKey: key, ...rest } = params;
          if (key === undefined) return store.appendItems(params);
          const items = JSON.stringify(params.items);
          const isOther = (applied.get(key) ?? items) !== items;
          applied.set(key, items);
          return store.appendItems(isOther ? rest : params);
        },
      };
    },
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
    name: "the end is looked at, and written behind a moment later",
    caughtBy: ["append.expected-in-flight"],
    plant: (store) => ({
      appendItems: async ({ expectedOrdinal, ...params }) => {
        if (expectedOrdinal === undefined) return store.appendItems(params);
        const { nextOrdinal, isEnd } = await store.loadHistory({
          threadId: params.writer.threadId,
          from: expectedOrdinal,
        });
        const isFree = isEnd && nextOrdinal === expectedOrdinal;
        return store.appendItems(isFree ? params : { ...params, expectedOrdinal });
      },
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
    name: "the thread of what is no writer is looked at before it is checked",
    caughtBy: ["bad-call.writers"],
    plant: (store) => ({
      shutdownThread: async (writer) => {
        if (writer.threadId !== "") await store.shutdownThread(writer);
      },
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
    name: "created threads are stored at once",
    caughtBy: ["lifecycle.lazy", "lifecycle.lazy-reopened"],
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
    caughtBy: ["lifecycle.fenced", "lifecycle.forged"],
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
    name: "a closed store goes on",
    caughtBy: ["lifecycle.close"],
    plant: () => ({ close: async () => {} }),
  },
  {
    name: "an append counts its ordinals from its own first record",
    caughtBy: ["append.ordinals", "append.expected-ordinal"],
    plant: (store) => ({
      appendItems: async (params) => {
        const answer = await store.appendItems(params);
        return { ...answer, firstOrdinal: 0, nextOrdinal: params.items.length };
      },
    }),
  },
  {
    name: "an append that is too large is written in two",
    caughtBy: ["append.bounds"],
    plant: (store) => ({
      appendItems: async (params) => {
        if (params.items.length <= 1_000) return store.appendItems(params);
        await store.appendItems({ ...params, items: params.items.slice(0, 1_000) });
        return store.appendItems({ ...params, items: params.items.slice(1_000) });
      },
    }),
  },
  {
    name: "persisting twice writes twice",
    caughtBy: ["lifecycle.persist"],
    plant: (store) => ({
      persistThread: async ({ threadId }) => {
        await store.updateThreadMetadata({ threadId, patch: { memoryMode: "enabled" } });
      },
    }),
  },
  {
    name: "creating a thread that exists opens it",
    caughtBy: ["lifecycle.taken-id"],
    plant: (store) => ({
      createThread: async (params) => {
        try {
          return await store.createThread(params);
        } catch (error) {
          if (params.threadId === undefined) throw error;
          return store.resumeThread({ threadId: params.threadId });
        }
      },
    }),
  },
  {
    name: "a created thread says that it goes on at 0",
    caughtBy: ["lifecycle.next-ordinal", "append.ordinals"],
    plant: (store) => ({
      createThread: async (params) => ({ ...(await store.createThread(params)), nextOrdinal: 0 }),
    }),
  },
  {
    name: "all writers of a thread have one epoch",
    caughtBy: ["lifecycle.epochs"],
    plant: (store) => {
      const newest = new Map<string, ThreadWriter>();
      const hide = (opened: OpenedThread): OpenedThread => {
        newest.set(opened.writer.threadId, opened.writer);
        return { ...opened, writer: { threadId: opened.writer.threadId, epoch: 1 } };
      };
      const real = (writer: ThreadWriter): ThreadWriter => newest.get(writer.threadId) ?? writer;
      return {
        createThread: async (params) => hide(await store.createThread(params)),
        resumeThread: async (params) => hide(await store.resumeThread(params)),
        appendItems: (params) => store.appendItems({ ...params, writer: real(params.writer) }),
        persistThread: (writer) => store.persistThread(real(writer)),
        shutdownThread: (writer) => store.shutdownThread(real(writer)),
        discardThread: (writer) => store.discardThread(real(writer)),
      };
    },
  },
  {
    name: "a second shutdown is refused",
    caughtBy: ["lifecycle.idempotent"],
    plant: (store) => ({
      shutdownThread: async (writer) => {
        await store.flushThread(writer);
        await store.shutdownThread(writer);
      },
    }),
  },
  {
    name: "what was appended last is missing after reopening",
    caughtBy: ["lifecycle.close-reopened", "history.reopened"],
    plant: (store, isReopened) => ({
      loadHistory: async (params) => {
        const page = await store.loadHistory(params);
        return isReopened && page.isEnd ? { ...page, records: page.records.slice(0, -1) } : page;
      },
    }),
  },
  {
    name: "idempotency keys are forgotten at reopening",
    caughtBy: ["append.idempotent-reopened"],
    plant: (store, isReopened) => ({
      appendItems: (params) => {
        const { idempotencyKey: _key, ...rest } = params;
        return store.appendItems(isReopened ? rest : params);
      },
    }),
  },
  {
    name: "subscribers are told what was passed, not what was written",
    caughtBy: ["bad-input.cleaned-items"],
    plant: (store) => {
      let passed: readonly AppendableItem[] = [];
      return {
        appendItems: (params) => {
          passed = params.items;
          return store.appendItems(params);
        },
        subscribe: (listener) =>
          store.subscribe((event) => {
            if (event.type !== "appended") return;
            const records = event.records.map((record, index) => ({ ...record, item: passed[index] ?? record.item }));
            listener({ ...event, records });
          }),
      };
    },
  },
];
