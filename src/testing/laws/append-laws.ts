/**
 * Laws of appending: what an append promises when it answers, and what it leaves alone when it refuses.
 * They state S1 to S3 and S8 of the port; S5, what a key does that was applied before, is in idempotency-laws.ts,
 * and what several writers of one thread may do in fencing-laws.ts.
 */
import { deepEqual, equal, fail, ok } from "node:assert/strict";

import fc from "fast-check";

import { LIMITS } from "../../base/index.ts";
import type { AppendableItem, RolloutRecord } from "../../events/index.ts";
import type { StoreEvent } from "../../store/index.ts";
import { arbBatch, arbBatches } from "../arbitraries/index.ts";
import { plainMetadata, readItems, readLog, refused, seedThread, userMessage } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** The laws of this file. */
export const appendLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "append.ordinals",
    title: "ordinals are gap-free from the session_meta at 0, whatever the batches",
    generator: arbBatches(),
    holds: ordinalsAreGapFree,
  }),
  storeLaw({
    id: "append.reads-back",
    title: "what was appended reads back as it was, in order",
    generator: arbBatches(),
    holds: appendedReadsBack,
  }),
  storeLaw({
    id: "append.no-sharing",
    title: "changing an item after its append, or a record after its read, changes nothing stored",
    runs: 5,
    generator: fc.record({ before: fc.string(), after: fc.string() }),
    holds: nothingIsShared,
  }),
  storeLaw({
    id: "append.atomic",
    title: "an append with one item that can't be written writes none of them",
    runs: 5,
    generator: fc.record({ before: arbBatch(), behind: arbBatch() }),
    holds: appendIsAtomic,
  }),
  storeLaw({
    id: "append.expected-ordinal",
    title: "an append that expects another ordinal is refused with both ordinals and writes nothing",
    generator: fc.record({ batches: arbBatches(3), expectedOrdinal: fc.nat(20) }),
    holds: conflictSaysBothOrdinals,
  }),
  storeLaw({
    id: "append.expected-in-flight",
    title: "of appends begun at once that expect the same ordinal, the first is written and the others are refused",
    generator: fc.record({ before: arbBatches(3), racers: fc.array(arbBatch(3), { minLength: 2, maxLength: 6 }) }),
    holds: oneOfTheExpectingIsWritten,
  }),
  storeLaw({
    id: "append.concurrent",
    title: "appends in flight at once keep the order of their calls per thread and lose nothing",
    generator: fc.array(fc.record({ thread: fc.nat(2), items: arbBatch(3) }), { maxLength: 24 }),
    holds: concurrentAppendsKeepOrder,
  }),
  storeLaw({
    id: "append.durability",
    title: "every answer says the durability the store promises",
    runs: 5,
    generator: arbBatches(3),
    holds: answersSayDurability,
  }),
  storeLaw({
    id: "append.bounds",
    title: "an append of the most items is written, one more is refused",
    runs: 2,
    generator: fc.string({ maxLength: 8 }),
    holds: largestAppendIsWritten,
  }),
  storeLaw({
    id: "append.told",
    title: "subscribers are told each record once, in order, when it can be read, and no more once they left",
    generator: arbBatches(),
    holds: subscribersAreTold,
  }),
];

type Batches = readonly (readonly AppendableItem[])[];

async function ordinalsAreGapFree(place: LawPlace, batches: Batches): Promise<void> {
  const store = await place.open();
  const { writer, nextOrdinal } = await store.createThread({ metadata: plainMetadata });
  let next = nextOrdinal;
  equal(next, 1, "the first item comes behind the session_meta");
  for (const items of batches) {
    const answer = await store.appendItems({ writer, items });
    equal(answer.firstOrdinal, next);
    equal(answer.nextOrdinal, next + items.length);
    equal(answer.duplicate, false);
    next = answer.nextOrdinal;
  }
  const records = await readLog(store, writer.threadId);
  deepEqual(
    records.map((record) => record.ordinal),
    Array.from({ length: next }, (_, ordinal) => ordinal),
  );
  equal(records[0]?.item.type, "session_meta");
}

async function appendedReadsBack(place: LawPlace, batches: Batches): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store, []);
  for (const items of batches) await store.appendItems({ writer, items });
  deepEqual(await readItems(store, id), batches.flat());
}

interface BeforeAfter {
  readonly before: string;
  readonly after: string;
}

async function nothingIsShared(place: LawPlace, { before, after }: BeforeAfter): Promise<void> {
  const store = await place.open();
  const payload = { type: "user_message", message: before };
  const { id } = await seedThread(store, [{ type: "event_msg", payload }]);
  payload.message = `${after} by the writer`;
  deepEqual(await readItems(store, id), [userMessage(before)]);
  const [record] = await readLog(store, id, { from: 1 });
  ok(record?.item.type === "event_msg");
  try {
    Object.assign(record.item.payload, { message: `${after} by a reader` });
  } catch (error) {
    // A store may as well freeze what it hands out.
    ok(error instanceof TypeError);
  }
  deepEqual(await readItems(store, id), [userMessage(before)]);
}

interface BeforeBehind {
  readonly before: readonly AppendableItem[];
  readonly behind: readonly AppendableItem[];
}

async function appendIsAtomic(place: LawPlace, { before, behind }: BeforeBehind): Promise<void> {
  const unwritable = { type: "event_msg", payload: "no object" } as unknown as AppendableItem;
  const store = await place.open();
  const { id, writer } = await seedThread(store);
  await refused(store.appendItems({ writer, items: [...before, unwritable, ...behind] }), "invalid_argument");
  deepEqual(await readItems(store, id), [userMessage("hello")]);
  const answer = await store.appendItems({ writer, items: behind });
  equal(answer.firstOrdinal, 2, "a refused append takes no ordinals");
}

interface Expecting {
  readonly batches: Batches;
  readonly expectedOrdinal: number;
}

async function conflictSaysBothOrdinals(place: LawPlace, { batches, expectedOrdinal }: Expecting): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store, []);
  for (const items of batches) await store.appendItems({ writer, items });
  const actualOrdinal = batches.flat().length + 1;
  const items = [userMessage("expecting")];
  if (expectedOrdinal !== actualOrdinal) {
    const append = store.appendItems({ writer, items, expectedOrdinal });
    const { data } = await refused(append, "ordinal_conflict");
    deepEqual([data["expectedOrdinal"], data["actualOrdinal"]], [expectedOrdinal, actualOrdinal]);
    deepEqual(await readItems(store, id), batches.flat());
  }
  const answer = await store.appendItems({ writer, items, expectedOrdinal: actualOrdinal });
  equal(answer.firstOrdinal, actualOrdinal, "the right ordinal passes, also after a conflict");
}

interface Racing {
  readonly before: Batches;
  readonly racers: Batches;
}

async function oneOfTheExpectingIsWritten(place: LawPlace, { before, racers }: Racing): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store, []);
  for (const items of before) await store.appendItems({ writer, items });
  const expectedOrdinal = before.flat().length + 1;
  const calls = racers.map((items) => store.appendItems({ writer, items, expectedOrdinal }));
  const [first, ...others] = await Promise.allSettled(calls);
  deepEqual(first?.status === "fulfilled" && first.value.firstOrdinal, expectedOrdinal, "the first is written");
  for (const other of others) {
    equal(other.status, "rejected", "no other one is written");
    if (other.status === "rejected") await refused(Promise.reject(other.reason as Error), "ordinal_conflict");
  }
  deepEqual(await readItems(store, id), [...before.flat(), ...(racers[0] ?? [])]);
}

interface ThreadAppend {
  readonly thread: number;
  readonly items: readonly AppendableItem[];
}

async function concurrentAppendsKeepOrder(place: LawPlace, calls: readonly ThreadAppend[]): Promise<void> {
  const store = await place.open();
  const threads = await Promise.all([0, 1, 2].map(() => seedThread(store, [])));
  const answers = await Promise.all(
    calls.map(({ thread, items }) => {
      const { writer } = threads[thread] ?? fail("three threads");
      return store.appendItems({ writer, items });
    }),
  );
  for (const [index, { id }] of threads.entries()) {
    const mine = calls.flatMap(({ thread, items }) => (thread === index ? items : []));
    deepEqual(await readItems(store, id), mine);
    let next = 1;
    for (const answer of answers.filter((_, call) => calls[call]?.thread === index)) {
      equal(answer.firstOrdinal, next, "answers follow the order of the calls");
      next = answer.nextOrdinal;
    }
  }
}

async function answersSayDurability(place: LawPlace, batches: Batches): Promise<void> {
  const store = await place.open();
  equal(store.capabilities.durability, place.claims.durability);
  const { writer } = await seedThread(store);
  for (const [index, items] of batches.entries()) {
    for (const duplicate of [false, true]) {
      const answer = await store.appendItems({ writer, items, idempotencyKey: `batch ${index}` });
      equal(answer.duplicate, duplicate);
      equal(answer.durability, place.claims.durability);
    }
  }
  await store.flushThread(writer);
}

async function largestAppendIsWritten(place: LawPlace, text: string): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store, []);
  const items = Array.from({ length: LIMITS.appendItemsMax }, (_, n) => userMessage(`${text} ${n}`));
  const tooMany = [...items, userMessage("one more")];
  await refused(store.appendItems({ writer, items: tooMany }), "invalid_argument");
  await store.appendItems({ writer, items });
  deepEqual(await readItems(store, id), items);
}

async function subscribersAreTold(place: LawPlace, batches: Batches): Promise<void> {
  const store = await place.open();
  const told: RolloutRecord[] = [];
  const readable: Promise<readonly RolloutRecord[]>[] = [];
  const onEvent = (event: StoreEvent): void => {
    if (event.type !== "appended") return;
    told.push(...event.records);
    const { records, threadId } = event;
    const from = records[0]?.ordinal ?? 0;
    const page = store.loadHistory({ threadId, from, limit: records.length });
    readable.push(page.then((read) => read.records));
  };
  const unsubscribe = store.subscribe(onEvent);
  const { writer } = await store.createThread({ metadata: plainMetadata });
  await Promise.all(batches.map((items) => store.appendItems({ writer, items })));
  deepEqual((await Promise.all(readable)).flat(), told, "what is told can be read");
  deepEqual(told, await readLog(store, writer.threadId));
  unsubscribe();
  await store.appendItems({ writer, items: [userMessage("unheard")] });
  equal(told.length, batches.flat().length + 1);
}
