/**
 * Laws of what a fork holds: its own session_meta and then the source's records up to the cut. From there on the
 * two have nothing to do with each other. Items and times are taken over; ordinals and marks are each log's own.
 * What else makes a fork a thread is in forked-thread-laws.ts.
 */
import { deepEqual, equal, notEqual } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import type { ThreadStore } from "../../store/index.ts";
import { arbBatch, arbBatches } from "../arbitraries/index.ts";
import { copied, forkAt, isPrefix, type Opened } from "../fork-steps.ts";
import { readItems, readLog, seedThread, underWay, userMessage } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** The laws of this file. */
export const forkLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "fork.prefix",
    title: "a fork holds its own session_meta and then the source's records before the cut, for any cut",
    needs: ["fork"],
    runs: 10,
    generator: fc.record({ batches: arbBatches(4), cuts: fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }) }),
    holds: forkIsAPrefix,
  }),
  storeLaw({
    id: "fork.long",
    title: "a fork of a log of many hundreds of records, cut anywhere, holds what stands before the cut",
    needs: ["fork"],
    runs: 2,
    generator: fc.record({
      appends: fc.array(fc.integer({ min: 100, max: 500 }), { minLength: 2, maxLength: 3 }),
      cuts: fc.array(fc.nat(1_500), { minLength: 3, maxLength: 6 }),
    }),
    holds: longLogsAreCutAnywhere,
  }),
  storeLaw({
    id: "fork.independent",
    title: "parent and child never influence each other",
    needs: ["fork"],
    runs: 12,
    generator: fc.record({
      batches: arbBatches(3),
      cut: fc.nat(16),
      steps: fc.array(
        fc.record({ which: fc.constantFrom<Which>("parent", "child"), items: arbBatch(2), renames: fc.boolean() }),
        { maxLength: 8 },
      ),
    }),
    holds: forksAreIndependent,
  }),
  storeLaw({
    id: "fork.of-fork",
    title: "a fork of a fork holds both prefixes and names the fork it came from",
    needs: ["fork"],
    runs: 8,
    generator: fc.record({
      items: arbBatch(),
      generations: fc.array(fc.record({ cut: fc.nat(12), items: arbBatch(2) }), { minLength: 2, maxLength: 4 }),
    }),
    holds: forkOfFork,
  }),
  storeLaw({
    id: "fork.pending-appends",
    title: "a fork holds what was appended to its source before it, whatever state the source is in",
    needs: ["fork"],
    runs: 12,
    generator: fc.record({
      items: arbBatch(3),
      before: fc.array(arbBatch(2), { maxLength: 4 }),
      behind: fc.array(arbBatch(2), { maxLength: 3 }),
      state: fc.constantFrom<SourceState>("open", "shut down", "discarded", "archived"),
    }),
    holds: forkSeesEarlierAppends,
  }),
  storeLaw({
    id: "fork.mid-batch",
    title: "a fork cut inside a batch keeps its records through appends and reopening",
    needs: ["fork", "reopen"],
    runs: 8,
    generator: fc.record({
      batch: fc.array(fc.string({ maxLength: 6 }).map(userMessage), { minLength: 2, maxLength: 6 }),
      cut: fc.nat(5),
      items: arbBatch(2),
    }),
    holds: forkInsideABatchLasts,
  }),
];

type Items = readonly AppendableItem[];
type Which = "parent" | "child";

async function seedBatches(store: ThreadStore, batches: readonly Items[]): Promise<Opened> {
  const seeded = await seedThread(store, []);
  for (const items of batches) await store.appendItems({ writer: seeded.writer, items });
  return seeded;
}

interface Prefixes {
  readonly batches: readonly Items[];
  readonly cuts: readonly number[];
}

async function forkIsAPrefix(place: LawPlace, { batches, cuts }: Prefixes): Promise<void> {
  const store = await place.open();
  const { id } = await seedBatches(store, batches);
  const source = await readLog(store, id);
  for (const wanted of [...cuts, source.length]) {
    const cut = wanted % (source.length + 1);
    const fork = await forkAt(store, id, cut);
    notEqual(fork.id, id);
    await isPrefix(store, fork, { source, cut });
  }
}

interface LongCuts {
  readonly appends: readonly number[];
  readonly cuts: readonly number[];
}

async function longLogsAreCutAnywhere(place: LawPlace, { appends, cuts }: LongCuts): Promise<void> {
  const store = await place.open();
  const batches = appends.map((count, nth) =>
    Array.from({ length: count }, (_, n) => userMessage(`${nth} ${n} ${"x".repeat((n * 13) % 40)}`)),
  );
  const { id, writer } = await seedBatches(store, batches);
  const source = await readLog(store, id);
  for (const [nth, wanted] of cuts.entries()) {
    if (nth === 1) await store.shutdownThread(writer);
    const cut = wanted % (source.length + 1);
    const fork = await forkAt(store, id, cut);
    await isPrefix(store, fork, { source, cut });
    const answer = await store.appendItems({ writer: fork.writer, items: [userMessage("on")] });
    equal(answer.firstOrdinal, cut + 1);
  }
  deepEqual(await readLog(store, id), source);
}

interface Independent {
  readonly batches: readonly Items[];
  readonly cut: number;
  readonly steps: readonly { readonly which: Which; readonly items: Items; readonly renames: boolean }[];
}

async function forksAreIndependent(place: LawPlace, { batches, cut: wanted, steps }: Independent): Promise<void> {
  const store = await place.open();
  const parent = await seedBatches(store, batches);
  const source = await readLog(store, parent.id);
  const cut = wanted % (source.length + 1);
  const child = await forkAt(store, parent.id, cut);
  const threads = { parent, child };
  const expected: Record<Which, unknown[]> = {
    parent: source.slice(1).map((record) => record.item),
    child: source.slice(0, cut).map((record) => record.item),
  };
  for (const [nth, { which, items, renames }] of steps.entries()) {
    const { id: threadId, writer } = threads[which];
    await store.appendItems({ writer, items, idempotencyKey: `${which} ${nth}` });
    expected[which].push(...items);
    if (renames) await store.updateThreadMetadata({ threadId, patch: { name: which } });
  }
  for (const which of ["parent", "child"] as const) {
    const { id: threadId } = threads[which];
    deepEqual(await readItems(store, threadId), expected[which]);
    const isRenamed = steps.some((step) => step.renames && step.which === which);
    equal((await store.readThread({ threadId })).name, isRenamed ? which : null);
  }
}

interface Generations {
  readonly items: Items;
  readonly generations: readonly { readonly cut: number; readonly items: Items }[];
}

async function forkOfFork(place: LawPlace, { items, generations }: Generations): Promise<void> {
  const store = await place.open();
  let parent: Opened = await seedThread(store, items);
  equal((await store.readThread({ threadId: parent.id })).forkedFromId, null);
  for (const generation of generations) {
    const source = await readLog(store, parent.id);
    const cut = generation.cut % (source.length + 1);
    const fork = await forkAt(store, parent.id, cut);
    await isPrefix(store, fork, { source, cut });
    equal((await store.readThread({ threadId: fork.id })).forkedFromId, parent.id);
    await store.appendItems({ writer: fork.writer, items: generation.items });
    parent = fork;
  }
}

type SourceState = "open" | "shut down" | "discarded" | "archived";

interface Pending {
  readonly items: Items;
  readonly before: readonly Items[];
  readonly behind: readonly Items[];
  readonly state: SourceState;
}

async function forkSeesEarlierAppends(place: LawPlace, { items, before, behind, state }: Pending): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store, items);
  const appends = before.map((batch) => underWay(store.appendItems({ writer, items: batch })));
  if (state === "shut down") await store.shutdownThread(writer);
  if (state === "archived" && place.claims.archive) await store.archiveThread(id);
  // A discard may drop what is in flight.
  if (state === "discarded") await Promise.all(appends);
  if (state === "discarded") await store.discardThread(writer);
  await Promise.all(appends);
  const log = await readLog(store, id);
  const isOpen = state === "open" || state === "archived";
  const later = isOpen ? behind.map((batch) => underWay(store.appendItems({ writer, items: batch }))) : [];
  const fork = await forkAt(store, id, log.length);
  await isPrefix(store, fork, { source: log, cut: log.length });
  equal((await store.readThread({ threadId: fork.id })).archived, false);
  await Promise.all(later);
  deepEqual(await readItems(store, id), [...items, ...before.flat(), ...(isOpen ? behind.flat() : [])]);
  deepEqual(copied((await readLog(store, fork.id)).slice(1)), copied(log));
}

interface MidBatch {
  readonly batch: Items;
  readonly cut: number;
  readonly items: Items;
}

async function forkInsideABatchLasts(place: LawPlace, { batch, cut, items }: MidBatch): Promise<void> {
  const store = await place.open();
  const { id } = await seedThread(store, batch);
  const kept = batch.slice(0, 1 + (cut % (batch.length - 1)));
  const { id: threadId } = await forkAt(store, id, kept.length + 1);
  const reopened = await place.reopen(store);
  const { writer, nextOrdinal, tornBytes } = await reopened.resumeThread({ threadId });
  deepEqual([nextOrdinal, tornBytes], [kept.length + 2, 0]);
  await reopened.appendItems({ writer, items });
  const log = await readLog(reopened, threadId, { from: 2 });
  deepEqual(
    log.map((record) => record.item),
    [...kept, ...items],
  );
}
