/**
 * A loaded thread as its callers see it: its status, its summary without turns, and its snapshot. Pure; only the
 * snapshot builds turns, so that status and summary cost the same however long the thread is.
 */
import type { SkeinError } from "../base/index.ts";
import { type Thread, type ThreadStatus, tokenUsageOf, usageTurnIdOf } from "../events/index.ts";
import { type StoredThread, toThread } from "../store/index.ts";
import type { TurnSettings } from "./agent.ts";
import { type Conversation, visibleTurns } from "./conversation.ts";
import type { RunningTurn } from "./running-turn.ts";
import type { LiveThreadState, ThreadSnapshot } from "./thread-handle.ts";

/** What a thread shows of itself. */
export interface ThreadFace {
  readonly state: LiveThreadState;
  readonly turn: RunningTurn | null;
  /** Why the thread is down; null while it is not. */
  readonly failure: SkeinError | null;
  readonly lastTurnFailed: boolean;
}

/** What it is made of. */
export interface ThreadMatter {
  readonly conversation: Conversation;
  readonly stored: StoredThread;
  readonly settings: TurnSettings;
}

/** A turn is shown as running from its first signal until its last. */
export function statusOf({ state, turn, failure, lastTurnFailed }: ThreadFace): ThreadStatus {
  const isRunning = turn !== null && failure === null && state !== "idle";
  if (isRunning) return { type: "active", activeFlags: turn.questions.flags };
  if (state === "closed") return { type: "notLoaded" };
  return { type: failure !== null || lastTurnFailed ? "systemError" : "idle" };
}

/** The thread without its turns. */
export function summaryOf(face: ThreadFace, stored: StoredThread): Thread {
  return toThread(stored, { status: statusOf(face), turns: [] });
}

export function snapshotOf(face: ThreadFace, { conversation, stored, settings }: ThreadMatter): ThreadSnapshot {
  const { state, turn, failure } = face;
  const running = failure === null ? turn : null;
  const activeTurnId = running?.id ?? null;
  const turns = visibleTurns(conversation, activeTurnId);
  const usage = tokenUsageOf(conversation.usage);
  const { model, effort = null, cwd } = settings;
  return {
    state,
    nextOrdinal: conversation.nextOrdinal,
    thread: toThread(stored, { status: statusOf(face), turns }),
    activeTurnId,
    failure: failure?.message ?? null,
    settings: { model, effort, cwd },
    usage: usage === null ? null : { usage, turnId: usageTurnIdOf(conversation.usage, turns) },
    questions: running?.questions.list ?? [],
  };
}
