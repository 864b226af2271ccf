/**
 * Arbitrary logs whose records reach back: tools' ends and items that name turns closed long ago, ends of
 * turns that are over, rollbacks by count and by name, ids that come twice, input that waits for its turn while
 * something else is told. Denser in such than what a program writes. Not a test.
 */
import fc from "fast-check";

import { type AppendableItem, encodeLine } from "../../src/events/index.ts";
import {
  arbCompactedLog,
  arbHistory,
  arbLog,
  arbOddLine,
  arbRolloutItem,
  arbTurnEvents,
} from "../../src/testing/arbitraries/index.ts";
import { bytesOf } from "../events/log-reading.ts";

type Items = readonly AppendableItem[];

export const REACHING_ID = "01900000-0000-7000-8000-000000000001";

export function event(type: string, members: object = {}): AppendableItem {
  return { type: "event_msg", payload: { type, ...members } };
}

export function metaItem(id: string = REACHING_ID, more: object = {}): AppendableItem {
  const payload = { id, timestamp: "2026-05-05T10:00:00.000Z", cwd: "/w", originator: "o", cli_version: "0.130.0" };
  return { type: "session_meta", payload: { ...payload, source: "cli", ...more } };
}

/** A message to the model: input, for a turn that has no start event. */
export function inputItem(text: string): AppendableItem {
  return { type: "response_item", payload: { type: "message", role: "user", content: [{ type: "input_text", text }] } };
}

export function tokenCountItem(tokens: number | null): AppendableItem {
  const usage = { input_tokens: tokens, cached_input_tokens: 0, output_tokens: 0, reasoning_output_tokens: 0 };
  const told = { ...usage, total_tokens: tokens };
  const info = { total_token_usage: told, last_token_usage: told, model_context_window: null };
  return event("token_count", { info: tokens === null ? null : info });
}

const arbId = fc.constantFrom("turn-1", "turn-2", "turn-3", "turn-4");
const arbTimes = fc.record({ completed_at: fc.nat(9), duration_ms: fc.nat(9) });

const arbPiece: fc.Arbitrary<Items> = fc.oneof(
  { weight: 5, arbitrary: arbId.map((id) => turnItems(id)) },
  { weight: 2, arbitrary: arbId.map((id) => [event("task_started", { turn_id: id })]) },
  {
    weight: 2,
    arbitrary: fc.tuple(arbId, arbTimes).map(([id, times]) => [event("task_complete", { turn_id: id, ...times })]),
  },
  fc
    .tuple(fc.option(arbId), arbTimes)
    .map(([id, times]) => [event("turn_aborted", { turn_id: id, reason: "interrupted", ...times })]),
  { weight: 2, arbitrary: fc.nat(3).map((num_turns) => [event("thread_rolled_back", { num_turns })]) },
  {
    weight: 3,
    arbitrary: fc.nat(3).map((num_turns) => [event("thread_rolled_back", { num_turns }), inputItem("hello")]),
  },
  // Late for a turn, while another is open.
  {
    weight: 2,
    arbitrary: fc
      .tuple(arbId, arbId)
      .map(([open, late]) => [event("task_started", { turn_id: open }), planItem(late, "p1")]),
  },
  fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.oneof(arbId, fc.constantFrom("rollout-1", "rollout-4", "nobody")))
    .map(([num_turns, before_turn_id]) => [event("thread_rolled_back", { num_turns, before_turn_id })]),
  { weight: 2, arbitrary: fc.tuple(arbId, fc.constantFrom("p1", "p2")).map(([id, item]) => [planItem(id, item)]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.oneof(arbId, fc.constant("")), fc.constantFrom("c1", "c2"))
      .map(([id, call]) => [patchEnd(id, call)]),
  },
  { weight: 2, arbitrary: fc.constantFrom("hello", "again").map((text) => [event("user_message", { message: text })]) },
  { weight: 2, arbitrary: fc.constantFrom("hello", "again").map((text) => [inputItem(text)]) },
  { weight: 2, arbitrary: fc.option(fc.nat(9)).map((tokens) => [tokenCountItem(tokens)]) },
  fc
    .tuple(fc.option(fc.nat(9)), fc.option(fc.nat(9)))
    .map(([before, behind]) => [
      inputItem("hello"),
      tokenCountItem(before),
      event("user_message", { message: "hello" }),
      tokenCountItem(behind),
    ]),
  fc.boolean().map((isWhole) => [compactedItem(isWhole)]),
  {
    weight: 2,
    // What goes on after the end of another turn is the same item still.
    arbitrary: fc
      .tuple(arbId, fc.constantFrom("", "so"))
      .map(([id, text]) => [
        event("agent_reasoning", { text }),
        event("task_complete", { turn_id: id }),
        event("agent_reasoning", { text: "then" }),
      ]),
  },
  fc.constantFrom("", "found it", "numbat").map((message) => [event("agent_message", { message })]),
  fc.constantFrom("main", "next").map((branch) => [metaItem(REACHING_ID, { git: { branch } })]),
  fc
    .constantFrom("One", " ")
    .map((name) => [event("thread_name_updated", { thread_id: REACHING_ID, thread_name: name })]),
  fc
    .constantFrom(null, "other", "thread_rollback_failed")
    .map((info) => [event("error", { message: "no", codex_error_info: info })]),
  fc.constant([{ type: "turn_context", payload: { cwd: "/w", model: "m2" } } satisfies AppendableItem]),
);

/** Logs as latin1 text, a character a byte: a counter-example can be read. */
export function arbAnyLog(): fc.Arbitrary<string> {
  return fc
    .oneof(
      { weight: 3, arbitrary: arbLog({ isTorn: false }).map(({ bytes }) => bytes) },
      { weight: 1, arbitrary: fc.tuple(arbHistory(), arbTurnEvents()).map((parts) => bytesOf(parts.flat())) },
      { weight: 2, arbitrary: arbCompactedLog().map((items) => bytesOf(items)) },
      { weight: 4, arbitrary: arbReachingLog().map((items) => bytesOf(items)) },
      { weight: 2, arbitrary: arbLyingLog() },
      { weight: 1, arbitrary: fc.array(arbRolloutItem(), { maxLength: 40 }).map((items) => bytesOf(items)) },
    )
    .map((bytes) => Buffer.from(bytes).toString("latin1"));
}

/** Lines of which many are not what their first bytes say, between turns that have no start event. */
function arbLyingLog(linesMax = 20): fc.Arbitrary<Uint8Array> {
  const told = fc.constantFrom(
    inputItem("hello"),
    event("user_message", { message: "hello" }),
    event("agent_message", { message: "found it" }),
    event("task_complete", { turn_id: "turn-1" }),
    event("thread_rolled_back", { num_turns: 1 }),
    tokenCountItem(3),
  );
  const line = fc.oneof(
    { weight: 3, arbitrary: told.map((item) => Buffer.from(encodeLine(item, "2026-05-05T10:00:01.000Z"))) },
    { weight: 1, arbitrary: arbOddLine().map((bytes) => Buffer.from(bytes)) },
  );
  const meta = Buffer.from(encodeLine(metaItem(), "2026-05-05T10:00:00.000Z"));
  return fc.array(line, { maxLength: linesMax }).map((lines) => Buffer.concat([meta, ...lines]));
}

/** A log, its session_meta first. */
export function arbReachingLog(piecesMax = 24): fc.Arbitrary<Items> {
  return fc.array(arbPiece, { maxLength: piecesMax }).map((pieces) => [metaItem(), ...pieces.flat()]);
}

export function turnItems(turnId: string, text: string = turnId): AppendableItem[] {
  return [
    event("task_started", { turn_id: turnId, started_at: 1 }),
    event("user_message", { message: `ask ${text}` }),
    event("agent_message", { message: `answer ${text}` }),
    event("task_complete", { turn_id: turnId, completed_at: 2, duration_ms: 3 }),
  ];
}

function planItem(turnId: string, id: string): AppendableItem {
  return event("item_completed", { thread_id: "t", turn_id: turnId, item: { type: "Plan", id, text: "x" } });
}

function patchEnd(turnId: string, callId: string): AppendableItem {
  const members = { call_id: callId, turn_id: turnId, stdout: "", stderr: "", success: true, changes: {} };
  return event("patch_apply_end", { ...members, status: "completed" });
}

function compactedItem(isWhole: boolean): AppendableItem {
  const history = [{ type: "message", role: "user", content: [{ type: "input_text", text: "so far" }] }];
  const payload = isWhole ? { message: "so far", replacement_history: history } : { message: "so far" };
  return { type: "compacted", payload };
}

/** More turns than a fold keeps the items of, with records late for some of them and rollbacks of one turn. */
export function manyTurns(shape: {
  readonly turns: number;
  /** After which turn, for which turn. */
  readonly late: readonly (readonly [after: number, of: number])[];
  /** After which turns one is rolled back. */
  readonly rollbacks: readonly number[];
}): Items {
  const items: AppendableItem[] = [metaItem()];
  for (let n = 0; n < shape.turns; n += 1) {
    items.push(...turnItems(`many-${n}`));
    for (const [after, of] of shape.late) if (after === n) items.push(planItem(`many-${of}`, "late"));
    if (shape.rollbacks.includes(n)) items.push(event("thread_rolled_back", { num_turns: 1 }));
  }
  return items;
}
