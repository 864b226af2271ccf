/**
 * Laws of calls in flight when a writer goes: a release that only works on a quiet thread is worth little. Every
 * call settles; an append that was answered is there, one that was refused isn't, and each is whole (S2, S3). When
 * the last call has settled the thread is free, and goes on behind what is there.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import { isSkeinError } from "../../base/index.ts";
import type { AppendableItem } from "../../events/index.ts";
import type { ThreadStore, ThreadWriter } from "../../store/index.ts";
import { plainMetadata, readItems, readLog, seedThread, underWay, userMessage } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** What is called on an open writer, and not waited for. `turn` lets the event loop turn. */
type FlightKind = "append" | "persist" | "flush" | "rename" | "read" | "turn";
const arbKinds = fc.array(
  fc.constantFrom<FlightKind>("append", "append", "persist", "flush", "rename", "read", "turn"),
  {
    maxLength: 6,
  },
);
/** What ends a writer. `resume`: a newer writer. */
type Ending = "shutdown" | "discard" | "resume" | "close";

/** The laws of this file. */
export const releaseLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "lifecycle.discard",
    title: "a discard releases the thread whatever was in flight, and each append is there whole or not at all",
    generator: fc.record({ isStored: fc.boolean(), early: arbKinds, late: arbKinds }),
    runs: 15,
    holds: (place, { isStored, early, late }) =>
      endingsSettle(place, { isStored, early, endings: [{ ending: "discard", late }] }),
  }),
  storeLaw({
    id: "lifecycle.cancelled",
    title:
      "shutdown, discard, resume and close beside calls in flight, in any order, let every call settle and keep what was acknowledged",
    runs: 15,
    generator: fc.record({
      isStored: fc.boolean(),
      early: arbKinds,
      endings: fc.array(
        fc.record({ ending: fc.constantFrom<Ending>("shutdown", "discard", "resume", "close"), late: arbKinds }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
    holds: endingsSettle,
  }),
  storeLaw({
    id: "lifecycle.shutdown-flushes",
    title: "a shutdown keeps what was appended before it, in flight or not",
    runs: 12,
    generator: fc.record({ waited: fc.nat(3), inFlight: fc.integer({ min: 1, max: 20 }), isStored: fc.boolean() }),
    holds: shutdownKeepsAppends,
  }),
  storeLaw({
    id: "lifecycle.flush",
    title: "a flush is answered when every append that was called before it was, and what they wrote is read back",
    runs: 12,
    generator: fc.record({
      appends: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 12 }),
      behind: fc.nat(3),
      isStored: fc.boolean(),
    }),
    holds: flushWaitsForAppends,
  }),
  storeLaw({
    id: "lifecycle.replaced",
    title: "a thread that is resumed beside appends of its older writer goes on behind those that were written",
    runs: 12,
    generator: fc.record({ waited: fc.nat(2), inFlight: fc.integer({ min: 1, max: 8 }), turns: fc.nat(3) }),
    holds: newerWritersGoOnBehind,
  }),
  storeLaw({
    id: "lifecycle.close-reopened",
    title: "everything acknowledged before a close is there after reopening",
    needs: ["reopen"],
    runs: 10,
    generator: fc.record({
      threads: fc.integer({ min: 1, max: 3 }),
      inFlight: fc.integer({ min: 1, max: 20 }),
      turns: fc.nat(3),
    }),
    holds: closeKeepsAcknowledged,
  }),
];

/** Codes of calls that came too late. */
const LATE_CODES: ReadonlySet<string> = new Set([
  "writer_closed",
  "writer_fenced",
  "thread_not_found",
  "runtime_closed",
]);

/** Whether a call was answered; one that wasn't came too late. */
async function isAnswered(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    ok(isSkeinError(error), String(error));
    ok(LATE_CODES.has(error.code), error.code);
    return false;
  }
}

async function eventLoopTurns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Answers that come together may be heard in any order: all that were given are, when this resolves. */
async function sameTurn(): Promise<void> {
  for (let round = 0; round < 50; round += 1) await Promise.resolve();
}

/** Whether calls have been answered or refused by now. */
async function areSettled(calls: readonly Promise<unknown>[]): Promise<boolean> {
  let settled = 0;
  const settle = (): void => {
    settled += 1;
  };
  for (const call of calls) call.then(settle, settle);
  await sameTurn();
  return settled === calls.length;
}

interface Flights {
  readonly appends: { readonly items: readonly AppendableItem[]; readonly isAnswered: Promise<boolean> }[];
  readonly others: Promise<boolean>[];
}

/** Calls without waiting; each append is of two items, so that a half one is seen. */
async function startFlight(store: ThreadStore, writer: ThreadWriter, { flights, kind }: Started): Promise<void> {
  const { threadId } = writer;
  const { appends, others } = flights;
  if (kind === "append") {
    const text = `message ${appends.length}`;
    const items = [userMessage(text), userMessage(`${text} still`)];
    appends.push({ items, isAnswered: underWay(isAnswered(store.appendItems({ writer, items }))) });
  } else if (kind === "persist") others.push(underWay(isAnswered(store.persistThread(writer))));
  else if (kind === "flush") others.push(underWay(isAnswered(store.flushThread(writer))));
  else if (kind === "rename")
    others.push(underWay(isAnswered(store.updateThreadMetadata({ threadId, patch: { name: "new" } }))));
  else if (kind === "read") others.push(underWay(isAnswered(store.loadHistory({ threadId }))));
  else await eventLoopTurns(1);
}

interface Started {
  readonly flights: Flights;
  readonly kind: FlightKind;
}

interface Endings {
  readonly isStored: boolean;
  readonly early: readonly FlightKind[];
  readonly endings: readonly { readonly ending: Ending; readonly late: readonly FlightKind[] }[];
}

async function endingsSettle(place: LawPlace, { isStored, early, endings }: Endings): Promise<void> {
  const first = await place.open();
  const { writer } = await first.createThread({ metadata: plainMetadata });
  if (isStored) await first.persistThread(writer);
  const flights: Flights = { appends: [], others: [] };
  for (const kind of early) await startFlight(first, writer, { flights, kind });
  const ended: Promise<boolean>[] = [];
  for (const { ending, late } of endings) {
    ended.push(underWay(end(first, writer, ending)));
    for (const kind of late) await startFlight(first, writer, { flights, kind });
  }
  const hasEnded = await Promise.all(ended);
  await Promise.all(flights.others);
  const kept: AppendableItem[] = [];
  for (const { items, isAnswered: answered } of flights.appends) if (await answered) kept.push(...items);
  const ghost = first.appendItems({ writer, items: [userMessage("ghost")] });
  if (hasEnded.includes(true)) equal(await isAnswered(ghost), false, "a writer that ended appends");
  else if (await isAnswered(ghost)) kept.push(userMessage("ghost"));
  const isClosed = endings.some(({ ending }) => ending === "close");
  if (isClosed && !place.claims.reopen) return;
  await goesOnBehind(isClosed ? await place.reopen(first) : first, writer.threadId, kept);
}

/** Ends a writer, and says whether it is. Only a resume may be refused: of a thread that isn't stored, of a closed store. */
async function end(store: ThreadStore, writer: ThreadWriter, ending: Ending): Promise<boolean> {
  if (ending === "resume") return isAnswered(store.resumeThread({ threadId: writer.threadId }));
  if (ending === "shutdown") await store.shutdownThread(writer);
  if (ending === "discard") await store.discardThread(writer);
  if (ending === "close") await store.close();
  return true;
}

/** The thread is free: to be resumed where it was stored, else to be created. */
async function goesOnBehind(store: ThreadStore, threadId: string, kept: readonly AppendableItem[]): Promise<void> {
  const isStored = await isAnswered(store.readThread({ threadId }));
  if (isStored) deepEqual(await readItems(store, threadId), kept);
  else deepEqual(kept, [], "an acknowledged append is gone");
  const { writer, nextOrdinal } = isStored
    ? await store.resumeThread({ threadId })
    : await store.createThread({ threadId, metadata: plainMetadata });
  equal(nextOrdinal, kept.length + 1);
  await store.appendItems({ writer, items: [userMessage("after")] });
  deepEqual(await readItems(store, threadId), [...kept, userMessage("after")]);
}

interface ShutdownAppends {
  readonly waited: number;
  readonly inFlight: number;
  readonly isStored: boolean;
}

async function shutdownKeepsAppends(place: LawPlace, { waited, inFlight, isStored }: ShutdownAppends): Promise<void> {
  const store = await place.open();
  const { writer } = await store.createThread({ metadata: plainMetadata });
  const { threadId } = writer;
  if (isStored) await store.persistThread(writer);
  const items = Array.from({ length: waited + inFlight }, (_, n) => userMessage(`${n}`));
  for (const item of items.slice(0, waited)) await store.appendItems({ writer, items: [item] });
  const appends = items.slice(waited).map((item) => underWay(store.appendItems({ writer, items: [item] })));
  await store.shutdownThread(writer);
  ok(await areSettled(appends), "a shutdown was answered before an append it waits for");
  const answers = await Promise.all(appends);
  deepEqual(
    answers.map((answer) => answer.firstOrdinal),
    answers.map((_, index) => waited + index + 1),
  );
  deepEqual(await readItems(store, threadId), items);
}

interface FlushedAppends {
  readonly appends: readonly number[];
  /** Called after the flush. */
  readonly behind: number;
  readonly isStored: boolean;
}

async function flushWaitsForAppends(place: LawPlace, { appends, behind, isStored }: FlushedAppends): Promise<void> {
  const store = await place.open();
  const { writer } = await store.createThread({ metadata: plainMetadata });
  if (isStored) await store.persistThread(writer);
  const settled = new Set<number>();
  const batches = appends.map((count, nth) => Array.from({ length: count }, (_, n) => userMessage(`${nth} ${n}`)));
  const append = async (items: readonly AppendableItem[], nth: number): Promise<void> => {
    await store.appendItems({ writer, items });
    settled.add(nth);
  };
  const calls = batches.map((items, nth) => underWay(append(items, nth)));
  const flushed = underWay(store.flushThread(writer));
  const later = Array.from({ length: behind }, (_, n) =>
    underWay(store.appendItems({ writer, items: [userMessage(`late ${n}`)] })),
  );
  await flushed;
  await sameTurn();
  equal(settled.size, batches.length, "a flush was answered before an append it waits for");
  const read = await readItems(store, writer.threadId);
  deepEqual(read.slice(0, batches.flat().length), batches.flat());
  await Promise.all([...calls, ...later]);
}

interface Replaced {
  readonly waited: number;
  readonly inFlight: number;
  /** Of the event loop, between the appends and the resume. */
  readonly turns: number;
}

async function newerWritersGoOnBehind(place: LawPlace, { waited, inFlight, turns }: Replaced): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store, []);
  const flights: Flights = { appends: [], others: [] };
  for (let nth = 0; nth < waited + inFlight; nth += 1) {
    await startFlight(store, writer, { flights, kind: "append" });
    if (nth < waited) await flights.appends[nth]?.isAnswered;
  }
  await eventLoopTurns(turns);
  const newer = await store.resumeThread({ threadId });
  const atResume = await readLog(store, threadId);
  equal(newer.nextOrdinal, atResume.length);
  const items = [userMessage("newer")];
  const answer = await store.appendItems({ writer: newer.writer, items });
  equal(answer.firstOrdinal, newer.nextOrdinal);
  const kept: AppendableItem[] = [];
  for (const { items: sent, isAnswered: answered } of flights.appends) if (await answered) kept.push(...sent);
  deepEqual(await readItems(store, threadId), [...kept, ...items]);
}

interface CloseAppends {
  readonly threads: number;
  readonly inFlight: number;
  readonly turns: number;
}

async function closeKeepsAcknowledged(place: LawPlace, { threads, inFlight, turns }: CloseAppends): Promise<void> {
  const store = await place.open();
  const made = await Promise.all(Array.from({ length: threads }, () => seedThread(store, [])));
  const flights = made.map((): Flights => ({ appends: [], others: [] }));
  for (let nth = 0; nth < inFlight; nth += 1) {
    for (const [index, { writer }] of made.entries()) {
      const own = flights[index];
      if (own !== undefined) await startFlight(store, writer, { flights: own, kind: "append" });
    }
  }
  await eventLoopTurns(turns);
  await store.close();
  const calls = flights.flatMap(({ appends }) => appends.map((each) => each.isAnswered));
  ok(await areSettled(calls), "a store was closed before a call on it was answered or refused");
  const settled = await Promise.all(flights.map(({ appends }) => Promise.all(appends.map((each) => each.isAnswered))));
  const reopened = await place.reopen(store);
  for (const [index, { id }] of made.entries()) {
    const appends = flights[index]?.appends ?? [];
    await goesOnBehind(
      reopened,
      id,
      appends.flatMap(({ items }, nth) => (settled[index]?.[nth] === true ? items : [])),
    );
  }
}
