/**
 * What is recorded for what happens in a turn: pure functions from a fact to the items of one append.
 * The order is Codex's (a turn's start is task_started, turn_context, the model's message, the
 * display event); each list is one atomic batch, so a crash leaves whole facts.
 */
import type { Clock, SkeinError } from "../base/index.ts";
import type {
  AppendableItem,
  EventMsg,
  Json,
  ResponseItem,
  TokenUsage,
  TokenUsageInfo,
  TurnContext,
  UserInput,
} from "../events/index.ts";
import type { TurnSettings } from "./agent.ts";
import { isAssistantMessage, messageText, phaseOf, reasoningSummary } from "./agents/message-text.ts";
import { toUserItem, toUserMessageEvent } from "./input-items.ts";
import { eventItem, responseItem } from "./record-items.ts";

/** A turn's identity and when it began. */
export interface TurnStart {
  readonly turnId: string;
  /** Wall clock, for the records. */
  readonly startedAtMs: number;
  /** Monotonic clock, for the duration. */
  readonly startedMonotonicMs: number;
}

/** When a turn ended, as the records say it. */
export interface TurnEnd {
  readonly completed_at: number;
  readonly duration_ms: number;
}

const ABORTED_NOTE =
  "<turn_aborted>\nThe user interrupted the previous turn on purpose. If any tools or commands were " +
  "aborted, they may have partially executed.\n</turn_aborted>";

/** Members that the model's own history doesn't keep: ids and progress of the answer they came in. */
const TRANSIENT_MEMBERS: ReadonlySet<string> = new Set(["id", "status"]);
const KEEPS_NO_ID: ReadonlySet<string> = new Set([
  "message",
  "reasoning",
  "function_call",
  "function_call_output",
  "custom_tool_call",
  "custom_tool_call_output",
]);

/** task_started and turn_context: what every kind of turn begins with. */
export function turnOpening(
  start: TurnStart,
  settings: TurnSettings & { readonly agent: string },
  contextWindow: number | null,
): readonly AppendableItem[] {
  return [
    eventItem({
      type: "task_started",
      turn_id: start.turnId,
      started_at: Math.floor(start.startedAtMs / 1000),
      model_context_window: contextWindow,
      collaboration_mode_kind: "default",
    }),
    { type: "turn_context", payload: turnContext(start, settings) },
  ];
}

/** An input as it is recorded, at a turn's start and when it is steered in. */
export function userInputItems(input: readonly UserInput[]): readonly [AppendableItem, AppendableItem] {
  return [responseItem(toUserItem(input)), eventItem(toUserMessageEvent(input))];
}

/**
 * What an item that an agent completed is recorded as: its display events and the item itself.
 * Codex's order differs by kind: agent_message and agent_reasoning come before their item.
 */
export function completedItems(item: ResponseItem): readonly AppendableItem[] {
  const recorded = responseItem(withoutTransientMembers(item));
  if (isAssistantMessage(item)) {
    const message = messageText(item);
    return message === "" ? [recorded] : [eventItem(agentMessageEvent(message, phaseOf(item))), recorded];
  }
  if (item.type === "reasoning") {
    const events = reasoningSummary(item).map((text) => eventItem({ type: "agent_reasoning", text }));
    return [...events, recorded];
  }
  return [recorded];
}

export function agentMessageEvent(message: string, phase: string | null): EventMsg {
  return { type: "agent_message", message, phase, memory_citation: null };
}

/** token_count: the last request's usage and the thread's total with it. */
export function usageItem(
  before: TokenUsage | null,
  last: TokenUsage,
  contextWindow: number | null,
): { readonly item: AppendableItem; readonly total: TokenUsage } {
  const total = addUsage(before, last);
  const info: TokenUsageInfo = {
    total_token_usage: total,
    last_token_usage: last,
    model_context_window: contextWindow,
  };
  return { item: eventItem({ type: "token_count", info, rate_limits: null }), total };
}

/** The end of a turn that ran through. */
export function completionItem(turnId: string, lastAgentMessage: string | null, end: TurnEnd): AppendableItem {
  return eventItem({ type: "task_complete", turn_id: turnId, last_agent_message: lastAgentMessage, ...end });
}

/** The end of a turn that failed: the error, then the completion that closes it for every reader. */
export function failureItems(turnId: string, failure: SkeinError, end: TurnEnd): readonly AppendableItem[] {
  return [
    eventItem({ type: "error", message: failure.message, codex_error_info: codexErrorInfo(failure) }),
    completionItem(turnId, null, end),
  ];
}

/** The end of a turn that was interrupted: a note for the model, then the fact. */
export function interruptionItems(
  turnId: string,
  end: TurnEnd | { readonly completed_at: null; readonly duration_ms: null },
): readonly AppendableItem[] {
  const content = [{ type: "input_text", text: ABORTED_NOTE }];
  return [
    responseItem({ type: "message", role: "user", content }),
    eventItem({ type: "turn_aborted", turn_id: turnId, reason: "interrupted", ...end }),
  ];
}

/** Now, as the end of a turn. */
export function turnEnd(start: TurnStart, clock: Clock): TurnEnd {
  return {
    completed_at: Math.floor(clock.nowMs() / 1000),
    duration_ms: Math.max(0, Math.round(clock.monotonicMs() - start.startedMonotonicMs)),
  };
}

/** What a turn runs with, for Skein's own folds. Why it grants no rights: docs/decisions/0001. */
function turnContext(start: TurnStart, settings: TurnSettings & { readonly agent: string }): TurnContext {
  const { cwd, model, agent, effort, instructions, outputSchema } = settings;
  return {
    turn_id: start.turnId,
    cwd,
    model,
    agent,
    ...(effort === undefined || effort === null ? {} : { effort }),
    ...(instructions === undefined ? {} : { instructions }),
    ...(outputSchema === undefined || outputSchema === null ? {} : { final_output_json_schema: outputSchema }),
  };
}

function withoutTransientMembers(item: ResponseItem): ResponseItem {
  if (!KEEPS_NO_ID.has(item.type)) return item;
  if (item["id"] === undefined && item["status"] === undefined) return item;
  const kept = Object.entries(item).filter(([member]) => !TRANSIENT_MEMBERS.has(member));
  return Object.fromEntries(kept) as unknown as ResponseItem;
}

function addUsage(total: TokenUsage | null, last: TokenUsage): TokenUsage {
  if (total === null) return last;
  return {
    input_tokens: total.input_tokens + last.input_tokens,
    cached_input_tokens: total.cached_input_tokens + last.cached_input_tokens,
    output_tokens: total.output_tokens + last.output_tokens,
    reasoning_output_tokens: total.reasoning_output_tokens + last.reasoning_output_tokens,
    total_tokens: total.total_tokens + last.total_tokens,
  };
}

/** Codex's words for what a model's answer says went wrong. */
const ANSWER_FAILURES: Readonly<Record<string, string>> = Object.freeze({
  context_length_exceeded: "context_window_exceeded",
  insufficient_quota: "usage_limit_exceeded",
  invalid_prompt: "bad_request",
  server_is_overloaded: "server_overloaded",
  slow_down: "server_overloaded",
});

/** Codex's word for why a turn failed, as the file has it. */
function codexErrorInfo(failure: SkeinError): Json {
  const { status, errorCode } = failure.data;
  const said =
    typeof errorCode === "string" && Object.hasOwn(ANSWER_FAILURES, errorCode) ? ANSWER_FAILURES[errorCode] : null;
  if (typeof said === "string") return said;
  if (typeof status !== "number") return "other";
  if (status === 400 || status === 422) return "bad_request";
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 429) return { response_too_many_failed_attempts: { http_status_code: status } };
  if (status >= 500) return "internal_server_error";
  return "other";
}
