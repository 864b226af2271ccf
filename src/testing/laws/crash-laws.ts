/**
 * Laws of handles that end in the middle of what they do: killed, or with the power cut. What was acknowledged is
 * there; what wasn't is there whole or not at all; and the thread goes on behind it. When a handle ends is counted in
 * turns of the event loop behind its last call, so no verdict depends on how fast a disk is.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import { isSkeinError } from "../../base/index.ts";
import type { AppendableItem } from "../../events/index.ts";
import type { ThreadStore, ThreadWriter } from "../../store/index.ts";
import { arbBatch } from "../arbitraries/index.ts";
import { plainMetadata, readAllThreads, readItems, refused, seedThread, userMessage } from "../law-steps.ts";
import { takesCall } from "../store-claims.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";
import { type Call, cuttingPower, type Ending, eventLoopTurns, follow, killing } from "./crash-steps.ts";

const arbTurns = fc.nat(12);
const arbAppends = fc.array(fc.record({ items: arbBatch(3), isAwaited: fc.boolean() }), { minLength: 1, maxLength: 6 });
const arbLives = fc.record({
  threads: fc.integer({ min: 1, max: 2 }),
  lives: fc.array(fc.record({ appends: arbAppends, turns: arbTurns }), { minLength: 1, maxLength: 3 }),
});
const arbWork = fc.record({
  kinds: fc.array(fc.constantFrom<WorkKind>("archive", "unarchive", "name", "fork", "delete", "patch"), {
    minLength: 1,
    maxLength: 5,
  }),
  awaited: fc.nat(5),
  turns: arbTurns,
  items: arbBatch(3),
});

/** The laws of this file. */
export const crashLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "crash.appends",
    title:
      "appends to a handle that is killed at any moment are there when they were acknowledged, else whole or absent",
    needs: ["crash", "reopen"],
    runs: 8,
    generator: arbLives,
    holds: (place, example) => appendsSurvive(place, example, killing),
  }),
  storeLaw({
    id: "crash.keys",
    title: "an append that is asked for again with its key after a kill is written once, whatever became of the first",
    needs: ["crash", "reopen"],
    runs: 8,
    generator: fc.record({ appends: arbAppends, turns: arbTurns, isStored: fc.boolean() }),
    holds: (place, example) => keysSurvive(place, example, killing),
  }),
  storeLaw({
    id: "crash.work",
    title:
      "a move, name, fork or deletion of a handle that is killed is done when it was acknowledged, else done or not",
    needs: ["crash", "reopen"],
    runs: 8,
    generator: arbWork,
    holds: (place, example) => workSurvives(place, example, killing),
  }),
  storeLaw({
    id: "crash.power-cut-appends",
    title: "appends that were acknowledged as durable are there after a power cut, others are whole or absent",
    needs: ["powerCut", "reopen"],
    runs: 20,
    generator: arbLives,
    holds: (place, example) => appendsSurvive(place, example, cuttingPower),
  }),
  storeLaw({
    id: "crash.power-cut-keys",
    title: "an append that is asked for again with its key after a power cut is written once",
    needs: ["powerCut", "reopen"],
    runs: 20,
    generator: fc.record({ appends: arbAppends, turns: arbTurns, isStored: fc.boolean() }),
    holds: (place, example) => keysSurvive(place, example, cuttingPower),
  }),
  storeLaw({
    id: "crash.power-cut-retries",
    title:
      "an append that is asked for again with its key after a kill, and acknowledged as durable, is there after a power cut",
    needs: ["crash", "powerCut", "reopen"],
    runs: 20,
    generator: fc.record({ appends: arbAppends, turns: fc.nat(3), retried: fc.nat(5) }),
    holds: retrySurvives,
  }),
  storeLaw({
    id: "crash.power-cut-work",
    title: "a move, name, fork or deletion that was acknowledged is done after a power cut",
    needs: ["powerCut", "reopen"],
    runs: 30,
    generator: arbWork,
    holds: (place, example) => workSurvives(place, example, cuttingPower),
  }),
];

type Items = readonly AppendableItem[];

interface Append {
  readonly items: Items;
  readonly isAwaited: boolean;
}

interface Lives {
  readonly threads: number;
  /** One handle after the other, each ended so many turns behind its last call. */
  readonly lives: readonly { readonly appends: readonly Append[]; readonly turns: number }[];
}

/** A thread, and what is known to be in it. */
interface Followed {
  readonly id: string;
  readonly kept: AppendableItem[];
  sent: { readonly items: Items; readonly call: Call }[];
}

async function appendsSurvive(place: LawPlace, { threads, lives }: Lives, ending: Ending): Promise<void> {
  let store = await place.open();
  const followed: Followed[] = [];
  for (let nth = 0; nth < threads; nth += 1) {
    const { id, writer } = await seedThread(store, [userMessage(`thread ${nth}`)]);
    followed.push({ id, kept: [userMessage(`thread ${nth}`)], sent: [] });
    await store.shutdownThread(writer);
  }
  for (const { appends, turns } of lives) {
    const writers: ThreadWriter[] = [];
    for (const thread of followed) {
      const { writer, nextOrdinal } = await store.resumeThread({ threadId: thread.id });
      equal(nextOrdinal, thread.kept.length + 1);
      writers.push(writer);
    }
    for (const append of appends) await appendToAll(store, { append, writers, followed });
    await eventLoopTurns(turns);
    store = await ending(place, store);
    for (const thread of followed) await takeStock(store, thread);
    const listed = (await readAllThreads(store)).map((thread) => thread.id);
    deepEqual(listed.toSorted(), followed.map((thread) => thread.id).toSorted());
  }
  for (const { id, kept } of followed) await goesOn(store, id, kept);
}

async function appendToAll(
  store: ThreadStore,
  {
    append: { items, isAwaited },
    writers,
    followed,
  }: { readonly append: Append; readonly writers: readonly ThreadWriter[]; readonly followed: readonly Followed[] },
): Promise<void> {
  for (const [index, writer] of writers.entries()) {
    const appending = store.appendItems({ writer, items });
    followed[index]?.sent.push({ items, call: follow(appending) });
    if (isAwaited) await appending;
  }
}

/** The log holds the first of what was sent, as much as was acknowledged at least. */
async function takeStock(store: ThreadStore, thread: Followed): Promise<void> {
  const { id, kept, sent } = thread;
  const read = await readItems(store, id);
  let acknowledged = 0;
  for (const [index, { call }] of sent.entries()) if (call.state === "done") acknowledged = index + 1;
  let count = 0;
  const isReached = (): boolean => kept.length >= read.length && count >= acknowledged;
  while (count < sent.length && !isReached()) {
    kept.push(...(sent[count]?.items ?? []));
    count += 1;
  }
  deepEqual(read, kept, `of ${sent.length} appends ${acknowledged} were acknowledged`);
  thread.sent = [];
}

/** The thread can be resumed and appended to, and what is appended stands behind what is there. */
async function goesOn(store: ThreadStore, threadId: string, kept: Items): Promise<void> {
  const { writer, nextOrdinal } = await store.resumeThread({ threadId });
  equal(nextOrdinal, kept.length + 1);
  const answer = await store.appendItems({ writer, items: [userMessage("on")] });
  equal(answer.firstOrdinal, nextOrdinal);
  deepEqual(await readItems(store, threadId), [...kept, userMessage("on")]);
  await store.shutdownThread(writer);
}

interface Keyed {
  readonly appends: readonly Append[];
  readonly turns: number;
  readonly isStored: boolean;
}

async function keysSurvive(place: LawPlace, { appends, turns, isStored }: Keyed, ending: Ending): Promise<void> {
  let store = await place.open();
  const created = await store.createThread({ metadata: plainMetadata });
  const { threadId } = created.writer;
  if (isStored) await store.persistThread(created.writer);
  const calls: Call[] = [];
  for (const [nth, { items, isAwaited }] of appends.entries()) {
    const appending = store.appendItems({ writer: created.writer, items, idempotencyKey: `key ${nth}` });
    calls.push(follow(appending));
    if (isAwaited) await appending;
  }
  await eventLoopTurns(turns);
  store = await ending(place, store);
  const isThere = await isFound(store, threadId);
  if (!isThere) equal(isStored || calls.some((call) => call.state === "done"), false, "an acknowledged thread is gone");
  const { writer } = isThere
    ? await store.resumeThread({ threadId })
    : await store.createThread({ threadId, metadata: plainMetadata });
  for (const [nth, { items }] of appends.entries()) {
    const answer = await store.appendItems({ writer, items, idempotencyKey: `key ${nth}` });
    if (calls[nth]?.state === "done") equal(answer.duplicate, true);
  }
  deepEqual(
    await readItems(store, threadId),
    appends.flatMap(({ items }) => items),
  );
}

interface Retry {
  readonly appends: readonly Append[];
  readonly turns: number;
  /** Which of them is asked for again; past the last one, that. */
  readonly retried: number;
}

/** What one handle wrote and did not live to make durable, another one finds, and answers for. */
async function retrySurvives(place: LawPlace, { appends, turns, retried }: Retry): Promise<void> {
  const first = await place.open();
  const { id, writer } = await seedThread(first, [userMessage("seed")]);
  await first.flushThread(writer);
  const keyed = appends.map(({ items, isAwaited }, nth) => ({ items, isAwaited, idempotencyKey: `key ${nth}` }));
  for (const { items, isAwaited, idempotencyKey } of keyed) {
    const appending = first.appendItems({ writer, items, idempotencyKey });
    follow(appending);
    if (isAwaited) await appending;
  }
  await eventLoopTurns(turns);
  const second = await killing(place, first);
  const resumed = await second.resumeThread({ threadId: id });
  // One alone: behind it nothing else is made durable.
  const again = keyed[Math.min(retried, keyed.length - 1)];
  ok(again !== undefined, "each example appends");
  const { items, idempotencyKey } = again;
  const answer = await second.appendItems({ writer: resumed.writer, items, idempotencyKey });
  const read = await readItems(await cuttingPower(place), id);
  if (answer.durability !== "fsync") return;
  deepEqual(read.slice(answer.firstOrdinal - 1, answer.nextOrdinal - 1), items);
}

async function isFound(store: ThreadStore, threadId: string): Promise<boolean> {
  try {
    await store.readThread({ threadId });
    return true;
  } catch (error) {
    ok(isSkeinError(error), String(error));
    equal(error.code, "thread_not_found");
    return false;
  }
}

type WorkKind = "archive" | "unarchive" | "name" | "fork" | "delete" | "patch";

interface Work {
  readonly kinds: readonly WorkKind[];
  /** As many of the calls are waited for. */
  readonly awaited: number;
  readonly turns: number;
  readonly items: Items;
}

/** What a thread may be: each call in flight may have been done or not, in their order. */
interface Possible {
  readonly isThere: boolean;
  readonly isArchived: boolean;
  readonly name: string | null;
  readonly sha: string | null;
}

async function workSurvives(place: LawPlace, work: Work, ending: Ending): Promise<void> {
  let store = await place.open();
  const bystander = await seedThread(store, work.items);
  const { id, writer } = await seedThread(store, work.items);
  await store.shutdownThread(writer);
  const { possible, forks } = await startWork(store, id, {
    ...work,
    kinds: work.kinds.filter((kind) => takesCall(place.claims, kind)),
  });
  await eventLoopTurns(work.turns);
  const acknowledged = forks.filter(({ call }) => call.state === "done").map((fork) => fork.id);
  const last = possible.findLastIndex(({ call }) => call === null || call.state === "done");
  store = await ending(place, store);
  const now = await stateOf(store, id);
  const allowed = possible.slice(last).map(({ state }) => state);
  ok(
    allowed.some((state) => (state.isThere ? isSame(state, now) : !now.isThere)),
    `is ${JSON.stringify(now)}, may be ${JSON.stringify(allowed)}`,
  );
  if (now.isThere) await isWhole(store, id, work.items);
  await isWhole(store, bystander.id, work.items);
  const listed = (await readAllThreads(store)).map((thread) => thread.id);
  for (const fork of acknowledged) ok(listed.includes(fork), "an acknowledged fork is gone");
  const others = listed.filter((each) => each !== id && each !== bystander.id);
  for (const fork of others) await isWhole(store, fork, [expectMeta, ...work.items]);
  equal(new Set(listed).size, listed.length, "a thread is listed once");
}

/** Stands for a fork's copy of its source's first record. */
const expectMeta = userMessage("the source's session_meta");

interface Started {
  readonly possible: { readonly state: Possible; readonly call: Call | null }[];
  readonly forks: { id: string; readonly call: Call }[];
}

async function startWork(store: ThreadStore, threadId: string, { kinds, awaited, items }: Work): Promise<Started> {
  let state: Possible = { isThere: true, isArchived: false, name: null, sha: null };
  const started: Started = { possible: [{ state, call: null }], forks: [] };
  for (const [nth, kind] of kinds.entries()) {
    if (!state.isThere || (kind === "archive" && state.isArchived) || (kind === "unarchive" && !state.isArchived))
      continue;
    let calling: Promise<unknown>;
    if (kind === "fork") {
      const forking = store.createThread({ metadata: plainMetadata, fork: { threadId, endOrdinal: items.length + 1 } });
      const fork: Started["forks"][number] = { id: "", call: follow(forking) };
      started.forks.push(fork);
      forking.then((opened) => {
        fork.id = opened.writer.threadId;
      }, ignoreKilled);
      calling = forking;
    } else {
      calling = callOf(store, threadId, { kind, nth });
      state = stateAfter(state, { kind, nth });
      started.possible.push({ state, call: follow(calling) });
    }
    if (nth < awaited) await calling;
    else calling.catch(ignoreKilled);
  }
  return started;
}

/** What a call in flight says when its handle is killed adds nothing. */
function ignoreKilled(): void {}

interface WorkCall {
  readonly kind: Exclude<WorkKind, "fork">;
  readonly nth: number;
}

function callOf(store: ThreadStore, threadId: string, { kind, nth }: WorkCall): Promise<unknown> {
  if (kind === "archive") return store.archiveThread(threadId);
  if (kind === "unarchive") return store.unarchiveThread(threadId);
  if (kind === "delete") return store.deleteThread(threadId);
  if (kind === "name") return store.updateThreadMetadata({ threadId, patch: { name: `name ${nth}` } });
  return store.updateThreadMetadata({ threadId, patch: { git: { sha: `sha ${nth}` } } });
}

function stateAfter(state: Possible, { kind, nth }: WorkCall): Possible {
  if (kind === "archive") return { ...state, isArchived: true };
  if (kind === "unarchive") return { ...state, isArchived: false };
  if (kind === "delete") return { ...state, isThere: false };
  return kind === "name" ? { ...state, name: `name ${nth}` } : { ...state, sha: `sha ${nth}` };
}

async function stateOf(store: ThreadStore, threadId: string): Promise<Possible> {
  if (!(await isFound(store, threadId))) return { isThere: false, isArchived: false, name: null, sha: null };
  const { archived, name, git } = await store.readThread({ threadId });
  return { isThere: true, isArchived: archived, name, sha: git?.sha ?? null };
}

function isSame(a: Possible, b: Possible): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The log holds the items, a set of metadata beside them, and can be appended to. */
async function isWhole(store: ThreadStore, threadId: string, items: Items): Promise<void> {
  const isFork = items[0] === expectMeta;
  const read = await readItems(store, threadId);
  const wanted = isFork ? items.slice(1) : items;
  deepEqual(read.slice(isFork ? 1 : 0, (isFork ? 1 : 0) + wanted.length), wanted);
  const { writer, nextOrdinal } = await store.resumeThread({ threadId });
  equal(nextOrdinal, read.length + 1);
  await store.appendItems({ writer, items: [userMessage("on")] });
  deepEqual(await readItems(store, threadId), [...read, userMessage("on")]);
  await store.shutdownThread(writer);
  await refused(store.appendItems({ writer, items: [userMessage("late")] }), "writer_closed");
}
