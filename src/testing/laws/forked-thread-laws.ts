/**
 * Laws of a fork as a thread of its own: its metadata, its place in lists, its keys and its id, what is told of it,
 * and that a fork that can't be made leaves nothing. What it holds, and that it goes its own way, is in
 * fork-laws.ts; that it outlives its source in delete-laws.ts.
 */
import { deepEqual, equal } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import type { StoreEvent } from "../../store/index.ts";
import { arbBatch, arbText } from "../arbitraries/index.ts";
import { forkAt } from "../fork-steps.ts";
import { plainMetadata, readAllThreads, readItems, readLog, refused, seedThread, userMessage } from "../law-steps.ts";
import { createSettableClock } from "../settable-clock.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** The laws of this file. */
export const forkedThreadLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "fork.own-metadata",
    title: "a fork has its own metadata and no name, and shows the source's messages",
    needs: ["fork"],
    runs: 6,
    generator: fc.record({
      message: arbText().filter((text) => text.trim() !== ""),
      name: fc.string({ minLength: 1, maxLength: 10 }).filter((text) => text.trim() !== ""),
      memoryMode: fc.constantFrom<"enabled" | "disabled">("enabled", "disabled"),
    }),
    holds: forkHasItsOwnMetadata,
  }),
  storeLaw({
    id: "fork.materialised",
    title: "a fork is listed at once, also when its writer is discarded",
    needs: ["fork"],
    runs: 6,
    generator: fc.record({ items: arbBatch(3), cuts: fc.array(fc.nat(4), { minLength: 1, maxLength: 3 }) }),
    holds: forkIsMaterialised,
  }),
  storeLaw({
    id: "fork.updated-when-made",
    title: "a fork was updated when it was made, however old what it copied is, in reads and in lists",
    needs: ["fork", "clock"],
    runs: 6,
    generator: fc.record({ items: arbBatch(3), cut: fc.nat(4), waitMs: fc.integer({ min: 1, max: 100_000 }) }),
    holds: forkIsUpdatedWhenMade,
  }),
  storeLaw({
    id: "fork.own-keys",
    title: "an idempotency key of the source is not taken in its fork, and one of the fork is, also by later writers",
    needs: ["fork"],
    runs: 8,
    generator: fc.record({ items: arbBatch(3), cut: fc.nat(4), isReopened: fc.boolean() }),
    holds: forkHasItsOwnKeys,
  }),
  storeLaw({
    id: "fork.taken-id",
    title: "a fork to an id that is taken, stored, open or archived, is refused and leaves both threads as they were",
    needs: ["fork"],
    runs: 10,
    generator: fc.record({
      items: arbBatch(3),
      taken: arbBatch(3),
      cut: fc.nat(4),
      state: fc.constantFrom<TakenState>("open", "created", "shut down", "archived", "the source"),
    }),
    holds: takenIdsAreNotForkedTo,
  }),
  storeLaw({
    id: "fork.told",
    title: "subscribers are told of a fork, and then of what is appended to it",
    needs: ["fork"],
    runs: 10,
    generator: fc.record({ items: arbBatch(3), cut: fc.nat(4), appended: arbBatch(2) }),
    holds: forksAreTold,
  }),
  storeLaw({
    id: "fork.bad-cut",
    title: "a fork from nowhere, or cut past the source's end, is refused and leaves nothing",
    needs: ["fork"],
    runs: 10,
    generator: fc.record({
      items: arbBatch(3),
      past: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.constant(1_000)),
      odd: fc.constantFrom(-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY),
    }),
    holds: badCutsAreRefused,
  }),
];

type Items = readonly AppendableItem[];

interface OwnMetadata {
  readonly message: string;
  readonly name: string;
  readonly memoryMode: "enabled" | "disabled";
}

async function forkHasItsOwnMetadata(place: LawPlace, { message, name, memoryMode }: OwnMetadata): Promise<void> {
  const store = await place.open();
  const { id: threadId } = await seedThread(store, [userMessage(message)], {
    cwd: "/source",
    modelProvider: "source",
    memoryMode: memoryMode === "enabled" ? "disabled" : "enabled",
    git: { sha: "source", branch: "source", originUrl: null },
  });
  const patch = { name, git: { originUrl: "source" } };
  const { preview } = await store.updateThreadMetadata({ threadId, patch });
  const { nextOrdinal: endOrdinal } = await store.resumeThread({ threadId });
  const { writer } = await store.createThread({
    metadata: { cwd: "/fork", modelProvider: "fork", memoryMode },
    fork: { threadId, endOrdinal },
  });
  const fork = await store.readThread({ threadId: writer.threadId });
  deepEqual(
    [fork.cwd, fork.modelProvider, fork.memoryMode, fork.name, fork.preview, fork.forkedFromId],
    ["/fork", "fork", memoryMode, null, preview, threadId],
  );
  deepEqual(
    Object.values(fork.git ?? {}).filter((field) => field !== null),
    [],
  );
}

interface Cuts {
  readonly items: Items;
  readonly cuts: readonly number[];
}

async function forkIsMaterialised(place: LawPlace, { items, cuts }: Cuts): Promise<void> {
  const store = await place.open();
  const { id } = await seedThread(store, items);
  const ids = [id];
  for (const cut of cuts) {
    const fork = await forkAt(store, id, cut % (items.length + 2));
    ids.push(fork.id);
    deepEqual((await readAllThreads(store)).map((thread) => thread.id).toSorted(), ids.toSorted());
    await store.discardThread(fork.writer);
    deepEqual((await readAllThreads(store)).map((thread) => thread.id).toSorted(), ids.toSorted());
  }
}

interface UpdatedWhenMade {
  readonly items: Items;
  readonly cut: number;
  readonly waitMs: number;
}

async function forkIsUpdatedWhenMade(place: LawPlace, { items, cut, waitMs }: UpdatedWhenMade): Promise<void> {
  const clock = createSettableClock();
  const store = await place.open({ clock });
  const { id } = await seedThread(store, items);
  clock.advance(waitMs);
  const fork = await forkAt(store, id, cut % (items.length + 2));
  const read = await store.readThread({ threadId: fork.id });
  equal(read.updatedAtMs, read.createdAtMs);
  const newestFirst = await store.listThreads({ sortKey: "updated_at" });
  deepEqual(
    newestFirst.data.map((thread) => [thread.id, thread.updatedAtMs - read.updatedAtMs]),
    [
      [fork.id, 0],
      [id, -waitMs],
    ],
  );
}

interface OwnKeys {
  readonly items: Items;
  readonly cut: number;
  readonly isReopened: boolean;
}

async function forkHasItsOwnKeys(place: LawPlace, { items, cut, isReopened }: OwnKeys): Promise<void> {
  let store = await place.open();
  const { id, writer } = await seedThread(store, []);
  await store.appendItems({ writer, items, idempotencyKey: "of the source" });
  const fork = await forkAt(store, id, cut % (items.length + 2));
  const first = await store.appendItems({ writer: fork.writer, items, idempotencyKey: "of the fork" });
  equal(first.duplicate, false);
  await store.shutdownThread(fork.writer);
  if (isReopened && place.claims.reopen) store = await place.reopen(store);
  const resumed = await store.resumeThread({ threadId: fork.id });
  const own = await store.appendItems({ writer: resumed.writer, items, idempotencyKey: "of the fork" });
  const other = await store.appendItems({ writer: resumed.writer, items, idempotencyKey: "of the source" });
  deepEqual([own.duplicate, other.duplicate], [true, false]);
  deepEqual([own.firstOrdinal, other.firstOrdinal], [first.firstOrdinal, first.nextOrdinal]);
}

type TakenState = "open" | "created" | "shut down" | "archived" | "the source";

interface TakenId {
  readonly items: Items;
  readonly taken: Items;
  readonly cut: number;
  readonly state: TakenState;
}

async function takenIdsAreNotForkedTo(place: LawPlace, { items, taken, cut, state }: TakenId): Promise<void> {
  const store = await place.open();
  const source = await seedThread(store, items);
  const created = await store.createThread({ metadata: plainMetadata });
  const threadId = state === "the source" ? source.id : created.writer.threadId;
  const isStored = state !== "created" && state !== "the source";
  if (isStored) await store.appendItems({ writer: created.writer, items: taken });
  if (state === "shut down") await store.shutdownThread(created.writer);
  if (state === "archived" && place.claims.archive) await store.archiveThread(threadId);
  const before = await readAllThreads(store);
  const fork = { threadId: source.id, endOrdinal: cut % (items.length + 2) };
  await refused(store.createThread({ threadId, metadata: plainMetadata, fork }), "thread_exists");
  deepEqual(await readAllThreads(store), before);
  deepEqual(await readItems(store, source.id), items);
  if (isStored) deepEqual(await readItems(store, threadId), taken);
}

interface Told {
  readonly items: Items;
  readonly cut: number;
  readonly appended: Items;
}

async function forksAreTold(place: LawPlace, { items, cut, appended }: Told): Promise<void> {
  const store = await place.open();
  const { id } = await seedThread(store, items);
  const told: StoreEvent[] = [];
  store.subscribe((event) => told.push(event));
  const fork = await forkAt(store, id, cut % (items.length + 2));
  await store.appendItems({ writer: fork.writer, items: appended });
  deepEqual([...new Set(told.map((event) => event.threadId))], [fork.id], "a fork changes nothing of its source");
  equal(told[0]?.type, "created");
  equal(told.filter((event) => event.type === "created").length, 1);
  const records = told.flatMap((event) => (event.type === "appended" ? event.records : []));
  const log = await readLog(store, fork.id);
  // What was copied may be told as well; whatever is told is the log's end.
  deepEqual(records, log.slice(log.length - records.length));
  deepEqual(
    records.slice(records.length - appended.length).map((record) => record.item),
    appended,
  );
}

interface BadCuts {
  readonly items: Items;
  readonly past: number;
  readonly odd: number;
}

async function badCutsAreRefused(place: LawPlace, { items, past, odd }: BadCuts): Promise<void> {
  const store = await place.open();
  const { id } = await seedThread(store, items);
  for (const cut of [items.length + 1 + past, odd]) {
    await refused(forkAt(store, id, cut), "invalid_argument");
  }
  const nowhere = "00000000-0000-7000-8000-000000000000";
  await refused(forkAt(store, nowhere, 0), "thread_not_found");
  await refused(forkAt(store, "nowhere", 0), "invalid_thread_id");
  deepEqual(
    (await readAllThreads(store)).map((thread) => thread.id),
    [id],
  );
}
