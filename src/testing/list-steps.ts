/**
 * What laws of lists do over and over: fill a store with threads of which most bear the same time, walk a list
 * to its end, and say in which order the plain model has it.
 */
import { equal, ok } from "node:assert/strict";

import fc from "fast-check";

import type { ListThreadsParams, SortDirection, SortKey, StoredThread, ThreadStore } from "../store/index.ts";
import { seedThread, userMessage } from "./law-steps.ts";
import { createSettableClock, type SettableClock } from "./settable-clock.ts";
import type { LawPlace } from "./store-law.ts";

/** Every key a list can be sorted by. */
const sortKeys: readonly SortKey[] = ["created_at", "updated_at", "recency_at"];
/** Both directions. */
export const directions: readonly SortDirection[] = ["asc", "desc"];

/** Threads by how far the clock moves before each is made and before each is written to again. */
export interface Population {
  readonly made: readonly number[];
  readonly touched: readonly (readonly [index: number, waitMs: number])[];
}

/** Few enough threads for a law to look at all of them, most of them made in the same millisecond. */
export function anyPopulation(threadsMax = 9): fc.Arbitrary<Population> {
  const wait = fc.constantFrom(0, 0, 0, 1, 7);
  return fc.record({
    made: fc.array(wait, { minLength: 1, maxLength: threadsMax, size: "max" }),
    touched: fc.array(fc.tuple(fc.nat(threadsMax - 1), wait), { maxLength: 5 }),
  });
}

/** A population, the size of pages it is walked in, and the size for a walk back. */
export interface Walked {
  readonly population: Population;
  readonly limit: number;
  readonly limitBack: number;
}

/** Pages shorter and longer than the list. */
export function anyWalked(): fc.Arbitrary<Walked> {
  const limit = fc.integer({ min: 1, max: 5 });
  return fc.record({ population: anyPopulation(), limit, limitBack: limit });
}

/** Every way a list can be sorted. */
export const orders: readonly ListOrder[] = sortKeys.flatMap((sortKey) =>
  directions.map((sortDirection) => ({ sortKey, sortDirection })),
);

/** One of them. */
export interface ListOrder {
  readonly sortKey: SortKey;
  readonly sortDirection: SortDirection;
}

/** A store whose clock stands unless it is moved, with the population in it. */
export interface Populated {
  readonly store: ThreadStore;
  readonly clock: SettableClock;
  /** In the order they were made. */
  readonly ids: readonly string[];
}

/** Opens the place and populates it. */
export async function openPopulated(place: LawPlace, population: Population): Promise<Populated> {
  const clock = createSettableClock();
  const store = await place.open({ clock });
  return { store, clock, ids: await populate(store, clock, population) };
}

/** Makes the threads, writes to them again, and gives their ids. */
async function populate(
  store: ThreadStore,
  clock: SettableClock,
  { made, touched }: Population,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const waitMs of made) {
    clock.advance(waitMs);
    const { id, writer } = await seedThread(store);
    await store.shutdownThread(writer);
    ids.push(id);
  }
  for (const [index, waitMs] of touched) {
    clock.advance(waitMs);
    await touch(store, ids[index % ids.length] ?? "");
  }
  return ids;
}

/** Writes to a thread that nobody writes to. */
export async function touch(store: ThreadStore, threadId: string): Promise<void> {
  const { writer } = await store.resumeThread({ threadId });
  await store.appendItems({ writer, items: [userMessage("again")] });
  await store.shutdownThread(writer);
}

/** Every thread of a list, page by page, from `params.cursor` on. */
export async function walk(
  store: ThreadStore,
  params: ListThreadsParams,
  betweenPages: (page: readonly StoredThread[]) => Promise<void> = async () => {},
): Promise<readonly StoredThread[]> {
  const seen: StoredThread[] = [];
  let cursor = params.cursor;
  for (;;) {
    const page = await store.listThreads({ ...params, ...(cursor === undefined ? {} : { cursor }) });
    ok(page.data.length <= (params.limit ?? Infinity), "a page is longer than asked for");
    equal(page.backwardsCursor === null, page.data.length === 0);
    seen.push(...page.data);
    if (page.nextCursor === null) return seen;
    ok(page.data.length > 0, "an empty page is the last one");
    cursor = page.nextCursor;
    await betweenPages(page.data);
  }
}

/** The ids in the order of a list: by (key, id). */
export function inOrder(threads: readonly StoredThread[], { sortKey, sortDirection }: ListOrder): readonly string[] {
  const sign = sortDirection === "asc" ? 1 : -1;
  const key = (thread: StoredThread): number => keyOf(thread, { sortKey });
  return threads.toSorted((a, b) => sign * (key(a) - key(b) || (a.id < b.id ? -1 : 1))).map((thread) => thread.id);
}

/** The order of a list that names none. */
export const defaultOrder: ListOrder = Object.freeze({ sortKey: "created_at", sortDirection: "desc" });

/** The time by which a thread is sorted, milliseconds since the epoch. */
export function keyOf(thread: StoredThread, { sortKey }: Pick<ListOrder, "sortKey">): number {
  const { createdAtMs, updatedAtMs, recencyAtMs } = thread;
  return { created_at: createdAtMs, updated_at: updatedAtMs, recency_at: recencyAtMs }[sortKey];
}

/** The ids of threads, in their order. */
export function idsOf(threads: readonly Pick<StoredThread, "id">[]): readonly string[] {
  return threads.map((thread) => thread.id);
}

/** The threads, read one by one. */
export async function readEach(store: ThreadStore, ids: readonly string[]): Promise<readonly StoredThread[]> {
  return Promise.all(ids.map((threadId) => store.readThread({ threadId })));
}
