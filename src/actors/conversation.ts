/**
 * What a thread is at one ordinal: the states of the folds, stepped together. A live thread and a
 * replay of its log go through this one function, so they can't differ.
 */
import {
  type Json,
  modelContextFold,
  modelContextOf,
  type ModelContextState,
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
  type TurnsState,
} from "../events/index.ts";
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
}

export function emptyConversation(): Conversation {
  return {
    nextOrdinal: 0,
    turns: turnsFold.initial(),
    context: modelContextFold.initial(),
    usage: tokenUsageFold.initial(),
    metadata: threadMetadataFold.initial(),
    turnContext: null,
  };
}

/** The conversation with one more record; its ordinal must be the next one. */
export function stepConversation(conversation: Conversation, record: RolloutRecord): Conversation {
  const { item } = record;
  return {
    nextOrdinal: record.ordinal + 1,
    turns: turnsFold.step(conversation.turns, record),
    context: modelContextFold.step(conversation.context, record),
    usage: tokenUsageFold.step(conversation.usage, record),
    metadata: threadMetadataFold.step(conversation.metadata, record),
    turnContext: item.type === "turn_context" ? item.payload : conversation.turnContext,
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
