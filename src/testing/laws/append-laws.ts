/**
 * Laws of appending: what an append promises when it answers, and what it leaves alone when it refuses.
 * They state S1 to S3 and S8 of the port; S5 is in idempotency-laws.ts. Properties make a new thread a run in one store, because
 * threads are cheap and places are not.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import { LIMITS } from "../../base/index.ts";
import type { AppendableItem, RolloutRecord } from "../../events/index.ts";
import type { StoreEvent } from "../../store/index.ts";
import { arbBatch, arbBatches } from "../arbitraries/index.ts";
import { plainMetadata, readItems, readLog, refused, seedThread, userMessage, withStore } from "../law-steps.ts";
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
