/**
 * Laws of damaged logs: what a crash, a disk or another program did to what is stored of one thread. It is told, or
 * read as a record that nobody knows; it takes no more with it than it must, never joins with what is appended later,
 * and harms no other thread. Who reads needn't tell a letter that changed. A place whose `corrupt` does nothing is found
 * out by what is torn and by garbage: of those something must show.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import { isSkeinError } from "../../base/index.ts";
import type { AppendableItem } from "../../events/index.ts";
import type { ThreadStore } from "../../store/index.ts";
import { arbBatch, arbBatches } from "../arbitraries/index.ts";
import { readAllThreads, readItems, readLog, seedThread, userMessage } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";
import type { StoreDamage } from "../store-place.ts";

/** Even over the log: most doubles that fast-check draws are next to 0. */
const arbFraction = fc.integer({ min: 0, max: 1_000 }).map((thousandths) => thousandths / 1_000);
/** Of a tear: the newline alone, all but the first byte, or something between. */
const arbTear = fc.oneof(fc.constantFrom(0, 1), arbFraction);

/** Of a record that has lost so much no reader can make a whole one. */
const HALF = 0.5;

function arbDamaged(fraction: fc.Arbitrary<number>): fc.Arbitrary<Damaged> {
  return fc.record({
    batches: arbBatches(4),
    other: arbBatch(2),
    later: arbBatch(2),
    fraction,
    isArchived: fc.boolean(),
  });
}

/** The laws of this file. */
export const damageLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "damage.torn",
    title: "a torn append is not read, is cut before the next one, and never joins with it",
    needs: ["damage", "reopen"],
    runs: 8,
    generator: arbDamaged(arbTear),
    holds: tornTailsAreCut,
  }),
  storeLaw({
    id: "damage.garbage",
    title:
      "bytes that are no record between two are told, or read as one that nobody knows, and lose none of the others",
    needs: ["damage", "reopen"],
    runs: 6,
    generator: arbDamaged(arbFraction),
    holds: garbageLosesNothing,
  }),
  storeLaw({
    id: "damage.flipped-bit",
    title: "a bit that turned over is told, or spoils no more than the records it touches or the append it tears",
    needs: ["damage", "reopen"],
    runs: 12,
    generator: arbDamaged(arbFraction),
    holds: flippedBitsSpoilLittle,
  }),
  storeLaw({
    id: "damage.forked",
    title: "a fork of a damaged log holds what the log reads as, and can be appended to",
    needs: ["damage", "reopen", "forkByCopy"],
    runs: 6,
    generator: fc.record({
      batches: arbBatches(3),
      later: arbBatch(2),
      kind: fc.constantFrom<StoreDamage["kind"]>("torn", "garbage", "flipped-bit"),
      fraction: arbTear,
    }),
    holds: forksOfDamagedLogsAreSound,
  }),
];

type Items = readonly AppendableItem[];

interface Damaged {
  readonly batches: readonly Items[];
  /** Of another thread. */
  readonly other: Items;
  /** Appended behind the damage. */
  readonly later: Items;
  readonly fraction: number;
  readonly isArchived: boolean;
}

interface AfterDamage {
  readonly store: ThreadStore;
  readonly id: string;
  readonly otherId: string;
}

/** Two threads, one of which is damaged while no handle is open. */
async function damage(place: LawPlace, example: Damaged, kind: StoreDamage["kind"]): Promise<AfterDamage> {
  const before = await place.open();
  const { id, writer } = await seedThread(before, []);
  for (const items of example.batches) await before.appendItems({ writer, items });
  const { id: otherId } = await seedThread(before, example.other);
  if (example.isArchived && place.claims.archive) await before.archiveThread(id);
  await before.close();
  ok(place.corrupt !== undefined, "a place that claims damage can damage");
  await place.corrupt(id, { kind, fraction: example.fraction });
  return { store: await place.open(), id, otherId };
}

/** The log's items; null: the store says that it can't be read. */
async function itemsOrTold(store: ThreadStore, threadId: string): Promise<readonly unknown[] | null> {
  try {
    const records = await readLog(store, threadId);
    deepEqual(
      records.map((record) => record.ordinal),
      records.map((_, ordinal) => ordinal),
    );
    return records.slice(1).map((record) => record.item);
  } catch (error) {
    if (!isSkeinError(error) || error.code !== "rollout_unreadable") throw error;
    return null;
  }
}

/** Nothing of it is lost to who looks for it, and the other thread is as it was. */
async function othersAreSound({ store, id, otherId }: AfterDamage, { other, later }: Damaged): Promise<void> {
  const listed = new Set((await readAllThreads(store)).map((thread) => thread.id));
  ok(listed.has(otherId), "another thread is not listed any more");
  const read = await itemsOrTold(store, id);
  if (read !== null) ok(listed.has(id), "a damaged thread that can be read is not listed any more");
  const before = await readItems(store, otherId);
  deepEqual(before.slice(0, other.length), other);
  const { writer, nextOrdinal } = await store.resumeThread({ threadId: otherId });
  equal(nextOrdinal, before.length + 1);
  await store.appendItems({ writer, items: later });
  deepEqual(await readItems(store, otherId), [...before, ...later]);
}

/** What is appended stands behind what is read, now and after reopening. Or the store says that it can't go on. */
async function goesOnBehind(
  place: LawPlace,
  { store, id }: AfterDamage,
  { read, later }: { readonly read: readonly unknown[]; readonly later: Items },
): Promise<ThreadStore> {
  const { writer, nextOrdinal } = await store.resumeThread({ threadId: id });
  equal(nextOrdinal, read.length + 1);
  const answer = await store.appendItems({ writer, items: later });
  equal(answer.firstOrdinal, nextOrdinal);
  deepEqual(await readItems(store, id), [...read, ...later]);
  const reopened = await place.reopen(store);
  deepEqual(await readItems(reopened, id), [...read, ...later]);
  const { tornBytes } = await reopened.resumeThread({ threadId: id });
  equal(tornBytes, 0, "the tear was cut");
  return reopened;
}

async function tornTailsAreCut(place: LawPlace, example: Damaged): Promise<void> {
  const after = await damage(place, example, "torn");
  const read = await itemsOrTold(after.store, after.id);
  ok(read !== null, "a torn log can be read up to its tear");
  const all = example.batches.flat();
  const last = example.batches.at(-1) ?? [];
  // Where the newline alone is gone the append may be read as whole.
  const isWhole = read.length === all.length;
  ok(!isWhole || example.fraction < HALF, "half of the last record was torn off, and it is there: was it damaged?");
  deepEqual(read, isWhole ? all : all.slice(0, all.length - last.length));
  await othersAreSound(after, example);
  const store = await goesOnBehind(place, after, { read, later: example.later });
  await othersAreSound({ ...after, store }, { ...example, later: [userMessage("again")] });
}

/** How much of a list begins, and ends, as the other does; no part counts twice. */
function commonEnds(a: readonly unknown[], b: readonly unknown[]): { readonly begin: number; readonly end: number } {
  const max = Math.min(a.length, b.length);
  let begin = 0;
  while (begin < max && isEqual(a[begin], b[begin])) begin += 1;
  let end = 0;
  while (end < max - begin && isEqual(a.at(-1 - end), b.at(-1 - end))) end += 1;
  return { begin, end };
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

async function garbageLosesNothing(place: LawPlace, example: Damaged): Promise<void> {
  const after = await damage(place, example, "garbage");
  const all = example.batches.flat();
  const read = await itemsOrTold(after.store, after.id);
  if (read !== null) {
    const { begin, end } = commonEnds(all, read);
    equal(begin + end, all.length, "garbage took records with it");
    equal(read.length, all.length + 1, "garbage of one line is one record: is it there?");
  }
  await othersAreSound(after, example);
  if (read !== null) await goesOnBehind(place, after, { read, later: example.later });
}

async function flippedBitsSpoilLittle(place: LawPlace, example: Damaged): Promise<void> {
  const after = await damage(place, example, "flipped-bit");
  const all = example.batches.flat();
  const last = example.batches.at(-1) ?? [];
  const read = await itemsOrTold(after.store, after.id);
  if (read !== null) {
    const { begin, end } = commonEnds(all, read);
    const lost = all.length - begin - end;
    const added = read.length - begin - end;
    // A newline parts two records; a turned bit may join them, or part one.
    const isLittle = lost <= 2 && added <= 2;
    const isTorn = begin >= all.length - last.length && added <= 2;
    ok(isLittle || isTorn, `one bit spoilt ${lost} records, ${added} stand there instead`);
  }
  await othersAreSound(after, example);
  if (read !== null) await goesOnBehind(place, after, { read, later: example.later });
}

interface DamagedSource {
  readonly batches: readonly Items[];
  readonly later: Items;
  readonly kind: StoreDamage["kind"];
  readonly fraction: number;
}

async function forksOfDamagedLogsAreSound(place: LawPlace, example: DamagedSource): Promise<void> {
  const { batches, later, kind, fraction } = example;
  const sound = { batches, later, fraction, other: later, isArchived: false };
  const { store, id } = await damage(place, sound, kind);
  const read = await itemsOrTold(store, id);
  if (read === null) return;
  const fork = { threadId: id, endOrdinal: read.length + 1 };
  const { writer, nextOrdinal } = await store.createThread({ metadata: { cwd: "/fork" }, fork });
  equal(nextOrdinal, read.length + 2);
  const { threadId } = writer;
  deepEqual((await readItems(store, threadId)).slice(1), read);
  await store.appendItems({ writer, items: later });
  const reopened = await place.reopen(store);
  deepEqual((await readItems(reopened, threadId)).slice(1), [...read, ...later]);
  deepEqual(await readItems(reopened, id), read);
}
