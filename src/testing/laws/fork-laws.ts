/**
 * Laws of forking: a fork is its own session_meta and then the source's records up to the cut, and from
 * there on the two have nothing to do with each other. Items and times are taken over; ordinals and marks
 * are each log's own.
 */
import { deepEqual, equal, notEqual } from "node:assert/strict";

import fc from "fast-check";

import type { RolloutRecord } from "../../events/index.ts";
import type { OpenedThread, ThreadStore } from "../../store/index.ts";
import { arbBatch, arbBatches } from "../arbitraries/index.ts";
import {
  agentMessage,
  plainMetadata,
  readAllThreads,
  readLog,
  refused,
  seedThread,
  userMessage,
  withOpened,
  withPlace,
  withStore,
} from "../law-steps.ts";
import { createSettableClock } from "../settable-clock.ts";
import type { PlainLaw } from "../store-law.ts";
import type { StoreFixture } from "../store-place.ts";

const RUNS = 20;

/** The laws of this file. */
export const forkLaws: readonly PlainLaw[] = [
  {
    id: "fork.prefix",
    title: "a fork holds its own session_meta and then the source's records before the cut, for any cut",
    run: forkIsAPrefix,
  },
  {
    id: "fork.independent",
    title: "parent and child never influence each other",
    run: forksAreIndependent,
  },
  {
    id: "fork.of-fork",
    title: "a fork of a fork holds both prefixes and names the fork it came from",
    run: forkOfFork,
  },
  {
    id: "fork.own-metadata",
    title: "a fork has its own metadata and no name, and shows the source's messages",
    run: forkHasItsOwnMetadata,
  },
  {
    id: "fork.materialised",
    title: "a fork is listed at once, also when its writer is discarded",
    run: forkIsMaterialised,
  },
  {
    id: "fork.updated-when-made",
    title: "a fork was updated when it was made, however old what it copied is, in reads and in lists",
    run: forkIsUpdatedWhenMade,
  },
  {
    id: "fork.pending-appends",
    title: "a fork holds what was appended to its source before it, whatever state the source is in",
    run: forkSeesEarlierAppends,
  },
  {
    id: "fork.mid-batch",
    title: "a fork cut inside a batch keeps its records through appends and reopening",
    needs: ["reopen"],
    run: forkInsideABatchLasts,
  },
  {
    id: "fork.own-keys",
    title: "an idempotency key of the source is not taken in its fork, and one of the fork is, also by later writers",
    run: forkHasItsOwnKeys,
  },
  {
    id: "fork.bad-cut",
    title: "a fork from nowhere, or cut past the source's end, is refused and leaves nothing",
    run: badCutsAreRefused,
  },
];

async function forkAt(
  store: ThreadStore,
  threadId: string,
  endOrdinal: number,
): Promise<OpenedThread & { readonly id: string }> {
  const opened = await store.createThread({ metadata: plainMetadata, fork: { threadId, endOrdinal } });
  return { ...opened, id: opened.writer.threadId };
}

/** Items and times, which a fork takes over; ordinals and marks are each log's own. */
function copied(records: readonly RolloutRecord[]): readonly unknown[] {
  return records.map(({ item, timestamp }) => ({ item, timestamp }));
}

async function seedBatches(
  store: ThreadStore,
  batches: Parameters<typeof seedThread>[1][],
): Promise<OpenedThread & { readonly id: string }> {
  const seeded = await seedThread(store, []);
  for (const items of batches) {
    await store.appendItems({ writer: seeded.writer, items: items ?? [] });
  }
  return seeded;
}

async function forkIsAPrefix(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbBatches(4), async (batches) => {
        const { id, writer } = await seedBatches(store, [...batches]);
        const source = await readLog(store, id);
        for (let cut = 0; cut <= source.length; cut += 1) {
          const fork = await forkAt(store, id, cut);
          notEqual(fork.id, id);
          equal(fork.nextOrdinal, cut + 1);
          const log = await readLog(store, fork.id);
          equal(log[0]?.item.type, "session_meta");
          deepEqual(copied(log.slice(1)), copied(source.slice(0, cut)));
          deepEqual(
            log.map((record) => record.ordinal),
            log.map((_, index) => index),
          );
          await store.shutdownThread(fork.writer);
        }
        await store.shutdownThread(writer);
      }),
      { numRuns: 8 },
    ),
  );
}

async function forksAreIndependent(fixture: StoreFixture): Promise<void> {
  const step = fc.tuple(fc.constantFrom<"parent" | "child">("parent", "child"), arbBatch(2), fc.boolean());
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbBatches(3), fc.nat(10), fc.array(step, { maxLength: 8 }), async (batches, at, steps) => {
        const parent = await seedBatches(store, [...batches]);
        const source = await readLog(store, parent.id);
        const cut = at % (source.length + 1);
        const child = await forkAt(store, parent.id, cut);
        const expected = {
          parent: source.slice(1).map((record) => record.item),
          child: source.slice(0, cut).map((record) => record.item),
        };
        for (const [nth, [which, items, renames]] of steps.entries()) {
          const { id: threadId, writer } = which === "parent" ? parent : child;
          await store.appendItems({ writer, items, idempotencyKey: `${which} ${nth}` });
          expected[which].push(...items);
          if (renames) await store.updateThreadMetadata({ threadId, patch: { name: which } });
        }
        for (const which of ["parent", "child"] as const) {
          const { id: threadId, writer } = which === "parent" ? parent : child;
          const log = await readLog(store, threadId, { from: 1 });
          deepEqual(
            log.map((record) => record.item),
            expected[which],
          );
          const renamed = steps.some(([target, , renames]) => renames && target === which);
          equal((await store.readThread({ threadId })).name, renamed ? which : null);
          await store.shutdownThread(writer);
        }
      }),
      { numRuns: RUNS },
    ),
  );
}

async function forkOfFork(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const first = await seedThread(store, [userMessage("1"), agentMessage("2")]);
    const second = await forkAt(store, first.id, 2);
    await store.appendItems({ writer: second.writer, items: [userMessage("3")] });
    const log = await readLog(store, second.id);
    const third = await forkAt(store, second.id, log.length);
    deepEqual(copied((await readLog(store, third.id)).slice(1)), copied(log));
    const forkedFrom = async (threadId: string): Promise<string | null> =>
      (await store.readThread({ threadId })).forkedFromId;
    deepEqual(
      [await forkedFrom(first.id), await forkedFrom(second.id), await forkedFrom(third.id)],
      [null, first.id, second.id],
    );
  });
}

async function forkHasItsOwnMetadata(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId } = await seedThread(store, [userMessage("question")], {
      cwd: "/source",
      modelProvider: "source",
      memoryMode: "disabled",
      git: { sha: "source", branch: "source", originUrl: null },
    });
    const patch = { name: "source", git: { originUrl: "source" } };
    await store.updateThreadMetadata({ threadId, patch });
    const { nextOrdinal: endOrdinal } = await store.resumeThread({ threadId });
    const { writer } = await store.createThread({
      metadata: { cwd: "/fork", modelProvider: "fork" },
      fork: { threadId, endOrdinal },
    });
    const fork = await store.readThread({ threadId: writer.threadId });
    deepEqual(
      [fork.cwd, fork.modelProvider, fork.memoryMode, fork.name, fork.preview, fork.forkedFromId],
      ["/fork", "fork", "enabled", null, "question", threadId],
    );
    deepEqual(
      Object.values(fork.git ?? {}).filter((field) => field !== null),
      [],
    );
  });
}

async function forkIsUpdatedWhenMade(fixture: StoreFixture): Promise<void> {
  const clock = createSettableClock();
  await withStore(
    fixture,
    async (store) => {
      const { id } = await seedThread(store, [userMessage("long ago")]);
      clock.advance(60_000);
      const fork = await forkAt(store, id, 2);
      const read = await store.readThread({ threadId: fork.id });
      equal(read.updatedAtMs, read.createdAtMs);
      const newestFirst = await store.listThreads({ sortKey: "updated_at" });
      deepEqual(
        newestFirst.data.map((thread) => [thread.id, thread.updatedAtMs - read.updatedAtMs]),
        [
          [fork.id, 0],
          [id, -60_000],
        ],
      );
    },
    { clock },
  );
}

async function forkIsMaterialised(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id } = await seedThread(store);
    const forks = [await forkAt(store, id, 0), await forkAt(store, id, 2)];
    for (const fork of forks) await store.discardThread(fork.writer);
    const listed = (await readAllThreads(store)).map((thread) => thread.id);
    deepEqual(listed.toSorted(), [id, ...forks.map((fork) => fork.id)].toSorted());
  });
}

async function forkSeesEarlierAppends(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const source = await seedThread(store, [userMessage("0")]);
    for (const state of ["open", "closed", "archived"] as const) {
      if (state === "closed") await store.shutdownThread(source.writer);
      if (state === "archived") await store.archiveThread(source.id);
      if (state === "open") {
        await store.appendItems({ writer: source.writer, items: [userMessage("1")] });
      }
      const log = await readLog(store, source.id);
      const fork = await forkAt(store, source.id, log.length);
      deepEqual(copied((await readLog(store, fork.id)).slice(1)), copied(log), state);
      equal((await store.readThread({ threadId: fork.id })).archived, false);
    }
  });
}

async function forkInsideABatchLasts(fixture: StoreFixture): Promise<void> {
  const batch = ["a", "b", "c", "d"].map(userMessage);
  await withPlace(fixture, async (place) => {
    const forks = await withOpened(place, async (store) => {
      const { id } = await seedThread(store, batch);
      return [await forkAt(store, id, 2), await forkAt(store, id, 4)].map((fork) => fork.id);
    });
    await withOpened(place, async (store) => {
      for (const [index, threadId] of forks.entries()) {
        const kept = batch.slice(0, index === 0 ? 1 : 3);
        const { writer, nextOrdinal, tornBytes } = await store.resumeThread({ threadId });
        deepEqual([nextOrdinal, tornBytes], [kept.length + 2, 0]);
        await store.appendItems({ writer, items: [userMessage("on")] });
        const log = await readLog(store, threadId, { from: 2 });
        deepEqual(
          log.map((record) => record.item),
          [...kept, userMessage("on")],
        );
      }
    });
  });
}

async function forkHasItsOwnKeys(fixture: StoreFixture): Promise<void> {
  await withPlace(fixture, async (place) => {
    const again = await withOpened(place, async (store) => {
      const items = [userMessage("1"), userMessage("2")];
      const { id, writer } = await seedThread(store, []);
      await store.appendItems({ writer, items, idempotencyKey: "taken in the source" });
      const forks = [await forkAt(store, id, 3), await forkAt(store, id, 3)];
      for (const fork of forks) {
        await store.appendItems({ writer: fork.writer, items, idempotencyKey: "taken in the fork" });
        await store.shutdownThread(fork.writer);
        await expectKeys(store, fork.id);
      }
      const late = await forkAt(store, id, 3);
      await store.appendItems({ writer: late.writer, items, idempotencyKey: "taken in the fork" });
      return store.capabilities.reopen ? late.id : null;
    });
    if (again !== null) await withOpened(place, (store) => expectKeys(store, again));
  });
}

async function expectKeys(store: ThreadStore, threadId: string): Promise<void> {
  const { writer } = await store.resumeThread({ threadId });
  const items = [userMessage("again")];
  const own = await store.appendItems({ writer, items, idempotencyKey: "taken in the fork" });
  const other = await store.appendItems({ writer, items, idempotencyKey: "taken in the source" });
  deepEqual([own.duplicate, other.duplicate], [true, false]);
}

async function badCutsAreRefused(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id } = await seedThread(store);
    for (const cut of [3, 1_000, -1, 0.5, Number.NaN]) {
      await refused(forkAt(store, id, cut), "invalid_argument");
    }
    const nowhere = "00000000-0000-7000-8000-000000000000";
    await refused(forkAt(store, nowhere, 0), "thread_not_found");
    await refused(forkAt(store, "nowhere", 0), "invalid_thread_id");
    deepEqual(
      (await readAllThreads(store)).map((thread) => thread.id),
      [id],
    );
  });
}
