/**
 * The laws that a store is its model: whatever is asked of it, in whatever order, it answers and refuses as a few
 * arrays in memory would. Found failures are scripts of calls, made as short as they can be. And calls that are in
 * flight together are answered as if they had come one after another.
 */
import { deepEqual } from "node:assert/strict";

import fc from "fast-check";

import type { RolloutRecord } from "../../events/index.ts";
import { readLog, seedThread } from "../law-steps.ts";
import {
  arbCalls,
  arbScheduler,
  CallingClients,
  hasSerialOrder,
  matchesModel,
  type PlannedCall,
  type StoreCommand,
  storeCommands,
  StoreModel,
  type StoreSession,
} from "../model/index.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** The laws of this file. */
export const modelLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "model.commands",
    title: "a store answers, refuses and shows what the plain model does, whatever is called in which order",
    runs: 30,
    generator: (replayPath) => storeCommands(replayPath === undefined ? {} : { replayPath }),
    holds: storeIsItsModel,
  }),
  storeLaw({
    id: "model.interleaved",
    runs: 25,
    title: "calls in flight together are answered as if one had come after the other",
    generator: fc.record({ s: arbScheduler(), calls: arbCalls() }),
    holds: callsHaveSerialOrder,
  }),
];

async function storeIsItsModel(place: LawPlace, commands: Iterable<StoreCommand>): Promise<void> {
  const model = new StoreModel(place.claims);
  const session: StoreSession = { place, store: await place.open() };
  await fc.asyncModelRun(() => ({ model, real: session }), commands);
  await matchesModel(model, session.store);
}

interface Interleaved {
  readonly s: fc.Scheduler;
  readonly calls: readonly PlannedCall[];
}

async function callsHaveSerialOrder(place: LawPlace, { s, calls }: Interleaved): Promise<void> {
  const store = await place.open();
  const seeded = [await seedThread(store), await seedThread(store)];
  const told: RolloutRecord[][] = [[], []];
  store.subscribe((event) => {
    const index = seeded.findIndex(({ id }) => id === event.threadId);
    if (event.type === "appended") told[index]?.push(...event.records);
  });
  const clients = new CallingClients(
    store,
    place.claims.archive,
    seeded.map(({ writer }) => writer),
  );
  const begins = [0, 1, 2].map((client) => {
    const own = calls.filter((call) => call.client === client);
    const builders = own.map((call) => ({ builder: () => clients.begin(call), label: call.call.do }));
    return s.scheduleSequence(builders).task;
  });
  await s.waitFor(Promise.all(begins));
  await clients.settle();
  for (const [index, threadCalls] of clients.calls.entries()) {
    const { threadId } = threadCalls;
    const log = await readLog(store, threadId);
    hasSerialOrder(threadCalls, { log, thread: await store.readThread({ threadId }) });
    deepEqual(told[index], log.slice(2), "told in the order of the log");
  }
}
