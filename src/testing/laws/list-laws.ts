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
import { agentMessage, readLog, seedThread, userMessage } from "../law-steps.ts";
import {
  anyPopulation,
  anyWalked,
  directions,
  idsOf,
  inOrder,
  type ListOrder,
  openPopulated,
  orders,
  type Population,
  readEach,
  touch,
  type Walked,
  walk,
} from "../list-steps.ts";
import { createSettableClock } from "../settable-clock.ts";
import { listContentLaws } from "./list-content-laws.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

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
    generator: fc.record({
      population: anyPopulation(),
      order: fc.constantFrom(...orders),
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
    id: "list.walks-meet",
    title: "a walk back from the last page meets the walk that led there, without gap or double",
    runs: 8,
    generator: anyWalked(),
    holds: walksMeet,
  }),
  storeLaw({
    id: "list.recency",
    title: "a list by recency follows the newest turn begun, and a walk keeps the order it began with",
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
  const kind = fc.constantFrom(
    "touch" as const,
    "tick" as const,
    "make" as const,
    "archive" as const,
    "delete" as const,
  );
  return fc.array(fc.tuple(kind, fc.nat(99)), { maxLength: 4, size: "max" });
}

interface WalkUnderWrites {
  readonly population: Population;
  readonly order: ListOrder;
  readonly limit: number;
  readonly between: readonly (readonly Change[])[];
}

async function walksAreCompleteUnderWrites(place: LawPlace, example: WalkUnderWrites): Promise<void> {
  const { population, order, limit, between } = example;
  const { store, clock, ids } = await openPopulated(place, population);
  const { claims } = place;
  const staying = new Set(ids);
  const leave = (nth: number): string => {
    const id = [...staying][nth % staying.size] ?? "";
    staying.delete(id);
    return id;
  };
  // Without a tick, what is written bears the same time as what the walk began with.
  const change = async ([kind, nth]: Change): Promise<void> => {
    if (kind === "tick") clock.advance(1);
    else if (kind === "make") await seedThread(store);
    else if (staying.size === 0) return;
    else if (kind === "archive" && claims.archive) await store.archiveThread(leave(nth));
    else if (kind === "delete" && claims.delete) await store.deleteThread(leave(nth));
    else await touch(store, [...staying][nth % staying.size] ?? "");
  };
  let page = 0;
  const listed = await walk(store, { limit, ...order }, async () => {
    for (const one of between[page] ?? []) await change(one);
    page += 1;
  });
  const seen = idsOf(listed);
  equal(new Set(seen).size, seen.length, "a thread is listed twice");
  for (const id of staying) ok(seen.includes(id), "a thread that stayed is not listed");
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
