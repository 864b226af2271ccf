/**
 * Lists of stored threads, and search. Filters are the protocol's with its defaults: the server's own provider, and
 * what people began themselves. Threads that are loaded here are shown with what they are doing.
 */
import { resolve } from "node:path";

import { isSkeinError } from "../../base/index.ts";
import type { Thread } from "../../events/index.ts";
import { type ListThreadsParams, type SearchThreadsResult, type StoredThread, toThread } from "../../store/index.ts";
import { filledPage } from "../filtered-page.ts";
import { pageParams } from "../page-params.ts";
import type { RequestParams } from "../protocol/index.ts";
import type { Handler, HandlersOf } from "../request-call.ts";
import { invalidRequest } from "../rpc-error.ts";
import type { ServerContext } from "../server-context.ts";
import { sourceFilterOf } from "../source-kinds.ts";
import { isGiven } from "../turn-params.ts";

const listThreads: Handler<"thread/list"> = async (params, { server }) => {
  const { isShown, ...sources } = sourceFilterOf(params.sourceKinds);
  const { limit, cursor, ...order } = pageParams(params);
  const wished = { ...order, ...sources, ...filtersOf(params, server) };
  try {
    const page = await filledPage<StoredThread>({
      limit,
      ...(cursor === undefined ? {} : { cursor }),
      isShown,
      read: (part) => server.threads.kept.listThreads({ ...wished, ...part }),
    });
    return { result: { ...page, data: page.data.map((stored) => listed(stored, server)) } };
  } catch (error) {
    // Who asks for the state DB's rows alone is told nothing where there is none.
    if (!isSkeinError(error, "state_db_required")) throw error;
    return { result: { data: [], nextCursor: null, backwardsCursor: null } };
  }
};

function filtersOf(params: RequestParams<"thread/list">, { settings }: ServerContext): ListThreadsParams {
  const { sortKey, archived, searchTerm, useStateDbOnly, cwd } = params;
  const own = settings.modelProvider === null ? [] : [settings.modelProvider];
  const modelProviders = params.modelProviders ?? own;
  const cwds = isGiven(cwd) ? (typeof cwd === "string" ? [cwd] : cwd) : null;
  return {
    ...(isGiven(sortKey) ? { sortKey } : {}),
    archived: archived === true,
    ...(modelProviders.length === 0 ? {} : { modelProviders }),
    ...(cwds === null ? {} : { cwds: cwds.map((path) => resolve(settings.cwd, path)) }),
    ...(isGiven(searchTerm) ? { searchTerm } : {}),
    ...(useStateDbOnly === true ? { useStateDbOnly } : {}),
  };
}

const searchThreads: Handler<"thread/search"> = async (params, { server }) => {
  const { sortKey, sortDirection, sourceKinds, archived } = params;
  if ((isGiven(sortKey) && sortKey !== "updated_at") || sortDirection === "asc") {
    throw invalidRequest("thread/search answers what changed last first: leave out sortKey and sortDirection");
  }
  const { limit, cursor } = pageParams(params);
  const { isShown } = sourceFilterOf(sourceKinds);
  const { data, nextCursor } = await filledPage<SearchThreadsResult["data"][number]>({
    limit,
    ...(cursor === undefined ? {} : { cursor }),
    isShown: ({ thread }) => isShown(thread),
    read: (part) =>
      server.threads.kept.searchThreads({ query: params.searchTerm, archived: archived === true, ...part }),
  });
  const found = data.map(({ thread, snippet }) => ({ thread: listed(thread, server), snippet }));
  return { result: { data: found, nextCursor, backwardsCursor: null } };
};

function listed(stored: StoredThread, { threads }: ServerContext): Thread {
  return toThread(stored, { status: threads.find(stored.id)?.status() ?? { type: "notLoaded" } });
}

/** Methods that list stored threads. */
export const threadListHandlers: HandlersOf<"thread/list" | "thread/search"> = {
  "thread/list": listThreads,
  "thread/search": searchThreads,
};
