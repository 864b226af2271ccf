/**
 * Laws of lists: complete and exact for any page size and order, also while threads are written to. The
 * model is the plain one: read every thread, sort by (key, id). Time stands still between most of the
 * writes, so that ties are the rule and not the exception.
 */
import { deepEqual, equal, fail, ok } from "node:assert/strict";

import fc from "fast-check";

import { systemClock } from "../../base/index.ts";
import type { AppendableItem } from "../../events/index.ts";
import type { ListThreadsParams, SortDirection, StoredThread, ThreadStore } from "../../store/index.ts";
import {
  agentMessage,
  plainMetadata,
  readAllThreads,
  readLog,
  seedThread,
  userMessage,
  withStore,
} from "../law-steps.ts";
import { anyPopulation, directions, idsOf, inOrder, populate, readEach, sortKeys, touch, walk } from "../list-steps.ts";
import { createSettableClock } from "../settable-clock.ts";
import type { PlainLaw } from "../store-law.ts";
import type { StoreFixture } from "../store-place.ts";

/** The laws of this file. */
export const listLaws: readonly PlainLaw[] = [
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
    id: "list.walks-meet",
    title: "a walk back from the last page meets the walk that led there, without gap or double",
    run: walksMeet,
  },
  {
    id: "list.recency",
    title: "a list by recency follows the newest turn begun, and a walk keeps the order it began with",
    run: recencyIsOfTurns,
  },
  {
    id: "list.says-as-of",
    title: "an answer over all threads says that it is complete, and as of a moment after its call",
    run: answersSayAsOf,
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
];

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

async function walksMeet(fixture: StoreFixture): Promise<void> {
  const limits = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }));
  await fc.assert(
    fc.asyncProperty(anyPopulation(), limits, async (population, [limit, limitBack]) => {
      const clock = createSettableClock();
      await withStore(
        fixture,
        async (store) => {
          const threads = await readEach(store, await populate(store, clock, population));
          for (const sortKey of sortKeys) {
            for (const sortDirection of directions) {
              const { last, cursor } = await lastPage(store, { limit, sortKey, sortDirection });
              const back = sortDirection === "asc" ? "desc" : "asc";
              const before = await walk(store, { limit: limitBack, sortKey, sortDirection: back, cursor });
              const met = [...idsOf(before).toReversed(), ...idsOf(last)];
              deepEqual(met, inOrder(threads, sortKey, sortDirection));
            }
          }
        },
        { clock },
      );
    }),
    { numRuns: 8 },
  );
}

/** The last page of a walk, and the cursor back from it. */
async function lastPage(
  store: ThreadStore,
  params: ListThreadsParams,
): Promise<{ readonly last: readonly StoredThread[]; readonly cursor: string }> {
  let page = await store.listThreads(params);
  while (page.nextCursor !== null) page = await store.listThreads({ ...params, cursor: page.nextCursor });
  ok(page.backwardsCursor !== null, "a page with threads leads back");
  return { last: page.data, cursor: page.backwardsCursor };
}

const turnBegins: readonly AppendableItem[] = [
  userMessage("again"),
  { type: "event_msg", payload: { type: "task_started", turn_id: "t" } },
  { type: "event_msg", payload: { type: "turn_started", turn_id: "t" } },
];
const beginsNone: readonly AppendableItem[] = [
  agentMessage("answer"),
  { type: "event_msg", payload: { type: "task_complete", turn_id: "t" } },
  { type: "event_msg", payload: { type: "thread_rolled_back", num_turns: 1 } },
  { type: "turn_context", payload: { cwd: "/work/place", model: "m" } },
];

/** What is written to which thread, how long after what was written before. */
interface Write {
  readonly index: number;
  readonly waitMs: number;
  readonly item: AppendableItem;
}

function anyWrite(items: readonly AppendableItem[]): fc.Arbitrary<Write> {
  return fc.record({ index: fc.nat(99), waitMs: fc.constantFrom(0, 1, 1, 7), item: fc.constantFrom(...items) });
}

async function recencyIsOfTurns(fixture: StoreFixture): Promise<void> {
  const writes = fc.array(anyWrite([...turnBegins, ...beginsNone]), { maxLength: 12 });
  const meanwhile = fc.infiniteStream(anyWrite(turnBegins));
  await fc.assert(
    fc.asyncProperty(writes, meanwhile, fc.integer({ min: 1, max: 3 }), async (before, between, limit) => {
      const clock = createSettableClock();
      await withStore(
        fixture,
        async (store) => {
          const threads = await Promise.all([0, 1, 2, 3].map((n) => seedThread(store, n === 0 ? [] : undefined)));
          const begunMs = new Map(
            (await readEach(store, idsOf(threads))).map(({ id, createdAtMs }) => [id, createdAtMs]),
          );
          const write = async ({ index, waitMs, item }: Write): Promise<void> => {
            clock.advance(waitMs);
            const { id, writer } = threads[index % threads.length] ?? fail("there are threads");
            const { firstOrdinal } = await store.appendItems({ writer, items: [item] });
            if (!turnBegins.includes(item)) return;
            const [record] = await readLog(store, id, { from: firstOrdinal });
            begunMs.set(id, Date.parse(record?.timestamp ?? ""));
          };
          for (const one of before) await write(one);
          for (const sortDirection of directions) {
            const read = await readEach(store, idsOf(threads));
            deepEqual(new Map(read.map(({ id, recencyAtMs }) => [id, recencyAtMs])), begunMs);
            const order = inOrder(read, "recency_at", sortDirection);
            const params = { limit, sortKey: "recency_at", sortDirection } as const;
            deepEqual(idsOf(await walk(store, params)), order);
            const listed = await walk(store, params, async () => {
              for (const one of between.take(2)) await write(one);
            });
            deepEqual(idsOf(listed), order, "a walk keeps the order it began with");
          }
        },
        { clock },
      );
    }),
    { numRuns: 20 },
  );
}

async function answersSayAsOf(fixture: StoreFixture): Promise<void> {
  const clock = createSettableClock();
  await withStore(
    fixture,
    async (store) => {
      for (const threadsBefore of [0, 1, 2]) {
        clock.advance(1_000);
        const begunMs = clock.nowMs();
        const answers = [await store.listThreads(), await store.listThreads({ archived: true, cwds: [] })];
        equal(answers[0]?.data.length, threadsBefore, "what was acknowledged before is in the answer");
        const scopes = store.capabilities.search
          ? [...answers, await store.searchThreads({ query: "nowhere" })]
          : answers;
        for (const { isComplete, asOfMs } of scopes) {
          equal(isComplete, true, "nothing was left out of a healthy store");
          ok(Number.isSafeInteger(asOfMs), "a moment is milliseconds since the epoch");
          ok(asOfMs >= begunMs, "the answer is as of a moment before its call");
          // A store may have a clock of its own.
          ok(asOfMs <= Math.max(clock.nowMs(), systemClock.nowMs()), "the answer is as of a moment to come");
        }
        await seedThread(store);
      }
    },
    { clock },
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
