/**
 * Where a thread lies and what is known of it: archive, unarchive, delete, name, git, memory mode. Each works on
 * threads that are loaded and on those that are not. Everybody hears of it after the answer.
 */
import { isSkeinError, rejection } from "../../base/index.ts";
import { type GitPatch, type StoredThread, toThread } from "../../store/index.ts";
import type { RequestParams } from "../protocol/index.ts";
import type { Handler, HandlersOf, RequestCall } from "../request-call.ts";
import { invalidRequest } from "../rpc-error.ts";
import type { ServerContext } from "../server-context.ts";
import { descendantsOf } from "../thread-descendants.ts";
import { requireWireThreadId } from "../wire-thread-id.ts";

const archiveThread: Handler<"thread/archive"> = async (params, { server }) => {
  const threadId = requireKeptThreadId(params.threadId, server);
  const descendants = await descendantsOf(server, threadId);
  await server.threads.kept.archiveThread(threadId);
  const archived = [threadId];
  for (const id of descendants) if (await isArchivedAlong(server, id)) archived.push(id);
  return {
    result: {},
    after: () => {
      for (const id of archived) tellAll(server, "thread/archived", id);
    },
  };
};

/** A descendant that can't be archived doesn't keep its ancestor from it. */
async function isArchivedAlong({ threads, logger }: ServerContext, threadId: string): Promise<boolean> {
  try {
    await threads.kept.archiveThread(threadId);
    return true;
  } catch (error) {
    if (!isSkeinError(error)) throw error;
    const isGone = error.code === "thread_archived" || error.code === "thread_not_found";
    if (!isGone) logger.warn({ error, threadId }, "a thread was not archived with the one that spawned it");
    return false;
  }
}

const unarchiveThread: Handler<"thread/unarchive"> = async (params, { server }) => {
  const threadId = requireKeptThreadId(params.threadId, server);
  const stored = await server.threads.kept.unarchiveThread(threadId);
  return {
    result: { thread: shown(stored, server) },
    after: () => tellAll(server, "thread/unarchived", threadId),
  };
};

const deleteThread: Handler<"thread/delete"> = async (params, { server }) => {
  const threadId = requireWireThreadId(params.threadId);
  await server.threads.runtimeOf(threadId).deleteThread(threadId);
  return { result: {}, after: () => tellAll(server, "thread/deleted", threadId) };
};

const nameThread: Handler<"thread/name/set"> = async (params, { server }) => {
  const threadId = requireKeptThreadId(params.threadId, server);
  const name = params.name.trim();
  if (name === "") throw invalidRequest("thread name must not be empty");
  await refuseArchived(threadId, server);
  await server.threads.kept.updateMetadata(threadId, { name });
  return {
    result: {},
    after: () => {
      const message = { method: "thread/name/updated", params: { threadId, threadName: name } } as const;
      server.channels.notify(threadId, "all", message);
    },
  };
};

const updateMetadata: Handler<"thread/metadata/update"> = async (params, call) => {
  const { server } = call;
  const threadId = requireWireThreadId(params.threadId);
  if (server.threads.isEphemeral(threadId)) {
    throw invalidRequest(`ephemeral thread does not support metadata updates: ${threadId}`);
  }
  const stored = await server.threads.kept.updateMetadata(threadId, { git: checkedGit(params.gitInfo) });
  return { result: { thread: shown(stored, server) } };
};

const setMemoryMode: Handler<"thread/memoryMode/set"> = async (params, { server }) => {
  const threadId = requireWireThreadId(params.threadId);
  if (server.threads.isEphemeral(threadId)) {
    throw invalidRequest(`ephemeral thread does not support memory mode updates: ${threadId}`);
  }
  await refuseArchived(threadId, server);
  await server.threads.kept.updateMetadata(threadId, { memoryMode: params.mode });
  return { result: {} };
};

/** Absent keeps a field, null clears it. */
function checkedGit(gitInfo: RequestParams<"thread/metadata/update">["gitInfo"]): GitPatch {
  const given = Object.entries(gitInfo ?? {}).filter(([, value]) => value !== undefined);
  if (given.length === 0) throw invalidRequest("gitInfo must include at least one field");
  for (const [field, value] of given) {
    if (value?.trim() === "") throw invalidRequest(`gitInfo.${field} must not be empty`);
  }
  return Object.fromEntries(given);
}

/** As in the peer: a thread that is put away, and not loaded, takes neither a name nor a memory mode. */
async function refuseArchived(threadId: string, { threads }: ServerContext): Promise<void> {
  if (threads.find(threadId) !== undefined) return;
  const { archived } = await threads.kept.store.readThread({ threadId });
  if (archived) throw rejection("thread_archived", `thread ${threadId} is archived: unarchive it first`, { threadId });
}

/** An ephemeral thread was never put anywhere. */
function requireKeptThreadId(text: string, { threads }: ServerContext): string {
  const threadId = requireWireThreadId(text);
  if (!threads.isEphemeral(threadId)) return threadId;
  throw rejection("thread_not_found", `thread ${threadId} is ephemeral: it is not stored`, { threadId });
}

function shown(stored: StoredThread, { threads }: ServerContext): ReturnType<typeof toThread> {
  return toThread(stored, { status: threads.find(stored.id)?.status() ?? { type: "notLoaded" } });
}

function tellAll(
  { channels }: RequestCall["server"],
  method: "thread/archived" | "thread/unarchived" | "thread/deleted",
  threadId: string,
): void {
  channels.notify(threadId, "all", { method, params: { threadId } });
}

/** Methods that move threads, and change what is known of them. */
export const threadChangeHandlers: HandlersOf<
  | "thread/archive"
  | "thread/unarchive"
  | "thread/delete"
  | "thread/name/set"
  | "thread/metadata/update"
  | "thread/memoryMode/set"
> = {
  "thread/archive": archiveThread,
  "thread/unarchive": unarchiveThread,
  "thread/delete": deleteThread,
  "thread/name/set": nameThread,
  "thread/metadata/update": updateMetadata,
  "thread/memoryMode/set": setMemoryMode,
};
