/**
 * Laws of lists: complete and exact for any page size and order, also while threads are written to. The
 * model is the plain one: read every thread, sort by (key, id). Time stands still between most of the
 * writes, so that ties are the rule and not the exception.
 */
import { deepEqual, equal, fail, ok } from "node:assert/strict";

import fc from "fast-check";

import { systemClock } from "../../base/index.ts";
import type { AppendableItem } from "../../events/index.ts";
import type { ListThreadsParams, SortDirection, StoredThread, ThreadStore } from "../../store/index.ts";
import { agentMessage, readAllThreads, readLog, seedThread, userMessage } from "../law-steps.ts";
import {
  anyPopulation,
  anyWalked,
  directions,
  idsOf,
  inOrder,
  keyOf,
  type ListOrder,
  openPopulated,
  orders,
  type Populated,
  type Population,
  readEach,
  touch,
  type Walked,
  walk,
} from "../list-steps.ts";
import { createSettableClock } from "../settable-clock.ts";
import { listContentLaws } from "./list-content-laws.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

const updateOrders = orders.filter(({ sortKey }) => sortKey === "updated_at");

/** The laws of this file, and of what a list shows. */
export const listLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "list.complete",
    title: "a walk lists each thread exactly once, in order, for any page size, sort and direction, equal times too",
    runs: 12,
    generator: anyWalked(),
    holds: walksAreComplete,
  }),
  storeLaw({
    id: "list.under-writes",
    title: "threads that stay are listed exactly once while others are appended to, made, moved and deleted",
    runs: 30,
    generator: fc.record({
      population: anyPopulation(),
      // Only a time that an append changes can move a thread under a walk.
      order: fc.constantFrom(...orders, ...updateOrders, ...updateOrders),
      limit: fc.integer({ min: 1, max: 3 }),
      between: fc.array(arbChanges(), { maxLength: 8, size: "max" }),
    }),
    holds: walksAreCompleteUnderWrites,
  }),
  storeLaw({
    id: "list.backwards",
    title: "the backwards cursor of a page lists what came before it, in the opposite direction",
    runs: 8,
    generator: anyWalked(),
    holds: backwardsCursorsMeet,
  }),
  storeLaw({
    id: "list.back-is-new",
    title: "a walk back from a page sees what was written since: it is a walk of its own",
    runs: 16,
    generator: fc.record({
      population: anyPopulation(),
      order: fc.constantFrom(...orders, ...updateOrders),
      limit: fc.integer({ min: 1, max: 3 }),
      pages: fc.nat(3),
      changes: arbChanges(),
    }),
    holds: walksBackAreNew,
  }),
  storeLaw({
    id: "list.walks-meet",
    title: "a walk back from the last page meets the walk that led there, without gap or double",
    runs: 8,
    generator: anyWalked(),
    holds: walksMeet,
  }),
  storeLaw({
    id: "list.recency",
    title: "a list by recency follows the newest turn begun, and a walk keeps the order it began with",
    needs: ["clock"],
    generator: arbRecency(),
    holds: recencyIsOfTurns,
  }),
  storeLaw({
    id: "list.says-as-of",
    title: "an answer over all threads says that it is complete, and as of a moment after its call",
    runs: 5,
    generator: fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 1, maxLength: 4 }),
    holds: answersSayAsOf,
  }),
  storeLaw({
    id: "list.limits",
    title: "a list without a limit gives the default number, a huge limit no more than there are",
    runs: 2,
    generator: fc.record({ count: fc.integer({ min: 24, max: 30 }), huge: fc.integer({ min: 1_001 }) }),
    holds: limitsAreClamped,
  }),
  ...listContentLaws,
];

async function walksAreComplete(place: LawPlace, { population, limit }: Walked): Promise<void> {
  const { store, ids } = await openPopulated(place, population);
  const threads = await readEach(store, ids);
  for (const order of orders) {
    const listed = await walk(store, { limit, ...order });
    deepEqual(idsOf(listed), inOrder(threads, order), inWords(order));
  }
}

function inWords({ sortKey, sortDirection }: ListOrder): string {
  return `by ${sortKey}, ${sortDirection}`;
}

type Change = readonly [kind: "touch" | "tick" | "make" | "archive" | "delete", nth: number];

/** What is done between two pages. */
function arbChanges(): fc.Arbitrary<readonly Change[]> {
  const kind = fc.constantFrom(...(["touch", "tick", "touch", "make", "tick", "archive", "touch", "delete"] as const));
  return fc.array(fc.tuple(kind, fc.nat(99)), { maxLength: 4, size: "max" });
}

interface WalkUnderWrites {
  readonly population: Population;
  readonly order: ListOrder;
  readonly limit: number;
  readonly between: readonly (readonly Change[])[];
}

/** Makes the changes, to threads of `staying`; the ones that go are taken out of it. */
async function makeChanges(
  { claims }: LawPlace,
  { store, clock }: Populated,
  { staying, changes }: { readonly staying: Set<string>; readonly changes: readonly Change[] },
): Promise<void> {
  for (const [kind, nth] of changes) {
    const id = [...staying][nth % staying.size];
    // Without a tick, what is written bears the same time as what the walk began with.
    if (kind === "tick") clock.advance(1);
    else if (kind === "make") await seedThread(store);
    else if (id === undefined) continue;
    else if (kind === "archive" && claims.archive) {
      await store.archiveThread(id);
      staying.delete(id);
    } else if (kind === "delete" && claims.delete) {
      await store.deleteThread(id);
      staying.delete(id);
    } else await touch(store, id);
  }
}

async function walksAreCompleteUnderWrites(place: LawPlace, example: WalkUnderWrites): Promise<void> {
  const { population, order, limit, between } = example;
  const populated = await openPopulated(place, population);
  const staying = new Set(populated.ids);
  let page = 0;
  const listed = await walk(populated.store, { limit, ...order }, async () => {
    await makeChanges(place, populated, { staying, changes: between[page] ?? [] });
    page += 1;
  });
  const seen = idsOf(listed);
  equal(new Set(seen).size, seen.length, "a thread is listed twice");
  for (const id of staying) ok(seen.includes(id), "a thread that stayed is not listed");
}

interface WalkBack {
  readonly population: Population;
  readonly order: ListOrder;
  readonly limit: number;
  /** Read before the one that is gone back from, where there are so many. */
  readonly pages: number;
  readonly changes: readonly Change[];
}

async function walksBackAreNew(place: LawPlace, { population, order, limit, pages, changes }: WalkBack): Promise<void> {
  const populated = await openPopulated(place, population);
  const { store } = populated;
  let page = await store.listThreads({ limit, ...order });
  for (let n = 0; n < pages && page.nextCursor !== null; n += 1) {
    page = await store.listThreads({ limit, ...order, cursor: page.nextCursor });
  }
  const cursor = page.backwardsCursor ?? fail("a page with threads leads back");
  const first = page.data[0] ?? fail("a page with threads has a first");
  populated.clock.advance(1);
  await makeChanges(place, populated, { staying: new Set(populated.ids), changes });
  const back = { ...order, sortDirection: opposite(order) };
  const listed = idsOf(await walk(store, { limit, ...back, cursor }));
  // By the model: all that now stands behind the place at which the page's first thread stood.
  const now = (await readAllThreads(store)).filter(({ archived }) => !archived);
  const isBehind = (thread: StoredThread): boolean => {
    if (thread.id !== first.id) return inOrder([first, thread], back)[0] === first.id;
    const moved = keyOf(thread, back) - keyOf(first, back);
    return back.sortDirection === "asc" ? moved > 0 : moved < 0;
  };
  deepEqual(listed, inOrder(now.filter(isBehind), back), inWords(back));
}

async function backwardsCursorsMeet(place: LawPlace, { population, limit, limitBack }: Walked): Promise<void> {
  const { store } = await openPopulated(place, population);
  for (const order of orders) {
    const before: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.listThreads({ ...order, limit, ...(cursor === undefined ? {} : { cursor }) });
      const back = page.backwardsCursor;
      if (back === null) break;
      const { sortKey } = order;
      const backwards = await walk(store, { sortKey, sortDirection: opposite(order), limit: limitBack, cursor: back });
      deepEqual(idsOf(backwards), before.toReversed(), inWords(order));
      before.push(...idsOf(page.data));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }
}

function opposite({ sortDirection }: ListOrder): SortDirection {
  return sortDirection === "asc" ? "desc" : "asc";
}

async function walksMeet(place: LawPlace, { population, limit, limitBack }: Walked): Promise<void> {
  const { store, ids } = await openPopulated(place, population);
  const threads = await readEach(store, ids);
  for (const order of orders) {
    const { last, cursor } = await lastPage(store, { limit, ...order });
    const { sortKey } = order;
    const before = await walk(store, { limit: limitBack, sortKey, sortDirection: opposite(order), cursor });
    deepEqual([...idsOf(before).toReversed(), ...idsOf(last)], inOrder(threads, order), inWords(order));
  }
}

/** The last page of a walk, and the cursor back from it. */
async function lastPage(
  store: ThreadStore,
  params: ListThreadsParams,
): Promise<{ readonly last: readonly StoredThread[]; readonly cursor: string }> {
  let page = await store.listThreads(params);
  while (page.nextCursor !== null) page = await store.listThreads({ ...params, cursor: page.nextCursor });
  ok(page.backwardsCursor !== null, "a page with threads leads back");
  return { last: page.data, cursor: page.backwardsCursor };
}

/** What is written to which thread, how long after what was written before, and whether it begins a turn. */
interface Write {
  readonly index: number;
  readonly waitMs: number;
  readonly begins: boolean;
  readonly item: AppendableItem;
}

interface Recency {
  readonly writes: readonly Write[];
  /** Written between two pages. */
  readonly between: readonly (readonly Write[])[];
  readonly limit: number;
}

function arbRecency(): fc.Arbitrary<Recency> {
  const event = (type: string, members: object): AppendableItem => ({
    type: "event_msg",
    payload: { type, ...members },
  });
  const begins = fc.constantFrom(
    userMessage("again"),
    event("task_started", { turn_id: "t" }),
    event("turn_started", { turn_id: "t" }),
  );
  const beginsNone = fc.constantFrom(
    agentMessage("answer"),
    event("task_complete", { turn_id: "t" }),
    event("thread_rolled_back", { num_turns: 1 }),
    { type: "turn_context", payload: { cwd: "/work/place", model: "m" } } satisfies AppendableItem,
  );
  const write = (...items: readonly fc.Arbitrary<Pick<Write, "begins" | "item">>[]): fc.Arbitrary<Write> =>
    fc
      .tuple(fc.nat(3), fc.constantFrom(0, 1, 1, 7), fc.oneof(...items))
      .map(([index, waitMs, what]) => ({ index, waitMs, ...what }));
  const begin = begins.map((item) => ({ begins: true, item }));
  const none = beginsNone.map((item) => ({ begins: false, item }));
  return fc.record({
    writes: fc.array(write(begin, none), { maxLength: 12 }),
    between: fc.array(fc.array(write(begin), { maxLength: 2 }), { maxLength: 6 }),
    limit: fc.integer({ min: 1, max: 3 }),
  });
}

async function recencyIsOfTurns(place: LawPlace, { writes, between, limit }: Recency): Promise<void> {
  const clock = createSettableClock();
  const store = await place.open({ clock });
  const threads = await Promise.all([0, 1, 2, 3].map((n) => seedThread(store, n === 0 ? [] : undefined)));
  const ids = idsOf(threads);
  const begunMs = new Map((await readEach(store, ids)).map(({ id, createdAtMs }) => [id, createdAtMs]));
  const write = async ({ index, waitMs, begins, item }: Write): Promise<void> => {
    clock.advance(waitMs);
    const { id, writer } = threads[index] ?? fail("there are four threads");
    const { firstOrdinal } = await store.appendItems({ writer, items: [item] });
    if (!begins) return;
    const [record] = await readLog(store, id, { from: firstOrdinal });
    begunMs.set(id, Date.parse(record?.timestamp ?? ""));
  };
  for (const one of writes) await write(one);
  const remaining = [...between];
  for (const sortDirection of directions) {
    const read = await readEach(store, ids);
    deepEqual(new Map(read.map(({ id, recencyAtMs }) => [id, recencyAtMs])), begunMs);
    const params = { limit, sortKey: "recency_at", sortDirection } as const;
    const order = inOrder(read, params);
    deepEqual(idsOf(await walk(store, params)), order);
    const listed = await walk(store, params, async () => {
      for (const one of remaining.shift() ?? []) await write(one);
    });
    deepEqual(idsOf(listed), order, "a walk keeps the order it began with");
  }
}

async function answersSayAsOf(place: LawPlace, waits: readonly number[]): Promise<void> {
  const clock = createSettableClock();
  const store = await place.open({ clock });
  for (const [threadsBefore, waitMs] of waits.entries()) {
    clock.advance(waitMs);
    const begunMs = clock.nowMs();
    const answers = [await store.listThreads(), await store.listThreads({ archived: true, cwds: [] })];
    equal(answers[0]?.data.length, threadsBefore, "what was acknowledged before is in the answer");
    const scopes = place.claims.search ? [...answers, await store.searchThreads({ query: "nowhere" })] : answers;
    for (const { isComplete, asOfMs } of scopes) {
      equal(isComplete, true, "nothing was left out of a healthy store");
      ok(Number.isSafeInteger(asOfMs), "a moment is milliseconds since the epoch");
      ok(asOfMs >= begunMs, "the answer is as of a moment before its call");
      // A store may have a clock of its own.
      ok(asOfMs <= Math.max(clock.nowMs(), systemClock.nowMs()), "the answer is as of a moment to come");
    }
    await seedThread(store);
  }
}

async function limitsAreClamped(place: LawPlace, { count, huge }: { count: number; huge: number }): Promise<void> {
  const store = await place.open();
  const { data, nextCursor, backwardsCursor } = await store.listThreads();
  deepEqual({ data, nextCursor, backwardsCursor }, { data: [], nextCursor: null, backwardsCursor: null });
  await Promise.all(Array.from({ length: count }, () => seedThread(store, [])));
  equal((await store.listThreads({ limit: 1 })).data.length, 1);
  equal((await store.listThreads()).data.length, Math.min(count, 25));
  for (const limit of [huge, Number.MAX_SAFE_INTEGER]) {
    const whole = await store.listThreads({ limit });
    equal(whole.data.length, count);
    equal(whole.nextCursor, null);
  }
  equal((await store.listThreads({ limit: count })).nextCursor, null, "a full last page is the last");
  ok((await store.listThreads({ limit: count - 1 })).nextCursor !== null, "a page that leaves one out is not the last");
}
