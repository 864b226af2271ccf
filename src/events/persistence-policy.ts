/**
 * What is worth keeping: which kinds of items stand in a rollout when a thread appends them. It is
 * Codex's "limited" set, so that a thread reads the same there, plus `error`, so that a failed turn
 * reads back as failed. The policy is for appending; reading accepts every kind.
 */
import type { AppendableItem } from "./rollout-item.ts";

/** One row of the policy. */
export interface PersistenceRule {
  readonly kept: boolean;
  readonly reason: string;
  /** Codex 0.130 keeps the kind, and counts it for the index in implicit turn ids. */
  readonly keptByCodex: boolean;
}

const kept = (reason: string): PersistenceRule => ({ kept: true, reason, keptByCodex: true });
const dropped = (reason: string): PersistenceRule => ({ kept: false, reason, keptByCodex: false });

/** Kind (`type`, or `event_msg:` and its kind) to what happens to it. Kinds not listed are not kept. */
export const PERSISTENCE_POLICY: Readonly<Record<string, PersistenceRule>> = Object.freeze({
  session_meta: kept("who the thread is; later lines carry changed metadata"),
  turn_context: kept("the settings a turn ran with"),
  response_item: kept("the model's own history"),
  compacted: kept("where the model's history was replaced"),
  "event_msg:task_started": kept("where a turn begins, and its id"),
  "event_msg:turn_started": kept("alias of task_started"),
  "event_msg:task_complete": kept("where a turn ends"),
  "event_msg:turn_complete": kept("alias of task_complete"),
  "event_msg:turn_aborted": kept("why a turn ended early"),
  "event_msg:user_message": kept("shown item, and the thread's preview"),
  "event_msg:agent_message": kept("shown item"),
  "event_msg:agent_reasoning": kept("shown item"),
  "event_msg:agent_reasoning_raw_content": kept("shown item"),
  "event_msg:patch_apply_end": kept("shown item: the files a turn changed"),
  "event_msg:mcp_tool_call_end": kept("shown item"),
  "event_msg:web_search_end": kept("shown item"),
  "event_msg:image_generation_end": kept("shown item"),
  "event_msg:item_completed": kept("shown item; only plans, which no other record holds"),
  "event_msg:entered_review_mode": kept("shown marker"),
  "event_msg:exited_review_mode": kept("shown marker: the review's outcome"),
  "event_msg:context_compacted": kept("shown marker"),
  "event_msg:thread_rolled_back": kept("which turns no longer count"),
  "event_msg:token_count": kept("usage after a restart"),
  "event_msg:error": {
    kept: true,
    reason: "a failed turn must read back as failed; Codex drops it and shows the turn as completed",
    keptByCodex: false,
  },
  "event_msg:exec_command_begin": dropped("progress; the function call's output is in the history"),
  "event_msg:exec_command_end": dropped("the function call's output is in the history"),
  "event_msg:exec_command_output_delta": dropped("a delta: never stored"),
  "event_msg:agent_message_delta": dropped("a delta: never stored"),
  "event_msg:agent_reasoning_delta": dropped("a delta: never stored"),
  "event_msg:item_started": dropped("progress; the item's end is kept"),
  "event_msg:patch_apply_begin": dropped("progress; patch_apply_end is kept"),
  "event_msg:mcp_tool_call_begin": dropped("progress; mcp_tool_call_end is kept"),
  "event_msg:web_search_begin": dropped("progress; web_search_end is kept"),
  "event_msg:view_image_tool_call": dropped("the image is in the history"),
  "event_msg:dynamic_tool_call_request": dropped("the call is in the history"),
  "event_msg:dynamic_tool_call_response": dropped("the output is in the history"),
  "event_msg:plan_update": dropped("live only"),
  "event_msg:turn_diff": dropped("live only; can be computed"),
  "event_msg:warning": dropped("live only"),
  "event_msg:background_event": dropped("live only"),
  "event_msg:stream_error": dropped("live only: a retry, not the turn's end"),
  "event_msg:thread_name_updated": dropped("names live in the session index"),
});

/** The policy's name of an item: its type, or `event_msg:` and its kind. */
function kindOf(item: AppendableItem): string {
  return item.type === "event_msg" ? `event_msg:${item.payload.type}` : item.type;
}

/** Whether appending keeps this item. */
export function isPersisted(item: AppendableItem): boolean {
  const kind = kindOf(item);
  const rule = Object.hasOwn(PERSISTENCE_POLICY, kind) ? PERSISTENCE_POLICY[kind] : undefined;
  if (rule?.kept !== true) return false;
  return item.type !== "event_msg" || item.payload.type !== "item_completed" || isPlan(item.payload);
}

/** Whether an `item_completed` event completes a plan: the only ones that are kept. */
export function isPlan(event: { readonly [member: string]: unknown }): boolean {
  const item = event["item"];
  return typeof item === "object" && item !== null && (item as { type?: unknown }).type === "Plan";
}
