/**
 * Requests that change threads: begin, resume, fork, archive, delete, name, settings, history. Reading is in
 * reading-requests.ts, turns are in turn-requests.ts.
 * Members that Codex has and Skein ignores are defined all the same: what they hold is checked as Codex checks it.
 */
import { z } from "zod";

import { request, setField, trueField } from "./definition.ts";
import { dynamicTool, personality, threadSource, turnEnvironment } from "./setting-objects.ts";
import { thread } from "./thread-objects.ts";
import { runningSettings, threadOverrides } from "./thread-settings.ts";
import { once } from "./once.ts";
import { u32 } from "./whole-numbers.ts";
import { json, list, nothing, path, struct } from "./wire-schema.ts";

/** The params of requests that only name a thread. */
const only = (id: string) => struct(id, "Which thread.", { threadId: z.string() });
const done = once(() => nothing("Done"));
const threadAnswer = once(() => struct("ThreadAnswer", "The thread as it is now.", { thread: thread() }));
const running = once(() =>
  struct("RunningThread", "A loaded thread, and what it runs with.", { thread: thread(), ...runningSettings() }),
);
const ignored = "Accepted and ignored.";
const noTurns = "True: `thread.turns` stays empty.";

const beginning = {
  "thread/start": request({
    doc:
      "Begins a thread. The caller is subscribed to it. Nothing is stored before there is something to store. " +
      "`thread/started` follows the answer.",
    experimentalFields: [
      setField("thread/start", "permissions"),
      setField("thread/start", "environments"),
      setField("thread/start", "dynamicTools"),
      setField("thread/start", "mockExperimentalField"),
      trueField("thread/start", "experimentalRawEvents"),
      trueField("thread/start", "persistExtendedHistory", "persistFullHistory"),
    ],
    params: () =>
      struct("ThreadStartParams", "How the thread begins.", {
        ...threadOverrides(),
        serviceName: z.string().nullish(),
        personality: personality().nullish(),
        ephemeral: z.boolean().nullish().describe("True: the thread is never stored."),
        sessionStartSource: z.enum(["startup", "clear"]).nullish(),
        threadSource: threadSource().nullish(),
        environments: list(turnEnvironment()).nullish(),
        dynamicTools: list(dynamicTool()).nullish().describe("Tools that the client answers."),
        mockExperimentalField: z.string().nullish().describe(ignored),
        experimentalRawEvents: z.boolean().optional().describe(ignored),
        persistExtendedHistory: z.boolean().optional().describe(ignored),
      }),
    result: running,
  }),
  "thread/resume": request({
    doc:
      "Loads a stored thread, or joins one that is loaded; the caller is subscribed to it. What wins: `history`, " +
      "then `path`, then `threadId`. Overrides do nothing to a thread that is loaded. The thread's last token " +
      "usage follows the answer, and open requests to clients are sent again.",
    queue: "thread",
    experimentalFields: [
      setField("thread/resume", "history"),
      setField("thread/resume", "path"),
      setField("thread/resume", "permissions"),
      trueField("thread/resume", "excludeTurns"),
      trueField("thread/resume", "persistExtendedHistory", "persistFullHistory"),
    ],
    params: () =>
      struct("ThreadResumeParams", "Which thread, and what it runs with.", {
        threadId: z.string(),
        history: list(json()).nullish().describe("Items of the Responses API: begins a new thread with them."),
        path: path().nullish().describe("A rollout file; a relative path begins at the home."),
        ...threadOverrides(),
        personality: personality().nullish(),
        excludeTurns: z.boolean().optional().describe(noTurns),
        persistExtendedHistory: z.boolean().optional().describe(ignored),
      }),
    result: running,
  }),
  "thread/fork": request({
    doc:
      "Begins a thread with a copy of another's history; the caller is subscribed to it. A turn that runs in the " +
      "source is interrupted in the copy. Token usage and `thread/started` follow the answer.",
    queue: "thread",
    experimentalFields: [
      setField("thread/fork", "path"),
      setField("thread/fork", "permissions"),
      trueField("thread/fork", "excludeTurns"),
      trueField("thread/fork", "persistExtendedHistory", "persistFullHistory"),
    ],
    params: () =>
      struct("ThreadForkParams", "Which thread, and what the copy runs with.", {
        threadId: z.string(),
        path: path().nullish().describe("A rollout file to copy instead; a relative path begins at the home."),
        ...threadOverrides(),
        ephemeral: z.boolean().optional().describe("True: the copy is never stored."),
        threadSource: threadSource().nullish(),
        excludeTurns: z.boolean().optional().describe(noTurns),
        persistExtendedHistory: z.boolean().optional().describe(ignored),
      }),
    result: running,
  }),
} as const;

const lifecycle = {
  "thread/archive": request({
    doc: "Interrupts and unloads a thread and puts it away, with the threads it spawned. `thread/archived` follows.",
    queue: "thread",
    params: () => only("ThreadArchiveParams"),
    result: done,
  }),
  "thread/unarchive": request({
    doc: "Brings an archived thread back. `thread/unarchived` follows.",
    queue: "thread",
    params: () => only("ThreadUnarchiveParams"),
    result: threadAnswer,
  }),
  "thread/delete": request({
    doc: "Interrupts and unloads a thread and removes it for good. `thread/deleted` follows.",
    queue: "thread",
    since: "codex-0.169",
    params: () => only("ThreadDeleteParams"),
    result: done,
  }),
  "thread/unsubscribe": request({
    doc: "Ends this connection's subscription. The thread stays loaded until it has been idle for some time.",
    queue: "thread",
    params: () => only("ThreadUnsubscribeParams"),
    result: () =>
      struct("ThreadUnsubscribeResponse", "What was done.", {
        status: z.enum(["notLoaded", "notSubscribed", "unsubscribed"]),
      }),
  }),
} as const;

const changes = {
  "thread/name/set": request({
    doc: "Names a thread. `thread/name/updated` follows.",
    queue: "thread",
    params: () =>
      struct("ThreadSetNameParams", "The name.", {
        threadId: z.string(),
        name: z.string().describe("Trimmed; must not be blank."),
      }),
    result: done,
  }),
  "thread/metadata/update": request({
    doc: "Changes what is stored of a thread's git state. Absent: stays; null: cleared; text: set.",
    queue: "thread",
    params: () =>
      struct("ThreadMetadataUpdateParams", "The change.", {
        threadId: z.string(),
        gitInfo: struct("ThreadMetadataGitInfoUpdateParams", "The change; at least one member.", {
          sha: z.string().nullish(),
          branch: z.string().nullish(),
          originUrl: z.string().nullish(),
        }).nullish(),
      }),
    result: threadAnswer,
  }),
  "thread/memoryMode/set": request({
    doc: "Says whether memories may be drawn from a thread.",
    queue: "thread",
    experimental: true,
    params: () =>
      struct("ThreadMemoryModeSetParams", "The mode.", {
        threadId: z.string(),
        mode: z.enum(["enabled", "disabled"]),
      }),
    result: done,
  }),
  "thread/rollback": request({
    doc: "Drops the last turns of a loaded thread from its history. Token usage comes before the answer.",
    queue: "thread",
    params: () =>
      struct("ThreadRollbackParams", "How much.", {
        threadId: z.string(),
        numTurns: u32().describe("At least 1; more than there are drops all."),
      }),
    result: threadAnswer,
  }),
  "thread/revert": request({
    doc: "Drops one turn and every later one from a loaded thread's history. `thread/reverted` follows.",
    queue: "thread",
    since: "codex-0.169",
    params: () =>
      struct("ThreadRevertParams", "Up to where.", {
        threadId: z.string(),
        beforeTurnId: z.string().describe("The first turn that goes."),
      }),
    result: () =>
      struct("ThreadRevertResponse", "The thread, and where to read it.", {
        thread: thread().describe("Without turns."),
        turnsBackwardsCursor: z.string().nullable().describe("For `thread/turns/list` with `sortDirection` desc."),
        itemsBackwardsCursor: z.string().nullable().describe("For `thread/items/list` with `sortDirection` desc."),
      }),
  }),
  "thread/inject_items": request({
    doc: "Adds items to a loaded thread's model history, without a turn.",
    queue: "thread",
    params: () =>
      struct("ThreadInjectItemsParams", "The items.", {
        threadId: z.string(),
        items: list(json()).describe("Items of the Responses API; at least one."),
      }),
    result: done,
  }),
  "thread/compact/start": request({
    doc: "Begins a turn that replaces the model's history by a summary. A turn that runs is interrupted.",
    queue: "thread",
    params: () => only("ThreadCompactStartParams"),
    result: done,
  }),
} as const;

/** Requests that begin, move, change and remove threads. */
export const THREAD_REQUESTS = { ...beginning, ...lifecycle, ...changes } as const;
