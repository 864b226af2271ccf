/**
 * Arbitrary logs of threads that were compacted: turns of every kind, and between them what reaches back
 * past a compaction (rollbacks, ends and items of turns that are over, compactions of old files).
 */
import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import { arbHistory } from "./history-arbitraries.ts";
import { arbTurnItems } from "./turn-arbitraries.ts";

type Items = readonly AppendableItem[];

const TURNS_MAX = 9;

function event(type: string, members: object = {}): AppendableItem {
  return { type: "event_msg", payload: { type, ...members } };
}

function message(text: string): AppendableItem {
  const content = [{ type: "input_text", text }];
  return { type: "response_item", payload: { type: "message", role: "user", content } };
}

/** A compaction as Skein records one; `hasEnd`: not left open. */
function compaction(turnId: string, hasEnd: boolean, base: readonly string[]): Items {
  const context: AppendableItem = { type: "turn_context", payload: { turn_id: turnId, cwd: "/w", model: "m" } };
  const replacement_history = base.map((text) => message(text).payload) as never;
  const compacted: AppendableItem = { type: "compacted", payload: { message: "so far", replacement_history } };
  const end = hasEnd ? [event("task_complete", { turn_id: turnId, completed_at: 5, duration_ms: 1 })] : [];
  return [event("task_started", { turn_id: turnId }), context, compacted, event("context_compacted"), ...end];
}

const arbTurnId = fc.nat(TURNS_MAX).map((n) => `turn-${n + 1}`);

/** Records that reach back: by a count, by a name, or into a turn that is over. */
const arbReach: fc.Arbitrary<Items> = fc.oneof(
  fc.nat(3).map((num_turns) => [event("thread_rolled_back", { num_turns })]),
  fc
    .tuple(fc.integer({ min: 1, max: 4 }), arbTurnId)
    .map(([num_turns, before_turn_id]) => [event("thread_rolled_back", { num_turns, before_turn_id })]),
  arbTurnId.map((turn_id) => [event("task_complete", { turn_id, completed_at: 9, duration_ms: 2 })]),
  arbTurnId.map((turn_id) => [event("turn_aborted", { turn_id, reason: "interrupted" })]),
  arbTurnId.map((turn_id) => [
    event("item_completed", { thread_id: "t", turn_id, item: { type: "Plan", id: "late", text: "x" } }),
  ]),
  fc.constant([message("injected")]),
  fc.constant([{ type: "compacted", payload: { message: "an old one" } } satisfies AppendableItem]),
  fc.constant([event("error", { message: "late" })]),
);

function step(index: number): fc.Arbitrary<Items> {
  const turnId = `turn-${index + 1}`;
  const compacted = fc
    .tuple(fc.constantFrom(true, true, false), fc.array(fc.constantFrom("a", "b"), { maxLength: 2 }))
    .map(([hasEnd, base]) => compaction(turnId, hasEnd, base));
  return fc.oneof(
    { weight: 6, arbitrary: arbTurnItems(turnId) },
    { weight: 3, arbitrary: compacted },
    { weight: 2, arbitrary: arbReach },
  );
}

/** A log, its session_meta first. */
export function arbCompactedLog(): fc.Arbitrary<Items> {
  const steps = Array.from({ length: TURNS_MAX }, (_, index) => step(index));
  return fc.tuple(arbHistory({ stepsMax: 1 }), ...steps).map((parts) => parts.flat());
}
