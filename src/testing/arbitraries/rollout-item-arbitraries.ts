/**
 * Arbitrary single items: every kind a rollout holds, with awkward texts and members no version knows.
 * All are plain JSON that reads back as it was written.
 */
import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";

const AWKWARD_TEXTS = [
  "",
  " ",
  "line\nbreak",
  "carriage\r\nreturn",
  "\u2028\u2029",
  "\u0000",
  "\u{1f9f5} emoji",
  '"quoted" \\ back',
  '},"skein":{"more":3}}',
  "## My request for Codex: do it",
  "<environment_context>\n  <cwd>/w</cwd>\n</environment_context>",
  "<turn_aborted>\nstopped\n</turn_aborted>",
  '<hook_prompt hook_run_id="r1">go on</hook_prompt>',
  " <hook_prompt hook_run_id='r2'>a &amp; b</hook_prompt>\n",
  "<hook_prompt",
] as const;

/** Short text, often awkward, always well-formed. */
export function arbText(): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 8 }).map((text) => text.toWellFormed()) },
    { weight: 2, arbitrary: fc.constantFrom(...AWKWARD_TEXTS) },
  );
}

/** Members that no version knows, as a newer program would write them. */
export function arbUnknownMembers(): fc.Arbitrary<Readonly<Record<string, unknown>>> {
  const members = fc.dictionary(
    fc.string({ maxLength: 4 }).map((name) => `x_${name}`.toWellFormed()),
    arbJson(),
    { maxKeys: 2 },
  );
  return fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: members });
}

function arbJson(): fc.Arbitrary<unknown> {
  // Written once and read again: JSON has no -0, and what is appended has no broken surrogates.
  return fc.jsonValue({ maxDepth: 2 }).map((value): unknown => JSON.parse(JSON.stringify(value)));
}

/** An event of one kind. */
export function arbEvent(
  type: string,
  members: { readonly [name: string]: fc.Arbitrary<unknown> } = {},
): fc.Arbitrary<AppendableItem> {
  return fc
    .tuple(fc.record(members), arbUnknownMembers())
    .map(([known, unknown]) => ({ type: "event_msg", payload: { type, ...known, ...unknown } }));
}

/** A response item of one kind. */
export function arbResponse(
  type: string,
  members: { readonly [name: string]: fc.Arbitrary<unknown> },
): fc.Arbitrary<AppendableItem> {
  return fc
    .tuple(fc.record(members), arbUnknownMembers())
    .map(([known, unknown]) => ({ type: "response_item", payload: { type, ...known, ...unknown } }));
}

/** A message to or of the model. */
export function arbMessage(role: "user" | "developer" | "assistant"): fc.Arbitrary<AppendableItem> {
  const part = fc.record({
    type: fc.constant(role === "assistant" ? "output_text" : "input_text"),
    text: arbText(),
  });
  return arbResponse("message", {
    role: fc.constant(role),
    content: fc.array(part, { minLength: 1, maxLength: 2 }),
  });
}

/** A turn_context, of Codex (with its policies) or of Skein. */
export function arbTurnContext(turnId: string): fc.Arbitrary<AppendableItem> {
  return fc.tuple(fc.boolean(), fc.constantFrom("model-a", "model-b")).map(([isCodex, model]) => ({
    type: "turn_context",
    payload: {
      turn_id: turnId,
      cwd: "/work/place",
      ...(isCodex ? { approval_policy: "never", sandbox_policy: { type: "read-only" } } : {}),
      model,
      ...(isCodex ? { summary: "auto" } : {}),
    },
  }));
}

/** A token_count, with or without info. */
export function arbTokenCount(): fc.Arbitrary<AppendableItem> {
  const usage = fc.nat(1_000).map((tokens) => ({
    input_tokens: tokens,
    cached_input_tokens: 0,
    output_tokens: 2,
    reasoning_output_tokens: 1,
    total_tokens: tokens + 2,
  }));
  const info = fc.record({
    total_token_usage: usage,
    last_token_usage: usage,
    model_context_window: fc.constantFrom(null, 1_000),
  });
  return arbEvent("token_count", { info: fc.option(info), rate_limits: fc.constant(null) });
}

/** Replaces the history up to it, as newer files say it or as old ones did. */
export function arbCompacted(): fc.Arbitrary<AppendableItem> {
  const replaced = fc.array(arbMessage("user"), { maxLength: 2 }).map((items) => items.map((item) => item.payload));
  return fc.tuple(arbText(), fc.option(replaced, { nil: undefined })).map(([message, history]) => ({
    type: "compacted",
    payload: history === undefined ? { message } : { message, replacement_history: history as never },
  }));
}

/** Tools' ends and other items that bring an id, few ids so that some meet. */
export function arbToolEvent(turnId: string): fc.Arbitrary<AppendableItem> {
  const callId = fc.constantFrom("call-1", "call-2", "item-1");
  return fc.oneof(
    arbEvent("web_search_end", {
      call_id: callId,
      query: arbText(),
      action: fc.constantFrom({ type: "search", query: "q" }, { type: "open_page", url: "u" }, { type: "new" }),
    }),
    arbEvent("mcp_tool_call_end", {
      call_id: callId,
      invocation: fc.constant({ server: "s", tool: "t", arguments: { k: 1 } }),
      duration: fc.constant({ secs: 1, nanos: 5_000_000 }),
      result: fc.constantFrom(
        { Ok: { content: [], isError: false } },
        { Ok: { content: [], isError: true } },
        { Err: "no" },
      ),
    }),
    arbEvent("patch_apply_end", {
      call_id: callId,
      turn_id: fc.constantFrom(turnId, turnId, "", "turn-1", "nobody"),
      success: fc.boolean(),
      changes: fc.constantFrom({}, { "/a": { type: "add", content: "x" } }),
      status: fc.constantFrom("completed", "failed"),
    }),
    arbEvent("item_completed", {
      thread_id: fc.constant("thread"),
      turn_id: fc.constantFrom(turnId, "turn-1", "nobody"),
      item: fc.constantFrom(
        { type: "Plan", id: "plan-1", text: "do" },
        { type: "Plan", id: "plan-2", text: "" },
        { type: "AgentMessage", id: "m", content: [] },
      ),
    }),
    arbEvent("image_generation_end", {
      call_id: callId,
      status: fc.constant("completed"),
      result: arbText(),
    }),
  );
}

/** What stands between other records and makes no item: progress, other programs' kinds, snapshots. */
export function arbNoise(): fc.Arbitrary<AppendableItem> {
  return fc.oneof(
    arbTokenCount(),
    arbEvent("exec_command_end", { call_id: fc.constant("c") }),
    arbEvent("a_kind_to_come", { text: arbText() }),
    arbResponse("ghost_snapshot", { ghost_commit: fc.constant({ id: "x" }) }),
    arbResponse("a_type_to_come", { text: arbText() }),
    arbResponse("function_call", { name: arbText(), arguments: arbText(), call_id: fc.constant("call-1") }),
    arbResponse("function_call_output", { call_id: fc.constant("call-1"), output: arbText() }),
    arbResponse("reasoning", { summary: fc.constant([]), encrypted_content: arbText() }),
  );
}

/** Later session_meta lines: changed metadata of the thread `id`, or an ancestor's. */
export function arbSessionMeta(id: string): fc.Arbitrary<AppendableItem> {
  const git = fc.constantFrom(
    undefined,
    {},
    { branch: "main" },
    { commit_hash: "abc", branch: "next", repository_url: "https://example.invalid/r" },
  );
  return fc
    .record({
      id: fc.constantFrom(id, id, "ancestor-1", "ancestor-2"),
      git,
      mode: fc.constantFrom(undefined, "enabled", "disabled"),
    })
    .map(({ id: metaId, git: gitOf, mode }) => ({
      type: "session_meta",
      payload: {
        id: metaId,
        timestamp: "2026-05-05T10:00:00.000Z",
        cwd: "/work/place",
        originator: "arbitrary",
        cli_version: "0.130.0",
        source: "vscode",
        ...(gitOf === undefined ? {} : { git: gitOf }),
        ...(mode === undefined ? {} : { memory_mode: mode as "enabled" | "disabled" }),
      },
    }));
}

/** Any item that can be appended, of any kind, without regard to what stands before it. */
export function arbRolloutItem(): fc.Arbitrary<AppendableItem> {
  return fc.oneof(
    ...["turn-1", "turn-2", "turn-3"].map((id) => arbItemOfTurn(id)),
    fc.oneof(arbMessage("user"), arbMessage("developer"), arbMessage("assistant")),
  );
}

function arbItemOfTurn(turnId: string): fc.Arbitrary<AppendableItem> {
  return fc.oneof(
    { weight: 4, arbitrary: arbTurnEvent(turnId) },
    { weight: 2, arbitrary: arbToolEvent(turnId) },
    { weight: 2, arbitrary: arbNoise() },
    arbTurnContext(turnId),
    arbCompacted(),
    arbSessionMeta("thread"),
  );
}

/** Events that open, fill, end and drop turns. */
export function arbTurnEvent(turnId: string): fc.Arbitrary<AppendableItem> {
  const seconds = fc.integer({ min: 1_700_000_000, max: 1_800_000_000 });
  const ended = { completed_at: seconds, duration_ms: fc.nat(10_000) };
  return fc.oneof(
    arbEvent("task_started", { turn_id: fc.constant(turnId), started_at: seconds }),
    arbEvent("turn_started", { turn_id: fc.constant(turnId) }),
    arbEvent("task_complete", { turn_id: fc.constant(turnId), ...ended }),
    arbEvent("turn_complete", { turn_id: fc.constant(turnId) }),
    arbEvent("turn_aborted", { turn_id: fc.constantFrom(turnId, null), reason: fc.constant("interrupted"), ...ended }),
    arbEvent("user_message", { message: arbText(), images: fc.constantFrom([], ["http://i"], null) }),
    arbEvent("agent_message", { message: arbText(), phase: fc.constantFrom(null, "final_answer") }),
    arbEvent("agent_reasoning", { text: arbText() }),
    arbEvent("agent_reasoning_raw_content", { text: arbText() }),
    arbEvent("context_compacted"),
    arbEvent("entered_review_mode", {
      target: fc.constant({ type: "custom" }),
      user_facing_hint: fc.option(arbText()),
    }),
    arbEvent("exited_review_mode", {
      review_output: fc.option(fc.record({ overall_explanation: arbText() })),
    }),
    arbEvent("error", {
      message: arbText(),
      codex_error_info: fc.constantFrom(null, "other", "thread_rollback_failed"),
    }),
    arbEvent("thread_name_updated", { thread_id: fc.constant("thread"), thread_name: arbText() }),
    arbRollback(fc.constantFrom(turnId, "rollout-1", undefined)),
  );
}

/** A rollback by count, or one that also names its turn. */
export function arbRollback(before: fc.Arbitrary<string | undefined>): fc.Arbitrary<AppendableItem> {
  return fc.tuple(fc.integer({ min: 0, max: 3 }), before).map(([count, turnId]) => ({
    type: "event_msg",
    payload: {
      type: "thread_rolled_back",
      num_turns: count,
      ...(turnId === undefined ? {} : { before_turn_id: turnId }),
    },
  }));
}
