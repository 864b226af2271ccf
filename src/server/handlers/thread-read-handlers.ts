/**
 * Reading one thread: itself, its turns, its items, and the summary that old clients ask for. Nothing is loaded by
 * it. What is loaded is shown as it is now: its status, and turns that run, which a store alone calls interrupted.
 */
import { isSkeinError } from "../../base/index.ts";
import type { Runtime } from "../../runtime/index.ts";
import type { ListItemsResult, StoredThread } from "../../store/index.ts";
import type { RequestParams, RequestResult } from "../protocol/index.ts";
import { cursorOfItem } from "../item-cursor.ts";
import { pageParams } from "../page-params.ts";
import type { Answer, Handler, HandlersOf, RequestCall } from "../request-call.ts";
import { readThreadOfPath } from "../rollout-path.ts";
import { invalidRequest } from "../rpc-error.ts";
import type { ServerThreads } from "../server-threads.ts";
import { shownTurns } from "../shown-turns.ts";
import { isGiven } from "../turn-params.ts";
import { requireWireThreadId } from "../wire-thread-id.ts";

const readThread: Handler<"thread/read"> = async (params, call) => {
  const { threads } = call.server;
  const threadId = requireWireThreadId(params.threadId);
  if (params.includeTurns === true) {
    refuseEphemeral(threads, threadId, "includeTurns");
    const thread = await threads.kept.readThread(threadId, { includeTurns: true });
    if (thread.turns.length === 0) refuseUnrecorded(threads, threadId, "includeTurns");
    return { result: { thread } };
  }
  const loaded = threads.find(threadId)?.summary();
  return { result: { thread: threads.shown(loaded ?? (await threads.kept.readThread(threadId))) } };
};

const listTurns: Handler<"thread/turns/list"> = async (params, call) => {
  const { threads } = call.server;
  const threadId = requireWireThreadId(params.threadId);
  const itemsView = params.itemsView ?? "summary";
  const page = await readHistory(call, threadId, {
    what: "thread/turns/list",
    page: (kept) => kept.listTurns({ threadId, itemsView, ...pageParams(params) }),
  });
  return { result: { ...page, data: shownTurns(page.data, threads.find(threadId), itemsView) } };
};

const listItems: Handler<"thread/items/list"> = async (params, call) => {
  const threadId = requireWireThreadId(params.threadId);
  const { cursor, turnId, ...rest } = params;
  const place = { threadId, ...(isGiven(turnId) ? { turnId } : {}) };
  return await readHistory(call, threadId, {
    what: "thread/items/list",
    page: async (kept) => {
      if (!isGiven(cursor) || typeof cursor === "string") {
        return itemsAnswer(await kept.listItems({ ...place, ...pageParams({ ...rest, cursor }) }));
      }
      if (!isGiven(turnId)) throw invalidRequest("a cursor that names an item needs the `turnId` of its turn");
      const item = { threadId, turnId, itemId: cursor.itemId, sortDirection: rest.sortDirection };
      const behind = await cursorOfItem(kept, item);
      // Nothing is behind the turn's last item.
      if (behind === null) return { result: { data: [], nextCursor: null, backwardsCursor: null } };
      return itemsAnswer(await kept.listItems({ ...place, ...pageParams({ ...rest, cursor: behind }) }));
    },
  });
};

const listTurnItems: Handler<"thread/turns/items/list"> = async (params, call) => {
  const threadId = requireWireThreadId(params.threadId);
  const page = await readHistory(call, threadId, {
    what: "thread/turns/items/list",
    page: (kept) => kept.listItems({ threadId, turnId: params.turnId, ...pageParams(params) }),
  });
  return itemsAnswer(page);
};

/** When an item began and ended is not recorded. */
function itemsAnswer(page: ListItemsResult): Answer<RequestResult<"thread/items/list">> {
  const data = page.data.map((entry) => ({ ...entry, startedAtMs: null, completedAtMs: null }));
  return { result: { ...page, data } };
}

/** Reads of a thread that is kept. One that is loaded and has no record is told from one that isn't there. */
async function readHistory<Page>(
  { server }: RequestCall,
  threadId: string,
  read: { readonly what: string; readonly page: (kept: Runtime) => Promise<Page> },
): Promise<Page> {
  const { threads } = server;
  refuseEphemeral(threads, threadId, read.what);
  try {
    return await read.page(threads.kept);
  } catch (error) {
    if (isSkeinError(error, "thread_not_found")) refuseUnrecorded(threads, threadId, read.what);
    throw error;
  }
}

function refuseEphemeral(threads: ServerThreads, threadId: string, what: string): void {
  if (threads.isEphemeral(threadId)) throw invalidRequest(`ephemeral threads do not support ${what}`);
}

function refuseUnrecorded(threads: ServerThreads, threadId: string, what: string): void {
  if (threads.find(threadId)?.snapshot().nextOrdinal !== 0) return;
  const words = `${what} is unavailable before first user message`;
  throw invalidRequest(`thread ${threadId} is not materialized yet; ${words}`);
}

const summarize: Handler<"getConversationSummary"> = async (params, call) => {
  const stored = await storedConversation(params, call);
  const { git } = stored;
  const hasGit = git !== null && Object.values(git).some((field) => field !== null);
  return {
    result: {
      summary: {
        conversationId: stored.id,
        path: stored.path ?? "",
        preview: stored.preview,
        timestamp: new Date(stored.createdAtMs).toISOString(),
        updatedAt: new Date(stored.updatedAtMs).toISOString(),
        modelProvider: stored.modelProvider,
        cwd: stored.cwd,
        cliVersion: stored.cliVersion,
        source: stored.source,
        gitInfo: hasGit ? { sha: git.sha, branch: git.branch, origin_url: git.originUrl } : null,
      },
    },
  };
};

async function storedConversation(
  params: RequestParams<"getConversationSummary">,
  { server }: RequestCall,
): Promise<StoredThread> {
  if ("rolloutPath" in params) {
    const { rolloutPath } = params;
    return await readThreadOfPath(server, rolloutPath, `failed to load conversation summary from ${rolloutPath}`);
  }
  return await server.threads.kept.store.readThread({ threadId: requireWireThreadId(params.conversationId) });
}

/** Methods that read one thread. */
export const threadReadHandlers: HandlersOf<
  "thread/read" | "thread/turns/list" | "thread/items/list" | "thread/turns/items/list" | "getConversationSummary"
> = {
  "thread/read": readThread,
  "thread/turns/list": listTurns,
  "thread/items/list": listItems,
  "thread/turns/items/list": listTurnItems,
  getConversationSummary: summarize,
};
