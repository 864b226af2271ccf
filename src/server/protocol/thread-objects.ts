/**
 * Thread and Turn as they go over the wire. Their types are the read models of the events room: what a fold made
 * is answered as it is.
 */
import { z } from "zod";

import type { Thread, ThreadStatus, Turn, TurnError } from "../../events/index.ts";
import { threadItem } from "./item-objects.ts";
import { once } from "./once.ts";
import { int } from "./whole-numbers.ts";
import { json, kinds, list, part, struct, words } from "./wire-schema.ts";

/** What a thread is doing. */
export const threadStatus = once((): z.ZodType<ThreadStatus> =>
  kinds("ThreadStatus", "What a thread is doing. `notLoaded`: this server does not run it.", [
    part({ type: z.literal("notLoaded") }),
    part({ type: z.literal("idle") }),
    part({ type: z.literal("systemError") }),
    part({
      type: z.literal("active"),
      activeFlags: list(
        words("ThreadActiveFlag", "Whom a running turn waits for.", ["waitingOnApproval", "waitingOnUserInput"]),
      ),
    }),
  ]),
);

const gitInfo = once(() =>
  struct("GitInfo", "The working folder's git state when the thread began, or as it was set since.", {
    sha: z.string().nullable(),
    branch: z.string().nullable(),
    originUrl: z.string().nullable(),
  }),
);

/** Why a turn failed. */
export const turnError = once((): z.ZodType<TurnError> =>
  struct("TurnError", "Why a turn failed.", {
    message: z.string(),
    codexErrorInfo: json().describe(
      "The kind of failure: a word such as `badRequest`, or an object with one member such as " +
        "`{responseTooManyFailedAttempts: {httpStatusCode}}`; null when it has no kind.",
    ),
    additionalDetails: z.string().nullable(),
  }),
);

/** How much of a turn's items is there. */
export const turnItemsView = once(() =>
  words("TurnItemsView", "How much of a turn's items is there. `summary`: first user message and last agent message.", [
    "notLoaded",
    "summary",
    "full",
  ]),
);

/** One exchange. */
export const turn = once((): z.ZodType<Turn> =>
  struct("Turn", "One exchange: what was asked, and everything until the agent was done.", {
    id: z.string(),
    items: list(threadItem()),
    itemsView: turnItemsView(),
    status: words("TurnStatus", "How a turn ended, or that it did not yet.", [
      "completed",
      "interrupted",
      "failed",
      "inProgress",
    ]),
    error: turnError().nullable().describe("Only of a failed turn."),
    startedAt: int().nullable().describe("Seconds since the epoch."),
    completedAt: int().nullable().describe("Seconds since the epoch."),
    durationMs: int().nullable(),
  }),
);

/** A thread. */
export const thread = once((): z.ZodType<Thread> =>
  struct("Thread", "A conversation thread.", {
    id: z.string().describe("A UUID, version 7 for threads that this server began."),
    sessionId: z.string().describe("The thread's own id."),
    forkedFromId: z.string().nullable(),
    preview: z.string().describe("The first user message, not shortened; empty before there is one."),
    ephemeral: z.boolean().describe("True for a thread that is never stored."),
    modelProvider: z.string(),
    createdAt: int().describe("Seconds since the epoch."),
    updatedAt: int().describe("Seconds since the epoch: the time of the newest record."),
    status: threadStatus(),
    path: z.string().nullable().describe("The rollout file; null where the store has no files."),
    cwd: z.string(),
    cliVersion: z.string(),
    source: json().describe(
      "Who began it: `cli`, `vscode`, `exec`, `appServer`, `unknown`, `{custom: string}` or `{subAgent: …}`.",
    ),
    threadSource: z.string().nullable().describe("`user`, `subagent` or `memory_consolidation`."),
    agentNickname: z.string().nullable(),
    agentRole: z.string().nullable(),
    gitInfo: gitInfo().nullable(),
    name: z.string().nullable(),
    turns: list(turn()).describe("Filled by resume, fork, rollback and read with `includeTurns`; else empty."),
  }),
);

/** Which way a page runs. */
export const sortDirection = once(() => words("SortDirection", "Which way a page runs.", ["asc", "desc"]));
