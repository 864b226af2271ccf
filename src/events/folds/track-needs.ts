/**
 * What the track of turns reads: every fold that follows it must be given these records whole, because
 * each of them can open or close a turn.
 */

export const TRACK_EVENT_KINDS: readonly string[] = Object.freeze([
  "task_started",
  "turn_started",
  "task_complete",
  "turn_complete",
  "turn_aborted",
  "user_message",
  "agent_message",
  "agent_reasoning",
  "agent_reasoning_raw_content",
  "patch_apply_end",
  "mcp_tool_call_end",
  "web_search_end",
  "image_generation_end",
  "item_completed",
  "entered_review_mode",
  "exited_review_mode",
  "context_compacted",
  "thread_rolled_back",
]);
