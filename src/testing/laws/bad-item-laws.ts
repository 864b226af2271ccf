/**
 * Laws about items that can't be written, or not as they are: what would not read back as it went in is refused
 * before anything is written, and what is cleaned on its way is told as it will be read. Each bad item stands
 * among good ones, which are not written either.
 */
import { deepEqual, equal } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem, RolloutRecord } from "../../events/index.ts";
import { arbBatch, arbRolloutItem } from "../arbitraries/index.ts";
import { readItems, readLog, refused, seedThread, userMessage } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

class OfNoJson {
  readonly member = 1;
}

/** The laws of this file. */
export const badItemLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "bad-input.items",
    title: "items that would not read back are refused with their place, and nothing is written",
    generator: fc.array(
      fc.record({
        before: fc.oneof(fc.constant([]), arbBatch(3)),
        bad: arbUnwritable(),
        behind: fc.oneof(fc.constant([]), arbBatch(2)),
      }),
      { minLength: 1, maxLength: 10, size: "max" },
    ),
    holds: unwritableItemsAreRefused,
  }),
  storeLaw({
    id: "bad-input.cleaned-items",
    title: "an item with absent members, broken surrogates or a negative zero is told as it will be read",
    generator: fc.array(arbUnclean(), { minLength: 1, maxLength: 4 }),
    holds: cleanedItemsAreToldAsRead,
  }),
];

/** What JSON can't say, or would say otherwise. */
function arbNoJson(): fc.Arbitrary<unknown> {
  const cycle = fc.constant(null).map(() => {
    const value: Record<string, unknown> = { type: "x" };
    value["self"] = value;
    return value;
  });
  const values = [
    Number.NaN,
    Infinity,
    -Infinity,
    1n,
    [undefined],
    new Date(0),
    new Map(),
    new OfNoJson(),
    Symbol("x"),
  ];
  return fc.oneof(fc.constantFrom<unknown>(...values), fc.func(fc.constant(0)), cycle);
}

/** Wrapped in lists and objects, now and then deeper than any reader goes. */
function arbDeep(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const wrapped = fc
    .tuple(value, fc.array(fc.boolean(), { maxLength: 4 }))
    .map(([inner, wraps]) => wraps.reduce<unknown>((deep, isList) => (isList ? [deep] : { deep }), inner));
  const tooDeep = fc.constant(null).map(() => Array.from({ length: 200 }).reduce<unknown>((deep) => [deep], null));
  return fc.oneof({ weight: 9, arbitrary: wrapped }, { weight: 1, arbitrary: tooDeep });
}

function arbUnwritable(): fc.Arbitrary<unknown> {
  const knownWithoutWhatTheyNeed = [
    { type: "event_msg", payload: { message: "without a kind" } },
    { type: "event_msg", payload: { type: "user_message" } },
    { type: "event_msg", payload: { type: "user_message", message: 7 } },
    { type: "event_msg", payload: { type: "thread_rolled_back", num_turns: -1 } },
    { type: "response_item", payload: { type: "message", role: "user" } },
    { type: "turn_context", payload: { cwd: "/w" } },
    { type: "session_meta", payload: { id: "x" } },
    { type: "unknown", recordType: "future", payload: {} },
    { type: "unreadable", reason: "x" },
  ];
  const noObject = fc.constantFrom<unknown>(null, "text", 7, true, undefined, [], {}, { type: "event_msg" });
  const badPayload = fc
    .tuple(arbRolloutItem(), fc.constantFrom<unknown>(null, [], "text", 7, undefined))
    .map(([{ type }, payload]) => ({ type, payload }));
  const badType = fc
    .tuple(arbRolloutItem(), fc.constantFrom<unknown>("future", "", 7, null, "EVENT_MSG"))
    .map(([{ payload }, type]) => ({ type, payload }));
  const badMember = fc
    .tuple(arbRolloutItem(), arbDeep(arbNoJson()))
    .map(([{ type, payload }, member]) => ({ type, payload: { ...payload, x_member: member } }));
  return fc.oneof(noObject, fc.constantFrom<unknown>(...knownWithoutWhatTheyNeed), badPayload, badType, badMember);
}

interface BadAppend {
  readonly before: readonly AppendableItem[];
  readonly bad: unknown;
  readonly behind: readonly AppendableItem[];
}

async function unwritableItemsAreRefused(place: LawPlace, appends: readonly BadAppend[]): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store);
  const wrongly: string[] = [];
  for (const [index, { before, bad, behind }] of appends.entries()) {
    // The types forbid it; callers in plain JavaScript have none.
    const items = [...before, bad as AppendableItem, ...behind];
    try {
      const { data } = await refused(store.appendItems({ writer, items }), "invalid_argument");
      equal(data["index"], before.length, "the refusal names the item");
    } catch (error) {
      wrongly.push(`append ${index}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  deepEqual(wrongly, []);
  deepEqual(await readItems(store, id), [userMessage("hello")]);
  const answer = await store.appendItems({ writer, items: [userMessage("fine")] });
  equal(answer.firstOrdinal, 2, "refused appends take no ordinals");
}

/** A message with members that are not written as they are. */
function arbUnclean(): fc.Arbitrary<AppendableItem> {
  const text = fc
    .array(fc.constantFrom("\ud800", "\udc00", "a", "é", "\u{1f600}"), { maxLength: 6 })
    .map((parts) => parts.join(""));
  const value = fc.oneof(
    text,
    fc.constantFrom<unknown>(undefined, -0, [-0], { x: undefined, y: "\udfff" }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  );
  const members = fc.dictionary(
    text.map((name) => `x_${name}`),
    value,
    { maxKeys: 3, noNullPrototype: true },
  );
  return fc
    .tuple(text, members)
    .map(([message, more]) => ({ type: "event_msg", payload: { type: "user_message", message, ...more } }));
}

async function cleanedItemsAreToldAsRead(place: LawPlace, items: readonly AppendableItem[]): Promise<void> {
  let store = await place.open();
  const { id, writer } = await seedThread(store, []);
  const told: RolloutRecord[] = [];
  store.subscribe((event) => {
    if (event.type === "appended") told.push(...event.records);
  });
  for (const item of items) await store.appendItems({ writer, items: [item] });
  deepEqual(told, await readLog(store, id, { from: 1 }));
  if (!place.claims.reopen) return;
  store = await place.reopen(store);
  deepEqual(told, await readLog(store, id, { from: 1 }), "as it is read after reopening");
}
