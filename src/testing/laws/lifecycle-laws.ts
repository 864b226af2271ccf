/**
 * Laws of a writer's life: lazy threads, who may append, and that shutting down, discarding and closing
 * always release what was held (S3, S4). Calls in flight are part of most of them: a release that only
 * works on a quiet thread is worth little.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import { isSkeinError } from "../../base/index.ts";
import type { ThreadStore, ThreadWriter } from "../../store/index.ts";
import {
  plainMetadata,
  readAllThreads,
  readItems,
  readLog,
  refused,
  seedThread,
  userMessage,
  withOpened,
  withPlace,
  withStore,
} from "../law-steps.ts";
import type { PlainLaw } from "../store-law.ts";
import type { StoreFixture } from "../store-place.ts";

/** The laws of this file. */
export const lifecycleLaws: readonly PlainLaw[] = [
  {
    id: "lifecycle.lazy",
    title: "a created thread that was never appended to is not listed and leaves no trace",
    run: createdLeavesNoTrace,
  },
  {
    id: "lifecycle.lazy-reopened",
    title: "a created thread that was never appended to is unknown after reopening",
    needs: ["reopen"],
    run: createdIsUnknownAfterReopening,
  },
  {
    id: "lifecycle.persist",
    title: "persisting lists a thread with its session_meta alone, once however often it is asked",
    run: persistLists,
  },
  {
    id: "lifecycle.taken-id",
    title: "an id that is taken, open or stored, is refused; a released one that stored nothing is free",
    run: takenIdsAreRefused,
  },
  {
    id: "lifecycle.next-ordinal",
    title: "an opened thread says the ordinal of its next record, created, resumed or forked",
    run: openedSaysNextOrdinal,
  },
  {
    id: "lifecycle.fenced",
    title: "a writer that was shut down, discarded or replaced can't write any more, the newer one can",
    run: oldWritersAreFenced,
  },
  {
    id: "lifecycle.epochs",
    title: "each writer of a thread has a greater epoch than the one before",
    run: epochsGrow,
  },
  {
    id: "lifecycle.forged",
    title: "a writer nobody was given can't append",
    run: forgedWritersAreRefused,
  },
  {
    id: "lifecycle.discard",
    title: "a discard releases the thread whatever was in flight, and each append is there whole or not at all",
    run: discardAlwaysReleases,
  },
  {
    id: "lifecycle.idempotent",
    title: "shutdown and discard can be repeated, and an old writer's don't hurt a newer one",
    run: releasesAreIdempotent,
  },
  {
    id: "lifecycle.shutdown-flushes",
    title: "a shutdown keeps what was appended before it, in flight or not",
    run: shutdownKeepsAppends,
  },
  {
    id: "lifecycle.close",
    title: "close can be repeated, releases every writer, and later calls are refused",
    run: closeReleases,
  },
  {
    id: "lifecycle.close-reopened",
    title: "everything acknowledged before a close is there after reopening",
    needs: ["reopen"],
    run: closeKeepsAcknowledged,
  },
];

async function readsNothing(store: ThreadStore, threadId: string): Promise<void> {
  deepEqual(await readAllThreads(store), []);
  await refused(store.readThread({ threadId }), "thread_not_found");
  await refused(store.resumeThread({ threadId }), "thread_not_found");
}

async function createdLeavesNoTrace(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const told: string[] = [];
    store.subscribe((event) => told.push(event.type));
    for (const release of ["shutdownThread", "discardThread"] as const) {
      const { writer } = await store.createThread({ metadata: plainMetadata });
      deepEqual(await readAllThreads(store), []);
      await store.flushThread(writer);
      await store[release](writer);
      await readsNothing(store, writer.threadId);
    }
    deepEqual(told, []);
  });
}

async function createdIsUnknownAfterReopening(fixture: StoreFixture): Promise<void> {
  await withPlace(fixture, async (place) => {
    const threadId = await withOpened(place, async (store) => {
      const { writer } = await store.createThread({ metadata: plainMetadata });
      return writer.threadId;
    });
    await withOpened(place, (store) => readsNothing(store, threadId));
  });
}

async function persistLists(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { writer } = await store.createThread({ metadata: plainMetadata });
    await Promise.all([store.persistThread(writer), store.persistThread(writer)]);
    await store.persistThread(writer);
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
    await store.appendItems({ writer, items: [userMessage("hello")] });
    await store.persistThread(writer);
    equal((await readLog(store, writer.threadId)).length, 2);
  });
}

async function takenIdsAreRefused(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const threadId = "019b0000-0000-7000-8000-000000000001";
    const create = { threadId, metadata: plainMetadata };
    const first = await store.createThread(create);
    equal(first.writer.threadId, threadId);
    await refused(store.createThread(create), "thread_exists");
    await store.shutdownThread(first.writer);
    const second = await store.createThread(create);
    await store.appendItems({ writer: second.writer, items: [userMessage("hello")] });
    await refused(store.createThread(create), "thread_exists");
    await store.shutdownThread(second.writer);
    await refused(store.createThread(create), "thread_exists");
    await store.archiveThread(threadId);
    await refused(store.createThread(create), "thread_exists");
    deepEqual(await readItems(store, threadId), [userMessage("hello")]);
  });
}

async function openedSaysNextOrdinal(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const items = [userMessage("next")];
    const created = await store.createThread({ metadata: plainMetadata });
    const { threadId } = created.writer;
    const resume = async (): Promise<typeof created> => {
      await store.shutdownThread(created.writer);
      return store.resumeThread({ threadId });
    };
    const fork = (): Promise<typeof created> =>
      store.createThread({ metadata: plainMetadata, fork: { threadId, endOrdinal: 2 } });
    for (const open of [() => Promise.resolve(created), resume, fork]) {
      const { writer, nextOrdinal, path, tornBytes } = await open();
      const answer = await store.appendItems({ writer, items, expectedOrdinal: nextOrdinal });
      equal(answer.firstOrdinal, nextOrdinal);
      equal((await readLog(store, writer.threadId)).length, nextOrdinal + 1);
      equal(tornBytes, 0);
      equal(path === null, !store.capabilities.paths);
      equal((await store.readThread({ threadId: writer.threadId })).path, path);
    }
  });
}

async function cannotWrite(store: ThreadStore, writer: ThreadWriter): Promise<void> {
  const { threadId } = writer;
  const before = await readLog(store, threadId);
  const append = store.appendItems({ writer, items: [userMessage("late")] });
  await refused(append, "writer_closed", "writer_fenced");
  deepEqual(await readLog(store, threadId), before);
}

async function oldWritersAreFenced(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId, writer } = await seedThread(store);
    await store.shutdownThread(writer);
    await cannotWrite(store, writer);

    const discarded = await store.resumeThread({ threadId });
    await store.discardThread(discarded.writer);
    await cannotWrite(store, discarded.writer);

    const replaced = await store.resumeThread({ threadId });
    const newer = await store.resumeThread({ threadId });
    const append = store.appendItems({ writer: replaced.writer, items: [userMessage("late")] });
    await refused(append, "writer_fenced");
    await refused(store.persistThread(replaced.writer), "writer_fenced", "writer_closed");
    for (const old of [writer, discarded.writer, replaced.writer]) await cannotWrite(store, old);
    await store.appendItems({ writer: newer.writer, items: [userMessage("newer")] });
    deepEqual(await readItems(store, threadId), [userMessage("hello"), userMessage("newer")]);
  });
}

async function epochsGrow(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId, writer } = await seedThread(store);
    const epochs = [writer.epoch];
    for (const release of ["shutdown", "discard", "none"]) {
      const resumed = await store.resumeThread({ threadId });
      epochs.push(resumed.writer.epoch);
      if (release === "shutdown") await store.shutdownThread(resumed.writer);
      if (release === "discard") await store.discardThread(resumed.writer);
    }
    epochs.push((await store.resumeThread({ threadId })).writer.epoch);
    deepEqual(
      epochs,
      [...new Set(epochs)].toSorted((a, b) => a - b),
    );
  });
}

async function forgedWritersAreRefused(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId, writer } = await seedThread(store);
    await cannotWrite(store, { threadId, epoch: writer.epoch + 1_000 });
    const nobody = { threadId: "019b0000-0000-7000-8000-00000000dead", epoch: 1 };
    const append = store.appendItems({ writer: nobody, items: [userMessage("late")] });
    await refused(append, "writer_closed", "writer_fenced", "thread_not_found");
    await store.discardThread(nobody);
    equal((await readAllThreads(store)).length, 1);
  });
}

/** How a call in flight during a discard may end: done, or refused with one of these. */
async function settled(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    ok(isSkeinError(error), String(error));
    ok(["writer_closed", "writer_fenced", "thread_not_found"].includes(error.code), error.code);
    return false;
  }
}

async function discardAlwaysReleases(fixture: StoreFixture): Promise<void> {
  const calls = fc.array(fc.constantFrom("append", "persist", "flush", "rename", "turn"), {
    maxLength: 5,
  });
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(fc.boolean(), calls, calls, async (isStored, early, late) => {
        const { writer } = await store.createThread({ metadata: plainMetadata });
        const { threadId } = writer;
        if (isStored) await store.persistThread(writer);
        const flights: { readonly text: string; readonly done: Promise<boolean> }[] = [];
        const others: Promise<boolean>[] = [];
        const start = async (kind: string): Promise<void> => {
          const text = `message ${flights.length}`;
          const items = [userMessage(text), userMessage(`${text} still`)];
          if (kind === "append") {
            flights.push({ text, done: settled(store.appendItems({ writer, items })) });
          } else if (kind === "persist") others.push(settled(store.persistThread(writer)));
          else if (kind === "flush") others.push(settled(store.flushThread(writer)));
          else if (kind === "rename") {
            const patch = { name: "renamed" };
            others.push(settled(store.updateThreadMetadata({ threadId, patch })));
          } else await Promise.resolve();
        };
        for (const kind of early) await start(kind);
        const discarded = store.discardThread(writer);
        for (const kind of late) await start(kind);
        await discarded;
        await Promise.all(others);
        const kept: unknown[] = [];
        for (const { text, done } of flights) {
          if (await done) kept.push(userMessage(text), userMessage(`${text} still`));
        }
        const ghost = store.appendItems({ writer, items: [userMessage("ghost")] });
        equal(await settled(ghost), false, "a discarded writer appends");
        await reopensWith(store, threadId, kept);
      }),
      { numRuns: 40 },
    ),
  );
}

/** After a discard the thread is free: to be resumed where it was stored, else to be created. */
async function reopensWith(store: ThreadStore, threadId: string, kept: readonly unknown[]): Promise<void> {
  const isStored = await settled(store.readThread({ threadId }));
  if (isStored) deepEqual(await readItems(store, threadId), kept);
  else deepEqual(kept, [], "an acknowledged append is gone");
  const { writer } = isStored
    ? await store.resumeThread({ threadId })
    : await store.createThread({ threadId, metadata: plainMetadata });
  await store.appendItems({ writer, items: [userMessage("after")] });
  deepEqual(await readItems(store, threadId), [...kept, userMessage("after")]);
  await store.shutdownThread(writer);
}

async function releasesAreIdempotent(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId, writer } = await seedThread(store);
    await Promise.all([store.shutdownThread(writer), store.shutdownThread(writer)]);
    await store.discardThread(writer);
    const newer = await store.resumeThread({ threadId });
    await store.shutdownThread(writer);
    await store.discardThread(writer);
    await store.appendItems({ writer: newer.writer, items: [userMessage("on")] });
    await store.discardThread(newer.writer);
    await store.discardThread(newer.writer);
    await store.shutdownThread(newer.writer);
    deepEqual(await readItems(store, threadId), [userMessage("hello"), userMessage("on")]);
  });
}

async function shutdownKeepsAppends(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId, writer } = await seedThread(store, []);
    const texts = Array.from({ length: 20 }, (_, n) => userMessage(`${n}`));
    const appends = texts.map((item) => store.appendItems({ writer, items: [item] }));
    await store.shutdownThread(writer);
    const answers = await Promise.all(appends);
    deepEqual(
      answers.map((answer) => answer.firstOrdinal),
      texts.map((_, index) => index + 1),
    );
    deepEqual(await readItems(store, threadId), texts);
  });
}

async function closeReleases(fixture: StoreFixture): Promise<void> {
  await withPlace(fixture, async (place) => {
    const store = await place.open();
    const { id: threadId, writer } = await seedThread(store);
    const told: string[] = [];
    store.subscribe((event) => told.push(event.type));
    await Promise.all([store.close(), store.close()]);
    await store.close();
    const items = [userMessage("late")];
    const codes = ["runtime_closed", "writer_closed"] as const;
    await refused(store.appendItems({ writer, items }), ...codes);
    await refused(store.createThread({ metadata: plainMetadata }), ...codes);
    await refused(store.resumeThread({ threadId }), ...codes);
    await refused(store.readThread({ threadId }), ...codes);
    await refused(store.loadHistory({ threadId }), ...codes);
    await refused(store.listThreads(), ...codes);
    await refused(store.updateThreadMetadata({ threadId, patch: { name: "late" } }), ...codes);
    await store.discardThread(writer);
    await store.shutdownThread(writer);
    deepEqual(told, []);
  });
}

async function closeKeepsAcknowledged(fixture: StoreFixture): Promise<void> {
  await withPlace(fixture, async (place) => {
    const store = await place.open();
    const { id, writer } = await seedThread(store, []);
    const items = Array.from({ length: 20 }, (_, n) => userMessage(`${n}`));
    const appends = items.map((item) => settledAppend(store, writer, item));
    await store.close();
    const kept = (await Promise.all(appends)).filter((item) => item !== null);
    await withOpened(place, async (reopened) => {
      deepEqual(await readItems(reopened, id), kept);
      const resumed = await reopened.resumeThread({ threadId: id });
      equal(resumed.nextOrdinal, kept.length + 1);
    });
  });
}

type Item = ReturnType<typeof userMessage>;

async function settledAppend(store: ThreadStore, writer: ThreadWriter, item: Item): Promise<Item | null> {
  try {
    await store.appendItems({ writer, items: [item] });
    return item;
  } catch (error) {
    ok(isSkeinError(error), String(error));
    return null;
  }
}
