/**
 * Laws of archiving and deleting: where a thread is listed, what it keeps, and when it is gone. Moving a
 * thread never changes its log; deleting it leaves nothing that any call could still find. Paths may
 * change with a move and are left out of comparisons.
 */
import { deepEqual, equal } from "node:assert/strict";

import {
  agentMessage,
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
import type { ThreadStore } from "../../store/index.ts";
import type { PlainLaw } from "../store-law.ts";
import type { StoreFixture } from "../store-place.ts";

/** The laws of this file. */
export const archiveLaws: readonly PlainLaw[] = [
  {
    id: "archive.moves",
    title: "archiving moves a thread from the one list to the other and keeps its log, and back",
    run: archivingMoves,
  },
  {
    id: "archive.writable",
    title: "an archived thread can be resumed and appended to, and stays archived",
    run: archivedStaysWritable,
  },
  {
    id: "archive.open-writer",
    title: "an open writer appends on through archive and unarchive",
    run: openWriterFollows,
  },
  {
    id: "archive.wrong-state",
    title: "archiving what is archived, and unarchiving what is not, is refused and changes nothing",
    run: wrongStateIsRefused,
  },
  {
    id: "archive.reopened",
    title: "an archived thread is archived after reopening",
    needs: ["reopen"],
    run: archiveSurvivesReopening,
  },
  {
    id: "archive.told",
    title: "subscribers are told of each move and of a deletion",
    run: movesAreTold,
  },
  {
    id: "delete.gone",
    title: "a deleted thread is gone from every read and list, archived or not",
    run: deletedIsGone,
  },
  {
    id: "delete.writer",
    title: "deleting closes an open writer; nothing it appends brings the thread back",
    run: deletedClosesWriter,
  },
  {
    id: "delete.forks",
    title: "a fork keeps its copy when its source is deleted",
    run: forkOutlivesItsSource,
  },
  {
    id: "delete.reopened",
    title: "a deleted thread is gone after reopening",
    needs: ["reopen"],
    run: deletionSurvivesReopening,
  },
];

async function listedIds(store: ThreadStore, archived: boolean): Promise<readonly string[]> {
  return (await store.listThreads({ archived, limit: 1_000 })).data.map((thread) => thread.id);
}

async function archivingMoves(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const moved = await seedThread(store, [userMessage("a"), agentMessage("b")]);
    const stays = await seedThread(store);
    await store.updateThreadMetadata({ threadId: moved.id, patch: { name: "kept" } });
    const before = await store.readThread({ threadId: moved.id, includeHistory: true });

    await store.archiveThread(moved.id);
    deepEqual(await listedIds(store, false), [stays.id]);
    deepEqual(await listedIds(store, true), [moved.id]);
    const archived = await store.readThread({ threadId: moved.id, includeHistory: true });
    deepEqual({ ...archived, path: null }, { ...before, path: null, archived: true });

    const back = await store.unarchiveThread(moved.id);
    equal(back.archived, false);
    deepEqual((await listedIds(store, false)).toSorted(), [moved.id, stays.id].toSorted());
    deepEqual(await listedIds(store, true), []);
    deepEqual(await store.readThread({ threadId: moved.id, includeHistory: true }), before);
  });
}

async function archivedStaysWritable(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId, writer } = await seedThread(store, [userMessage("live")]);
    await store.shutdownThread(writer);
    await store.archiveThread(threadId);
    const resumed = await store.resumeThread({ threadId });
    equal(resumed.nextOrdinal, 2);
    await store.appendItems({ writer: resumed.writer, items: [userMessage("archived")] });
    await store.shutdownThread(resumed.writer);
    deepEqual(await readItems(store, threadId), [userMessage("live"), userMessage("archived")]);
    deepEqual(await listedIds(store, true), [threadId]);
    deepEqual(await listedIds(store, false), []);
    await store.unarchiveThread(threadId);
    deepEqual(await readItems(store, threadId), [userMessage("live"), userMessage("archived")]);
  });
}

async function openWriterFollows(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId, writer } = await seedThread(store, [userMessage("0")]);
    const append = (text: string): Promise<unknown> => store.appendItems({ writer, items: [userMessage(text)] });
    await append("1");
    await Promise.all([append("2"), store.archiveThread(threadId), append("3")]);
    await append("4");
    await Promise.all([append("5"), store.unarchiveThread(threadId), append("6")]);
    await append("7");
    const texts = ["0", "1", "2", "3", "4", "5", "6", "7"];
    deepEqual(await readItems(store, threadId), texts.map(userMessage));
    deepEqual(await listedIds(store, false), [threadId]);
  });
}

async function wrongStateIsRefused(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id } = await seedThread(store);
    const { writer } = await store.createThread({ metadata: plainMetadata });
    await refused(store.unarchiveThread(id), "thread_not_archived");
    deepEqual(await listedIds(store, false), [id]);
    await store.archiveThread(id);
    await refused(store.archiveThread(id), "thread_archived");
    deepEqual(await listedIds(store, true), [id]);
    await refused(store.archiveThread(writer.threadId), "thread_not_found");
    await refused(store.unarchiveThread(writer.threadId), "thread_not_found");
    deepEqual(await listedIds(store, false), [], "a refused archive materialises nothing");
  });
}

async function archiveSurvivesReopening(fixture: StoreFixture): Promise<void> {
  await withPlace(fixture, async (place) => {
    const ids = await withOpened(place, async (store) => {
      const [archived, returned] = [await seedThread(store), await seedThread(store)];
      for (const { id } of [archived, returned]) await store.archiveThread(id);
      await store.unarchiveThread(returned.id);
      return { archived: archived.id, returned: returned.id };
    });
    await withOpened(place, async (store) => {
      deepEqual(await listedIds(store, true), [ids.archived]);
      deepEqual(await listedIds(store, false), [ids.returned]);
      equal((await store.readThread({ threadId: ids.archived })).archived, true);
    });
  });
}

async function movesAreTold(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const told: (readonly string[])[] = [];
    store.subscribe((event) => told.push([event.type, event.threadId]));
    const { id } = await seedThread(store);
    await store.archiveThread(id);
    await store.unarchiveThread(id);
    await store.deleteThread(id);
    const kinds = ["created", "appended", "archived", "unarchived", "deleted"];
    deepEqual(
      told.filter(([type], index) => type !== "appended" || told[index - 1]?.[0] !== "appended"),
      kinds.map((kind) => [kind, id]),
    );
  });
}

async function refusesEverywhere(store: ThreadStore, threadId: string): Promise<void> {
  await refused(store.readThread({ threadId }), "thread_not_found");
  await refused(store.loadHistory({ threadId }), "thread_not_found");
  await refused(store.listTurns({ threadId }), "thread_not_found");
  await refused(store.listItems({ threadId }), "thread_not_found");
  await refused(store.resumeThread({ threadId }), "thread_not_found");
  await refused(store.archiveThread(threadId), "thread_not_found");
  await refused(store.unarchiveThread(threadId), "thread_not_found");
  await refused(store.deleteThread(threadId), "thread_not_found");
  const patch = { name: "back" };
  await refused(store.updateThreadMetadata({ threadId, patch }), "thread_not_found");
  const fork = { threadId, endOrdinal: 1 };
  await refused(store.createThread({ metadata: plainMetadata, fork }), "thread_not_found");
  const ids = (await readAllThreads(store)).map((thread) => thread.id);
  equal(ids.includes(threadId), false);
}

async function deletedIsGone(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const other = await seedThread(store);
    for (const archived of [false, true]) {
      const { id, writer } = await seedThread(store);
      await store.updateThreadMetadata({ threadId: id, patch: { name: "gone" } });
      await store.shutdownThread(writer);
      if (archived) await store.archiveThread(id);
      await store.deleteThread(id);
      await refusesEverywhere(store, id);
    }
    deepEqual(
      (await readAllThreads(store)).map((thread) => thread.id),
      [other.id],
    );
  });
}

async function deletedClosesWriter(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id, writer } = await seedThread(store);
    await store.deleteThread(id);
    const append = store.appendItems({ writer, items: [userMessage("ghost")] });
    await refused(append, "writer_closed", "thread_not_found");
    await store.shutdownThread(writer);
    await store.discardThread(writer);
    await refusesEverywhere(store, id);
  });
}

async function forkOutlivesItsSource(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId } = await seedThread(store, [userMessage("a"), agentMessage("b")]);
    const fork = await store.createThread({
      metadata: plainMetadata,
      fork: { threadId, endOrdinal: 3 },
    });
    const before = await readLog(store, fork.writer.threadId);
    await store.deleteThread(threadId);
    deepEqual(await readLog(store, fork.writer.threadId), before);
    await store.appendItems({ writer: fork.writer, items: [userMessage("on")] });
    equal((await store.readThread({ threadId: fork.writer.threadId })).forkedFromId, threadId);
  });
}

async function deletionSurvivesReopening(fixture: StoreFixture): Promise<void> {
  await withPlace(fixture, async (place) => {
    const id = await withOpened(place, async (store) => {
      const { id } = await seedThread(store);
      await store.updateThreadMetadata({ threadId: id, patch: { name: "gone" } });
      await store.deleteThread(id);
      return id;
    });
    await withOpened(place, (store) => refusesEverywhere(store, id));
  });
}
