/**
 * What a thread is at one ordinal: the states of the folds, stepped together. A live thread and a
 * replay of its log go through this one function, so they can't differ.
 *
 * A conversation may begin at a window (store/thread-window.ts): the turns before it are outlines, and all
 * else is as if the whole log had been read, as long as it doesn't say `needsWholeLog`.
 */
import {
  isContextRead,
  type Json,
  modelContextFold,
  modelContextOf,
  type ModelContextState,
  modelContextStateAt,
  needsHiddenItems,
  needsStrictReplay,
  type ResponseItem,
  type RolloutRecord,
  type ThreadMetadata,
  threadMetadataFold,
  type TokenUsage,
  tokenUsageFold,
  tokenUsageOf,
  type TokenUsageState,
  type Turn,
  type TurnContext,
  turnsFold,
  turnsOf,
  turnsStateAt,
  type TurnsState,
} from "../events/index.ts";
import type { ThreadWindow } from "../store/index.ts";
import type { TurnSettings } from "./agent.ts";

/** States of the folds after `nextOrdinal` records. Immutable: a step makes a new one. */
export interface Conversation {
  readonly nextOrdinal: number;
  readonly turns: TurnsState;
  readonly context: ModelContextState;
  readonly usage: TokenUsageState;
  readonly metadata: ThreadMetadata;
  /** The newest turn_context; what the next turn runs with unless told otherwise. */
  readonly turnContext: TurnContext | null;
  /** The first record that was read. 0: nothing is known by its outline alone. */
  readonly firstOrdinal: number;
  /** A record changed an item of a turn that is known by its outline. */
  readonly missesItems: boolean;
}

export function emptyConversation(): Conversation {
  return {
    nextOrdinal: 0,
    turns: turnsFold.initial(),
    context: modelContextFold.initial(),
    usage: tokenUsageFold.initial(),
    metadata: threadMetadataFold.initial(),
    turnContext: null,
    firstOrdinal: 0,
    missesItems: false,
  };
}

/** The conversation at a window's beginning. It says nothing true before all records up to the window's end were stepped. */
export function conversationAt({ place, metadata, usage }: ThreadWindow): Conversation {
  const turns = turnsStateAt(place);
  return {
    nextOrdinal: place.nextOrdinal,
    turns,
    context: modelContextStateAt(place),
    usage: { track: turns.track, ...usage },
    metadata,
    turnContext: null,
    firstOrdinal: place.nextOrdinal,
    missesItems: false,
  };
}

/**
 * Whether only the whole log tells what the conversation is now: a rollback brought back what a compaction
 * before the window replaced, a record changed an item of an old turn, an id or a place depends on what
 * lines that nobody parsed really hold, or the settings stand before the window.
 */
export function needsWholeLog(conversation: Conversation): boolean {
  const { firstOrdinal, missesItems, turns, context, turnContext, metadata } = conversation;
  if (firstOrdinal === 0) return false;
  const missesSettings = turnContext === null && metadata.model !== null;
  return missesItems || missesSettings || needsStrictReplay(turns) || !isContextRead(context);
}

/** The conversation with one more record; its ordinal must be the next one. */
export function stepConversation(conversation: Conversation, record: RolloutRecord): Conversation {
  const { item } = record;
  const { firstOrdinal, missesItems } = conversation;
  return {
    nextOrdinal: record.ordinal + 1,
    turns: turnsFold.step(conversation.turns, record),
    context: modelContextFold.step(conversation.context, record),
    usage: tokenUsageFold.step(conversation.usage, record),
    metadata: threadMetadataFold.step(conversation.metadata, record),
    turnContext: item.type === "turn_context" ? item.payload : conversation.turnContext,
    firstOrdinal,
    missesItems: missesItems || (firstOrdinal > 0 && needsHiddenItems(conversation.turns, record)),
  };
}

/** Items the model would see now. */
export function contextItems(conversation: Conversation): readonly ResponseItem[] {
  return modelContextOf(conversation.context);
}

/** What the thread used so far; null before the first report. */
export function totalUsageOf(conversation: Conversation): TokenUsage | null {
  return tokenUsageOf(conversation.usage)?.total ?? null;
}

/** The model's context window in tokens, where an agent said it. */
export function contextWindowOf(conversation: Conversation): number | null {
  return tokenUsageOf(conversation.usage)?.modelContextWindow ?? null;
}

/**
 * The turns as people see them, oldest first. `activeTurnId` is the one that runs here; every other
 * turn without an end was left open by a crash and is shown as interrupted.
 */
export function visibleTurns(conversation: Conversation, activeTurnId: string | null): readonly Turn[] {
  const settled = turnsOf(conversation.turns, { live: false });
  if (activeTurnId === null || settled.at(-1)?.id !== activeTurnId) return settled;
  const running = turnsOf(conversation.turns, { live: true }).at(-1);
  return running === undefined ? settled : [...settled.slice(0, -1), running];
}

/** The newest turn with this id, as it is shown. */
export function findTurn(conversation: Conversation, turnId: string): Turn | undefined {
  return turnsOf(conversation.turns, { live: false }).findLast((turn) => turn.id === turnId);
}

/** Whether the log has this turn's end; one without was left open. */
export function hasEnd(conversation: Conversation, turnId: string): boolean {
  const turns = turnsOf(conversation.turns, { live: true });
  return turns.findLast((turn) => turn.id === turnId)?.status !== "inProgress";
}

/**
 * Settings as the newest turn_context recorded them; {} before the first turn. A model that another of
 * Skein's agents ran with means nothing to this one; a model that Codex recorded may.
 */
export function recordedSettings(conversation: Conversation, agentName: string): Partial<TurnSettings> {
  const { turnContext } = conversation;
  if (turnContext === null) return {};
  const { model, cwd, effort = null, agent, instructions } = turnContext;
  const { final_output_json_schema: outputSchema } = turnContext;
  const isForeign = typeof agent === "string" && agent !== agentName;
  return {
    cwd,
    ...(isForeign ? {} : { model, effort }),
    ...(typeof instructions === "string" ? { instructions } : {}),
    ...(outputSchema === undefined || outputSchema === null ? {} : { outputSchema: outputSchema as Json }),
  };
}
