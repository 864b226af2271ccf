/**
 * Arbitrary turns: the records of one exchange in the order a thread writes them, for each way a turn can
 * go: completed, failed, interrupted, still open, steered, a review, a compaction, a shell command, and the
 * ones of old files that have no start event.
 */
import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import {
  arbCompacted,
  arbMessage,
  arbNoise,
  arbReviewOutput,
  arbToolEvent,
  arbTurnContext,
} from "./item-kind-arbitraries.ts";
import { arbEvent, arbText } from "./payload-arbitraries.ts";

type Items = readonly AppendableItem[];

/** The records of one turn with this id. */
export function arbTurnItems(turnId: string): fc.Arbitrary<Items> {
  return fc.oneof(
    { weight: 5, arbitrary: framed(turnId, conversation(turnId)) },
    {
      weight: 1,
      arbitrary: framed(turnId, fc.tuple(input(turnId), body(turnId), input(turnId), body(turnId)).map(flat)),
    },
    { weight: 1, arbitrary: framed(turnId, compaction()) },
    { weight: 1, arbitrary: framed(turnId, fc.constant([message("<user_shell_command>ls</user_shell_command>")])) },
    { weight: 1, arbitrary: review(turnId) },
    { weight: 2, arbitrary: conversation(turnId) },
  );
}

/** Between a start event and one of the ends, or none. */
function framed(turnId: string, items: fc.Arbitrary<Items>): fc.Arbitrary<Items> {
  const seconds = fc.integer({ min: 1_700_000_000, max: 1_700_000_100 });
  const start = arbEvent("task_started", { turn_id: fc.constant(turnId), started_at: seconds });
  const complete = arbEvent("task_complete", {
    turn_id: fc.constant(turnId),
    completed_at: seconds,
    duration_ms: fc.nat(1_000),
  });
  const aborted = arbEvent("turn_aborted", { turn_id: fc.constant(turnId), reason: fc.constant("interrupted") });
  const error = arbEvent("error", { message: arbText(), codex_error_info: fc.constantFrom(null, "other") });
  const end: fc.Arbitrary<Items> = fc.oneof(
    { weight: 5, arbitrary: fc.tuple(complete) },
    { weight: 1, arbitrary: fc.tuple(error, complete) },
    { weight: 1, arbitrary: fc.tuple(aborted) },
    { weight: 1, arbitrary: fc.constant([]) },
  );
  return fc.tuple(start, items, end).map(([first, middle, last]) => [first, ...middle, ...last]);
}

function conversation(turnId: string): fc.Arbitrary<Items> {
  return fc.tuple(input(turnId), body(turnId)).map(flat);
}

/** Context, the message to the model, and the same message as it is shown. */
function input(turnId: string): fc.Arbitrary<Items> {
  const context = fc.oneof(
    fc.constant([]),
    fc.tuple(arbTurnContext(turnId)),
    fc.tuple(arbMessage("developer"), arbTurnContext(turnId)),
  );
  return fc
    .tuple(context, arbText())
    .map(([before, text]): Items => [
      ...before,
      message(text),
      { type: "event_msg", payload: { type: "user_message", message: text, images: [] } },
    ]);
}

function message(text: string): AppendableItem {
  return {
    type: "response_item",
    payload: { type: "message", role: "user", content: [{ type: "input_text", text }] },
  };
}

function body(turnId: string): fc.Arbitrary<Items> {
  const answer = arbText().map((text): Items => [
    { type: "event_msg", payload: { type: "agent_message", message: text } },
    {
      type: "response_item",
      payload: { type: "message", role: "assistant", content: [{ type: "output_text", text }] },
    },
  ]);
  const thought = arbEvent("agent_reasoning", { text: arbText() }).map((item): Items => [item]);
  const tool = arbToolEvent(turnId).map((item): Items => [item]);
  const noise = arbNoise().map((item): Items => [item]);
  return fc.array(fc.oneof(answer, thought, tool, noise), { maxLength: 4 }).map(flat);
}

function compaction(): fc.Arbitrary<Items> {
  return fc.tuple(arbCompacted(), arbEvent("context_compacted"));
}

/** A review's marker stands before the turn it belongs to, and its end names another turn. */
function review(turnId: string): fc.Arbitrary<Items> {
  const entered = arbEvent("entered_review_mode", {
    target: fc.constant({ type: "custom" }),
    user_facing_hint: arbText(),
  });
  const exited = arbEvent("exited_review_mode", {
    review_output: arbReviewOutput(),
  });
  return fc
    .tuple(entered, framed(turnId, conversation(turnId)), exited)
    .map(([first, middle, last]): Items => [first, ...middle, last]);
}

function flat(parts: readonly Items[]): Items {
  return parts.flat();
}
