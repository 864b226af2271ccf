/**
 * What a thread's history is: turns that are dropped from its end, and items that are added without a turn. Only
 * loaded threads; answers are made of the loaded snapshot.
 */
import type { ThreadSnapshot } from "../../actors/index.ts";
import { fault, isSkeinError, LIMITS } from "../../base/index.ts";
import type { Thread } from "../../events/index.ts";
import type { RuntimeThread } from "../../runtime/index.ts";
import { estimatedUsage } from "../context-estimate.ts";
import type { Handler, HandlersOf } from "../request-call.ts";
import { checkedResponseItems } from "../response-items.ts";
import { invalidRequest } from "../rpc-error.ts";
import type { ServerContext } from "../server-context.ts";
import { requireWireThreadId } from "../wire-thread-id.ts";

const rollBack: Handler<"thread/rollback"> = async (params, { server }) => {
  const threadId = requireWireThreadId(params.threadId);
  if (params.numTurns < 1) throw invalidRequest("numTurns must be >= 1");
  const thread = requireKept(threadId, "rollback", server);
  const snapshot = await whileIdle("rollback", () => thread.rollback(params.numTurns));
  const tokenUsage = estimatedUsage(thread, snapshot.usage?.usage ?? null);
  // The context got smaller without a model being asked: clients are told before the answer.
  server.notifier.tellUsage({ threadId, turnId: server.ids.next(), tokenUsage });
  return { result: { thread: await withWholeTurns(snapshot.thread, server) } };
};

const revert: Handler<"thread/revert"> = async (params, { server }) => {
  const threadId = requireWireThreadId(params.threadId);
  const thread = requireKept(threadId, "revert", server);
  await whileIdle("revert", () => thread.revert(params.beforeTurnId));
  const { kept } = server.threads;
  const last = { threadId, sortDirection: "desc", limit: 1 } as const;
  const turns = await kept.listTurns({ ...last, itemsView: "notLoaded" });
  const items = await kept.listItems(last);
  return {
    result: {
      thread: thread.summary(),
      turnsBackwardsCursor: turns.backwardsCursor,
      itemsBackwardsCursor: items.backwardsCursor,
    },
    after: () => server.channels.notify(threadId, "subscribers", { method: "thread/reverted", params: { threadId } }),
  };
};

const injectItems: Handler<"thread/inject_items"> = async (params, { server }) => {
  const thread = server.threads.require(requireWireThreadId(params.threadId));
  const items = checkedResponseItems(params.items);
  for (let at = 0; at < items.length; at += LIMITS.appendItemsMax) {
    try {
      await thread.injectItems(items.slice(at, at + LIMITS.appendItemsMax));
    } catch (error) {
      throw at === 0 ? error : partlyInjected(error, at, items.length);
    }
  }
  return { result: {} };
};

/** Who may ask again, or be asked instead, must not record the first batches a second time. */
function partlyInjected(error: unknown, recordedItems: number, items: number): unknown {
  if (!isSkeinError(error)) return error;
  const message = `${recordedItems} of ${items} items were recorded, then it failed: ${error.message}`;
  return fault("thread_failed", message, { data: { ...error.data, recordedItems, items }, cause: error });
}

function requireKept(threadId: string, what: string, { threads }: ServerContext): RuntimeThread {
  const thread = threads.require(threadId);
  if (threads.isEphemeral(threadId)) throw invalidRequest(`thread ${what} requires persisted thread history`);
  return thread;
}

/** History is cut only between turns. */
async function whileIdle(what: string, cut: () => Promise<ThreadSnapshot>): Promise<ThreadSnapshot> {
  try {
    return await cut();
  } catch (error) {
    if (!isSkeinError(error, "turn_running")) throw error;
    throw invalidRequest(`Cannot ${what} while a turn is in progress.`, { ...error.data, skeinCode: error.code });
  }
}

/** The thread with all turns: one that was loaded without their items gets them now. */
async function withWholeTurns(thread: Thread, { threads }: ServerContext): Promise<Thread> {
  if (thread.turns.every((turn) => turn.itemsView === "full")) return thread;
  return (await threads.kept.resumeThread(thread.id)).snapshot().thread;
}

/** Methods that change a thread's history. */
export const threadHistoryHandlers: HandlersOf<"thread/rollback" | "thread/revert" | "thread/inject_items"> = {
  "thread/rollback": rollBack,
  "thread/revert": revert,
  "thread/inject_items": injectItems,
};
