/**
 * Laws of deleting: when a thread is gone it is gone from every call and from its open writer, for good, also after
 * reopening, and takes nothing else with it. Its id is then free, and what is made with it anew has nothing of the
 * old one.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import { isSkeinError } from "../../base/index.ts";
import type { AppendableItem } from "../../events/index.ts";
import type { ThreadStore } from "../../store/index.ts";
import { arbBatch } from "../arbitraries/index.ts";
import { forkAt } from "../fork-steps.ts";
import {
  plainMetadata,
  readAllThreads,
  readItems,
  readLog,
  refused,
  seedThread,
  underWay,
  userMessage,
} from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

type ThreadState = "open" | "shut down" | "archived";
const arbState = fc.constantFrom<ThreadState>("open", "shut down", "archived");

/** The laws of this file. */
export const deleteLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "delete.gone",
    title: "a deleted thread is gone from every read and list, archived or not",
    needs: ["delete"],
    runs: 8,
    generator: fc.record({
      items: arbBatch(2),
      others: fc.array(arbBatch(2), { maxLength: 2 }),
      state: arbState,
      isNamed: fc.boolean(),
    }),
    holds: deletedIsGone,
  }),
  storeLaw({
    id: "delete.writer",
    title: "deleting closes an open writer; nothing it appends brings the thread back",
    needs: ["delete"],
    runs: 10,
    generator: fc.record({
      early: fc.array(arbBatch(2), { maxLength: 4 }),
      late: fc.array(arbBatch(2), { maxLength: 3 }),
    }),
    holds: deletedClosesWriter,
  }),
  storeLaw({
    id: "delete.told",
    title: "subscribers are told of a deletion once, and of nothing behind it",
    needs: ["delete"],
    runs: 8,
    generator: fc.record({ items: arbBatch(2), state: arbState, late: fc.array(arbBatch(2), { maxLength: 2 }) }),
    holds: deletionIsTold,
  }),
  storeLaw({
    id: "delete.anew",
    title: "a thread that is created with the id of a deleted one is a new one, and has nothing of it",
    needs: ["delete"],
    runs: 8,
    generator: fc.record({ before: arbBatch(3), after: arbBatch(2), state: arbState, isReopened: fc.boolean() }),
    holds: createdAnewIsNew,
  }),
  storeLaw({
    id: "delete.forks",
    title: "a fork keeps its copy when its source is deleted",
    needs: ["fork", "delete"],
    runs: 10,
    generator: fc.record({
      items: arbBatch(3),
      cuts: fc.array(fc.nat(4), { minLength: 1, maxLength: 3 }),
      state: arbState,
      isReopened: fc.boolean(),
    }),
    holds: forksOutliveTheirSource,
  }),
  storeLaw({
    id: "delete.reopened",
    title: "a deleted thread is gone after reopening",
    needs: ["delete", "reopen"],
    runs: 8,
    generator: fc.record({ items: arbBatch(2), state: arbState, isNamed: fc.boolean() }),
    holds: deletionSurvivesReopening,
  }),
];

type Items = readonly AppendableItem[];

async function seedInState(
  store: ThreadStore,
  place: LawPlace,
  { items, state, isNamed = false }: { readonly items: Items; readonly state: ThreadState; readonly isNamed?: boolean },
): ReturnType<typeof seedThread> {
  const seeded = await seedThread(store, items);
  const { id: threadId, writer } = seeded;
  if (isNamed) await store.updateThreadMetadata({ threadId, patch: { name: "gone" } });
  if (state !== "open") await store.shutdownThread(writer);
  if (state === "archived" && place.claims.archive) await store.archiveThread(threadId);
  return seeded;
}

/** Whatever is asked for the thread says that it isn't there. */
async function refusesEverywhere(store: ThreadStore, { claims }: LawPlace, threadId: string): Promise<void> {
  const calls: Promise<unknown>[] = [
    store.readThread({ threadId }),
    store.loadHistory({ threadId }),
    store.loadWindow(threadId),
    store.listTurns({ threadId }),
    store.resumeThread({ threadId }),
    store.deleteThread(threadId),
    store.updateThreadMetadata({ threadId, patch: { name: "back" } }),
    ...(claims.itemLists ? [store.listItems({ threadId })] : []),
    ...(claims.archive ? [store.archiveThread(threadId), store.unarchiveThread(threadId)] : []),
    ...(claims.fork === "none"
      ? []
      : [store.createThread({ metadata: plainMetadata, fork: { threadId, endOrdinal: 1 } })]),
  ];
  await Promise.all(calls.map((call) => refused(call, "thread_not_found")));
  const ids = (await readAllThreads(store)).map((thread) => thread.id);
  equal(ids.includes(threadId), false);
}

interface Gone {
  readonly items: Items;
  readonly others: readonly Items[];
  readonly state: ThreadState;
  readonly isNamed: boolean;
}

async function deletedIsGone(place: LawPlace, { others, ...gone }: Gone): Promise<void> {
  const store = await place.open();
  const kept: string[] = [];
  for (const items of others) kept.push((await seedThread(store, items)).id);
  const { id } = await seedInState(store, place, gone);
  await store.deleteThread(id);
  await refusesEverywhere(store, place, id);
  deepEqual((await readAllThreads(store)).map((thread) => thread.id).toSorted(), kept.toSorted());
  for (const [index, threadId] of kept.entries()) deepEqual(await readItems(store, threadId), others[index]);
}

interface WriterOfDeleted {
  /** In flight when the thread is deleted. */
  readonly early: readonly Items[];
  readonly late: readonly Items[];
}

async function deletedClosesWriter(place: LawPlace, { early, late }: WriterOfDeleted): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store);
  const flights = early.map((items) => underWay(isWritten(store.appendItems({ writer, items }))));
  await store.deleteThread(id);
  await Promise.all(flights);
  for (const items of [...late, [userMessage("ghost")]]) {
    equal(await isWritten(store.appendItems({ writer, items })), false);
  }
  await store.shutdownThread(writer);
  await store.discardThread(writer);
  await refusesEverywhere(store, place, id);
}

/** Whether an append was written; what isn't says that its writer, or thread, is gone. */
async function isWritten(append: Promise<unknown>): Promise<boolean> {
  try {
    await append;
    return true;
  } catch (error) {
    if (!isSkeinError(error)) throw error;
    ok(["writer_closed", "writer_fenced", "thread_not_found"].includes(error.code), error.code);
    return false;
  }
}

interface Told {
  readonly items: Items;
  readonly state: ThreadState;
  readonly late: readonly Items[];
}

async function deletionIsTold(place: LawPlace, { items, state, late }: Told): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedInState(store, place, { items, state });
  const told: (readonly string[])[] = [];
  store.subscribe((event) => told.push([event.type, event.threadId]));
  await store.deleteThread(id);
  for (const each of late) await isWritten(store.appendItems({ writer, items: each }));
  await refused(store.deleteThread(id), "thread_not_found");
  deepEqual(told, [["deleted", id]]);
}

interface Anew {
  readonly before: Items;
  readonly after: Items;
  readonly state: ThreadState;
  readonly isReopened: boolean;
}

async function createdAnewIsNew(place: LawPlace, { before, after, state, isReopened }: Anew): Promise<void> {
  let store = await place.open();
  const { id: threadId, writer } = await seedInState(store, place, { items: before, state, isNamed: true });
  await store.deleteThread(threadId);
  if (isReopened && place.claims.reopen) store = await place.reopen(store);
  const anew = await store.createThread({ threadId, metadata: plainMetadata });
  equal(anew.nextOrdinal, 1);
  const key = "of the old one";
  const answer = await store.appendItems({ writer: anew.writer, items: after, idempotencyKey: key });
  deepEqual([answer.firstOrdinal, answer.duplicate], [1, false]);
  if (writer.epoch !== anew.writer.epoch) {
    equal(await isWritten(store.appendItems({ writer, items: [userMessage("ghost")] })), false);
  }
  deepEqual(await readItems(store, threadId), after);
  const { name, archived } = await store.readThread({ threadId });
  deepEqual([name, archived], [null, false]);
  const listed = await readAllThreads(store);
  deepEqual(
    listed.map((thread) => [thread.id, thread.name, thread.archived]),
    [[threadId, null, false]],
  );
}

interface Forks {
  readonly items: Items;
  readonly cuts: readonly number[];
  readonly state: ThreadState;
  readonly isReopened: boolean;
}

/** Forks by reference may keep their source from being deleted instead; then nothing has changed. */
async function forksOutliveTheirSource(place: LawPlace, { items, cuts, state, isReopened }: Forks): Promise<void> {
  let store = await place.open();
  const { id: threadId } = await seedInState(store, place, { items, state });
  const forks: string[] = [];
  for (const cut of cuts) {
    const fork = await forkAt(store, threadId, cut % (items.length + 2));
    await store.shutdownThread(fork.writer);
    forks.push(fork.id);
  }
  const logs = await Promise.all(forks.map((fork) => readLog(store, fork)));
  if (place.claims.fork === "copy" || (await isDeleted(store, threadId))) {
    if (place.claims.fork === "copy") await store.deleteThread(threadId);
    await refusesEverywhere(store, place, threadId);
  } else deepEqual(await readItems(store, threadId), items);
  if (isReopened && place.claims.reopen) store = await place.reopen(store);
  for (const [index, fork] of forks.entries()) {
    deepEqual(await readLog(store, fork), logs[index]);
    const { writer } = await store.resumeThread({ threadId: fork });
    await store.appendItems({ writer, items });
    equal((await store.readThread({ threadId: fork })).forkedFromId, threadId);
  }
}

/** Deletes the thread, unless the store refuses to. */
async function isDeleted(store: ThreadStore, threadId: string): Promise<boolean> {
  try {
    await store.deleteThread(threadId);
    return true;
  } catch (error) {
    if (isSkeinError(error)) return false;
    throw error;
  }
}

async function deletionSurvivesReopening(place: LawPlace, gone: Omit<Gone, "others">): Promise<void> {
  const store = await place.open();
  const { id } = await seedInState(store, place, gone);
  await store.deleteThread(id);
  await refusesEverywhere(await place.reopen(store), place, id);
}
