/**
 * Where a fork cuts its source, and what it inherits. Pure but for reading the log of a source that
 * isn't loaded. Nothing is written to the source, which may go on running.
 */
import { rejection } from "../base/index.ts";
import {
  type AppendableItem,
  type ThreadMetadata,
  type TurnEntry,
  turnEntriesOf,
  type TurnsState,
} from "../events/index.ts";
import type { ForkPoint, NewThreadMetadata, ThreadStore } from "../store/index.ts";
import type { DynamicTool } from "./agent.ts";
import {
  type Conversation,
  conversationAt,
  emptyConversation,
  needsWholeLog,
  stepConversation,
} from "./conversation.ts";
import { interruptionItems } from "./turn-records.ts";

/** What a fork may have of its own. Everything else is as in the source. */
export interface ForkThreadParams extends Partial<NewThreadMetadata> {
  /** Default: a new UUIDv7. */
  readonly threadId?: string;
  /** Leave out this turn and all after it. `turn_not_found`. Absent: the whole thread. */
  readonly beforeTurnId?: string;
  readonly model?: string;
  readonly effort?: string | null;
  readonly instructions?: string;
  /** As in TurnSettings. Default: those of the source, where it is loaded. */
  readonly tools?: readonly DynamicTool[];
  /** As in ResumeOptions, for the fork. Default false. */
  readonly excludeTurns?: boolean;
}

/** The stored conversation of a thread, page by page. `thread_not_found`, `rollout_unreadable`. */
async function readConversation(store: ThreadStore, threadId: string): Promise<Conversation> {
  return await readOn(store, { threadId, conversation: emptyConversation() });
}

/** What a fork needs to know of its source. */
export interface ForkSource {
  readonly nextOrdinal: number;
  readonly metadata: ThreadMetadata;
  /** Only looked at where the cut is before a turn. Old ones may be outlines. */
  readonly turns?: TurnsState;
}

/**
 * What a fork needs to know of a source that isn't loaded: by its window where the store has one. Only a
 * cut before a turn reads records then, the window's. Rejects as `readConversation`.
 */
export async function readForkSource(
  store: ThreadStore,
  threadId: string,
  beforeTurnId: string | undefined,
): Promise<ForkSource> {
  const window = await store.loadWindow(threadId);
  if (window === null) return await readConversation(store, threadId);
  const { hint, endOrdinal, metadata } = window;
  if (beforeTurnId === undefined) return { nextOrdinal: endOrdinal, metadata };
  const source = await readOn(store, { threadId, conversation: conversationAt(window), hint });
  const isEnough = source.nextOrdinal >= endOrdinal && !needsWholeLog(source);
  return isEnough ? source : await readConversation(store, threadId);
}

interface ReadBegin {
  readonly threadId: string;
  readonly conversation: Conversation;
  readonly hint?: string | undefined;
}

async function readOn(store: ThreadStore, begin: ReadBegin): Promise<Conversation> {
  const { threadId } = begin;
  let { conversation, hint } = begin;
  for (;;) {
    const from = conversation.nextOrdinal;
    const page = await store.loadHistory({ threadId, from, ...(hint === undefined ? {} : { hint }) });
    for (const record of page.records) conversation = stepConversation(conversation, record);
    hint = page.hint;
    if (page.isEnd || page.records.length === 0) return conversation;
  }
}

/** The place where the source is cut. `thread_not_materialized`, `turn_not_found`. */
export function forkPointOf(threadId: string, source: ForkSource, beforeTurnId: string | undefined): ForkPoint {
  if (source.nextOrdinal === 0) {
    throw rejection("thread_not_materialized", `thread ${threadId} has no records yet: there is nothing to fork`, {
      threadId,
    });
  }
  if (beforeTurnId === undefined) return { threadId, endOrdinal: source.nextOrdinal };
  const entries = source.turns === undefined ? [] : turnEntriesOf(source.turns, { live: true });
  const entry = entries.findLast(({ turn }) => turn.id === beforeTurnId);
  if (entry === undefined) {
    throw rejection("turn_not_found", `turn not found: ${beforeTurnId}`, { threadId, turnId: beforeTurnId });
  }
  return { threadId, endOrdinal: entry.startOrdinal };
}

/** The fork's metadata: its own where given, else the source's. */
export function forkMetadata(source: ForkSource, params: ForkThreadParams): NewThreadMetadata {
  const { threadId: _id, beforeTurnId: _turn, model: _model, effort: _effort, instructions: _text, ...rest } = params;
  const { excludeTurns: _view, tools: _tools, ...own } = rest;
  const { cwd, modelProvider, memoryMode, git } = source.metadata;
  return {
    cwd,
    memoryMode,
    ...(isNamedProvider(modelProvider) ? { modelProvider } : {}),
    ...(git === null ? {} : { git }),
    ...own,
  };
}

/**
 * The end of a turn that was still running where the fork was cut: in the fork it was interrupted.
 * Nothing when the last turn has its end.
 */
export function forkEndItems(fork: Conversation): readonly AppendableItem[] {
  const last: TurnEntry | undefined = turnEntriesOf(fork.turns, { live: true }).at(-1);
  if (last === undefined || last.turn.status !== "inProgress") return [];
  return interruptionItems(last.turn.id, { completed_at: null, duration_ms: null });
}

/** A log that names no provider reads as "" or "unknown": a fork of it names none either. */
function isNamedProvider(provider: string): boolean {
  return provider !== "" && provider !== "unknown";
}
