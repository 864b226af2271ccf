/**
 * What people and clients see of a thread: Thread, Turn, ThreadItem, in the shapes and names of
 * Codex's app-server protocol (0.130), so that `skein show --json` and the server print the same.
 * These are read models: folds make them, nothing is written from them.
 */
import type { Json } from "./rollout-item.ts";

/** How a turn ended, or that it did not yet. */
export type TurnStatus = "completed" | "interrupted" | "failed" | "inProgress";

/** How much of a turn's items an answer holds. `summary`: first user message and last agent message. */
export type ItemsView = "notLoaded" | "summary" | "full";

/** Why a turn failed. */
export interface TurnError {
  readonly message: string;
  readonly codexErrorInfo: Json;
  readonly additionalDetails: string | null;
}

/** One exchange. Times are whole seconds since the epoch, durations milliseconds. */
export interface Turn {
  readonly id: string;
  readonly items: readonly ThreadItem[];
  readonly itemsView: ItemsView;
  readonly status: TurnStatus;
  readonly error: TurnError | null;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
  readonly durationMs: number | null;
}

/** A part of what a user sends. `text_elements` may be left out on input. */
export type UserInput =
  | { readonly type: "text"; readonly text: string; readonly text_elements?: readonly Json[] }
  | { readonly type: "image"; readonly url: string }
  | { readonly type: "localImage"; readonly path: string }
  | { readonly type: "skill"; readonly name: string; readonly path: string }
  | { readonly type: "mention"; readonly name: string; readonly path: string };

/** One thing in a turn. The variants below are those Skein reads; others are open objects. */
export type ThreadItem =
  | { readonly type: "userMessage"; readonly id: string; readonly content: readonly UserInput[] }
  | {
      readonly type: "agentMessage";
      readonly id: string;
      readonly text: string;
      readonly phase: string | null;
      readonly memoryCitation: Json;
    }
  | {
      readonly type: "reasoning";
      readonly id: string;
      readonly summary: readonly string[];
      readonly content: readonly string[];
    }
  | { readonly type: "contextCompaction"; readonly id: string }
  | { readonly type: "enteredReviewMode"; readonly id: string; readonly review: string }
  | { readonly type: "exitedReviewMode"; readonly id: string; readonly review: string }
  | OpenThreadItem;

/** plan, hookPrompt, fileChange, mcpToolCall, webSearch, imageGeneration and kinds to come. */
export interface OpenThreadItem {
  readonly type:
    | "plan"
    | "hookPrompt"
    | "commandExecution"
    | "fileChange"
    | "mcpToolCall"
    | "dynamicToolCall"
    | "webSearch"
    | "imageView"
    | "imageGeneration";
  readonly id: string;
  readonly [member: string]: unknown;
}

/** What a thread is doing. `notLoaded`: nobody here runs it. */
export type ThreadStatus =
  | { readonly type: "notLoaded" | "idle" | "systemError" }
  | {
      readonly type: "active";
      readonly activeFlags: readonly ("waitingOnApproval" | "waitingOnUserInput")[];
    };

export interface ThreadGitInfo {
  readonly sha: string | null;
  readonly branch: string | null;
  readonly originUrl: string | null;
}

/** A thread as the protocol shows it. */
export interface Thread {
  readonly id: string;
  readonly sessionId: string;
  readonly forkedFromId: string | null;
  readonly preview: string;
  readonly ephemeral: boolean;
  readonly modelProvider: string;
  /** Seconds since the epoch. */
  readonly createdAt: number;
  /** Seconds since the epoch: the time of the newest record, on every path. */
  readonly updatedAt: number;
  readonly status: ThreadStatus;
  /** Absolute path of the rollout; null where the store has no files. */
  readonly path: string | null;
  readonly cwd: string;
  readonly cliVersion: string;
  readonly source: Json;
  readonly threadSource: string | null;
  readonly agentNickname: string | null;
  readonly agentRole: string | null;
  readonly gitInfo: ThreadGitInfo | null;
  readonly name: string | null;
  /** Filled where the answer is about turns; else empty. */
  readonly turns: readonly Turn[];
}
