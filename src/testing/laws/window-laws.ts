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
import { agentMessage, plainMetadata, readLog, seedThread, userMessage } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** What happens to a thread: a turn, a compaction, or a rollback of so many turns. */
interface Step {
  readonly kind: "turn" | "compaction" | "rollback";
  readonly count: number;
}
const arbStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step["kind"]>("turn", "turn", "compaction", "compaction", "compaction", "rollback", "rollback"),
  count: fc.constantFrom(1, 1, 1, 2, 3),
});

const arbLog = arbCompactedLog().map(([, ...items]) => items);

/** The laws of this file. */
export const windowLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "window.outline",
    title: "a window tells of what stands before it what the folds of the whole log tell, as the log grows",
    generator: fc.record({ items: arbLog, cuts: fc.array(fc.nat(100), { minLength: 1, maxLength: 3 }) }),
    holds: windowsTellWhatFoldsTell,
  }),
  storeLaw({
    id: "window.compaction",
    title: "a window begins at the newest compaction that stands, and there is none without one",
    runs: 12,
    generator: fc.array(arbStep, { minLength: 3, maxLength: 10 }),
    holds: windowsBeginAtCompactions,
  }),
  storeLaw({
    id: "window.fork",
    title: "a fork's window is one of its own log",
    needs: ["fork"],
    runs: 12,
    generator: fc.record({ items: arbLog, cut: fc.option(fc.nat(100), { freq: 2 }), isReopened: fc.boolean() }),
    holds: forksHaveWindowsOfTheirOwn,
  }),
  storeLaw({
    id: "window.archived",
    title: "a thread that was archived and brought back has the window it had, if any",
    needs: ["archive"],
    runs: 10,
    generator: fc.record({ items: arbLog, isOpen: fc.boolean() }),
    holds: archivedThreadsKeepTheirWindow,
  }),
  storeLaw({
    id: "window.reopened",
    title: "the window of a reopened store is one of its log",
    needs: ["reopen"],
    runs: 10,
    generator: fc.record({ items: arbLog, later: arbLog }),
    holds: reopenedWindowsAreRight,
  }),
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

interface Growing {
  readonly items: readonly AppendableItem[];
  readonly cuts: readonly number[];
}

async function windowsTellWhatFoldsTell(place: LawPlace, { items, cuts }: Growing): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store, []);
  const ends = [...cuts.map((cut) => 1 + (cut % items.length)), items.length].toSorted((a, b) => a - b);
  let from = 0;
  for (const end of ends) {
    if (end > from) await store.appendItems({ writer, items: items.slice(from, end) });
    from = end;
    await checkWindowOf(store, id);
  }
  await store.shutdownThread(writer);
  await checkWindowOf(store, id);
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

/** Where a window begins by a plain model: the turns that stand, and the newest of them that is a compaction. */
async function windowsBeginAtCompactions(place: LawPlace, steps: readonly Step[]): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store, turn("t0"));
  const standing = [{ id: "t0", isCompaction: false }];
  for (const [nth, { kind, count }] of steps.entries()) {
    const turnId = `${kind} ${nth}`;
    if (kind === "rollback") {
      await store.appendItems({ writer, items: [event("thread_rolled_back", { num_turns: count })] });
      standing.splice(Math.max(0, standing.length - count));
    } else {
      const isCompaction = kind === "compaction";
      await store.appendItems({ writer, items: isCompaction ? compaction(turnId) : turn(turnId) });
      standing.push({ id: turnId, isCompaction });
    }
    const newest = standing.findLastIndex(({ isCompaction }) => isCompaction);
    if (newest < 0) equal(await store.loadWindow(id), null);
    else
      await beginsBehind(
        store,
        id,
        standing.slice(0, newest).map((each) => each.id),
      );
    await checkWindowOf(store, id);
  }
}

interface Forked {
  readonly items: readonly AppendableItem[];
  /** Null: the whole log. */
  readonly cut: number | null;
  readonly isReopened: boolean;
}

async function forksHaveWindowsOfTheirOwn(place: LawPlace, { items, cut, isReopened }: Forked): Promise<void> {
  let store = await place.open();
  const log = [...turn("t1"), ...compaction("c1"), ...items];
  const { id: threadId } = await seedThread(store, log);
  const fork = { threadId, endOrdinal: 1 + (cut === null ? log.length : cut % (log.length + 1)) };
  const forked = await store.createThread({ metadata: plainMetadata, fork });
  const forkId = forked.writer.threadId;
  await checkWindowOf(store, forkId);
  if (isReopened && place.claims.reopen) store = await place.reopen(store);
  const { writer } = await store.resumeThread({ threadId: forkId });
  await checkWindowOf(store, forkId);
  await store.appendItems({ writer, items: [...compaction("own"), ...turn("later")] });
  await checkWindowOf(store, forkId);
  await checkWindowOf(store, threadId);
}

interface Archived {
  readonly items: readonly AppendableItem[];
  readonly isOpen: boolean;
}

async function archivedThreadsKeepTheirWindow(place: LawPlace, { items, isOpen }: Archived): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store, [...turn("t1"), ...compaction("c1"), ...items]);
  if (!isOpen) await store.shutdownThread(writer);
  const before = await idsBefore(store, id);
  for (const move of ["archiveThread", "unarchiveThread"] as const) {
    await store[move](id);
    await checkWindowOf(store, id);
    if (before !== null) await beginsBehind(store, id, before);
  }
}

interface Reopened {
  readonly items: readonly AppendableItem[];
  readonly later: readonly AppendableItem[];
}

async function reopenedWindowsAreRight(place: LawPlace, { items, later }: Reopened): Promise<void> {
  const store = await place.open();
  const { id: threadId } = await seedThread(store, items);
  const reopened = await place.reopen(store);
  await checkWindowOf(reopened, threadId);
  const { writer } = await reopened.resumeThread({ threadId });
  await reopened.appendItems({ writer, items: later });
  await checkWindowOf(reopened, threadId);
}
