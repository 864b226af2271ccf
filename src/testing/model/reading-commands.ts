/**
 * The commands that read: pages of history from anywhere, a thread's metadata, and lists in both directions, page
 * by page. A read is compared with the whole of what the model knows, so that each is a check of all before it.
 */
import { deepEqual, equal, fail, ok } from "node:assert/strict";

import fc from "fast-check";

import type { SortDirection, SortKey, StoredThread } from "../../store/index.ts";
import {
  answered,
  arbThreadChoice,
  type CommandRun,
  pickThread,
  type StoreCommand,
  storeCommand,
  type ThreadChoice,
} from "./store-command.ts";

/** Arbitraries of the commands. */
export function readingCommands(): fc.Arbitrary<StoreCommand>[] {
  const history = fc.record({ of: arbThreadChoice, from: fc.nat(9), limit: fc.integer({ min: 1, max: 6 }) });
  const list = fc.record({
    archived: fc.boolean(),
    limit: fc.integer({ min: 1, max: 3 }),
    sortKey: fc.constantFrom<SortKey>("created_at", "updated_at", "recency_at"),
    sortDirection: fc.constantFrom<SortDirection>("asc", "desc"),
  });
  return [history.map(historyCommand), arbThreadChoice.map(readCommand), list.map(listCommand)];
}

interface History {
  readonly of: ThreadChoice;
  readonly from: number;
  readonly limit: number;
}

function historyCommand({ of, from, limit }: History): StoreCommand {
  return storeCommand({
    name: "loadHistory",
    isPossible: (model) => model.ids.size > 0,
    run: async ({ model, session, say }) => {
      const { id: threadId, code } = pickThread(model, of) ?? fail("there is one");
      say(`await store.loadHistory({ threadId: ${code}, from: ${from}, limit: ${limit} })`);
      const call = session.store.loadHistory({ threadId, from, limit });
      const page = await answered(model.refusalOfStored(threadId), call);
      const thread = model.stored(threadId);
      if (page === undefined || thread === undefined) return;
      const expected = thread.records.slice(from, from + limit);
      deepEqual(
        page.records.map(({ ordinal, item }) => [ordinal, item.type === "session_meta" ? "session_meta" : item]),
        expected.map((item, index) => [from + index, item]),
      );
      equal(page.nextOrdinal, from + expected.length);
      equal(page.isEnd, page.nextOrdinal >= thread.records.length);
    },
  });
}

function readCommand(of: ThreadChoice): StoreCommand {
  return storeCommand({
    name: "readThread",
    isPossible: (model) => model.ids.size > 0,
    run: async ({ model, session, say }) => {
      const { id: threadId, code } = pickThread(model, of) ?? fail("there is one");
      say(`await store.readThread({ threadId: ${code} })`);
      const read = await answered(model.refusalOfStored(threadId), session.store.readThread({ threadId }));
      if (read !== undefined) isAsModelled(model, read);
    },
  });
}

function isAsModelled(model: CommandRun["model"], read: StoredThread): void {
  const thread = model.stored(read.id) ?? fail(`thread ${read.id} is shown, and isn't stored`);
  const { archived, name, memoryMode, forkedFromId } = read;
  deepEqual(
    { archived, name, memoryMode, forkedFromId },
    {
      archived: thread.isArchived,
      name: thread.name,
      memoryMode: thread.memoryMode,
      forkedFromId: thread.forkedFromId,
    },
  );
  // A triple that is all null and none mean the same.
  deepEqual({ sha: null, branch: null, originUrl: null, ...read.git }, thread.git);
}

interface List {
  readonly archived: boolean;
  readonly limit: number;
  readonly sortKey: SortKey;
  readonly sortDirection: SortDirection;
}

function listCommand({ archived, limit, sortKey, sortDirection }: List): StoreCommand {
  return storeCommand({
    name: "listThreads",
    isPossible: (model) => model.claims.archive || !archived,
    run: async ({ model, session, say }) => {
      const asked = `archived: ${archived}, limit: ${limit}, sortKey: "${sortKey}", sortDirection: "${sortDirection}"`;
      say(`await store.listThreads({ ${asked} })`);
      const listed: StoredThread[] = [];
      let cursor: string | null = null;
      do {
        const page = await session.store.listThreads({
          archived,
          limit,
          sortKey,
          sortDirection,
          ...(cursor === null ? {} : { cursor }),
        });
        ok(page.data.length <= limit, "a page is longer than asked for");
        listed.push(...page.data);
        cursor = page.nextCursor;
        ok(listed.length <= model.threads.size, "more threads are listed than there are");
      } while (cursor !== null);
      const expected = [...model.threads.values()].filter(
        ({ id, isArchived }) => isArchived === archived && model.stored(id) !== undefined,
      );
      deepEqual(listed.map(({ id }) => id).toSorted(), expected.map(({ id }) => id).toSorted());
      for (const read of listed) isAsModelled(model, read);
      const keys = listed.map((read) => timeOf(read, sortKey));
      const inOrder = keys.toSorted((a, b) => (sortDirection === "asc" ? a - b : b - a));
      deepEqual(keys, inOrder, "in the order asked for");
    },
  });
}

function timeOf(read: StoredThread, sortKey: SortKey): number {
  switch (sortKey) {
    case "created_at":
      return read.createdAtMs;
    case "updated_at":
      return read.updatedAtMs;
    case "recency_at":
      return read.recencyAtMs;
  }
}
