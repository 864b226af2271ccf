/**
 * The items that signals show while a turn runs. Live ids are the agent's own; the stored items are
 * the same things under the ids that a replay gives them (`item-N`).
 */
import type { EventMsg, ResponseItem, ThreadItem, UserInput } from "../events/index.ts";
import type { AgentEvent } from "./agent.ts";
import { isAssistantMessage, messageText, phaseOf, reasoningSummary } from "./agents/message-text.ts";
import { NO_FINDINGS } from "./review-turn.ts";
import type { RunningTurn } from "./running-turn.ts";

/** Codex's id of a review's final message. */
const REVIEW_MESSAGE_ID = "review_rollout_assistant";

/** An item that begins. */
export function startedItem({ kind, itemId, phase }: AgentEvent & { readonly type: "item_started" }): ThreadItem {
  return kind === "agentMessage"
    ? agentMessage(itemId, "", phase ?? null)
    : { type: "reasoning", id: itemId, summary: [], content: [] };
}

/** An item an agent completed, or undefined where people see none (calls and their outputs). */
export function completedItem(item: ResponseItem, id: string): ThreadItem | undefined {
  if (isAssistantMessage(item)) {
    const text = messageText(item);
    return text === "" ? undefined : agentMessage(id, text, phaseOf(item));
  }
  if (item.type !== "reasoning") return undefined;
  return { type: "reasoning", id, summary: reasoningSummary(item), content: [] };
}

export function userMessage(id: string, input: readonly UserInput[]): ThreadItem {
  const content = input.map((part) =>
    part.type === "text" ? { ...part, text_elements: part.text_elements ?? [] } : part,
  );
  return { type: "userMessage", id, content };
}

/** What a review shows before its turn begins. */
export function reviewMarker(turn: RunningTurn): readonly ThreadItem[] {
  const { review } = turn.plan;
  return review === null ? [] : [{ type: "enteredReviewMode", id: turn.id, review: review.hint }];
}

/** What a turn shows when it begins, under ids made by `nextId`. */
export function openingItems(turn: RunningTurn, nextId: () => string): readonly ThreadItem[] {
  const { task, input } = turn.plan;
  return task === "compact" ? [] : [userMessage(nextId(), input)];
}

/** What a review shows when its findings are recorded; a replay's marker has the explanation alone, as Codex's. */
export function findingsItems(turn: RunningTurn, text: string): readonly ThreadItem[] {
  return [{ type: "exitedReviewMode", id: turn.id, review: text }, agentMessage(REVIEW_MESSAGE_ID, text, null)];
}

/** What a review shows that ended without findings. */
export function leftItem(turn: RunningTurn): ThreadItem {
  return { type: "exitedReviewMode", id: turn.id, review: NO_FINDINGS };
}

/** The id under which a display event's item stands in the turn, if it has one. */
export function eventItemId(event: EventMsg): string | undefined {
  const { call_id: callId, item } = event;
  if (typeof callId === "string") return callId;
  const { id } = (item ?? {}) as { readonly id?: unknown };
  return typeof id === "string" ? id : undefined;
}

function agentMessage(id: string, text: string, phase: string | null): ThreadItem {
  return { type: "agentMessage", id, text, phase, memoryCitation: null };
}
