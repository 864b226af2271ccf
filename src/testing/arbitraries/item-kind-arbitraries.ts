/**
 * Arbitrary items of one kind each: messages, contexts, counts, compactions, tools' ends, metadata, and
 * the noise between them. Ids are few, so that some meet: an abort of a turn that is there, a tool that
 * ends twice.
 */
import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import { arbEvent, arbResponse, arbText } from "./payload-arbitraries.ts";

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
function arbTokenCount(): fc.Arbitrary<AppendableItem> {
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

/** What a review found, or null when it failed. */
export function arbReviewOutput(): fc.Arbitrary<unknown> {
  return fc.option(
    fc.record({
      findings: fc.constant([]),
      overall_correctness: fc.constant("patch is correct"),
      overall_explanation: arbText(),
      overall_confidence_score: fc.constantFrom(0.5, 1),
    }),
  );
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
      stdout: fc.constant(""),
      stderr: fc.constant(""),
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

const ANCESTOR_IDS = ["01900000-0000-7000-8000-0000000000a1", "01900000-0000-7000-8000-0000000000a2"] as const;

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
      id: fc.constantFrom(id, id, ...ANCESTOR_IDS),
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
        ...(mode === undefined ? {} : { memory_mode: mode }),
      },
    }));
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
