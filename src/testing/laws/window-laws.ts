/**
 * Laws of windows: what a store says of the part of a log before the place where reading may begin is what
 * the folds of the whole log say. A store may know of no window where others do; what it does know is right,
 * for forks and archived threads too, and however the log has grown since.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import {
  type AppendableItem,
  foldRecords,
  outlineOf,
  type RolloutRecord,
  threadMetadataFold,
  tokenUsageFold,
  type TurnEntry,
  turnEntriesOf,
  turnsFold,
} from "../../events/index.ts";
import type { ThreadStore, ThreadWindow } from "../../store/index.ts";
import { arbCompactedLog } from "../arbitraries/index.ts";
import { agentMessage, plainMetadata, readLog, seedThread, userMessage, withStore } from "../law-steps.ts";
import type { PlainLaw } from "../store-law.ts";
import type { StoreFixture } from "../store-place.ts";

const RUNS = 30;

/** The laws of this file. */
export const windowLaws: readonly PlainLaw[] = [
  {
    id: "window.outline",
    title: "a window tells of what stands before it what the folds of the whole log tell, as the log grows",
    run: windowsTellWhatFoldsTell,
  },
  {
    id: "window.compaction",
    title: "a window begins at the newest compaction that stands, and there is none without one",
    run: windowsBeginAtCompactions,
  },
  {
    id: "window.fork",
    title: "a fork's window is one of its own log",
    run: forksHaveWindowsOfTheirOwn,
  },
  {
    id: "window.archived",
    title: "a thread that was archived and brought back has the window it had, if any",
    run: archivedThreadsKeepTheirWindow,
  },
];

function isWhole({ item }: RolloutRecord): boolean {
  return item.type === "compacted" && Array.isArray(item.payload.replacement_history);
}

/** The outline of a turn, in one form whatever it is known from. */
function outlined(entry: TurnEntry): unknown {
  const { turn, startOrdinal, endOrdinal, hiddenItems = 0 } = outlineOf(entry);
  return { turn, startOrdinal, endOrdinal, hiddenItems };
}

/** Checks a window against its whole log. */
async function checkWindow(store: ThreadStore, threadId: string, window: ThreadWindow): Promise<void> {
  const { place, metadata, usage, endOrdinal, hint } = window;
  const records = await readLog(store, threadId);
  const { nextOrdinal, nextIndex, nextItem, isUnverified } = place;
  equal(endOrdinal, records.length, "the window is as of the log's end");
  const standing = turnEntriesOf(foldRecords(turnsFold, records), { live: true });
  const at = standing.findIndex(({ startOrdinal }) => startOrdinal === nextOrdinal);
  ok(at >= 0, "a turn that stands begins with the window");
  const following = standing[at + 1]?.startOrdinal ?? records.length;
  ok(records.slice(nextOrdinal, following).some(isWhole), "the window's first turn holds a whole compaction");
  deepEqual(place.entries.map(outlined), standing.slice(0, at).map(outlined));
  const before = foldRecords(turnsFold, records.slice(0, nextOrdinal));
  equal(nextItem, before.nextItem);
  if (!isUnverified) equal(nextIndex, before.track.nextIndex);
  deepEqual(metadata, foldRecords(threadMetadataFold, records));
  const { usage: told, turnId, turnPosition } = foldRecords(tokenUsageFold, records);
  deepEqual(
    { usage: usage.usage, turnId: usage.turnId, turnPosition: usage.turnPosition },
    { usage: told, turnId, turnPosition },
  );
  const page = await store.loadHistory({ threadId, from: nextOrdinal, ...(hint === undefined ? {} : { hint }) });
  deepEqual(page.records, records.slice(nextOrdinal, page.nextOrdinal));
}

async function checkWindowOf(store: ThreadStore, threadId: string): Promise<void> {
  const window = await store.loadWindow(threadId);
  if (window !== null) await checkWindow(store, threadId, window);
}

async function windowsTellWhatFoldsTell(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbCompactedLog(), fc.nat(), async ([, ...items], cut) => {
        const at = 1 + (cut % items.length);
        const { id, writer } = await seedThread(store, items.slice(0, at));
        await checkWindowOf(store, id);
        if (at < items.length) await store.appendItems({ writer, items: items.slice(at) });
        await checkWindowOf(store, id);
        await store.shutdownThread(writer);
        await checkWindowOf(store, id);
      }),
      { numRuns: RUNS },
    ),
  );
}

function event(type: string, members: object): AppendableItem {
  return { type: "event_msg", payload: { type, ...members } };
}

function turn(id: string): readonly AppendableItem[] {
  return [
    event("task_started", { turn_id: id }),
    userMessage(`ask ${id}`),
    agentMessage(`answer ${id}`),
    event("task_complete", { turn_id: id, completed_at: 9, duration_ms: 9 }),
  ];
}

function compaction(id: string): readonly AppendableItem[] {
  return [
    event("task_started", { turn_id: id }),
    { type: "compacted", payload: { message: "so far", replacement_history: [] } },
    event("context_compacted", {}),
    event("task_complete", { turn_id: id, completed_at: 9, duration_ms: 9 }),
  ];
}

/** The ids of the turns before a thread's window, where it has one. */
async function idsBefore(store: ThreadStore, threadId: string): Promise<readonly string[] | null> {
  const window = await store.loadWindow(threadId);
  return window === null ? null : window.place.entries.map((entry) => entry.turn.id);
}

/** Null is always allowed: a store need not know. */
async function beginsBehind(store: ThreadStore, threadId: string, ids: readonly string[]): Promise<void> {
  const before = await idsBefore(store, threadId);
  if (before !== null) deepEqual(before, ids);
}

async function windowsBeginAtCompactions(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id, writer } = await seedThread(store, [...turn("t1"), ...turn("t2")]);
    equal(await store.loadWindow(id), null);
    await store.appendItems({ writer, items: [...compaction("c1"), ...turn("t3")] });
    await beginsBehind(store, id, ["t1", "t2"]);
    await store.appendItems({ writer, items: [...compaction("c2"), ...turn("t4")] });
    await beginsBehind(store, id, ["t1", "t2", "c1", "t3"]);
    await store.appendItems({ writer, items: [event("thread_rolled_back", { num_turns: 2 })] });
    await beginsBehind(store, id, ["t1", "t2"]);
    await store.appendItems({ writer, items: [event("thread_rolled_back", { num_turns: 2 })] });
    equal(await store.loadWindow(id), null);
    await store.appendItems({ writer, items: compaction("c3") });
    await beginsBehind(store, id, ["t1", "t2"]);
    await checkWindowOf(store, id);
  });
}

async function forksHaveWindowsOfTheirOwn(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbCompactedLog(), fc.nat(), async ([, ...items], cut) => {
        const { id: threadId, writer } = await seedThread(store, items);
        const fork = { threadId, endOrdinal: 1 + (cut % (items.length + 1)) };
        const forked = await store.createThread({ metadata: plainMetadata, fork });
        await checkWindowOf(store, forked.writer.threadId);
        await store.appendItems({ writer: forked.writer, items: [...compaction("own"), ...turn("later")] });
        await checkWindowOf(store, forked.writer.threadId);
        await checkWindowOf(store, threadId);
        await store.shutdownThread(forked.writer);
        await store.shutdownThread(writer);
      }),
      { numRuns: RUNS },
    ),
  );
}

async function archivedThreadsKeepTheirWindow(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id, writer } = await seedThread(store, [...turn("t1"), ...compaction("c1")]);
    await store.shutdownThread(writer);
    await store.archiveThread(id);
    await checkWindowOf(store, id);
    await beginsBehind(store, id, ["t1"]);
    await store.unarchiveThread(id);
    await checkWindowOf(store, id);
    await beginsBehind(store, id, ["t1"]);
  });
}
