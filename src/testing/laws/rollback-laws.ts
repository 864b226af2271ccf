/**
 * Laws of rolling back: a marker in the log drops turns from all that is shown of a thread, and nothing from the log.
 * The model is a plain list of turns from which the dropped ones were taken; how turns are folded from records is
 * turn-page-laws.ts, so all turns here are simple ones.
 */
import { deepEqual, equal } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import type { SortDirection, ThreadStore } from "../../store/index.ts";
import { forkAt } from "../fork-steps.ts";
import { agentMessage, readItems, refused, seedThread, userMessage } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** One thing that happens to a thread. `rollback` and `revert` say how many turns go: more than there are is all. */
type Step =
  | { readonly kind: "turn"; readonly messages: number; readonly isLeftOpen: boolean }
  | { readonly kind: "rollback" | "revert"; readonly count: number };

const arbTurn: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant("turn" as const),
  messages: fc.integer({ min: 1, max: 3 }),
  isLeftOpen: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const arbCount = fc.integer({ min: 1, max: 4 });

function arbSteps(dropping: "rollback" | "revert"): fc.Arbitrary<readonly Step[]> {
  const drop: fc.Arbitrary<Step> = fc.record({ kind: fc.constant(dropping), count: arbCount });
  return fc
    .tuple(
      arbTurn,
      fc.array(fc.oneof({ weight: 3, arbitrary: arbTurn }, { weight: 2, arbitrary: drop }), {
        minLength: 1,
        maxLength: 10,
      }),
      drop,
    )
    .map(([first, between, last]) => [first, ...between, last]);
}

/** Turns, and a rollback of fewer than all of them at the end. */
const arbCut = fc.record({
  turns: fc.array(arbTurn, { minLength: 1, maxLength: 7 }),
  count: arbCount,
});

/** The laws of this file. */
export const rollbackLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "rollback.markers",
    title: "a rollback drops the newest turns, as many as it says, from turns and items, and nothing from the log",
    runs: 12,
    generator: fc.record({ steps: arbSteps("rollback"), limit: fc.integer({ min: 1, max: 4 }) }),
    holds: droppedTurnsAreGone,
  }),
  storeLaw({
    id: "rollback.revert",
    title: "a revert drops the turn it names and all behind it from turns and items, and nothing from the log",
    runs: 12,
    generator: fc.record({ steps: arbSteps("revert"), limit: fc.integer({ min: 1, max: 4 }) }),
    holds: droppedTurnsAreGone,
  }),
  storeLaw({
    id: "rollback.cursors",
    title: "after a rollback a cursor of a turn that stands goes on where it was, one of a dropped turn is refused",
    runs: 12,
    generator: arbCut,
    holds: cursorsOfDroppedTurnsAreRefused,
  }),
  storeLaw({
    id: "rollback.fork",
    title: "a fork that is cut before a rollback has the turns it dropped, one cut behind it has not",
    needs: ["fork"],
    runs: 10,
    generator: arbCut,
    holds: forksHaveTheirOwnRollbacks,
  }),
  storeLaw({
    id: "rollback.reopened",
    title: "what was rolled back is gone after reopening too, and turns go on behind what stands",
    needs: ["reopen"],
    runs: 10,
    generator: fc.record({ steps: arbSteps("rollback"), later: arbSteps("revert") }),
    holds: rollbacksSurviveReopening,
  }),
];

interface ModelTurn {
  readonly id: string;
  readonly texts: readonly string[];
}

/** What the thread is by the plain model. */
interface Model {
  readonly standing: ModelTurn[];
  readonly log: AppendableItem[];
  turns: number;
}

function newModel(): Model {
  return { standing: [], log: [], turns: 0 };
}

function event(type: string, members: object): AppendableItem {
  return { type: "event_msg", payload: { type, ...members } };
}

/** What the step appends; the model is as after it. */
function take(model: Model, step: Step): readonly AppendableItem[] {
  const items = step.kind === "turn" ? takeTurn(model, step) : takeDrop(model, step);
  model.log.push(...items);
  return items;
}

function takeTurn(model: Model, { messages, isLeftOpen }: Step & { readonly kind: "turn" }): readonly AppendableItem[] {
  model.turns += 1;
  const id = `turn ${model.turns}`;
  const texts = Array.from({ length: messages }, (_, n) => `${n === 0 ? "ask" : `answer ${n}`} of ${id}`);
  model.standing.push({ id, texts });
  return [
    event("task_started", { turn_id: id }),
    ...texts.map((text, n) => (n === 0 ? userMessage(text) : agentMessage(text))),
    ...(isLeftOpen ? [] : [event("task_complete", { turn_id: id, completed_at: 9, duration_ms: 9 })]),
  ];
}

function takeDrop(
  model: Model,
  { kind, count }: Step & { readonly kind: "rollback" | "revert" },
): readonly AppendableItem[] {
  const at = Math.max(0, model.standing.length - count);
  const first = model.standing[at];
  // A revert names a turn; without one there is nothing to revert to.
  const names = kind === "revert" && first !== undefined ? { before_turn_id: first.id } : {};
  const num_turns = kind === "revert" ? Math.max(1, model.standing.length - at) : count;
  model.standing.splice(at);
  return [event("thread_rolled_back", { num_turns, ...names })];
}

async function takeAll(store: ThreadStore, model: Model, steps: readonly Step[]): ReturnType<typeof seedThread> {
  const seeded = await seedThread(store, []);
  for (const step of steps) await store.appendItems({ writer: seeded.writer, items: take(model, step) });
  return seeded;
}

interface Shown {
  readonly threadId: string;
  readonly model: Model;
  readonly limit?: number;
}

/** Items of turns of these kinds have their text in one of two members. */
function textOf(item: object): string {
  if ("text" in item && typeof item.text === "string") return item.text;
  const content: unknown = "content" in item && Array.isArray(item.content) ? item.content[0] : undefined;
  return typeof content === "object" && content !== null && "text" in content ? String(content.text) : "";
}

/** Holds turns, items and log against the model, both ways. */
async function isShown(place: LawPlace, store: ThreadStore, { threadId, model, limit = 10 }: Shown): Promise<void> {
  deepEqual(await readItems(store, threadId), model.log);
  for (const sortDirection of ["asc", "desc"] as const) {
    const turns = await turnsOf(store, { threadId, limit, sortDirection });
    const expected = sortDirection === "asc" ? model.standing : model.standing.toReversed();
    deepEqual(turns, expected);
    if (!place.claims.itemLists) continue;
    const items = await itemsOf(store, { threadId, limit, sortDirection });
    const flat = model.standing.flatMap(({ id, texts }) => texts.map((text) => ({ id, text })));
    deepEqual(items, sortDirection === "asc" ? flat : flat.toReversed());
  }
}

interface Asked {
  readonly threadId: string;
  readonly limit: number;
  readonly sortDirection: SortDirection;
  readonly cursor?: string;
}

/** From the cursor on. */
async function turnsOf(store: ThreadStore, asked: Asked): Promise<readonly ModelTurn[]> {
  const page = await store.listTurns({ ...asked, itemsView: "full" });
  const turns = page.data.map(({ id, items }) => ({ id, texts: items.map(textOf) }));
  return page.nextCursor === null
    ? turns
    : [...turns, ...(await turnsOf(store, { ...asked, cursor: page.nextCursor }))];
}

async function itemsOf(store: ThreadStore, asked: Asked): Promise<readonly unknown[]> {
  const page = await store.listItems(asked);
  const items = page.data.map(({ turnId, item }) => ({ id: turnId, text: textOf(item) }));
  return page.nextCursor === null
    ? items
    : [...items, ...(await itemsOf(store, { ...asked, cursor: page.nextCursor }))];
}

interface Markers {
  readonly steps: readonly Step[];
  readonly limit: number;
}

async function droppedTurnsAreGone(place: LawPlace, { steps, limit }: Markers): Promise<void> {
  const store = await place.open();
  const model = newModel();
  const { id: threadId, writer } = await seedThread(store, []);
  for (const step of steps) {
    await store.appendItems({ writer, items: take(model, step) });
    if (step.kind !== "turn") await isShown(place, store, { threadId, model, limit });
  }
  await store.shutdownThread(writer);
  await isShown(place, store, { threadId, model, limit });
}

interface Cut {
  readonly turns: readonly Step[];
  readonly count: number;
}

async function cursorsOfDroppedTurnsAreRefused(place: LawPlace, { turns, count }: Cut): Promise<void> {
  const store = await place.open();
  const model = newModel();
  const { id: threadId, writer } = await takeAll(store, model, turns);
  const before = [...model.standing];
  const ask = { threadId, limit: 1 } as const;
  const cursors: { readonly cursor: string; readonly turn: ModelTurn; readonly sortDirection: SortDirection }[] = [];
  for (const sortDirection of ["asc", "desc"] as const) {
    let cursor: string | undefined;
    for (const turn of sortDirection === "asc" ? before : before.toReversed()) {
      const page = await store.listTurns({ ...ask, sortDirection, ...(cursor === undefined ? {} : { cursor }) });
      cursor = page.nextCursor ?? undefined;
      if (cursor !== undefined) cursors.push({ cursor, turn, sortDirection });
    }
  }
  await store.appendItems({ writer, items: take(model, { kind: "rollback", count }) });
  for (const { cursor, turn, sortDirection } of cursors) {
    const at = model.standing.indexOf(turn);
    if (at < 0) await refused(store.listTurns({ ...ask, sortDirection, cursor }), "invalid_cursor");
    else {
      const expected =
        sortDirection === "asc" ? model.standing.slice(at + 1) : model.standing.slice(0, at).toReversed();
      deepEqual(await turnsOf(store, { ...ask, sortDirection, cursor }), expected);
    }
  }
}

async function forksHaveTheirOwnRollbacks(place: LawPlace, { turns, count }: Cut): Promise<void> {
  const store = await place.open();
  const model = newModel();
  const { id, writer } = await takeAll(store, model, turns);
  const before = [...model.standing];
  const endOrdinal = model.log.length + 1;
  await store.appendItems({ writer, items: take(model, { kind: "rollback", count }) });
  for (const [cut, standing] of [
    [endOrdinal, before],
    [endOrdinal + 1, model.standing],
  ] as const) {
    const fork = await forkAt(store, id, cut);
    deepEqual(await turnsOf(store, { threadId: fork.id, limit: 3, sortDirection: "asc" }), standing);
    // A rollback of the one is none of the other.
    await store.appendItems({ writer: fork.writer, items: [event("thread_rolled_back", { num_turns: 1 })] });
    deepEqual(await turnsOf(store, { threadId: fork.id, limit: 3, sortDirection: "asc" }), standing.slice(0, -1));
    await isShown(place, store, { threadId: id, model });
  }
}

interface Reopened {
  readonly steps: readonly Step[];
  readonly later: readonly Step[];
}

async function rollbacksSurviveReopening(place: LawPlace, { steps, later }: Reopened): Promise<void> {
  const store = await place.open();
  const model = newModel();
  const { id: threadId } = await takeAll(store, model, steps);
  const reopened = await place.reopen(store);
  await isShown(place, reopened, { threadId, model });
  const { writer, nextOrdinal } = await reopened.resumeThread({ threadId });
  equal(nextOrdinal, model.log.length + 1);
  for (const step of later) await reopened.appendItems({ writer, items: take(model, step) });
  await isShown(place, reopened, { threadId, model });
}
