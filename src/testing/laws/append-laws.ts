/**
 * Laws of appending: what an append promises when it answers, and what it leaves alone when it refuses.
 * They state S1 to S3, S5 and S8 of the port. Properties make a new thread a run in one store, because
 * threads are cheap and places are not.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import { LIMITS } from "../../base/index.ts";
import type { AppendableItem, RolloutRecord } from "../../events/index.ts";
import type { AppendResult, StoreEvent } from "../../store/index.ts";
import { arbBatch, arbBatches } from "../arbitraries/index.ts";
import {
  plainMetadata,
  readItems,
  readLog,
  refused,
  seedThread,
  userMessage,
  withOpened,
  withPlace,
  withStore,
} from "../law-steps.ts";
import type { StoreFixture, StoreLaw } from "../store-law.ts";

const RUNS = 20;

/** The laws of this file. */
export const appendLaws: readonly StoreLaw[] = [
  {
    id: "append.ordinals",
    title: "ordinals are gap-free from the session_meta at 0, whatever the batches",
    run: ordinalsAreGapFree,
  },
  {
    id: "append.reads-back",
    title: "what was appended reads back as it was, in order",
    run: appendedReadsBack,
  },
  {
    id: "append.no-sharing",
    title: "changing an item after its append, or a record after its read, changes nothing stored",
    run: nothingIsShared,
  },
  {
    id: "append.atomic",
    title: "an append with one item that can't be written writes none of them",
    run: appendIsAtomic,
  },
  {
    id: "append.expected-ordinal",
    title: "an append that expects another ordinal is refused with both ordinals and writes nothing",
    run: conflictSaysBothOrdinals,
  },
  {
    id: "append.idempotent",
    title: "an idempotency key that was applied is answered again and not written again",
    run: knownKeyIsAnswered,
  },
  {
    id: "append.idempotent-in-flight",
    title: "two appends with one key in flight write once and agree on the answer",
    run: keyInFlightIsAnswered,
  },
  {
    id: "append.idempotent-per-thread",
    title: "a key says nothing about other threads",
    run: keyIsPerThread,
  },
  {
    id: "append.idempotent-resumed",
    title: "an idempotency key is known to the thread's later writers",
    run: keyOutlivesItsWriter,
  },
  {
    id: "append.idempotent-reopened",
    title: "an idempotency key is known after reopening",
    needs: ["reopen"],
    run: keySurvivesReopening,
  },
  {
    id: "append.concurrent",
    title: "appends in flight at once keep the order of their calls per thread and lose nothing",
    run: concurrentAppendsKeepOrder,
  },
  {
    id: "append.durability",
    title: "every answer says the durability the store promises",
    run: answersSayDurability,
  },
  {
    id: "append.bounds",
    title: "an append of the most items is written, one more is refused",
    run: largestAppendIsWritten,
  },
  {
    id: "append.told",
    title: "subscribers are told each record once, in order, when it can be read, and no more once they left",
    run: subscribersAreTold,
  },
];

async function ordinalsAreGapFree(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbBatches(), async (batches) => {
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
        await store.shutdownThread(writer);
      }),
      { numRuns: RUNS },
    ),
  );
}

async function appendedReadsBack(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbBatches(), async (batches) => {
        const { id, writer } = await seedThread(store, []);
        for (const items of batches) await store.appendItems({ writer, items });
        deepEqual(await readItems(store, id), batches.flat());
        await store.shutdownThread(writer);
      }),
      { numRuns: RUNS },
    ),
  );
}

async function nothingIsShared(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const payload = { type: "user_message", message: "as it was" };
    const { id } = await seedThread(store, [{ type: "event_msg", payload }]);
    payload.message = "changed by the writer";
    deepEqual(await readItems(store, id), [userMessage("as it was")]);
    const [record] = await readLog(store, id, { from: 1 });
    ok(record?.item.type === "event_msg");
    try {
      Object.assign(record.item.payload, { message: "changed by a reader" });
    } catch (error) {
      // A store may as well freeze what it hands out.
      ok(error instanceof TypeError);
    }
    deepEqual(await readItems(store, id), [userMessage("as it was")]);
  });
}

async function appendIsAtomic(fixture: StoreFixture): Promise<void> {
  const unwritable = { type: "event_msg", payload: "no object" } as unknown as AppendableItem;
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbBatch(), arbBatch(), async (before, behind) => {
        const { id, writer } = await seedThread(store);
        const items = [...before, unwritable, ...behind];
        await refused(store.appendItems({ writer, items }), "invalid_argument");
        deepEqual(await readItems(store, id), [userMessage("hello")]);
        const answer = await store.appendItems({ writer, items: behind });
        equal(answer.firstOrdinal, 2, "a refused append takes no ordinals");
        await store.shutdownThread(writer);
      }),
      { numRuns: 5 },
    ),
  );
}

async function conflictSaysBothOrdinals(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbBatches(3), fc.nat(20), async (batches, expectedOrdinal) => {
        const { id, writer } = await seedThread(store, []);
        for (const items of batches) await store.appendItems({ writer, items });
        const actualOrdinal = batches.flat().length + 1;
        const items = [userMessage("expecting")];
        if (expectedOrdinal === actualOrdinal) {
          const answer = await store.appendItems({ writer, items, expectedOrdinal });
          equal(answer.firstOrdinal, expectedOrdinal);
          return;
        }
        const append = store.appendItems({ writer, items, expectedOrdinal });
        const { data } = await refused(append, "ordinal_conflict");
        deepEqual([data["expectedOrdinal"], data["actualOrdinal"]], [expectedOrdinal, actualOrdinal]);
        deepEqual(await readItems(store, id), batches.flat());
        const answer = await store.appendItems({ writer, items, expectedOrdinal: actualOrdinal });
        equal(answer.firstOrdinal, actualOrdinal, "the right ordinal passes after a conflict");
        await store.shutdownThread(writer);
      }),
      { numRuns: RUNS },
    ),
  );
}

async function knownKeyIsAnswered(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbBatch(), arbBatches(3), async (keyed, others) => {
        const { id, writer } = await seedThread(store, []);
        const request = { writer, items: keyed, idempotencyKey: "once", expectedOrdinal: 1 };
        const first = await store.appendItems(request);
        equal(first.duplicate, false);
        deepEqual(repeated(await store.appendItems(request)), repeated(first));
        for (const items of others) await store.appendItems({ writer, items });
        const again = await store.appendItems(request);
        equal(again.duplicate, true, "a known key comes before an ordinal that has passed");
        deepEqual(repeated(again), repeated(first));
        deepEqual(await readItems(store, id), [...keyed, ...others.flat()]);
        await store.shutdownThread(writer);
      }),
      { numRuns: RUNS },
    ),
  );
}

async function keyInFlightIsAnswered(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id, writer } = await seedThread(store, []);
    const request = { writer, items: [userMessage("one"), userMessage("two")], idempotencyKey: "k" };
    const answers = await Promise.all([1, 2, 3].map(() => store.appendItems(request)));
    deepEqual(
      answers.map((answer) => answer.duplicate),
      [false, true, true],
    );
    for (const answer of answers) deepEqual([answer.firstOrdinal, answer.nextOrdinal], [1, 3]);
    deepEqual(await readItems(store, id), request.items);
  });
}

async function keyIsPerThread(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const [a, b] = [await seedThread(store, []), await seedThread(store, [])];
    const items = [userMessage("mine")];
    await store.appendItems({ writer: a.writer, items, idempotencyKey: "shared" });
    const answer = await store.appendItems({ writer: b.writer, items, idempotencyKey: "shared" });
    equal(answer.duplicate, false);
    deepEqual(await readItems(store, b.id), items);
  });
}

async function keyOutlivesItsWriter(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id, writer } = await seedThread(store, []);
    const items = [userMessage("one"), userMessage("two")];
    const first = await store.appendItems({ writer, items, idempotencyKey: "once" });
    await store.shutdownThread(writer);
    const resumed = await store.resumeThread({ threadId: id });
    const again = await store.appendItems({ writer: resumed.writer, items, idempotencyKey: "once" });
    equal(again.duplicate, true);
    deepEqual(repeated(again), repeated(first));
    deepEqual(await readItems(store, id), items);
  });
}

async function keySurvivesReopening(fixture: StoreFixture): Promise<void> {
  await withPlace(fixture, (place) =>
    fc.assert(
      fc.asyncProperty(arbBatch(), arbBatches(3), async (keyed, others) => {
        const { id, first } = await withOpened(place, async (store) => {
          const { id, writer } = await seedThread(store, [userMessage("before")]);
          const first = await store.appendItems({ writer, items: keyed, idempotencyKey: "once" });
          for (const items of others) await store.appendItems({ writer, items });
          return { id, first };
        });
        await withOpened(place, async (store) => {
          const { writer, nextOrdinal } = await store.resumeThread({ threadId: id });
          const again = await store.appendItems({ writer, items: keyed, idempotencyKey: "once" });
          equal(again.duplicate, true);
          deepEqual(repeated(again), repeated(first));
          const other = await store.appendItems({ writer, items: keyed, idempotencyKey: "other" });
          equal(other.firstOrdinal, nextOrdinal, "the repeated append took no ordinals");
          equal(other.duplicate, false);
        });
      }),
      { numRuns: 10 },
    ),
  );
}

function repeated(answer: AppendResult): readonly unknown[] {
  return [answer.firstOrdinal, answer.nextOrdinal];
}

async function concurrentAppendsKeepOrder(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(2), arbBatch(3)), { maxLength: 24 }), async (calls) => {
        const threads = await Promise.all([0, 1, 2].map(() => seedThread(store, [])));
        const answers = await Promise.all(
          calls.map(([which, items]) => {
            const { writer } = threads[which] ?? fail("three threads");
            return store.appendItems({ writer, items });
          }),
        );
        for (const [index, { id, writer }] of threads.entries()) {
          const mine = calls.flatMap(([which, items]) => (which === index ? items : []));
          deepEqual(await readItems(store, id), mine);
          const firsts = answers.filter((_, call) => calls[call]?.[0] === index);
          let next = 1;
          for (const answer of firsts) {
            equal(answer.firstOrdinal, next, "answers follow the order of the calls");
            next = answer.nextOrdinal;
          }
          await store.shutdownThread(writer);
        }
      }),
      { numRuns: RUNS },
    ),
  );
}

function fail(why: string): never {
  throw new Error(why);
}

async function answersSayDurability(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { writer } = await seedThread(store);
    const request = { writer, items: [userMessage("said")], idempotencyKey: "said" };
    for (const duplicate of [false, true]) {
      const answer = await store.appendItems(request);
      equal(answer.duplicate, duplicate);
      equal(answer.durability, store.capabilities.durability);
    }
    await store.flushThread(writer);
  });
}

async function largestAppendIsWritten(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id, writer } = await seedThread(store, []);
    const items = Array.from({ length: LIMITS.appendItemsMax }, (_, n) => userMessage(`item ${n}`));
    const tooMany = [...items, userMessage("one more")];
    await refused(store.appendItems({ writer, items: tooMany }), "invalid_argument");
    await store.appendItems({ writer, items });
    deepEqual(await readItems(store, id), items);
  });
}

async function subscribersAreTold(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbBatches(), async (batches) => {
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
        await store.shutdownThread(writer);
      }),
      { numRuns: RUNS },
    ),
  );
}
