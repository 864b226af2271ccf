/**
 * Laws of two handles on one place, as two processes have them: a thread has one writer among them. Who comes second is
 * refused and told who the owner is; nothing that a loser says is written; and a thread whose owner let it go, was
 * killed, or slept for too long can be taken over.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import { isSkeinError, type SkeinError } from "../../base/index.ts";
import type { AppendableItem } from "../../events/index.ts";
import type { ThreadStore, ThreadWriter } from "../../store/index.ts";
import { arbBatch, arbBatches } from "../arbitraries/index.ts";
import { plainMetadata, readItems, refused, seedThread, underWay, userMessage } from "../law-steps.ts";
import { createManualClock, type ManualClock } from "../manual-clock.ts";
import { createStoppableClock } from "../stoppable-clock.ts";
import { takesCall } from "../store-claims.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** How an owner lets a thread go. `close` beside a resume of its own. */
type LettingGo = "shutdown" | "discard" | "close" | "close beside a resume";
/** What a second handle tries. */
type Attempt = "resume" | "archive" | "delete" | "patch" | "create";

/** The laws of this file. */
export const fencingLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "fencing.refused",
    title:
      "a thread that another handle writes to can't be opened, moved, deleted or changed, and who tries is told whose it is",
    needs: ["multiProcess"],
    runs: 5,
    generator: fc.record({
      items: arbBatch(2),
      later: arbBatch(2),
      attempts: fc.array(fc.constantFrom<Attempt>("resume", "archive", "delete", "patch", "create"), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
    holds: secondHandlesAreRefused,
  }),
  storeLaw({
    id: "fencing.let-go",
    title: "a thread that its owner let go can be taken over at once, and goes on behind what the owner wrote",
    needs: ["multiProcess"],
    runs: 6,
    generator: fc.record({
      batches: arbBatches(2),
      inFlight: fc.nat(3),
      lettingGo: fc.constantFrom<LettingGo>("shutdown", "discard", "close", "close beside a resume"),
    }),
    holds: letGoIsFree,
  }),
  storeLaw({
    id: "fencing.killed",
    title: "a thread whose owner was killed can be taken over, and goes on behind what was acknowledged",
    needs: ["multiProcess", "crash"],
    runs: 5,
    generator: fc.record({
      acknowledged: arbBatches(2),
      inFlight: fc.array(arbBatch(2), { maxLength: 3 }),
      turns: fc.nat(8),
    }),
    holds: killedOwnersAreFollowed,
  }),
  storeLaw({
    id: "fencing.slept",
    title: "an owner that slept until its thread was taken over is refused at its first append, whatever it does first",
    needs: ["multiProcess", "clock"],
    runs: 5,
    generator: fc.record({
      before: arbBatch(2),
      taken: fc.array(arbBatch(2), { maxLength: 2 }),
      late: arbBatch(2),
      isLetGo: fc.boolean(),
      beatsFirst: fc.boolean(),
    }),
    holds: sleepersAreRefused,
  }),
  storeLaw({
    id: "fencing.awake",
    title: "an owner that is awake keeps its thread for as long as it likes",
    needs: ["multiProcess", "clock"],
    runs: 4,
    generator: fc.record({
      batches: arbBatches(2),
      waitsMs: fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 3 }),
    }),
    holds: awakeOwnersKeep,
  }),
];

type Items = readonly AppendableItem[];

/** What a loser is told: whose the thread is, or that it isn't its own any more. */
const LOSER_CODES = ["thread_owned_elsewhere", "writer_fenced", "writer_closed"] as const;

/** A refusal names the thread and its owner. */
function namesOwner(error: SkeinError, threadId: string): void {
  equal(error.data["threadId"], threadId);
  ok(typeof error.data["ownerId"] === "string" || typeof error.data["pid"] === "number", "the owner is named");
}

interface Refusals {
  readonly items: Items;
  readonly later: Items;
  readonly attempts: readonly Attempt[];
}

async function secondHandlesAreRefused(place: LawPlace, { items, later, attempts }: Refusals): Promise<void> {
  const [owner, second] = [await place.open(), await place.open()];
  const { id, writer } = await seedThread(owner, items);
  for (const attempt of attempts.filter((kind) => takesCall(place.claims, kind))) {
    const error = await refused(tryAs(second, id, attempt), "thread_owned_elsewhere", "thread_exists");
    if (attempt === "create") equal(error.code, "thread_exists");
    else namesOwner(error, id);
    deepEqual(await readItems(second, id), items, "reading needs no right");
  }
  await owner.appendItems({ writer, items: later });
  deepEqual(await readItems(owner, id), [...items, ...later]);
  equal((await owner.readThread({ threadId: id })).archived, false);
}

function tryAs(store: ThreadStore, threadId: string, attempt: Attempt): Promise<unknown> {
  if (attempt === "resume") return store.resumeThread({ threadId });
  if (attempt === "archive") return store.archiveThread(threadId);
  if (attempt === "delete") return store.deleteThread(threadId);
  if (attempt === "create") return store.createThread({ threadId, metadata: plainMetadata });
  return store.updateThreadMetadata({ threadId, patch: { git: { sha: "not its own" } } });
}

interface LetGo {
  readonly batches: readonly Items[];
  readonly inFlight: number;
  readonly lettingGo: LettingGo;
}

async function letGoIsFree(place: LawPlace, { batches, inFlight, lettingGo }: LetGo): Promise<void> {
  const [owner, second] = [await place.open(), await place.open()];
  const { id, writer } = await seedThread(owner, []);
  for (const items of batches) await owner.appendItems({ writer, items });
  const sent = Array.from({ length: inFlight }, (_, n) => userMessage(`in flight ${n}`));
  const flights = sent.map((item) => underWay(isAcknowledged(owner.appendItems({ writer, items: [item] }))));
  await letGo(owner, writer, lettingGo);
  const answered = await Promise.all(flights);
  const expected = [...batches.flat(), ...sent.filter((_, n) => answered[n] === true)];
  await takesOver(second, id, expected);
}

async function letGo(store: ThreadStore, writer: ThreadWriter, lettingGo: LettingGo): Promise<void> {
  if (lettingGo === "shutdown") await store.shutdownThread(writer);
  else if (lettingGo === "discard") await store.discardThread(writer);
  else if (lettingGo === "close") await store.close();
  else await Promise.all([isAcknowledged(store.resumeThread({ threadId: writer.threadId })), store.close()]);
}

/** Whether a call was answered; a store that was let go says so. */
async function isAcknowledged(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    ok(isSkeinError(error), String(error));
    ok(
      [...LOSER_CODES, "runtime_closed"].some((code) => code === error.code),
      error.code,
    );
    return false;
  }
}

async function takesOver(store: ThreadStore, threadId: string, expected: Items): Promise<void> {
  const { writer, nextOrdinal } = await store.resumeThread({ threadId });
  equal(nextOrdinal, expected.length + 1);
  const items = [userMessage("taken over")];
  const answer = await store.appendItems({ writer, items });
  equal(answer.firstOrdinal, nextOrdinal);
  deepEqual(await readItems(store, threadId), [...expected, ...items]);
}

interface Killed {
  readonly acknowledged: readonly Items[];
  readonly inFlight: readonly Items[];
  readonly turns: number;
}

async function killedOwnersAreFollowed(place: LawPlace, { acknowledged, inFlight, turns }: Killed): Promise<void> {
  const [owner, second] = [await place.open(), await place.open()];
  const { id, writer } = await seedThread(owner, []);
  for (const items of acknowledged) await owner.appendItems({ writer, items });
  for (const items of inFlight) owner.appendItems({ writer, items }).catch(ignoreKilled);
  for (let turn = 0; turn < turns; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
  ok(place.kill !== undefined, "a place that claims crashes can kill");
  await place.kill(owner);
  const read = await readItems(second, id);
  const whole = [...acknowledged, ...inFlight];
  const prefixes = inFlight.concat([[]]).map((_, n) => whole.slice(0, acknowledged.length + n).flat());
  const found = prefixes.find((prefix) => prefix.length === read.length) ?? [];
  deepEqual(read, found);
  await takesOver(second, id, found);
}

/** What a call in flight says when its handle is killed adds nothing. */
function ignoreKilled(): void {}

/** Moves the world on until the call has settled. */
async function settled<Value>(world: ManualClock, call: Promise<Value>): Promise<Value> {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  call.then(settle, settle);
  while (!isSettled) await world.run(10);
  return call;
}

interface Slept {
  readonly before: Items;
  readonly taken: readonly Items[];
  readonly late: Items;
  /** The one who took the thread over has let it go when the sleeper wakes. */
  readonly isLetGo: boolean;
  /** The sleeper's timers come before its append. */
  readonly beatsFirst: boolean;
}

/** Longest that a sleeping owner may keep its thread, of the world's time. */
const LEASE_MAX_MS = 120_000;

async function sleepersAreRefused(place: LawPlace, { before, taken, late, isLetGo, beatsFirst }: Slept): Promise<void> {
  const world = createManualClock();
  const clock = createStoppableClock(world);
  const sleeper = await settled(world, place.open({ clock }));
  const second = await settled(world, place.open({ clock: world }));
  const { id, writer } = await settled(world, seedThread(sleeper, before));
  clock.stop();
  const taker = await takeWhenDue(world, second, id);
  for (const items of taken) await settled(world, second.appendItems({ writer: taker, items }));
  if (isLetGo) await settled(world, second.shutdownThread(taker));
  if (beatsFirst) clock.goOn();
  const late1 = await refused(settled(world, sleeper.appendItems({ writer, items: late })), ...LOSER_CODES);
  if (!beatsFirst) clock.goOn();
  if (late1.code === "thread_owned_elsewhere" && !isLetGo) namesOwner(late1, id);
  await refused(settled(world, sleeper.appendItems({ writer, items: late })), ...LOSER_CODES);
  const expected = [...before, ...taken.flat()];
  deepEqual(await settled(world, readItems(second, id)), expected);
  if (!isLetGo) {
    await settled(world, second.appendItems({ writer: taker, items: late }));
    deepEqual(await settled(world, readItems(second, id)), [...expected, ...late]);
  }
  await settled(world, Promise.all([sleeper.close(), second.close()]));
}

/** Tries again until the owner counts as gone. */
async function takeWhenDue(world: ManualClock, store: ThreadStore, threadId: string): Promise<ThreadWriter> {
  for (let waitedMs = 0; waitedMs < LEASE_MAX_MS; waitedMs += 1_000) {
    try {
      return (await settled(world, store.resumeThread({ threadId }))).writer;
    } catch (error) {
      if (!isSkeinError(error) || error.code !== "thread_owned_elsewhere") throw error;
      namesOwner(error, threadId);
    }
    await world.run(1_000);
  }
  throw new Error(`an owner that showed no sign of life kept its thread for ${LEASE_MAX_MS} ms`);
}

interface Awake {
  readonly batches: readonly Items[];
  readonly waitsMs: readonly number[];
}

async function awakeOwnersKeep(place: LawPlace, { batches, waitsMs }: Awake): Promise<void> {
  const world = createManualClock();
  const owner = await settled(world, place.open({ clock: world }));
  const second = await settled(world, place.open({ clock: world }));
  const { id, writer } = await settled(world, seedThread(owner, []));
  const kept: AppendableItem[] = [];
  for (const waitMs of [...waitsMs, 0]) {
    await world.run(waitMs);
    await refused(settled(world, second.resumeThread({ threadId: id })), "thread_owned_elsewhere");
    for (const items of batches) await settled(world, owner.appendItems({ writer, items }));
    kept.push(...batches.flat());
  }
  deepEqual(await settled(world, readItems(second, id)), kept);
  await settled(world, Promise.all([owner.close(), second.close()]));
}
