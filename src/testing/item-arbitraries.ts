/**
 * Arbitrary rollout items, for properties: every kind that is kept, with awkward texts and with members
 * nobody knows. All of them are plain JSON, so that what is read back can be compared as it stands.
 */
import fc from "fast-check";

import type { AppendableItem } from "../events/index.ts";

const AWKWARD_TEXTS = [
  "",
  " ",
  "line\nbreak",
  "carriage\r\nreturn",
  "\u2028\u2029",
  "\u0000",
  "\u{1f9f5} emoji",
  '"quoted" \\ back',
  "## My request for Codex: do it",
  "<hook_prompt",
] as const;

/** Text, often awkward, never long. */
export function anyText(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 12 }),
    // Appending replaces broken surrogates; text that is asked for again must have none.
    fc.string({ unit: "binary", maxLength: 8 }).map((text) => text.toWellFormed()),
    fc.constantFrom(...AWKWARD_TEXTS),
  );
}

/** Members that no version knows, as a newer Codex would write them. */
export function unknownMembers(): fc.Arbitrary<Readonly<Record<string, unknown>>> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    fc
      .dictionary(
        fc.string({ maxLength: 5 }).map((name) => `x_${name}`),
        fc.jsonValue({ maxDepth: 2 }),
        {
          maxKeys: 2,
        },
      )
      // What JSON can't say (-0) must not be asked for.
      .map((members) => JSON.parse(JSON.stringify(members)) as Readonly<Record<string, unknown>>),
  );
}

/** The id of one of a few turns, so that starts and ends meet. */
export function anyTurnId(): fc.Arbitrary<string> {
  return fc.integer({ min: 1, max: 6 }).map((n) => `turn-${n}`);
}

function eventMsg(
  type: string,
  members: { readonly [name: string]: fc.Arbitrary<unknown> },
): fc.Arbitrary<AppendableItem> {
  return fc
    .tuple(fc.record(members), unknownMembers())
    .map(([known, unknown]) => ({ type: "event_msg", payload: { type, ...known, ...unknown } }));
}

/** Events of the kinds that make and end turns. */
export function turnEvent(): fc.Arbitrary<AppendableItem> {
  const seconds = fc.integer({ min: 1_700_000_000, max: 1_800_000_000 });
  return fc.oneof(
    eventMsg("task_started", { turn_id: anyTurnId(), started_at: seconds }),
    eventMsg("user_message", { message: anyText() }),
    eventMsg("agent_message", { message: anyText() }),
    eventMsg("agent_reasoning", { text: anyText() }),
    eventMsg("task_complete", {
      turn_id: anyTurnId(),
      last_agent_message: fc.constant(null),
      completed_at: seconds,
      duration_ms: fc.nat(10_000),
    }),
    eventMsg("turn_aborted", { turn_id: anyTurnId(), reason: fc.constant("interrupted") }),
    eventMsg("context_compacted", {}),
    eventMsg("thread_rolled_back", { num_turns: fc.integer({ min: 1, max: 3 }) }),
  );
}

/** Any item that can be appended and says nothing about metadata. */
export function anyItem(): fc.Arbitrary<AppendableItem> {
  const response = fc.tuple(anyText(), unknownMembers()).map(([text, unknown]): AppendableItem => ({
    type: "response_item",
    payload: {
      type: "message",
      role: "user",
      content: [{ type: "input_text", text }],
      ...unknown,
    },
  }));
  const context = fc.tuple(anyTurnId(), fc.constantFrom("gpt-a", "gpt-b")).map(([turnId, model]): AppendableItem => ({
    type: "turn_context",
    payload: { turn_id: turnId, cwd: "/work/place", model },
  }));
  const compacted = anyText().map((message): AppendableItem => ({ type: "compacted", payload: { message } }));
  return fc.oneof({ weight: 6, arbitrary: turnEvent() }, response, context, compacted);
}

/** One append's worth of items. */
export function anyBatch(itemsMax = 5): fc.Arbitrary<readonly AppendableItem[]> {
  return fc.array(anyItem(), { minLength: 1, maxLength: itemsMax });
}

/** Several appends, in order. */
export function anyBatches(batchesMax = 6): fc.Arbitrary<readonly (readonly AppendableItem[])[]> {
  return fc.array(anyBatch(), { minLength: 1, maxLength: batchesMax });
}
