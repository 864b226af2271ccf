/**
 * Which kinds of items a thread's appends keep: Codex's own list, written out here a second time, and
 * what Skein adds to it.
 */
import { describe, expect, it } from "vitest";

import { isPersisted, PERSISTENCE_POLICY } from "../../src/events/index.ts";
import { compacted, event, message, meta } from "./item-builders.ts";

/** Codex 0.130's "limited" set of events. */
const LIMITED = [
  "user_message",
  "agent_message",
  "agent_reasoning",
  "agent_reasoning_raw_content",
  "patch_apply_end",
  "token_count",
  "context_compacted",
  "entered_review_mode",
  "exited_review_mode",
  "mcp_tool_call_end",
  "thread_rolled_back",
  "turn_aborted",
  "task_started",
  "turn_started",
  "task_complete",
  "turn_complete",
  "web_search_end",
  "image_generation_end",
];

describe("persistence policy", () => {
  it("keeps all types of records", () => {
    const context = { type: "turn_context", payload: { cwd: "/w", model: "m" } } as const;
    for (const item of [meta("t"), context, message("user", "a"), compacted("S")]) expect(isPersisted(item)).toBe(true);
  });

  it("keeps Codex's limited set of events, and error", () => {
    for (const kind of [...LIMITED, "error"]) expect(isPersisted(event(kind)), kind).toBe(true);
    const kept = Object.entries(PERSISTENCE_POLICY).filter(
      ([kind, rule]) => kind.startsWith("event_msg:") && rule.kept,
    );
    expect(kept.map(([kind]) => kind.slice(10)).toSorted()).toEqual([...LIMITED, "error", "item_completed"].toSorted());
  });

  it("keeps completed items only where they are plans", () => {
    expect(isPersisted(event("item_completed", { item: { type: "Plan" } }))).toBe(true);
    expect(isPersisted(event("item_completed", { item: { type: "AgentMessage" } }))).toBe(false);
    expect(isPersisted(event("item_completed"))).toBe(false);
  });

  it("keeps no deltas, no progress, and no kind it doesn't know", () => {
    for (const kind of ["agent_message_delta", "exec_command_end", "item_started", "to_come", "constructor"]) {
      expect(isPersisted(event(kind)), kind).toBe(false);
    }
  });

  it("gives a reason in every row", () => {
    for (const [kind, rule] of Object.entries(PERSISTENCE_POLICY)) expect(rule.reason, kind).not.toBe("");
  });
});
