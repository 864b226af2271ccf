/**
 * Laws of idempotency keys (S5): an append that was applied is answered again and not written again, by the
 * writer that applied it, by the thread's later writers, and after reopening, within the bounds of the port.
 * Within them a store must know a key; past them it may, so the laws don't say that it forgets.
 */
import { deepEqual, equal } from "node:assert/strict";

import fc from "fast-check";

import { LIMITS } from "../../base/index.ts";
import type { AppendResult } from "../../store/index.ts";
import { arbBatch, arbBatches } from "../arbitraries/index.ts";
import { readItems, readLog, seedThread, userMessage, withOpened, withPlace, withStore } from "../law-steps.ts";
import type { PlainLaw } from "../store-law.ts";
import type { StoreFixture } from "../store-place.ts";

const RUNS = 20;

/** The laws of this file. */
export const idempotencyLaws: readonly PlainLaw[] = [
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
    id: "append.idempotent-long",
    title: "an append longer than the tail that is read for keys is answered with its own ordinals when resumed",
    run: longAppendIsAnsweredWhole,
  },
  {
    id: "append.idempotent-bounds",
    title: "the newest keys, as many as the port promises, are known to the writer and to the one after it",
    run: promisedKeysAreKnown,
  },
  {
    id: "append.idempotent-other-items",
    title: "a known key is answered whatever items come with it, and they are not written",
    run: otherItemsAreNotWritten,
  },
];

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

async function longAppendIsAnsweredWhole(fixture: StoreFixture): Promise<void> {
  const itemsMax = 500;
  const charsEach = Math.ceil((2 * LIMITS.idempotencyTailBytesMax) / itemsMax);
  const items = Array.from({ length: itemsMax }, (_, n) => userMessage(`${n} ${"x".repeat(charsEach)}`));
  await withStore(fixture, async (store) => {
    const { id, writer } = await seedThread(store, [userMessage("before")]);
    await store.appendItems({ writer, items: items.slice(0, 3), idempotencyKey: "short" });
    const request = { items, idempotencyKey: "long" };
    const first = await store.appendItems({ writer, ...request });
    deepEqual(repeated(first), [5, 5 + itemsMax]);
    await store.shutdownThread(writer);
    const resumed = await store.resumeThread({ threadId: id });
    const again = await store.appendItems({ writer: resumed.writer, ...request });
    equal(again.duplicate, true);
    deepEqual(repeated(again), repeated(first));
    equal((await readLog(store, id)).length, 5 + itemsMax);
  });
}

async function promisedKeysAreKnown(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id, writer } = await seedThread(store, []);
    const keys = Array.from({ length: LIMITS.idempotencyKeysMax }, (_, n) => `key ${n}`);
    const requests = keys.map((idempotencyKey) => ({ items: [userMessage(idempotencyKey)], idempotencyKey }));
    const firsts = await Promise.all(requests.map((request) => store.appendItems({ writer, ...request })));
    const again = await Promise.all(requests.map((request) => store.appendItems({ writer, ...request })));
    deepEqual(again.map(repeated), firsts.map(repeated));
    const resumed = await store.resumeThread({ threadId: id });
    for (const [index, request] of requests.entries()) {
      const answer = await store.appendItems({ writer: resumed.writer, ...request });
      equal(answer.duplicate, true);
      deepEqual(repeated(answer), repeated(firsts[index] ?? answer));
    }
    equal((await readLog(store, id)).length, 1 + keys.length);
  });
}

async function otherItemsAreNotWritten(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id, writer } = await seedThread(store, []);
    const items = [userMessage("one"), userMessage("two")];
    const first = await store.appendItems({ writer, items, idempotencyKey: "once" });
    const other = await store.appendItems({ writer, items: [userMessage("other")], idempotencyKey: "once" });
    equal(other.duplicate, true);
    deepEqual(repeated(other), repeated(first));
    deepEqual(await readItems(store, id), items);
  });
}
