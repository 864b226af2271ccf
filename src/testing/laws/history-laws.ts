/**
 * Laws of reading a log: pages join to the whole, hints only make reading cheaper, and reading is only
 * reading (S6). The whole log, read in one go, is the model that every other way of reading it is held
 * against.
 */
import { deepEqual, equal } from "node:assert/strict";

import fc from "fast-check";

import { arbBatches } from "../arbitraries/index.ts";
import {
  agentMessage,
  readAllThreads,
  readLog,
  seedThread,
  userMessage,
  withOpened,
  withPlace,
  withStore,
} from "../law-steps.ts";
import type { PlainLaw } from "../store-law.ts";
import type { StoreFixture } from "../store-place.ts";

const RUNS = 20;

/** The laws of this file. */
export const historyLaws: readonly PlainLaw[] = [
  {
    id: "history.pages",
    title: "pages of a history joined are the whole history, for any page size and any beginning",
    run: pagesAreTheHistory,
  },
  {
    id: "history.past-end",
    title: "a page at or past the end is empty, is the end, and goes on from where it was asked",
    run: pastTheEndIsEmpty,
  },
  {
    id: "history.hints",
    title: "a hint that does not fit changes nothing in what is read",
    run: wrongHintsAreHarmless,
  },
  {
    id: "history.included",
    title: "a thread read with its history holds the whole log, one read without holds none",
    run: includedHistoryIsTheLog,
  },
  {
    id: "history.reads-change-nothing",
    title: "reads change nothing and need no writer",
    run: readsChangeNothing,
  },
  {
    id: "history.reopened",
    title: "a history is the same after reopening",
    needs: ["reopen"],
    run: historySurvivesReopening,
  },
];

async function pagesAreTheHistory(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbBatches(), fc.integer({ min: 1, max: 7 }), async (batches, limit) => {
        const { id, writer } = await seedThread(store, []);
        for (const items of batches) await store.appendItems({ writer, items });
        const whole = await readLog(store, id);
        equal(whole.length, batches.flat().length + 1);
        for (const from of [0, 1, whole.length >> 1, whole.length - 1]) {
          deepEqual(await readLog(store, id, { from, limit }), whole.slice(from));
        }
        await store.shutdownThread(writer);
      }),
      { numRuns: RUNS },
    ),
  );
}

async function pastTheEndIsEmpty(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId } = await seedThread(store);
    for (const from of [2, 3, 1_000_000]) {
      const page = await store.loadHistory({ threadId, from });
      deepEqual([page.records, page.nextOrdinal, page.isEnd], [[], from, true]);
    }
  });
}

async function wrongHintsAreHarmless(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const items = Array.from({ length: 12 }, (_, n) => userMessage(`${"x".repeat(n * 7)} ${n}`));
    const { id: threadId } = await seedThread(store, items);
    const other = await seedThread(store, items.toReversed());
    const whole = await readLog(store, threadId);
    const hints = ["", "garbage", "{}", "0", "99999999"];
    for (const id of [threadId, other.id]) {
      for (const limit of [1, 5]) {
        const { hint } = await store.loadHistory({ threadId: id, limit });
        if (hint !== undefined) hints.push(hint, hint.slice(1), `${hint}0`);
      }
    }
    for (const hint of hints) {
      for (const from of [0, 3, 5, 12]) {
        const page = await store.loadHistory({ threadId, from, limit: 4, hint });
        deepEqual(page.records, whole.slice(from, from + 4));
      }
    }
  });
}

async function includedHistoryIsTheLog(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId } = await seedThread(store, [userMessage("a"), agentMessage("b")]);
    const { history, ...rest } = await store.readThread({ threadId, includeHistory: true });
    deepEqual(history, await readLog(store, threadId));
    deepEqual(await store.readThread({ threadId }), rest);
  });
}

async function readsChangeNothing(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId, writer } = await seedThread(store, [userMessage("a"), agentMessage("b")]);
    const archived = await seedThread(store);
    await store.archiveThread(archived.id);
    await store.shutdownThread(writer);
    await store.shutdownThread(archived.writer);
    const told: string[] = [];
    store.subscribe((event) => told.push(event.type));
    const look = async (): Promise<unknown> => [
      await readAllThreads(store),
      await readLog(store, threadId),
      await store.listTurns({ threadId, itemsView: "full" }),
      await store.listItems({ threadId }),
      await store.readThread({ threadId: archived.id, includeHistory: true }),
    ];
    const first = await look();
    if (store.capabilities.search) await store.searchThreads({ query: "a" });
    deepEqual(await look(), first);
    deepEqual(told, []);
    const { nextOrdinal } = await store.resumeThread({ threadId });
    equal(nextOrdinal, 3, "reads append nothing, and a resume neither");
    deepEqual(await look(), first);
  });
}

async function historySurvivesReopening(fixture: StoreFixture): Promise<void> {
  await withPlace(fixture, (place) =>
    fc.assert(
      fc.asyncProperty(arbBatches(), arbBatches(2), async (batches, later) => {
        const before = await withOpened(place, async (store) => {
          const { id, writer } = await seedThread(store, []);
          for (const items of batches) await store.appendItems({ writer, items });
          return { id, log: await readLog(store, id), thread: await store.readThread({ threadId: id }) };
        });
        await withOpened(place, async (store) => {
          deepEqual(await readLog(store, before.id), before.log);
          deepEqual(await store.readThread({ threadId: before.id }), before.thread);
          const { writer } = await store.resumeThread({ threadId: before.id });
          for (const items of later) await store.appendItems({ writer, items });
          const grown = await readLog(store, before.id);
          deepEqual(grown.slice(0, before.log.length), before.log);
          deepEqual(
            grown.slice(before.log.length).map((record) => record.item),
            later.flat(),
          );
        });
      }),
      { numRuns: 8 },
    ),
  );
}
