/**
 * Laws of archiving: where a thread is listed, and what it keeps. Moving a thread never changes its log, nor takes
 * it from who writes to it. Paths may change with a move to the archive, and are left out of comparisons there;
 * brought back, a thread is where it was.
 */
import { deepEqual, equal } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import type { ThreadStore } from "../../store/index.ts";
import { arbBatch } from "../arbitraries/index.ts";
import { plainMetadata, readItems, refused, seedThread, underWay } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** The laws of this file. */
export const archiveLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "archive.moves",
    title: "archiving moves a thread from the one list to the other and keeps its log, and back",
    needs: ["archive"],
    runs: 10,
    generator: fc.record({
      threads: fc.array(fc.record({ items: arbBatch(2), isNamed: fc.boolean() }), { minLength: 1, maxLength: 3 }),
      moved: fc.array(fc.nat(2), { minLength: 1, maxLength: 5 }),
    }),
    holds: archivingMoves,
  }),
  storeLaw({
    id: "archive.writable",
    title: "an archived thread can be resumed and appended to, and stays archived",
    needs: ["archive"],
    runs: 10,
    generator: fc.record({ live: arbBatch(3), archived: fc.array(arbBatch(2), { minLength: 1, maxLength: 3 }) }),
    holds: archivedStaysWritable,
  }),
  storeLaw({
    id: "archive.open-writer",
    title: "an open writer appends on through archive and unarchive",
    needs: ["archive"],
    runs: 10,
    generator: fc.array(
      fc.oneof({ weight: 3, arbitrary: arbBatch(2) }, { weight: 1, arbitrary: fc.constant("move") }),
      {
        minLength: 2,
        maxLength: 14,
      },
    ),
    holds: openWriterFollows,
  }),
  storeLaw({
    id: "archive.wrong-state",
    title: "archiving what is archived, and unarchiving what is not, is refused and changes nothing",
    needs: ["archive"],
    runs: 10,
    generator: fc.record({
      items: arbBatch(2),
      isOpen: fc.boolean(),
      calls: fc.array(fc.constantFrom<Move>("archive", "unarchive"), { minLength: 1, maxLength: 6 }),
    }),
    holds: wrongStateIsRefused,
  }),
  storeLaw({
    id: "archive.reopened",
    title: "an archived thread is archived after reopening, whatever is asked of it first",
    needs: ["archive", "reopen"],
    runs: 10,
    generator: fc.record({
      threads: fc.array(fc.record({ items: arbBatch(2), moves: fc.nat(3) }), { minLength: 1, maxLength: 3 }),
      first: fc.constantFrom<FirstCall>("list", "read", "history", "resume", "move"),
    }),
    holds: archiveSurvivesReopening,
  }),
  storeLaw({
    id: "archive.told",
    title: "subscribers are told of each move, and of none that was refused",
    needs: ["archive"],
    runs: 10,
    generator: fc.array(fc.constantFrom<Move>("archive", "unarchive"), { minLength: 1, maxLength: 6 }),
    holds: movesAreTold,
  }),
];

type Items = readonly AppendableItem[];
type Move = "archive" | "unarchive";

/** The ids of a list, smallest first. */
async function listedIds(store: ThreadStore, archived: boolean): Promise<readonly string[]> {
  return (await store.listThreads({ archived, limit: 100 })).data.map((thread) => thread.id).toSorted();
}

async function areListed(
  store: ThreadStore,
  { live, archived }: { readonly live: readonly string[]; readonly archived: readonly string[] },
): Promise<void> {
  deepEqual(await listedIds(store, false), live.toSorted());
  deepEqual(await listedIds(store, true), archived.toSorted());
}

async function move(store: ThreadStore, threadId: string, which: Move): Promise<void> {
  if (which === "archive") await store.archiveThread(threadId);
  else equal((await store.unarchiveThread(threadId)).archived, false);
}

interface Moves {
  readonly threads: readonly { readonly items: Items; readonly isNamed: boolean }[];
  /** Each is moved to the other list. */
  readonly moved: readonly number[];
}

async function archivingMoves(place: LawPlace, { threads, moved }: Moves): Promise<void> {
  const store = await place.open();
  const ids: string[] = [];
  for (const { items, isNamed } of threads) {
    const { id: threadId } = await seedThread(store, items);
    if (isNamed) await store.updateThreadMetadata({ threadId, patch: { name: `kept ${ids.length}` } });
    ids.push(threadId);
  }
  const read = (threadId: string): ReturnType<ThreadStore["readThread"]> =>
    store.readThread({ threadId, includeHistory: true });
  const before = new Map(await Promise.all(ids.map(async (id) => [id, await read(id)] as const)));
  const archived = new Set<string>();
  for (const index of moved) {
    const id = ids[index % ids.length] ?? "";
    await move(store, id, archived.has(id) ? "unarchive" : "archive");
    if (!archived.delete(id)) archived.add(id);
    await areListed(store, { live: ids.filter((each) => !archived.has(each)), archived: [...archived] });
    for (const each of ids) {
      const expected = { ...before.get(each), archived: archived.has(each) };
      const now = await read(each);
      if (archived.has(each)) deepEqual({ ...now, path: null }, { ...expected, path: null });
      else deepEqual(now, expected, "brought back it is what it was, its path too");
    }
  }
}

interface Writable {
  readonly live: Items;
  readonly archived: readonly Items[];
}

async function archivedStaysWritable(place: LawPlace, { live, archived }: Writable): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store, live);
  await store.shutdownThread(writer);
  await store.archiveThread(threadId);
  const expected = [...live];
  for (const items of archived) {
    const resumed = await store.resumeThread({ threadId });
    equal(resumed.nextOrdinal, expected.length + 1);
    await store.appendItems({ writer: resumed.writer, items });
    await store.shutdownThread(resumed.writer);
    expected.push(...items);
    deepEqual(await readItems(store, threadId), expected);
    await areListed(store, { live: [], archived: [threadId] });
  }
  await store.unarchiveThread(threadId);
  deepEqual(await readItems(store, threadId), expected);
}

async function openWriterFollows(place: LawPlace, steps: readonly (Items | string)[]): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store, []);
  const calls: Promise<unknown>[] = [];
  const expected: AppendableItem[] = [];
  let isArchived = false;
  let moved: Promise<void> = Promise.resolve();
  for (const step of steps) {
    if (typeof step === "string") {
      // One move at a time; the appends around it are in flight.
      await moved;
      moved = underWay(move(store, threadId, isArchived ? "unarchive" : "archive"));
      isArchived = !isArchived;
    } else {
      calls.push(underWay(store.appendItems({ writer, items: step })));
      expected.push(...step);
    }
  }
  await Promise.all([moved, ...calls]);
  deepEqual(await readItems(store, threadId), expected);
  await areListed(store, { live: isArchived ? [] : [threadId], archived: isArchived ? [threadId] : [] });
  const answer = await store.appendItems({ writer, items: expected.slice(0, 1).concat(sign) });
  equal(answer.firstOrdinal, expected.length + 1);
}

const sign: AppendableItem = { type: "event_msg", payload: { type: "agent_message", message: "last" } };

interface WrongState {
  readonly items: Items;
  readonly isOpen: boolean;
  readonly calls: readonly Move[];
}

async function wrongStateIsRefused(place: LawPlace, { items, isOpen, calls }: WrongState): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store, items);
  if (!isOpen) await store.shutdownThread(writer);
  const created = await store.createThread({ metadata: plainMetadata });
  let isArchived = false;
  for (const call of calls) {
    if (call === "archive" && isArchived) await refused(store.archiveThread(id), "thread_archived");
    else if (call === "unarchive" && !isArchived) await refused(store.unarchiveThread(id), "thread_not_archived");
    else {
      await move(store, id, call);
      isArchived = !isArchived;
    }
    await areListed(store, { live: isArchived ? [] : [id], archived: isArchived ? [id] : [] });
  }
  await refused(store.archiveThread(created.writer.threadId), "thread_not_found");
  await refused(store.unarchiveThread(created.writer.threadId), "thread_not_found");
  equal(
    (await listedIds(store, false)).includes(created.writer.threadId),
    false,
    "a refused move materialises nothing",
  );
  deepEqual(await readItems(store, id), items);
}

type FirstCall = "list" | "read" | "history" | "resume" | "move";

interface ArchiveReopened {
  readonly threads: readonly { readonly items: Items; readonly moves: number }[];
  /** What is asked of a thread before anything else may tell the store where it is. */
  readonly first: FirstCall;
}

async function archiveSurvivesReopening(place: LawPlace, { threads, first }: ArchiveReopened): Promise<void> {
  const store = await place.open();
  const made: { readonly id: string; readonly items: Items; readonly archived: boolean }[] = [];
  for (const { items, moves } of threads) {
    const { id } = await seedThread(store, items);
    for (let nth = 0; nth < moves; nth += 1) await move(store, id, nth % 2 === 0 ? "archive" : "unarchive");
    made.push({ id, items, archived: moves % 2 === 1 });
  }
  const reopened = await place.reopen(store);
  const archived: string[] = [];
  const live: string[] = [];
  for (const thread of made) {
    const isArchived = await askFirst(reopened, thread, first);
    (isArchived ? archived : live).push(thread.id);
  }
  await areListed(reopened, { live, archived });
  for (const { id, items } of made) deepEqual(await readItems(reopened, id), items);
}

/** Asks, and says whether the thread is archived then. */
async function askFirst(
  store: ThreadStore,
  { id: threadId, items, archived }: { readonly id: string; readonly items: Items; readonly archived: boolean },
  first: FirstCall,
): Promise<boolean> {
  if (first === "list") equal((await listedIds(store, archived)).includes(threadId), true);
  if (first === "history") deepEqual(await readItems(store, threadId), items);
  if (first === "resume") equal((await store.resumeThread({ threadId })).nextOrdinal, items.length + 1);
  if (first === "move") await move(store, threadId, archived ? "unarchive" : "archive");
  const isArchived = first === "move" ? !archived : archived;
  equal((await store.readThread({ threadId })).archived, isArchived);
  return isArchived;
}

async function movesAreTold(place: LawPlace, calls: readonly Move[]): Promise<void> {
  const store = await place.open();
  const told: (readonly string[])[] = [];
  const { id } = await seedThread(store);
  store.subscribe((event) => told.push([event.type, event.threadId]));
  const expected: (readonly string[])[] = [];
  let isArchived = false;
  for (const call of calls) {
    if ((call === "archive") === isArchived) {
      await refused(
        call === "archive" ? store.archiveThread(id) : store.unarchiveThread(id),
        call === "archive" ? "thread_archived" : "thread_not_archived",
      );
    } else {
      await move(store, id, call);
      isArchived = !isArchived;
      expected.push([`${call}d`, id]);
    }
  }
  deepEqual(told, expected);
}
