/**
 * Laws of a list's filters: they let through what the plain model lets through, which reads every thread
 * and looks at each. Where a thread comes from is filtered too: the one that spawned it, and all above
 * that, whatever circle the files may speak of.
 */
import { deepEqual } from "node:assert/strict";

import fc from "fast-check";

import type { ListThreadsParams, NewThreadMetadata, StoredThread, ThreadStore } from "../../store/index.ts";
import { seedThread, userMessage } from "../law-steps.ts";
import { defaultOrder, idsOf, inOrder, type ListOrder, orders, readEach, walk } from "../list-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

const cwds = ["/a", "/b", "/b/"] as const;
/** More than a database takes as values of one statement by default. */
const manyFolders = Array.from({ length: 40_000 }, (_, n) => (n === 20_000 ? "/a" : `/other/${n}`));
const providers = ["skein", "other"] as const;
const sources = ["cli", "vscode", { subagent: "review" }, { subagent: { other: "x" } }] as const;
const messages = ["Hello there", "100% of _it_", "ÄRGER"] as const;

/** Each asked in every run: one filter alone, none of its values, and more of them than a statement takes. */
const singles: readonly ListThreadsParams[] = [
  ...cwds.map((cwd) => ({ cwds: [cwd] })),
  ...providers.map((provider) => ({ modelProviders: [provider] })),
  ...["cli", "vscode", "subagent"].map((word) => ({ sources: [word] })),
  { cwds: [] },
  { modelProviders: [] },
  { sources: [] },
  ...["hello", "HELLO", "ärger", "%", "A NAME"].map((searchTerm) => ({ searchTerm })),
  ...[["/a", "/b"], ["/a", "/a"], ["/c", "/b/"], cwds, manyFolders].map((some) => ({ cwds: some })),
];

const family = Array.from({ length: 7 }, (_, n) => `019b0000-0000-7000-8000-0000000000a${n}`);
const unknownId = "019b0000-0000-7000-8000-0000000000ff";

/** The laws of this file. */
export const listFilterLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "list.filters",
    title: "filters let through what the plain model lets through",
    runs: 6,
    generator: fc.record({
      threads: fc.array(anyThread(), { minLength: 1, maxLength: 10 }),
      asked: fc.array(fc.record({ filter: anyFilter(), order: fc.constantFrom(...orders), limit: anyLimit() }), {
        maxLength: 20,
      }),
    }),
    holds: filtersFollowTheModel,
  }),
  storeLaw({
    id: "list.lineage",
    title: "by parent a list has what a thread spawned, by ancestor all below it, but never the thread itself",
    runs: 8,
    generator: fc.record({ members: anyFamily(), limit: anyLimit() }),
    holds: lineageFollowsTheModel,
  }),
];

function anyLimit(): fc.Arbitrary<number> {
  return fc.integer({ min: 1, max: 4 });
}

interface FilteredThread {
  readonly metadata: NewThreadMetadata;
  readonly message: string;
  readonly name: string | null;
  readonly archived: boolean;
}

function anyThread(): fc.Arbitrary<FilteredThread> {
  return fc.record({
    metadata: fc.record({
      cwd: fc.constantFrom(...cwds),
      modelProvider: fc.constantFrom(...providers),
      source: fc.constantFrom(...sources),
    }),
    message: fc.constantFrom(...messages),
    name: fc.constantFrom(null, null, "A Name", "hello again"),
    archived: fc.boolean(),
  });
}

function anyFilter(): fc.Arbitrary<ListThreadsParams> {
  return fc.record(
    {
      archived: fc.boolean(),
      modelProviders: fc.subarray(["skein", "other", "none"]),
      sources: fc.subarray(["cli", "vscode", "subagent", "exec"]),
      cwds: fc.subarray(["/a", "/b", "/b/", "/c"]),
      searchTerm: fc.constantFrom("", "hello", "HELLO", "%", "_it_", "name", "ärger", "nowhere"),
    },
    { requiredKeys: [] },
  );
}

/** The filters again, as plainly as they are documented. */
function letsThrough(filter: ListThreadsParams, thread: StoredThread): boolean {
  const word = typeof thread.source === "string" ? thread.source : "subagent";
  const term = filter.searchTerm?.toLowerCase() ?? "";
  const texts = [thread.name ?? "", thread.preview].map((text) => text.toLowerCase());
  return (
    thread.archived === (filter.archived ?? false) &&
    (filter.modelProviders === undefined || filter.modelProviders.includes(thread.modelProvider)) &&
    (filter.sources === undefined || filter.sources.includes(word)) &&
    (filter.cwds === undefined || filter.cwds.includes(thread.cwd)) &&
    (term === "" || texts.some((text) => text.includes(term)))
  );
}

interface Filtering {
  readonly threads: readonly FilteredThread[];
  readonly asked: readonly { readonly filter: ListThreadsParams; readonly order: ListOrder; readonly limit: number }[];
}

async function filtersFollowTheModel(place: LawPlace, { threads, asked }: Filtering): Promise<void> {
  const store = await place.open();
  const ids: string[] = [];
  for (const { metadata, message, name, archived } of threads) {
    const { id } = await seedThread(store, [userMessage(message)], metadata);
    if (name !== null) await store.updateThreadMetadata({ threadId: id, patch: { name } });
    if (archived && place.claims.archive) await store.archiveThread(id);
    ids.push(id);
  }
  const all = await readEach(store, ids);
  const alone = singles.map((filter) => ({ filter, order: defaultOrder, limit: 3 }));
  for (const { filter, order, limit } of [...alone, ...asked]) {
    const matching = all.filter((thread) => letsThrough(filter, thread));
    const listed = await walk(store, { ...filter, ...order, limit });
    deepEqual(idsOf(listed), inOrder(matching, order), JSON.stringify({ ...filter, ...order }).slice(0, 200));
  }
}

interface FamilyMember {
  readonly parentId: string | null;
  readonly fate: "live" | "archived" | "deleted";
}

/** A thread's parent may come later, be gone, be unknown, or be the thread itself: files may say anything. */
function anyFamily(): fc.Arbitrary<readonly FamilyMember[]> {
  const member = fc.record({
    parentId: fc.oneof(
      { weight: 1, arbitrary: fc.constantFrom(null, unknownId) },
      { weight: 8, arbitrary: fc.constantFrom(...family) },
    ),
    fate: fc.constantFrom("live" as const, "live" as const, "live" as const, "archived" as const, "deleted" as const),
  });
  return fc.array(member, { minLength: 1, maxLength: family.length, size: "max" });
}

interface Lineage {
  readonly members: readonly FamilyMember[];
  readonly limit: number;
}

async function lineageFollowsTheModel(place: LawPlace, { members, limit }: Lineage): Promise<void> {
  const store = await place.open();
  const { claims } = place;
  const isGone = (n: number): boolean => claims.delete && members[n]?.fate === "deleted";
  const ids = family.slice(0, members.length);
  for (const [n, { parentId }] of members.entries()) await spawn(store, family[n] ?? "", parentId);
  for (const [n, { fate }] of members.entries()) {
    if (fate === "archived" && claims.archive) await store.archiveThread(family[n] ?? "");
    if (isGone(n)) await store.deleteThread(family[n] ?? "");
  }
  const all = await readEach(
    store,
    ids.filter((_, n) => !isGone(n)),
  );
  for (const id of [...ids, unknownId]) {
    for (const archived of [false, true]) {
      const within = all.filter((thread) => thread.archived === archived);
      const listed = async (filter: ListThreadsParams): Promise<readonly string[]> =>
        idsOf(await walk(store, { ...filter, archived, limit }));
      const spawned = inOrder(
        within.filter((thread) => thread.parentThreadId === id),
        defaultOrder,
      );
      deepEqual(await listed({ parentThreadId: id }), spawned);
      deepEqual(await listed({ parentThreadId: id.toUpperCase() }), spawned);
      const below = within.filter((thread) => isBelow(thread, id, all));
      deepEqual(await listed({ ancestorThreadId: `{${id}}` }), inOrder(below, defaultOrder));
      const both = await listed({ ancestorThreadId: id, parentThreadId: family[0] ?? "" });
      const expected = below.filter((thread) => thread.parentThreadId === family[0]);
      deepEqual(both, inOrder(expected, defaultOrder));
    }
  }
}

async function spawn(store: ThreadStore, threadId: string, parentId: string | null): Promise<void> {
  const source = parentId === null ? "cli" : { subagent: { thread_spawn: { parent_thread_id: parentId, depth: 1 } } };
  const { writer } = await store.createThread({ threadId, metadata: { cwd: "/work/place", source } });
  await store.appendItems({ writer, items: [userMessage("hello")] });
}

/** Goes up from the thread, through live and archived ones, until there is none or it has been there. */
function isBelow(thread: StoredThread, ancestorId: string, all: readonly StoredThread[]): boolean {
  if (thread.id === ancestorId) return false;
  const been = new Set<string>();
  for (let at: StoredThread | undefined = thread; at !== undefined && !been.has(at.id);) {
    if (at.parentThreadId === ancestorId) return true;
    been.add(at.id);
    const above: string | null = at.parentThreadId;
    at = all.find(({ id }) => id === above);
  }
  return false;
}
