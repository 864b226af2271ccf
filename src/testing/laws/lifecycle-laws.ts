/**
 * Laws of a writer's life: lazy threads, who may append, and what an opened thread says of itself (S4). Writers are
 * quiet here when they end, in one way or another. What becomes of calls in flight when a writer goes is in
 * release-laws.ts.
 */
import { deepEqual, equal } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import type { OpenedThread, ThreadStore, ThreadWriter } from "../../store/index.ts";
import { arbBatch, arbBatches } from "../arbitraries/index.ts";
import { plainMetadata, readAllThreads, readItems, readLog, refused, seedThread, userMessage } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

type Release = "shutdownThread" | "discardThread";
const arbRelease = fc.constantFrom<Release>("shutdownThread", "discardThread");

/** How a writer ends. `replace`: by a newer one. */
type Ending = Release | "replace";
const arbEndings = fc.array(fc.constantFrom<Ending>("shutdownThread", "discardThread", "replace"), {
  minLength: 1,
  maxLength: 5,
});

/** The laws of this file. */
export const lifecycleLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "lifecycle.lazy",
    title: "a created thread that was never appended to is not listed and leaves no trace",
    runs: 10,
    generator: fc.array(fc.record({ isFlushed: fc.boolean(), release: arbRelease }), { minLength: 1, maxLength: 3 }),
    holds: createdLeavesNoTrace,
  }),
  storeLaw({
    id: "lifecycle.lazy-reopened",
    title: "a created thread that was never appended to is unknown after reopening",
    needs: ["reopen"],
    runs: 5,
    generator: fc.array(fc.option(arbRelease), { minLength: 1, maxLength: 3 }),
    holds: createdIsUnknownAfterReopening,
  }),
  storeLaw({
    id: "lifecycle.persist",
    title: "persisting lists a thread with its session_meta alone, once however often it is asked",
    runs: 8,
    generator: fc.record({
      atOnce: fc.integer({ min: 1, max: 4 }),
      again: fc.nat(2),
      items: arbBatch(3),
      release: fc.option(arbRelease),
    }),
    holds: persistLists,
  }),
  storeLaw({
    id: "lifecycle.taken-id",
    title: "an id that is taken, open or stored, is refused; a released one that stored nothing is free",
    runs: 10,
    generator: fc.record({
      threadId: fc.uuid({ version: 7 }),
      items: arbBatch(2),
      isArchived: fc.boolean(),
      release: arbRelease,
    }),
    holds: takenIdsAreRefused,
  }),
  storeLaw({
    id: "lifecycle.next-ordinal",
    title: "an opened thread says the ordinal of its next record, created, resumed or forked",
    runs: 10,
    generator: fc.record({
      items: arbBatch(3),
      ways: fc.array(fc.constantFrom("resume", "fork"), { minLength: 1, maxLength: 4 }),
      cut: fc.nat(3),
    }),
    holds: openedSaysNextOrdinal,
  }),
  storeLaw({
    id: "lifecycle.fenced",
    title: "a writer that was shut down, discarded or replaced can't write any more, the newer one can",
    runs: 10,
    generator: arbEndings,
    holds: oldWritersAreFenced,
  }),
  storeLaw({
    id: "lifecycle.epochs",
    title: "each writer of a thread has a greater epoch than the one before",
    runs: 10,
    generator: arbEndings,
    holds: epochsGrow,
  }),
  storeLaw({
    id: "lifecycle.forged",
    title: "a writer nobody was given can't append",
    runs: 8,
    generator: fc.record({
      ahead: fc.integer({ min: 1, max: 1_000 }),
      nobody: fc.uuid({ version: 7 }),
      nobodysEpoch: fc.integer({ min: 1, max: 3 }),
    }),
    holds: forgedWritersAreRefused,
  }),
  storeLaw({
    id: "lifecycle.idempotent",
    title: "shutdown and discard can be repeated, and an old writer's don't hurt a newer one",
    runs: 10,
    generator: fc.record({
      first: fc.array(arbRelease, { minLength: 1, maxLength: 4 }),
      late: fc.array(arbRelease, { maxLength: 3 }),
      batches: arbBatches(2),
    }),
    holds: releasesAreIdempotent,
  }),
  storeLaw({
    id: "lifecycle.close",
    title: "close can be repeated, releases every writer, and later calls are refused",
    runs: 6,
    generator: fc.record({
      items: arbBatch(2),
      writers: fc.integer({ min: 1, max: 3 }),
      closes: fc.integer({ min: 1, max: 3 }),
    }),
    holds: closeReleases,
  }),
];

type Items = readonly AppendableItem[];

async function readsNothing(store: ThreadStore, threadId: string): Promise<void> {
  deepEqual(await readAllThreads(store), []);
  await refused(store.readThread({ threadId }), "thread_not_found");
  await refused(store.resumeThread({ threadId }), "thread_not_found");
}

async function createdLeavesNoTrace(
  place: LawPlace,
  threads: readonly { readonly isFlushed: boolean; readonly release: Release }[],
): Promise<void> {
  const store = await place.open();
  const told: string[] = [];
  store.subscribe((event) => told.push(event.type));
  for (const { isFlushed, release } of threads) {
    const { writer } = await store.createThread({ metadata: plainMetadata });
    deepEqual(await readAllThreads(store), []);
    if (isFlushed) await store.flushThread(writer);
    await store[release](writer);
    await readsNothing(store, writer.threadId);
  }
  deepEqual(told, []);
}

async function createdIsUnknownAfterReopening(place: LawPlace, threads: readonly (Release | null)[]): Promise<void> {
  const store = await place.open();
  const ids: string[] = [];
  for (const release of threads) {
    const { writer } = await store.createThread({ metadata: plainMetadata });
    if (release !== null) await store[release](writer);
    ids.push(writer.threadId);
  }
  const reopened = await place.reopen(store);
  for (const threadId of ids) await readsNothing(reopened, threadId);
}

interface Persists {
  readonly atOnce: number;
  readonly again: number;
  readonly items: Items;
  readonly release: Release | null;
}

async function persistLists(place: LawPlace, { atOnce, again, items, release }: Persists): Promise<void> {
  const store = await place.open();
  const { writer } = await store.createThread({ metadata: plainMetadata });
  await Promise.all(Array.from({ length: atOnce }, () => store.persistThread(writer)));
  for (let nth = 0; nth < again; nth += 1) await store.persistThread(writer);
  const listed = await readAllThreads(store);
  deepEqual(
    listed.map((thread) => thread.id),
    [writer.threadId],
  );
  const log = await readLog(store, writer.threadId);
  deepEqual(
    log.map((record) => [record.ordinal, record.item.type]),
    [[0, "session_meta"]],
  );
  await store.appendItems({ writer, items });
  await store.persistThread(writer);
  if (release !== null) await store[release](writer);
  deepEqual(await readItems(store, writer.threadId), items);
}

interface TakenIds {
  readonly threadId: string;
  readonly items: Items;
  readonly isArchived: boolean;
  readonly release: Release;
}

async function takenIdsAreRefused(place: LawPlace, taken: TakenIds): Promise<void> {
  const { threadId, items, isArchived, release } = taken;
  const store = await place.open();
  const create = { threadId, metadata: plainMetadata };
  const first = await store.createThread(create);
  equal(first.writer.threadId, threadId);
  await refused(store.createThread(create), "thread_exists");
  await store[release](first.writer);
  const second = await store.createThread(create);
  await store.appendItems({ writer: second.writer, items });
  await refused(store.createThread(create), "thread_exists");
  await store[release](second.writer);
  await refused(store.createThread(create), "thread_exists");
  if (isArchived && place.claims.archive) {
    await store.archiveThread(threadId);
    await refused(store.createThread(create), "thread_exists");
  }
  deepEqual(await readItems(store, threadId), items);
}

interface NextOrdinals {
  readonly items: Items;
  readonly ways: readonly string[];
  readonly cut: number;
}

async function openedSaysNextOrdinal(place: LawPlace, { items, ways, cut }: NextOrdinals): Promise<void> {
  const store = await place.open();
  let opened = await store.createThread({ metadata: plainMetadata });
  await writesAtNextOrdinal(store, opened, items);
  for (const way of ways) {
    const { threadId } = opened.writer;
    if (way === "fork" && place.claims.fork !== "none") {
      const fork = { threadId, endOrdinal: cut % (items.length + 2) };
      opened = await store.createThread({ metadata: plainMetadata, fork });
    } else {
      await store.shutdownThread(opened.writer);
      opened = await store.resumeThread({ threadId });
    }
    await writesAtNextOrdinal(store, opened, items);
  }
}

async function writesAtNextOrdinal(store: ThreadStore, opened: OpenedThread, items: Items): Promise<void> {
  const { writer, nextOrdinal, path, tornBytes } = opened;
  const { threadId } = writer;
  const answer = await store.appendItems({ writer, items, expectedOrdinal: nextOrdinal });
  equal(answer.firstOrdinal, nextOrdinal);
  equal((await readLog(store, threadId)).length, nextOrdinal + items.length);
  equal(tornBytes, 0);
  equal(path === null, !store.capabilities.paths);
  equal((await store.readThread({ threadId })).path, path);
}

async function cannotWrite(store: ThreadStore, writer: ThreadWriter): Promise<void> {
  const { threadId } = writer;
  const before = await readLog(store, threadId);
  const append = store.appendItems({ writer, items: [userMessage("late")] });
  await refused(append, "writer_closed", "writer_fenced");
  await refused(store.persistThread(writer), "writer_closed", "writer_fenced");
  deepEqual(await readLog(store, threadId), before);
}

async function oldWritersAreFenced(place: LawPlace, endings: readonly Ending[]): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer: first } = await seedThread(store);
  const old: ThreadWriter[] = [];
  const written = [userMessage("hello")];
  let writer = first;
  for (const [nth, ending] of endings.entries()) {
    if (ending !== "replace") await store[ending](writer);
    else {
      const newer = await store.resumeThread({ threadId });
      await refused(store.appendItems({ writer, items: [userMessage("late")] }), "writer_fenced");
      old.push(writer);
      ({ writer } = newer);
    }
    for (const each of [...old, ...(ending === "replace" ? [] : [writer])]) await cannotWrite(store, each);
    if (ending !== "replace") {
      old.push(writer);
      ({ writer } = await store.resumeThread({ threadId }));
    }
    await store.appendItems({ writer, items: [userMessage(`newer ${nth}`)] });
    written.push(userMessage(`newer ${nth}`));
    deepEqual(await readItems(store, threadId), written);
  }
}

async function epochsGrow(place: LawPlace, endings: readonly Ending[]): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer: first } = await seedThread(store);
  let writer = first;
  for (const ending of endings) {
    if (ending !== "replace") await store[ending](writer);
    const { writer: newer } = await store.resumeThread({ threadId });
    equal(newer.epoch > writer.epoch, true, `epoch ${newer.epoch} behind ${writer.epoch}`);
    writer = newer;
  }
}

interface Forged {
  readonly ahead: number;
  readonly nobody: string;
  readonly nobodysEpoch: number;
}

async function forgedWritersAreRefused(place: LawPlace, { ahead, nobody, nobodysEpoch }: Forged): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store);
  await cannotWrite(store, { threadId, epoch: writer.epoch + ahead });
  const forged = { threadId: nobody, epoch: nobodysEpoch };
  const append = store.appendItems({ writer: forged, items: [userMessage("late")] });
  await refused(append, "writer_closed", "writer_fenced", "thread_not_found");
  await store.discardThread(forged);
  equal((await readAllThreads(store)).length, 1);
}

interface Releases {
  readonly first: readonly Release[];
  readonly late: readonly Release[];
  readonly batches: readonly Items[];
}

async function releasesAreIdempotent(place: LawPlace, { first, late, batches }: Releases): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store, []);
  await Promise.all([store.shutdownThread(writer), ...first.map((release) => store[release](writer))]);
  for (const release of first) await store[release](writer);
  const newer = await store.resumeThread({ threadId });
  for (const items of batches) {
    for (const release of late) await store[release](writer);
    await store.appendItems({ writer: newer.writer, items });
  }
  for (const release of first) await store[release](newer.writer);
  for (const release of first) await store[release](newer.writer);
  deepEqual(await readItems(store, threadId), batches.flat());
}

interface Closes {
  readonly items: Items;
  readonly writers: number;
  readonly closes: number;
}

async function closeReleases(place: LawPlace, { items, writers, closes }: Closes): Promise<void> {
  const store = await place.open();
  const open: ThreadWriter[] = [];
  for (let nth = 0; nth < writers; nth += 1) open.push((await seedThread(store)).writer);
  const told: string[] = [];
  store.subscribe((event) => told.push(event.type));
  await Promise.all(Array.from({ length: closes }, () => store.close()));
  await store.close();
  const codes = ["runtime_closed", "writer_closed"] as const;
  for (const writer of open) {
    const { threadId } = writer;
    await refused(store.appendItems({ writer, items }), ...codes);
    await refused(store.resumeThread({ threadId }), ...codes);
    await refused(store.readThread({ threadId }), ...codes);
    await refused(store.loadHistory({ threadId }), ...codes);
    await refused(store.updateThreadMetadata({ threadId, patch: { name: "late" } }), ...codes);
    await store.discardThread(writer);
    await store.shutdownThread(writer);
  }
  await refused(store.createThread({ metadata: plainMetadata }), ...codes);
  await refused(store.listThreads(), ...codes);
  deepEqual(told, []);
}
