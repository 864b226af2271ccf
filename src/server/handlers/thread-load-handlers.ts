/**
 * Threads that begin: start and fork, and who listens to them. The client that asks is subscribed to the thread.
 * `thread/started` follows the answer; usage that a fork brings along goes to the client that asked, alone, before it.
 */
import { resolve } from "node:path";

import { canonicalThreadId } from "../../base/index.ts";
import { copyToEphemeral } from "../ephemeral-copy.ts";
import { readGitState } from "../git-state.ts";
import {
  announceStarted,
  checkLoadParams,
  instructionsOf,
  loadedAnswer,
  overridesOf,
  tellRestoredUsage,
} from "../loaded-answer.ts";
import type { Handler, HandlersOf } from "../request-call.ts";
import { invalidRequest } from "../rpc-error.ts";
import { threadIdOfPath } from "../rollout-path.ts";
import { isGiven } from "../turn-params.ts";
import { requireWireThreadId } from "../wire-thread-id.ts";

const startThread: Handler<"thread/start"> = async (params, call) => {
  const { server } = call;
  checkLoadParams(server, params);
  const runtime = params.ephemeral === true ? await server.threads.ephemeral() : server.threads.kept;
  const { model, threadSource, dynamicTools } = params;
  const instructions = instructionsOf(params);
  const cwd = resolve(server.settings.cwd, params.cwd ?? "");
  const thread = await runtime.startThread({
    cwd,
    git: await readGitState(cwd),
    ...(isGiven(model) ? { model } : {}),
    ...(isGiven(threadSource) ? { threadSource } : {}),
    ...(instructions === null ? {} : { instructions }),
    ...(server.originator === null ? {} : { originator: server.originator }),
    ...(isGiven(dynamicTools) ? { tools: dynamicTools } : {}),
  });
  call.hold(thread.id);
  server.channels.subscribe(thread.id, call.session);
  server.rights.change(thread.id, params);
  const shown = thread.summary();
  return {
    result: loadedAnswer(server, thread, shown),
    after: () => announceStarted(server, shown),
  };
};

const forkThread: Handler<"thread/fork"> = async (params, call) => {
  const { server } = call;
  checkLoadParams(server, params);
  const sourceId = isGiven(params.path)
    ? await threadIdOfPath(server, params.path)
    : requireWireThreadId(params.threadId);
  const excludeTurns = params.excludeTurns === true;
  const { threadSource } = params;
  const overrides = overridesOf(params, server.settings.cwd);
  const own = {
    ...overrides,
    // Elsewhere it is another repository, or none.
    ...(overrides.cwd === undefined ? {} : { git: await readGitState(overrides.cwd) }),
    ...(isGiven(threadSource) ? { threadSource } : {}),
    ...(server.originator === null ? {} : { originator: server.originator }),
  };
  const runtime = server.threads.runtimeOf(sourceId);
  const fork =
    params.ephemeral === true
      ? await copyToEphemeral(server, sourceId, own)
      : await runtime.forkThread(sourceId, { ...own, excludeTurns });
  call.hold(fork.id);
  server.channels.subscribe(fork.id, call.session);
  server.rights.change(fork.id, params);
  const { thread } = fork.snapshot();
  const shown = excludeTurns ? { ...thread, turns: [] } : thread;
  return {
    result: loadedAnswer(server, fork, shown),
    after: () => {
      if (!excludeTurns) tellRestoredUsage(fork, call.session);
      announceStarted(server, thread);
    },
  };
};

const unsubscribe: Handler<"thread/unsubscribe"> = async (params, call) => {
  const { channels, threads } = call.server;
  const threadId = requireWireThreadId(params.threadId);
  if (threads.find(threadId) === undefined) return { result: { status: "notLoaded" } };
  const was = channels.unsubscribe(threadId, call.session);
  return { result: { status: was ? "unsubscribed" : "notSubscribed" } };
};

/** Loaded threads page by page, in the order of their ids. */
const listLoaded: Handler<"thread/loaded/list"> = async (params, call) => {
  const { cursor, limit } = params;
  const after = isGiven(cursor) ? requireCursor(cursor) : "";
  const ids = call.server.threads.listLoaded().filter((id) => id > after);
  const data = isGiven(limit) ? ids.slice(0, Math.max(1, limit)) : ids;
  const nextCursor = data.length < ids.length ? (data.at(-1) ?? null) : null;
  return { result: { data, nextCursor } };
};

function requireCursor(cursor: string): string {
  const id = canonicalThreadId(cursor);
  if (id === undefined) throw invalidRequest(`invalid cursor: ${cursor}`);
  return id;
}

/** Methods that make a thread, or change who listens to it. */
export const threadLoadHandlers: HandlersOf<
  "thread/start" | "thread/fork" | "thread/unsubscribe" | "thread/loaded/list"
> = {
  "thread/start": startThread,
  "thread/fork": forkThread,
  "thread/unsubscribe": unsubscribe,
  "thread/loaded/list": listLoaded,
};
