/**
 * Reading one thread: itself, its turns, its items, and the summary that old clients ask for. Nothing is loaded by
 * it. What is loaded is shown as it is now: its status, and turns that run, which a store alone calls interrupted.
 */
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
    requireHistory(threads, threadId, "includeTurns");
    return { result: { thread: await threads.kept.readThread(threadId, { includeTurns: true }) } };
  }
  const loaded = threads.find(threadId)?.summary();
  return { result: { thread: threads.shown(loaded ?? (await threads.kept.readThread(threadId))) } };
};

const listTurns: Handler<"thread/turns/list"> = async (params, call) => {
  const { threads } = call.server;
  const threadId = requireWireThreadId(params.threadId);
  requireHistory(threads, threadId, "thread/turns/list");
  const itemsView = params.itemsView ?? "summary";
  const page = await threads.kept.listTurns({ threadId, itemsView, ...pageParams(params) });
  return { result: { ...page, data: shownTurns(page.data, threads.find(threadId), itemsView) } };
};

const listItems: Handler<"thread/items/list"> = async (params, call) => {
  const { threads } = call.server;
  const threadId = requireWireThreadId(params.threadId);
  requireHistory(threads, threadId, "thread/items/list");
  const { cursor, turnId, ...rest } = params;
  const place = { threadId, ...(isGiven(turnId) ? { turnId } : {}) };
  if (!isGiven(cursor) || typeof cursor === "string") {
    return itemsAnswer(await threads.kept.listItems({ ...place, ...pageParams({ ...rest, cursor }) }));
  }
  if (!isGiven(turnId)) throw invalidRequest("a cursor that names an item needs the `turnId` of its turn");
  const behind = await cursorOfItem(threads.kept, {
    ...place,
    turnId,
    itemId: cursor.itemId,
    sortDirection: rest.sortDirection,
  });
  // Nothing is behind the turn's last item.
  if (behind === null) return { result: { data: [], nextCursor: null, backwardsCursor: null } };
  return itemsAnswer(await threads.kept.listItems({ ...place, ...pageParams({ ...rest, cursor: behind }) }));
};

const listTurnItems: Handler<"thread/turns/items/list"> = async (params, call) => {
  const { threads } = call.server;
  const threadId = requireWireThreadId(params.threadId);
  requireHistory(threads, threadId, "thread/turns/items/list");
  return itemsAnswer(await threads.kept.listItems({ threadId, turnId: params.turnId, ...pageParams(params) }));
};

/** When an item began and ended is not recorded. */
function itemsAnswer(page: ListItemsResult): Answer<RequestResult<"thread/items/list">> {
  const data = page.data.map((entry) => ({ ...entry, startedAtMs: null, completedAtMs: null }));
  return { result: { ...page, data } };
}

/** Turns are read of threads that are kept, and have a record. */
function requireHistory(threads: ServerThreads, threadId: string, what: string): void {
  if (threads.isEphemeral(threadId)) throw invalidRequest(`ephemeral threads do not support ${what}`);
  const loaded = threads.find(threadId);
  if (loaded === undefined || loaded.snapshot().nextOrdinal > 0) return;
  throw invalidRequest(`thread ${threadId} is not materialized yet; ${what} is unavailable before first user message`);
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
  if ("rolloutPath" in params) return await readThreadOfPath(server, params.rolloutPath);
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
