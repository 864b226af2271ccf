/**
 * thread/resume: loads a stored thread, or joins one that is loaded. Precedence is the peer's: history, then path,
 * then id. A loaded thread keeps its settings, whatever the request says. A cold resume tells the status before the
 * answer; usage that the log tells, and questions that are open, follow it, for the client that asked alone.
 */
import type { ResumeOptions } from "../../actors/index.ts";
import { canonicalThreadId } from "../../base/index.ts";
import type { ResponseItem } from "../../events/index.ts";
import type { RuntimeThread } from "../../runtime/index.ts";
import { readGitState } from "../git-state.ts";
import { checkLoadParams, loadedAnswer, overridesOf, tellRestoredUsage } from "../loaded-answer.ts";
import type { RequestParams, RequestResult } from "../protocol/index.ts";
import type { Answer, Handler, HandlersOf, RequestCall } from "../request-call.ts";
import { checkedHistory } from "../response-items.ts";
import { requireRolloutPath, threadIdOfPath } from "../rollout-path.ts";
import { invalidRequest } from "../rpc-error.ts";
import { isGiven } from "../turn-params.ts";
import { requireWireThreadId } from "../wire-thread-id.ts";

type Resumed = Answer<RequestResult<"thread/resume">>;

const resumeThread: Handler<"thread/resume"> = async (params, call) => {
  const { history, path } = params;
  if (isGiven(history)) return await resumeFromHistory(params, checkedHistory(history), call);
  if (isGiven(path)) return await resumeByPath(params, path, call);
  const threadId = requireWireThreadId(params.threadId);
  const { threads, settings } = call.server;
  if (threads.find(threadId) !== undefined) return await rejoin(threadId, params, call);
  checkLoadParams(call.server, params);
  const options: ResumeOptions = {
    ...overridesOf(params, settings.cwd),
    excludeTurns: params.excludeTurns === true,
  };
  return coldAnswer(await threads.kept.resumeThread(threadId, options), params, call);
};

/** A new thread that knows this history. The id that was given is not used, and need not be one. */
async function resumeFromHistory(
  params: RequestParams<"thread/resume">,
  history: readonly ResponseItem[],
  call: RequestCall,
): Promise<Resumed> {
  const { threads, settings, originator } = call.server;
  const given = canonicalThreadId(params.threadId);
  const loaded = given === undefined ? undefined : threads.find(given);
  if (loaded !== undefined) {
    throw invalidRequest(`cannot resume thread ${loaded.id} with history while it is already running`);
  }
  if (history.length === 0) throw invalidRequest("history must not be empty");
  checkLoadParams(call.server, params);
  const own = { cwd: settings.cwd, ...overridesOf(params, settings.cwd) };
  const thread = await threads.kept.resumeThreadFromHistory(history, {
    ...own,
    git: await readGitState(own.cwd),
    ...(originator === null ? {} : { originator }),
  });
  return coldAnswer(thread, params, call);
}

/** Exactly this file; the id that was given is not looked at. */
async function resumeByPath(params: RequestParams<"thread/resume">, path: string, call: RequestCall): Promise<Resumed> {
  const { server } = call;
  const rolloutPath = await requireRolloutPath(server, path);
  const threadId = await threadIdOfPath(server, path);
  const loaded = server.threads.find(threadId);
  if (loaded === undefined) {
    checkLoadParams(server, params);
    const options = overridesOf(params, server.settings.cwd);
    return coldAnswer(await server.threads.kept.resumeThreadByPath(rolloutPath, options), params, call);
  }
  const active = loaded.summary().path;
  if (active !== rolloutPath) {
    const paths = `requested \`${rolloutPath}\`, active \`${String(active)}\``;
    throw invalidRequest(`cannot resume running thread ${threadId} with stale path: ${paths}`);
  }
  return await rejoin(threadId, params, call);
}

/** Joins a loaded thread. Turns that it was loaded without are read now, unless they are left out here too. */
async function rejoin(threadId: string, params: RequestParams<"thread/resume">, call: RequestCall): Promise<Resumed> {
  const { threads } = call.server;
  const excludeTurns = params.excludeTurns === true;
  const thread = threads.isEphemeral(threadId)
    ? threads.require(threadId)
    : await threads.kept.resumeThread(threadId, { excludeTurns });
  call.hold(threadId);
  return answerOf(thread, params, call);
}

function coldAnswer(thread: RuntimeThread, params: RequestParams<"thread/resume">, call: RequestCall): Resumed {
  const { server } = call;
  server.rights.change(thread.id, params);
  server.notifier.announceStatus(thread.id);
  call.hold(thread.id);
  return answerOf(thread, params, call);
}

function answerOf(thread: RuntimeThread, params: RequestParams<"thread/resume">, call: RequestCall): Resumed {
  const { server, session } = call;
  server.channels.subscribe(thread.id, session);
  const excludeTurns = params.excludeTurns === true;
  const shown = excludeTurns ? { ...thread.summary(), turns: [] } : thread.snapshot().thread;
  return {
    result: loadedAnswer(server, thread, shown),
    after: () => {
      if (!excludeTurns) tellRestoredUsage(thread, session);
      server.questions.resend(thread.id, session);
    },
  };
}

/** The method that loads a stored thread. */
export const threadResumeHandlers: HandlersOf<"thread/resume"> = { "thread/resume": resumeThread };
