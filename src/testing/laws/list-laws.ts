/**
 * Laws of lists and of search: complete and exact for any page size, order and filter, also while threads
 * are written to. The model is the plain one: read every thread, filter, sort by (key, id). Time stands
 * still between most of the writes, so that ties are the rule and not the exception.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import type {
  ListThreadsParams,
  NewThreadMetadata,
  SortDirection,
  SortKey,
  StoredThread,
  ThreadStore,
} from "../../store/index.ts";
import { agentMessage, plainMetadata, readAllThreads, seedThread, userMessage, withStore } from "../law-steps.ts";
import { createSettableClock, type SettableClock } from "../settable-clock.ts";
import type { StoreFixture, StoreLaw } from "../store-law.ts";

/** The laws of this file. */
export const listLaws: readonly StoreLaw[] = [
  {
    id: "list.complete",
    title: "a walk lists each thread exactly once, in order, for any page size, sort and direction, equal times too",
    run: walksAreComplete,
  },
  {
    id: "list.under-writes",
    title: "threads that stay are listed exactly once while others are appended to, made, moved and deleted",
    run: walksAreCompleteUnderWrites,
  },
  {
    id: "list.backwards",
    title: "the backwards cursor of a page lists what came before it, in the opposite direction",
    run: backwardsCursorsMeet,
  },
  {
    id: "list.filters",
    title: "filters let through what the plain model lets through",
    run: filtersFollowTheModel,
  },
  {
    id: "list.limits",
    title: "a list without a limit gives the default number, a huge limit no more than there are",
    run: limitsAreClamped,
  },
  {
    id: "list.is-read",
    title: "a listed thread is the thread as it is read",
    run: listedIsRead,
  },
  {
    id: "search.finds",
    title: "search finds names, previews, user and agent messages, newest thread first, each thread once",
    needs: ["search"],
    run: searchFinds,
  },
];

const sortKeys: readonly SortKey[] = ["created_at", "updated_at"];
const directions: readonly SortDirection[] = ["asc", "desc"];

/** Threads by how far the clock moves before each is made and before each is written to again. */
interface Population {
  readonly made: readonly number[];
  readonly touched: readonly (readonly [index: number, waitMs: number])[];
}

function anyPopulation(threadsMax = 9): fc.Arbitrary<Population> {
  const wait = fc.constantFrom(0, 0, 0, 1, 7);
  return fc.record({
    made: fc.array(wait, { minLength: 1, maxLength: threadsMax }),
    touched: fc.array(fc.tuple(fc.nat(threadsMax - 1), wait), { maxLength: 5 }),
  });
}

async function populate(
  store: ThreadStore,
  clock: SettableClock,
  { made, touched }: Population,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const waitMs of made) {
    clock.advance(waitMs);
    const { id, writer } = await seedThread(store);
    await store.shutdownThread(writer);
    ids.push(id);
  }
  for (const [index, waitMs] of touched) {
    clock.advance(waitMs);
    await touch(store, ids[index % ids.length] ?? "");
  }
  return ids;
}

async function touch(store: ThreadStore, threadId: string): Promise<void> {
  const { writer } = await store.resumeThread({ threadId });
  await store.appendItems({ writer, items: [userMessage("again")] });
  await store.shutdownThread(writer);
}

async function walk(
  store: ThreadStore,
  params: ListThreadsParams,
  betweenPages: (page: readonly StoredThread[]) => Promise<void> = async () => {},
): Promise<readonly StoredThread[]> {
  const seen: StoredThread[] = [];
  let cursor = params.cursor;
  for (;;) {
    const page = await store.listThreads({ ...params, ...(cursor === undefined ? {} : { cursor }) });
    ok(page.data.length <= (params.limit ?? Infinity), "a page is longer than asked for");
    equal(page.backwardsCursor === null, page.data.length === 0);
    seen.push(...page.data);
    if (page.nextCursor === null) return seen;
    ok(page.data.length > 0, "an empty page is the last one");
    cursor = page.nextCursor;
    await betweenPages(page.data);
  }
}

function inOrder(threads: readonly StoredThread[], sortKey: SortKey, direction: SortDirection): readonly string[] {
  const sign = direction === "asc" ? 1 : -1;
  const key = (thread: StoredThread): number => (sortKey === "created_at" ? thread.createdAtMs : thread.updatedAtMs);
  return threads.toSorted((a, b) => sign * (key(a) - key(b) || (a.id < b.id ? -1 : 1))).map((thread) => thread.id);
}

function idsOf(threads: readonly StoredThread[]): readonly string[] {
  return threads.map((thread) => thread.id);
}

async function readEach(store: ThreadStore, ids: readonly string[]): Promise<readonly StoredThread[]> {
  return Promise.all(ids.map((threadId) => store.readThread({ threadId })));
}

async function walksAreComplete(fixture: StoreFixture): Promise<void> {
  const limits = fc.integer({ min: 1, max: 5 });
  await fc.assert(
    fc.asyncProperty(anyPopulation(), limits, async (population, limit) => {
      const clock = createSettableClock();
      await withStore(
        fixture,
        async (store) => {
          const ids = await populate(store, clock, population);
          const threads = await readEach(store, ids);
          for (const sortKey of sortKeys) {
            for (const sortDirection of directions) {
              const listed = await walk(store, { limit, sortKey, sortDirection });
              deepEqual(idsOf(listed), inOrder(threads, sortKey, sortDirection));
            }
          }
        },
        { clock },
      );
    }),
    { numRuns: 12 },
  );
}

async function walksAreCompleteUnderWrites(fixture: StoreFixture): Promise<void> {
  const walks = fc.record({
    sortKey: fc.constantFrom(...sortKeys),
    sortDirection: fc.constantFrom(...directions),
    limit: fc.integer({ min: 1, max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(
      anyPopulation(),
      walks,
      fc.infiniteStream(fc.tuple(fc.constantFrom("touch", "tick", "make", "archive", "delete"), fc.nat(99))),
      async (population, { sortKey, sortDirection, limit }, writes) => {
        const clock = createSettableClock();
        await withStore(
          fixture,
          async (store) => {
            const staying = new Set(await populate(store, clock, population));
            const leave = (nth: number): string => {
              const id = [...staying][nth % staying.size] ?? "";
              staying.delete(id);
              return id;
            };
            const listed = await walk(store, { limit, sortKey, sortDirection }, async () => {
              // Without a tick, what is written bears the same time as what the walk began with.
              for (const [kind, nth] of writes.take(3)) {
                if (kind === "tick") clock.advance(1);
                else if (kind === "make") await seedThread(store);
                else if (staying.size === 0) continue;
                else if (kind === "touch") await touch(store, [...staying][nth % staying.size] ?? "");
                else if (kind === "archive") await store.archiveThread(leave(nth));
                else await store.deleteThread(leave(nth));
              }
            });
            const ids = idsOf(listed);
            equal(new Set(ids).size, ids.length, "a thread is listed twice");
            for (const id of staying) ok(ids.includes(id), "a thread that stayed is not listed");
          },
          { clock },
        );
      },
    ),
    { numRuns: 40 },
  );
}

async function backwardsCursorsMeet(fixture: StoreFixture): Promise<void> {
  const limits = fc.integer({ min: 1, max: 4 });
  await fc.assert(
    fc.asyncProperty(anyPopulation(), limits, async (population, limit) => {
      const clock = createSettableClock();
      await withStore(
        fixture,
        async (store) => {
          await populate(store, clock, population);
          for (const sortKey of sortKeys) {
            for (const sortDirection of directions) {
              await meetBackwards(store, { limit, sortKey, sortDirection });
            }
          }
        },
        { clock },
      );
    }),
    { numRuns: 8 },
  );
}

async function meetBackwards(
  store: ThreadStore,
  params: ListThreadsParams & { readonly sortDirection: SortDirection },
): Promise<void> {
  const sortDirection = params.sortDirection === "asc" ? "desc" : "asc";
  const before: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.listThreads({ ...params, ...(cursor === undefined ? {} : { cursor }) });
    const back = page.backwardsCursor;
    if (back === null) return;
    const backwards = await walk(store, { ...params, sortDirection, cursor: back });
    deepEqual(idsOf(backwards), before.toReversed());
    before.push(...idsOf(page.data));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

const cwds = ["/a", "/b", "/b/"] as const;
const providers = ["skein", "other"] as const;
const sources = ["cli", "vscode", { subagent: "review" }, { subagent: { other: "x" } }] as const;
const messages = ["Hello there", "100% of _it_", "ÄRGER"] as const;

function anyThread(): fc.Arbitrary<{
  readonly metadata: NewThreadMetadata;
  readonly message: string;
  readonly name: string | null;
  readonly archived: boolean;
}> {
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

async function filtersFollowTheModel(fixture: StoreFixture): Promise<void> {
  const threads = fc.array(anyThread(), { minLength: 4, maxLength: 10 });
  const filters = fc.array(anyFilter(), { minLength: 10, maxLength: 20 });
  const single: readonly ListThreadsParams[] = [
    ...cwds.map((cwd) => ({ cwds: [cwd] })),
    ...providers.map((provider) => ({ modelProviders: [provider] })),
    ...["cli", "vscode", "subagent"].map((word) => ({ sources: [word] })),
  ];
  await fc.assert(
    fc.asyncProperty(threads, filters, (wanted, asked) =>
      withStore(fixture, async (store) => {
        const ids: string[] = [];
        for (const { metadata, message, name, archived } of wanted) {
          const { id } = await seedThread(store, [userMessage(message)], metadata);
          if (name !== null) await store.updateThreadMetadata({ threadId: id, patch: { name } });
          if (archived) await store.archiveThread(id);
          ids.push(id);
        }
        const all = await readEach(store, ids);
        for (const filter of [...single, ...asked]) {
          const matching = all.filter((thread) => letsThrough(filter, thread));
          const listed = await walk(store, { ...filter, limit: 3 });
          deepEqual(idsOf(listed), inOrder(matching, "created_at", "desc"), JSON.stringify(filter));
        }
      }),
    ),
    { numRuns: 6 },
  );
}

async function limitsAreClamped(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { data, nextCursor, backwardsCursor } = await store.listThreads();
    deepEqual({ data, nextCursor, backwardsCursor }, { data: [], nextCursor: null, backwardsCursor: null });
    for (let n = 0; n < 27; n += 1) await seedThread(store, []);
    equal((await store.listThreads({ limit: 1 })).data.length, 1);
    equal((await store.listThreads()).data.length, 25);
    const whole = await store.listThreads({ limit: Number.MAX_SAFE_INTEGER });
    equal(whole.data.length, 27);
    equal(whole.nextCursor, null);
    equal((await store.listThreads({ limit: 27 })).nextCursor, null, "a full last page is the last");
  });
}

async function listedIsRead(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    for (const name of ["one", "two"]) {
      const { id } = await seedThread(store, [userMessage("u"), agentMessage("a")], {
        git: { sha: "1", branch: null, originUrl: null },
      });
      await store.updateThreadMetadata({ threadId: id, patch: { name } });
      if (name === "two") await store.archiveThread(id);
    }
    const { id: threadId } = await seedThread(store);
    await store.createThread({ metadata: plainMetadata, fork: { threadId, endOrdinal: 2 } });
    const listed = await readAllThreads(store);
    equal(listed.length, 4);
    deepEqual(listed, await readEach(store, idsOf(listed)));
  });
}

async function searchFinds(fixture: StoreFixture): Promise<void> {
  const clock = createSettableClock();
  await withStore(
    fixture,
    async (store) => {
      const seed = async (user: string, agent: string, name: string | null): Promise<string> => {
        clock.advance(10);
        const { id } = await seedThread(store, [userMessage(user), agentMessage(agent)]);
        if (name !== null) await store.updateThreadMetadata({ threadId: id, patch: { name } });
        return id;
      };
      const byUser = await seed("where is the needle", "in the hay", null);
      const byAgent = await seed("question", "a NEEDLE lies here", null);
      const byName = await seed("question", "answer", "Needlework");
      await seed("haystack", "only hay", "nothing");
      await store.archiveThread(byAgent);
      const search = async (archived?: boolean): Promise<readonly string[]> => {
        const found: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await store.searchThreads({
            query: "needle",
            limit: 1,
            ...(archived === undefined ? {} : { archived }),
            ...(cursor === undefined ? {} : { cursor }),
          });
          for (const { thread, snippet } of page.data) {
            ok(snippet.toLowerCase().includes("needle"), "the snippet shows the match");
            found.push(thread.id);
          }
          cursor = page.nextCursor ?? undefined;
        } while (cursor !== undefined);
        return found;
      };
      deepEqual(await search(), [byName, byAgent, byUser]);
      deepEqual(await search(false), [byName, byUser]);
      deepEqual(await search(true), [byAgent]);
      deepEqual((await store.searchThreads({ query: "no such text" })).data, []);
    },
    { clock },
  );
}
