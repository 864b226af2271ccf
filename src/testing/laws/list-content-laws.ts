/**
 * Laws of what a list shows: a listed thread is the thread as it is read, by this handle, by the next one behind
 * it, and by another one beside it, whatever was done to the thread before. What a store doesn't claim to do is
 * left out of what is done.
 */
import { deepEqual, equal, fail } from "node:assert/strict";

import fc from "fast-check";

import type { StoredThread, ThreadMetadataPatch, ThreadStore } from "../../store/index.ts";
import { arbMetadataPatch } from "../arbitraries/index.ts";
import { agentMessage, plainMetadata, readAllThreads, refused, seedThread, userMessage } from "../law-steps.ts";
import { anyWalked, idsOf, openPopulated, orders, readEach, touch, type Walked, walk } from "../list-steps.ts";
import { readPlace } from "../place-reading.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** The laws of this file. */
export const listContentLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "list.is-read",
    title: "a listed thread is the thread as it is read",
    generator: fc.array(arbDeed(), { minLength: 1, maxLength: 10 }),
    holds: listedIsRead,
  }),
  storeLaw({
    id: "list.reopened",
    title: "after reopening, lists and logs are what they were, in every order",
    needs: ["reopen"],
    runs: 8,
    generator: fc.record({ walked: anyWalked(), deeds: fc.array(arbDeed(), { maxLength: 5 }) }),
    holds: listsSurviveReopening,
  }),
  storeLaw({
    id: "list.two-handles",
    title: "what one handle did is in the next list, read and page of turns of the other",
    needs: ["multiProcess"],
    runs: 8,
    generator: fc.array(fc.tuple(fc.nat(1), arbDeed()), { minLength: 1, maxLength: 8 }),
    holds: handlesSeeEachOther,
  }),
];

/** Something that is done to the threads of a place, each by its number among those that were made. */
type Deed =
  | { readonly do: "make"; readonly message: string }
  | { readonly do: "fork" | "touch" | "archive" | "unarchive" | "delete"; readonly nth: number }
  | { readonly do: "patch"; readonly nth: number; readonly patch: ThreadMetadataPatch };

function arbDeed(): fc.Arbitrary<Deed> {
  const nth = fc.nat(9);
  const kinds = fc.constantFrom(
    "touch" as const,
    "archive" as const,
    "fork" as const,
    "unarchive" as const,
    "delete" as const,
  );
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 3, arbitrary: fc.constantFrom("hello", "another").map((message): Deed => ({ do: "make", message })) },
    { weight: 4, arbitrary: fc.record({ do: kinds, nth }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("patch" as const), nth, patch: arbMetadataPatch() }) },
  );
}

/** Threads that are there, and how deeds change them. */
class Deeds {
  readonly #place: LawPlace;
  /** Whether each is archived, in the order they were made. */
  readonly #threads = new Map<string, boolean>();

  constructor(place: LawPlace) {
    this.#place = place;
  }

  get ids(): readonly string[] {
    return [...this.#threads.keys()];
  }

  /** Does it where the store claims that it can, and the thread is in a state for it. */
  async done(store: ThreadStore, deed: Deed): Promise<void> {
    const { claims } = this.#place;
    if (deed.do === "make") {
      const { id, writer } = await seedThread(store, [userMessage(deed.message), agentMessage("a")]);
      await store.shutdownThread(writer);
      this.#threads.set(id, false);
      return;
    }
    const id = this.ids[deed.nth % this.#threads.size];
    if (id === undefined) return;
    const isArchived = this.#threads.get(id) ?? fail("a thread without a state");
    if (deed.do === "patch") await store.updateThreadMetadata({ threadId: id, patch: deed.patch });
    else if (deed.do === "touch") await touch(store, id);
    else if (deed.do === "fork" && claims.fork !== "none") await this.#fork(store, id);
    else if (deed.do === "delete" && claims.delete) await this.#delete(store, id);
    else if (deed.do === "archive" && claims.archive && !isArchived) {
      await store.archiveThread(id);
      this.#threads.set(id, true);
    } else if (deed.do === "unarchive" && claims.archive && isArchived) {
      await store.unarchiveThread(id);
      this.#threads.set(id, false);
    }
  }

  async #fork(store: ThreadStore, threadId: string): Promise<void> {
    const { writer } = await store.createThread({ metadata: plainMetadata, fork: { threadId, endOrdinal: 2 } });
    await store.shutdownThread(writer);
    this.#threads.set(writer.threadId, false);
  }

  async #delete(store: ThreadStore, threadId: string): Promise<void> {
    // A source by reference may be refused.
    if (this.#place.claims.fork === "reference") return;
    await store.deleteThread(threadId);
    this.#threads.delete(threadId);
  }
}

async function listedIsRead(place: LawPlace, all: readonly Deed[]): Promise<void> {
  const store = await place.open();
  const deeds = new Deeds(place);
  for (const deed of all) {
    await deeds.done(store, deed);
    const listed = await readAllThreads(store);
    deepEqual(idsOf(listed).toSorted(), deeds.ids.toSorted());
    deepEqual(listed, await readEach(store, idsOf(listed)));
  }
}

interface Reopening {
  readonly walked: Walked;
  readonly deeds: readonly Deed[];
}

async function listsSurviveReopening(place: LawPlace, { walked, deeds: all }: Reopening): Promise<void> {
  const { population, limit } = walked;
  const { store, clock } = await openPopulated(place, population);
  const deeds = new Deeds(place);
  for (const deed of all) await deeds.done(store, deed);
  const look = async (handle: ThreadStore): Promise<unknown> => {
    const lists: (readonly string[])[] = [];
    for (const order of orders) lists.push(idsOf(await walk(handle, { limit, ...order })));
    return { lists, ...(await readPlace(handle)) };
  };
  const before = await look(store);
  deepEqual(await look(await place.reopen(store, { clock })), before);
}

async function handlesSeeEachOther(
  place: LawPlace,
  all: readonly (readonly [by: number, deed: Deed])[],
): Promise<void> {
  const handles = [await place.open(), await place.open()];
  const deeds = new Deeds(place);
  const gone = new Set<string>();
  for (const [by, deed] of all) {
    const before = deeds.ids;
    await deeds.done(handles[by] ?? fail("two handles"), deed);
    for (const id of before) if (!deeds.ids.includes(id)) gone.add(id);
    const [first, second] = await Promise.all(handles.map((handle) => seen(handle, deeds.ids)));
    deepEqual(first, second);
    for (const handle of handles) {
      for (const threadId of gone) await refused(handle.readThread({ threadId }), "thread_not_found");
    }
  }
}

async function seen(handle: ThreadStore, ids: readonly string[]): Promise<readonly unknown[]> {
  const { threads, logs } = await readPlace(handle);
  equal(threads.length, ids.length);
  const read: readonly StoredThread[] = await readEach(handle, idsOf(threads));
  deepEqual(threads, read);
  const turns = await Promise.all(ids.map((threadId) => handle.listTurns({ threadId, itemsView: "full" })));
  return [threads, logs, turns];
}
