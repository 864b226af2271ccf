/**
 * Any single item a rollout holds, without regard to what stands before it: a log of them is one that no
 * program would write, and every reader must get through. All are plain JSON that reads back as it was
 * written.
 */
import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import {
  arbCompacted,
  arbMessage,
  arbNoise,
  arbReviewOutput,
  arbRollback,
  arbSessionMeta,
  arbToolEvent,
  arbTurnContext,
} from "./item-kind-arbitraries.ts";
import { arbEvent, arbText } from "./payload-arbitraries.ts";

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
    arbSessionMeta("01900000-0000-7000-8000-000000000001"),
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
      review_output: arbReviewOutput(),
    }),
    arbEvent("error", {
      message: arbText(),
      codex_error_info: fc.constantFrom(null, "other", "thread_rollback_failed"),
    }),
    arbEvent("thread_name_updated", { thread_id: fc.constant("thread"), thread_name: arbText() }),
    arbRollback(fc.constantFrom(turnId, "rollout-1", undefined)),
  );
}
