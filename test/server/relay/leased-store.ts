/**
 * One store that several nodes share, as a database is: threads in memory, and who owns each. Each node has its own
 * handle, which refuses a thread of a living node with that node's address. A node can be dead, asleep, or late in
 * hearing that its lease ran out, as a test says; nothing here depends on time. Not a test.
 */
import { fault, type SkeinError } from "../../../src/base/index.ts";
import type { ThreadStore, ThreadWriter } from "../../../src/store/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";

/** One node's handle. */
export interface NodeStore {
  readonly store: ThreadStore;
  /** Told to the others as where the owner is; set when the node listens. */
  url: string | null;
  /** Whether its lease holds: others are refused its threads. */
  isAlive: boolean;
  /** What its next appends wait for. */
  beforeAppend: (() => Promise<void>) | null;
}

export interface LeasedStore {
  node(): NodeStore;
  /** Times a node was refused a thread. */
  readonly refusals: number;
}

/** Makes the store. */
export function createLeasedStore(): LeasedStore {
  const memory = createMemoryThreadStore();
  const owners = new Map<string, NodeStore>();
  let refusals = 0;

  const refusal = (threadId: string, owner: NodeStore | undefined): SkeinError => {
    refusals += 1;
    return fault("thread_owned_elsewhere", `thread ${threadId} is owned by another node`, {
      retryable: true,
      data: { threadId, ownerId: "other", host: "test", pid: 1, sinceMs: 0, url: owner?.url ?? null },
    });
  };

  const node = (): NodeStore => {
    const take = (threadId: string): void => {
      const owner = owners.get(threadId);
      if (owner !== undefined && owner !== self && owner.isAlive) throw refusal(threadId, owner);
      owners.set(threadId, self);
    };
    const requireFree = (threadId: string): void => {
      const owner = owners.get(threadId);
      if (owner !== undefined && owner !== self && owner.isAlive) throw refusal(threadId, owner);
    };
    const requireOwn = ({ threadId }: ThreadWriter): void => {
      const owner = owners.get(threadId);
      if (owner !== self) throw refusal(threadId, owner);
    };
    const letGo = ({ threadId }: ThreadWriter): void => {
      if (owners.get(threadId) === self) owners.delete(threadId);
    };
    const own: Partial<ThreadStore> = {
      createThread: async (params) => {
        const opened = await memory.createThread(params);
        owners.set(opened.writer.threadId, self);
        return opened;
      },
      resumeThread: async (params) => {
        take(params.threadId);
        return await memory.resumeThread(params);
      },
      appendItems: async (params) => {
        await self.beforeAppend?.();
        requireOwn(params.writer);
        return await memory.appendItems(params);
      },
      persistThread: async (writer) => {
        requireOwn(writer);
        await memory.persistThread(writer);
      },
      shutdownThread: async (writer) => {
        await memory.shutdownThread(writer);
        letGo(writer);
      },
      discardThread: async (writer) => {
        await memory.discardThread(writer);
        letGo(writer);
      },
      updateThreadMetadata: async (params) => {
        requireFree(params.threadId);
        return await memory.updateThreadMetadata(params);
      },
      archiveThread: async (threadId) => {
        requireFree(threadId);
        await memory.archiveThread(threadId);
      },
      unarchiveThread: async (threadId) => {
        requireFree(threadId);
        return await memory.unarchiveThread(threadId);
      },
      deleteThread: async (threadId) => {
        requireFree(threadId);
        await memory.deleteThread(threadId);
      },
      close: async () => {},
    };
    const store = new Proxy(memory, {
      get(target, member) {
        const method: unknown = Reflect.get(own, member) ?? Reflect.get(target, member, target);
        return typeof method === "function" ? method.bind(target) : method;
      },
    });
    const self: NodeStore = { store, url: null, isAlive: true, beforeAppend: null };
    return self;
  };

  return {
    node,
    get refusals() {
      return refusals;
    },
  };
}
