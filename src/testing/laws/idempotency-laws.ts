/**
 * Laws of idempotency keys (S5): an append that was applied is answered again and not written again, by the
 * writer that applied it, by the thread's later writers, and after reopening, within the bounds of the port.
 * Within them a store must know a key; past them it may, so the laws don't say that it forgets.
 */
import { deepEqual, equal } from "node:assert/strict";

import fc from "fast-check";

import { LIMITS } from "../../base/index.ts";
import type { AppendableItem } from "../../events/index.ts";
import type { AppendResult, ThreadStore, ThreadWriter } from "../../store/index.ts";
import { arbBatch, arbBatches } from "../arbitraries/index.ts";
import { readItems, readLog, seedThread, userMessage } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

const arbKey = fc.oneof(fc.constantFrom("once", " ", "0", "__proto__"), fc.string({ minLength: 1, maxLength: 12 }));

/** Appends of which some repeat the key of an earlier one. */
const arbKeyed = fc.record({ before: arbBatches(2), keyed: arbBatch(), others: arbBatches(3), key: arbKey });

/** The laws of this file. */
export const idempotencyLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "append.idempotent",
    title: "an idempotency key that was applied is answered again and not written again",
    runs: 12,
    generator: arbKeyed,
    holds: knownKeyIsAnswered,
  }),
  storeLaw({
    id: "append.idempotent-in-flight",
    title: "two appends with one key in flight write once and agree on the answer",
    runs: 12,
    generator: fc.record({
      items: arbBatch(),
      keys: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 2, maxLength: 12 }),
    }),
    holds: keyInFlightIsAnswered,
  }),
  storeLaw({
    id: "append.idempotent-per-thread",
    title: "a key says nothing about other threads",
    runs: 10,
    generator: fc.record({ items: arbBatch(), key: arbKey, threads: fc.integer({ min: 2, max: 4 }) }),
    holds: keyIsPerThread,
  }),
  storeLaw({
    id: "append.idempotent-resumed",
    title: "an idempotency key is known to the thread's later writers",
    runs: 12,
    generator: fc.record({
      keyed: arbKeyed,
      releases: fc.array(fc.constantFrom<Release>("shutdown", "discard", "replace"), { minLength: 1, maxLength: 3 }),
    }),
    holds: keyOutlivesItsWriter,
  }),
  storeLaw({
    id: "append.idempotent-reopened",
    title: "an idempotency key is known after reopening",
    needs: ["reopen"],
    runs: 10,
    generator: arbKeyed,
    holds: keySurvivesReopening,
  }),
  storeLaw({
    id: "append.idempotent-long",
    title: "an append longer than the tail that is read for keys is answered with its own ordinals when resumed",
    runs: 2,
    generator: fc.record({ items: fc.integer({ min: 400, max: 600 }), times: fc.constantFrom(1.2, 2) }),
    holds: longAppendIsAnsweredWhole,
  }),
  storeLaw({
    id: "append.idempotent-bounds",
    title: "the newest keys, as many as the port promises, are known to the writer and to the one after it",
    runs: 1,
    generator: fc.string({ maxLength: 4 }),
    holds: promisedKeysAreKnown,
  }),
  storeLaw({
    id: "append.idempotent-other-items",
    title: "a known key is answered whatever items come with it, and they are not written",
    runs: 10,
    generator: fc.record({ keyed: arbKeyed, other: arbBatch() }),
    holds: otherItemsAreNotWritten,
  }),
];

type Items = readonly AppendableItem[];

interface Keyed {
  readonly before: readonly Items[];
  readonly keyed: Items;
  readonly others: readonly Items[];
  readonly key: string;
}

interface KeyApplied {
  readonly id: string;
  readonly writer: ThreadWriter;
  readonly first: AppendResult;
  /** What the log then holds. */
  readonly items: Items;
}

function ordinalsOf(answer: AppendResult): readonly number[] {
  return [answer.firstOrdinal, answer.nextOrdinal];
}

/** Appends what comes before, the keyed one, and what comes behind. */
async function applyKey(store: ThreadStore, { before, keyed, others, key }: Keyed): Promise<KeyApplied> {
  const { id, writer } = await seedThread(store, []);
  for (const items of before) await store.appendItems({ writer, items });
  const first = await store.appendItems({ writer, items: keyed, idempotencyKey: key });
  equal(first.duplicate, false);
  for (const items of others) await store.appendItems({ writer, items });
  return { id, writer, first, items: [...before.flat(), ...keyed, ...others.flat()] };
}

/** The key's append, asked for again, is answered as it was. */
async function isAnswered(
  store: ThreadStore,
  writer: ThreadWriter,
  { applied, items, key }: { readonly applied: KeyApplied; readonly items: Items; readonly key: string },
): Promise<void> {
  // The ordinal that was expected then has passed: a known key comes before it.
  const expectedOrdinal = applied.first.firstOrdinal;
  for (const expected of [{}, { expectedOrdinal }]) {
    const again = await store.appendItems({ writer, items, idempotencyKey: key, ...expected });
    equal(again.duplicate, true);
    deepEqual(ordinalsOf(again), ordinalsOf(applied.first));
  }
  deepEqual(await readItems(store, applied.id), applied.items);
}

async function knownKeyIsAnswered(place: LawPlace, keyed: Keyed): Promise<void> {
  const store = await place.open();
  const nothingBehind = await applyKey(store, { ...keyed, others: [] });
  await isAnswered(store, nothingBehind.writer, { applied: nothingBehind, items: keyed.keyed, key: keyed.key });
  const applied = await applyKey(store, keyed);
  await isAnswered(store, applied.writer, { applied, items: keyed.keyed, key: keyed.key });
}

interface InFlight {
  readonly items: Items;
  readonly keys: readonly string[];
}

async function keyInFlightIsAnswered(place: LawPlace, { items, keys }: InFlight): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store, []);
  const answers = await Promise.all(keys.map((idempotencyKey) => store.appendItems({ writer, items, idempotencyKey })));
  const firsts = keys.map((key) => keys.indexOf(key));
  deepEqual(
    answers.map((answer) => answer.duplicate),
    firsts.map((first, call) => first !== call),
  );
  const written = [...new Set(keys)];
  deepEqual(
    answers.map((answer) => ordinalsOf(answer)),
    keys.map((key) => {
      const firstOrdinal = 1 + written.indexOf(key) * items.length;
      return [firstOrdinal, firstOrdinal + items.length];
    }),
  );
  deepEqual(
    await readItems(store, id),
    written.flatMap(() => items),
  );
}

interface PerThread {
  readonly items: Items;
  readonly key: string;
  readonly threads: number;
}

async function keyIsPerThread(place: LawPlace, { items, key, threads }: PerThread): Promise<void> {
  const store = await place.open();
  for (let thread = 0; thread < threads; thread += 1) {
    const { id, writer } = await seedThread(store, []);
    const answer = await store.appendItems({ writer, items, idempotencyKey: key });
    equal(answer.duplicate, false);
    deepEqual(await readItems(store, id), items);
  }
}

type Release = "shutdown" | "discard" | "replace";

interface Resumed {
  readonly keyed: Keyed;
  readonly releases: readonly Release[];
}

async function keyOutlivesItsWriter(place: LawPlace, { keyed, releases }: Resumed): Promise<void> {
  const store = await place.open();
  const applied = await applyKey(store, keyed);
  let { writer } = applied;
  for (const release of releases) {
    if (release === "shutdown") await store.shutdownThread(writer);
    if (release === "discard") await store.discardThread(writer);
    ({ writer } = await store.resumeThread({ threadId: applied.id }));
    await isAnswered(store, writer, { applied, items: keyed.keyed, key: keyed.key });
  }
}

async function keySurvivesReopening(place: LawPlace, keyed: Keyed): Promise<void> {
  const store = await place.open();
  const applied = await applyKey(store, keyed);
  const reopened = await place.reopen(store);
  const { writer, nextOrdinal } = await reopened.resumeThread({ threadId: applied.id });
  await isAnswered(reopened, writer, { applied, items: keyed.keyed, key: keyed.key });
  const other = await reopened.appendItems({ writer, items: keyed.keyed, idempotencyKey: `${keyed.key} other` });
  equal(other.firstOrdinal, nextOrdinal, "the repeated append took no ordinals");
  equal(other.duplicate, false);
}

interface LongAppend {
  readonly items: number;
  /** As long as the tail that is read for keys, so many times. */
  readonly times: number;
}

async function longAppendIsAnsweredWhole(place: LawPlace, { items: count, times }: LongAppend): Promise<void> {
  const charsEach = Math.ceil((times * LIMITS.idempotencyTailBytesMax) / count);
  const items = Array.from({ length: count }, (_, n) => userMessage(`${n} ${"x".repeat(charsEach)}`));
  const store = await place.open();
  const { id, writer } = await seedThread(store, [userMessage("before")]);
  await store.appendItems({ writer, items: items.slice(0, 3), idempotencyKey: "short" });
  const request = { items, idempotencyKey: "long" };
  const first = await store.appendItems({ writer, ...request });
  deepEqual(ordinalsOf(first), [5, 5 + count]);
  await store.shutdownThread(writer);
  const resumed = await store.resumeThread({ threadId: id });
  const again = await store.appendItems({ writer: resumed.writer, ...request });
  equal(again.duplicate, true);
  deepEqual(ordinalsOf(again), ordinalsOf(first));
  equal((await readLog(store, id)).length, 5 + count);
}

async function promisedKeysAreKnown(place: LawPlace, prefix: string): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store, []);
  const keys = Array.from({ length: LIMITS.idempotencyKeysMax }, (_, n) => `${prefix} ${n}`);
  const requests = keys.map((idempotencyKey) => ({ items: [userMessage(idempotencyKey)], idempotencyKey }));
  const firsts = await Promise.all(requests.map((request) => store.appendItems({ writer, ...request })));
  const again = await Promise.all(requests.map((request) => store.appendItems({ writer, ...request })));
  deepEqual(again.map(ordinalsOf), firsts.map(ordinalsOf));
  const resumed = await store.resumeThread({ threadId: id });
  for (const [index, request] of requests.entries()) {
    const answer = await store.appendItems({ writer: resumed.writer, ...request });
    equal(answer.duplicate, true);
    deepEqual(ordinalsOf(answer), ordinalsOf(firsts[index] ?? answer));
  }
  equal((await readLog(store, id)).length, 1 + keys.length);
}

interface OtherItems {
  readonly keyed: Keyed;
  readonly other: Items;
}

async function otherItemsAreNotWritten(place: LawPlace, { keyed, other }: OtherItems): Promise<void> {
  const store = await place.open();
  const applied = await applyKey(store, keyed);
  await isAnswered(store, applied.writer, { applied, items: other, key: keyed.key });
}
