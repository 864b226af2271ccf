/**
 * What the server tells clients about threads, turns and items. Who hears each one is its `audience`; the order
 * of notifications and answers is not said here but kept by the server's core.
 * Names and members are Codex's, where Codex has them.
 */
import { z } from "zod";

import { type Audience, notification, type NotificationDefinition, type Since } from "./definition.ts";
import { threadItem } from "./item-objects.ts";
import { thread, threadStatus, turn, turnError } from "./thread-objects.ts";
import { once } from "./once.ts";
import { int } from "./whole-numbers.ts";
import { dictionary, json, list, part, type Shape, struct, words } from "./wire-schema.ts";

const ofThread = () => ({ threadId: z.string() });
const ofTurn = () => ({ threadId: z.string(), turnId: z.string() });
const ofItem = () => ({ threadId: z.string(), turnId: z.string(), itemId: z.string() });

interface Told<S extends Shape> {
  readonly id: string;
  readonly doc: string;
  readonly audience?: Audience;
  readonly since?: Since;
  readonly shape: () => S;
}

function told<S extends Shape>(what: Told<S>): NotificationDefinition<z.ZodObject<S>> {
  const { id, doc, audience = "subscribers", since = "codex-0.130", shape } = what;
  return notification(audience, { doc, since, params: () => struct(`${id}Notification`, doc, shape()) });
}

const tokenCounts = once(() =>
  struct("TokenUsageBreakdown", "Tokens.", {
    totalTokens: int(),
    inputTokens: int(),
    cachedInputTokens: int(),
    outputTokens: int(),
    reasoningOutputTokens: int(),
  }),
);

/** About threads. */
const threads = {
  "thread/started": told({
    id: "ThreadStarted",
    doc: "A thread began: by start, fork or a detached review.",
    audience: "all",
    shape: () => ({ thread: thread() }),
  }),
  "thread/status/changed": told({
    id: "ThreadStatusChanged",
    doc: "What a thread is doing changed.",
    audience: "all",
    shape: () => ({ ...ofThread(), status: threadStatus() }),
  }),
  "thread/archived": told({ id: "ThreadArchived", doc: "A thread was put away.", audience: "all", shape: ofThread }),
  "thread/unarchived": told({
    id: "ThreadUnarchived",
    doc: "An archived thread was brought back.",
    audience: "all",
    shape: ofThread,
  }),
  "thread/deleted": told({
    id: "ThreadDeleted",
    doc: "A thread was removed for good.",
    audience: "all",
    since: "codex-0.169",
    shape: ofThread,
  }),
  "thread/reverted": told({
    id: "ThreadReverted",
    doc: "Turns were dropped from a thread's history by `thread/revert`.",
    since: "codex-0.169",
    shape: ofThread,
  }),
  "thread/closed": told({
    id: "ThreadClosed",
    doc: "A thread was unloaded because nobody used it.",
    audience: "all",
    shape: ofThread,
  }),
  "thread/name/updated": told({
    id: "ThreadNameUpdated",
    doc: "A thread was named.",
    audience: "all",
    shape: () => ({ ...ofThread(), threadName: z.string().exactOptional() }),
  }),
  "thread/tokenUsage/updated": told({
    id: "ThreadTokenUsageUpdated",
    doc: "Tokens that a thread has used. After resume and fork, only the connection that asked gets it.",
    shape: () => ({
      ...ofTurn(),
      tokenUsage: struct("ThreadTokenUsage", "Tokens of the thread, and of its last request to the model.", {
        total: tokenCounts(),
        last: tokenCounts(),
        modelContextWindow: int().nullable(),
      }),
    }),
  }),
} as const;

/** About turns and items. */
const turns = {
  "turn/started": told({
    id: "TurnStarted",
    doc: "A turn began. Its items come as notifications of their own.",
    shape: () => ({ ...ofThread(), turn: turn() }),
  }),
  "turn/completed": told({
    id: "TurnCompleted",
    doc: "A turn ended: completed, interrupted or failed.",
    shape: () => ({ ...ofThread(), turn: turn() }),
  }),
  "turn/diff/updated": told({
    id: "TurnDiffUpdated",
    doc: "All file changes of a turn so far, as one diff.",
    shape: () => ({ ...ofTurn(), diff: z.string() }),
  }),
  "turn/plan/updated": told({
    id: "TurnPlanUpdated",
    doc: "The agent's plan changed.",
    shape: () => ({
      ...ofTurn(),
      explanation: z.string().nullable(),
      plan: list(
        part({
          step: z.string(),
          status: words("TurnPlanStepStatus", "How far a step is.", ["pending", "inProgress", "completed"]),
        }),
      ),
    }),
  }),
  "item/started": told({
    id: "ItemStarted",
    doc: "An item began.",
    shape: () => ({ item: threadItem(), ...ofTurn(), startedAtMs: int() }),
  }),
  "item/completed": told({
    id: "ItemCompleted",
    doc: "An item is whole.",
    shape: () => ({ item: threadItem(), ...ofTurn(), completedAtMs: int() }),
  }),
} as const;

/** Pieces of items that are under way. */
const deltas = {
  "item/agentMessage/delta": told({
    id: "AgentMessageDelta",
    doc: "More of an agent message.",
    shape: () => ({ ...ofItem(), delta: z.string() }),
  }),
  "item/plan/delta": told({
    id: "PlanDelta",
    doc: "More of a plan.",
    shape: () => ({ ...ofItem(), delta: z.string() }),
  }),
  "item/reasoning/summaryPartAdded": told({
    id: "ReasoningSummaryPartAdded",
    doc: "Another part of a reasoning's summary begins.",
    shape: () => ({ ...ofItem(), summaryIndex: int() }),
  }),
  "item/reasoning/summaryTextDelta": told({
    id: "ReasoningSummaryTextDelta",
    doc: "More of a reasoning's summary.",
    shape: () => ({ ...ofItem(), delta: z.string(), summaryIndex: int() }),
  }),
  "item/reasoning/textDelta": told({
    id: "ReasoningTextDelta",
    doc: "More of a reasoning.",
    shape: () => ({ ...ofItem(), delta: z.string(), contentIndex: int() }),
  }),
  "item/commandExecution/outputDelta": told({
    id: "CommandExecutionOutputDelta",
    doc: "More output of a command.",
    shape: () => ({ ...ofItem(), delta: z.string() }),
  }),
  "item/fileChange/outputDelta": told({
    id: "FileChangeOutputDelta",
    doc: "More output of a file change.",
    shape: () => ({ ...ofItem(), delta: z.string() }),
  }),
} as const;

/** Trouble, and what became of the server's own requests. */
const notices = {
  error: told({
    id: "Error",
    doc: "A turn met an error; it goes on when `willRetry` is true.",
    shape: () => ({ error: turnError(), willRetry: z.boolean(), ...ofTurn() }),
  }),
  warning: told({
    id: "Warning",
    doc: "Something a person should know. With `threadId` null it is about no thread.",
    shape: () => ({ threadId: z.string().nullable(), message: z.string() }),
  }),
  "serverRequest/resolved": told({
    id: "ServerRequestResolved",
    doc: "A request of the server's is settled: some client answered it, or its turn ended.",
    shape: () => ({ ...ofThread(), requestId: z.union([z.string(), int()]) }),
  }),
  deprecationNotice: told({
    id: "DeprecationNotice",
    doc: "The client uses something that will go.",
    audience: "connection",
    shape: () => ({ summary: z.string(), details: z.string().nullable() }),
  }),
  "account/rateLimits/updated": told({
    id: "AccountRateLimitsUpdated",
    doc: "Limits of the model provider's account, where it tells them.",
    audience: "all",
    shape: () => ({ rateLimits: dictionary(json()) }),
  }),
} as const;

/** Notifications about threads. */
export const THREAD_NOTIFICATIONS = { ...threads, ...turns, ...deltas, ...notices } as const;
