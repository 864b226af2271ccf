/**
 * What the methods that load a thread (start, resume, fork) answer: the thread, and what its next turn would run
 * with.
 */
import type { Thread } from "../events/index.ts";
import type { RuntimeThread } from "../runtime/index.ts";
import { resolve } from "node:path";

import type { TurnOptions } from "../actors/index.ts";
import type { ServerClient } from "./server-client.ts";
import type { RequestParams, RequestResult } from "./protocol/index.ts";
import { isGiven } from "./turn-params.ts";
import { toWireUsage } from "./wire-usage.ts";
import { invalidRequest } from "./rpc-error.ts";
import type { ServerContext } from "./server-context.ts";

/** The members that start, resume and fork share. */
type LoadParams = Pick<
  RequestParams<"thread/start">,
  | "model"
  | "modelProvider"
  | "cwd"
  | "approvalPolicy"
  | "approvalsReviewer"
  | "sandbox"
  | "permissions"
  | "serviceTier"
  | "config"
>;

/** Answers of start, resume and fork have one shape. */
export type LoadedAnswer = RequestResult<"thread/start">;

/** Keeps what the client asked the thread to be allowed, and answers what the thread now is. */
export function loadedAnswer(server: ServerContext, thread: RuntimeThread, shown: Thread): LoadedAnswer {
  const { settings } = thread.snapshot();
  const { approvalPolicy, approvalsReviewer, sandbox, serviceTier } = server.rights.of(thread.id);
  return {
    thread: server.threads.shown(shown),
    model: settings.model,
    modelProvider: shown.modelProvider,
    serviceTier,
    cwd: settings.cwd,
    instructionSources: [],
    approvalPolicy,
    approvalsReviewer,
    sandbox,
    permissionProfile: { type: "disabled" },
    activePermissionProfile: null,
    reasoningEffort: settings.effort,
  };
}

/** Refuses what can't be: another provider than the one that answers here, or two words about one thing. */
export function checkLoadParams(server: ServerContext, params: LoadParams): void {
  const { modelProvider } = server.settings;
  const configured = params.config?.["model_provider"];
  const asked = params.modelProvider ?? (typeof configured === "string" ? configured : null);
  if (asked !== null && modelProvider !== null && asked !== modelProvider) {
    const more = `this server answers with ${modelProvider}`;
    throw invalidRequest(`failed to load configuration: Model provider \`${asked}\` not found; ${more}`);
  }
  if ((params.permissions ?? null) !== null && (params.sandbox ?? null) !== null) {
    throw invalidRequest("`permissions` cannot be combined with `sandbox`");
  }
}

/** What the next turn of a resumed or forked thread runs with, where the client says it. */
export function overridesOf(params: RequestParams<"thread/resume">, serverCwd: string): TurnOptions {
  const { model, cwd } = params;
  const instructions = instructionsOf(params);
  return {
    ...(isGiven(model) ? { model } : {}),
    ...(isGiven(cwd) ? { cwd: resolve(serverCwd, cwd) } : {}),
    ...(instructions === null ? {} : { instructions }),
  };
}

/** The instructions a client gives: its base ones, and behind them the developer's. Null where it gives none. */
export function instructionsOf(
  params: Pick<RequestParams<"thread/start">, "baseInstructions" | "developerInstructions">,
): string | null {
  const parts = [params.baseInstructions, params.developerInstructions].filter(isGiven);
  return parts.length === 0 ? null : parts.join("\n\n");
}

/** Everybody hears of a thread that is new. */
export function announceStarted(server: ServerContext, thread: Thread): void {
  const started = server.threads.shown({ ...thread, turns: [] });
  server.channels.notify(thread.id, "all", { method: "thread/started", params: { thread: started } });
}

/** Usage that the log tells, to the client that loaded the thread. Nothing where the log tells none. */
export function tellRestoredUsage(thread: RuntimeThread, session: ServerClient): void {
  const { usage } = thread.snapshot();
  if (usage === null) return;
  const params = { threadId: thread.id, turnId: usage.turnId, tokenUsage: toWireUsage(usage.usage) };
  session.notify("thread/tokenUsage/updated", params);
}
