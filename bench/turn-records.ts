/**
 * The records that generated turns are made of, in the shapes that Codex writes: what a coding turn leaves
 * behind, with the model's encrypted reasoning and the output of its tools as the bulk. Sizes and texts
 * come from the source that is handed in; ids, times and the order of a turn are the caller's.
 */
import type { AppendableItem, ResponseItem } from "../src/events/index.ts";
import type { SeededSource } from "./seeded-source.ts";

type Members = Readonly<Record<string, unknown>>;

/** An `event_msg`. */
export function event(type: string, members: Members = {}): AppendableItem {
  return { type: "event_msg", payload: { type, ...members } };
}

function response(type: string, members: Members): AppendableItem {
  return { type: "response_item", payload: { type, ...members } };
}

/** A message of the model's context. */
export function message(role: string, text: string): AppendableItem {
  return { type: "response_item", payload: textMessage(role, text) };
}

/** The same as what stands in a compaction's history. */
export function textMessage(role: string, text: string): ResponseItem {
  return { type: "message", role, content: [{ type: role === "assistant" ? "output_text" : "input_text", text }] };
}

/** What a user asks: the model's item and the one that people see. */
export function userItems(text: string): readonly AppendableItem[] {
  return [
    message("user", text),
    event("user_message", { message: text, images: [], local_images: [], text_elements: [] }),
  ];
}

/** What the model answers: the one that people see and the model's item. */
export function answerItems(text: string): readonly AppendableItem[] {
  return [event("agent_message", { message: text, phase: null, memory_citation: null }), message("assistant", text)];
}

/** A thought, a call of a tool, and what came of it. */
export function callItems(callId: string, turnId: string, source: SeededSource): readonly AppendableItem[] {
  const thought = source.text(source.size(40, 300));
  const diff = source.text(source.size(100, 3_000));
  const patch = event("patch_apply_end", {
    call_id: `${callId}_p`,
    turn_id: turnId,
    stdout: "Success.",
    stderr: "",
    success: true,
    changes: { "/srv/ws/a.ts": { type: "update", unified_diff: diff, move_path: null } },
    status: "completed",
  });
  return [
    event("agent_reasoning", { text: thought }),
    response("reasoning", {
      summary: [{ type: "summary_text", text: thought }],
      content: null,
      encrypted_content: source.text(source.size(800, 3_000)),
    }),
    response("function_call", {
      name: "exec_command",
      arguments: JSON.stringify({ cmd: source.text(60) }),
      call_id: callId,
    }),
    tokenCount(1),
    ...(source.random() < 0.15 ? [patch] : []),
    response("function_call_output", { call_id: callId, output: source.text(source.size(100, 12_000)) }),
  ];
}

/** The context that a turn runs in. */
export function turnContext(turnId: string, cwd: string, currentDate: string): AppendableItem {
  return {
    type: "turn_context",
    payload: {
      turn_id: turnId,
      cwd,
      current_date: currentDate,
      timezone: "Etc/UTC",
      approval_policy: "never",
      sandbox_policy: { type: "danger-full-access" },
      permission_profile: { type: "disabled" },
      model: "mock-model",
      summary: "auto",
      truncation_policy: { mode: "bytes", limit: 10_000 },
    },
  };
}

/** What a call of the model used. */
export function tokenCount(tokens: number): AppendableItem {
  const usage = {
    input_tokens: tokens,
    cached_input_tokens: 0,
    output_tokens: 9,
    reasoning_output_tokens: 0,
    total_tokens: tokens + 9,
  };
  return event("token_count", {
    info: { total_token_usage: usage, last_token_usage: usage, model_context_window: 258_400 },
    rate_limits: { limit_id: "codex", limit_name: null, primary: null, secondary: null, credits: null },
  });
}
