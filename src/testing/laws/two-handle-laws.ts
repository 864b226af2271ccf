/**
 * Laws of what two handles on one place make of one thread: one log, of all that was acknowledged to either and of
 * nothing that was refused, which both read the same. Who may write when is in fencing-laws.ts; here both try as
 * they like.
 */
import { deepEqual, equal } from "node:assert/strict";

import fc from "fast-check";

import { isSkeinError } from "../../base/index.ts";
import type { AppendableItem } from "../../events/index.ts";
import type { ThreadStore, ThreadWriter } from "../../store/index.ts";
import { arbBatch, arbBatches } from "../arbitraries/index.ts";
import { readItems, seedThread, underWay, userMessage } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

type Items = readonly AppendableItem[];

type Step =
  | { readonly kind: "resume" | "shutdown" | "discard"; readonly who: number }
  | {
      readonly kind: "append";
      readonly who: number;
      readonly items: Items;
      readonly isAwaited: boolean;
    };

const arbWho = fc.nat(1);
const arbStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("resume" as const), who: arbWho }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("shutdown" as const, "discard" as const), who: arbWho }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      who: arbWho,
      items: arbBatch(2),
      isAwaited: fc.boolean(),
    }),
  },
);

/** The laws of this file. */
export const twoHandleLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "fencing.one-log",
    title:
      "two handles that resume, append and let go as they like leave one log, of all that was acknowledged and nothing refused",
    needs: ["multiProcess"],
    runs: 6,
    generator: fc.array(arbStep, { minLength: 3, maxLength: 16 }),
    holds: writersLeaveOneLog,
  }),
  storeLaw({
    id: "fencing.seen",
    title: "what one handle wrote is in every later read of the other",
    needs: ["multiProcess"],
    runs: 5,
    generator: fc.record({ batches: arbBatches(3), name: fc.constantFrom("one", "other"), isArchived: fc.boolean() }),
    holds: otherHandlesSee,
  }),
];

/** What a loser is told. */
const LOSER_CODES: ReadonlySet<string> = new Set(["thread_owned_elsewhere", "writer_fenced", "writer_closed"]);

interface Party {
  readonly store: ThreadStore;
  writer: ThreadWriter | null;
}

/** Appends that were acknowledged, by the ordinal of their first record. */
type Acknowledged = Map<number, Items>;

async function writersLeaveOneLog(place: LawPlace, steps: readonly Step[]): Promise<void> {
  const parties: Party[] = [
    { store: await place.open(), writer: null },
    { store: await place.open(), writer: null },
  ];
  const [first] = parties;
  if (first === undefined) return;
  const { id, writer } = await seedThread(first.store, [userMessage("first")]);
  first.writer = writer;
  const acknowledged: Acknowledged = new Map([[1, [userMessage("first")]]]);
  const flights: Promise<void>[] = [];
  for (const step of steps) {
    const party = parties[step.who];
    if (party === undefined) continue;
    const stepping = underWay(take(party, id, { step, acknowledged }));
    if (step.kind === "append" && !step.isAwaited) flights.push(stepping);
    else await stepping;
  }
  await Promise.all(flights);
  const expected = [...acknowledged].toSorted(([a], [b]) => a - b).flatMap(([, items]) => items);
  for (const { store } of parties) deepEqual(await readItems(store, id), expected);
}

async function take(
  party: Party,
  threadId: string,
  { step, acknowledged }: { readonly step: Step; readonly acknowledged: Acknowledged },
): Promise<void> {
  const { store, writer } = party;
  try {
    if (step.kind === "resume") party.writer = (await store.resumeThread({ threadId })).writer;
    else if (writer === null) return;
    else if (step.kind === "append") {
      const { firstOrdinal } = await store.appendItems({ writer, items: step.items });
      equal(acknowledged.has(firstOrdinal), false, `two appends were told ordinal ${firstOrdinal}`);
      acknowledged.set(firstOrdinal, step.items);
    } else if (step.kind === "shutdown") await store.shutdownThread(writer);
    else await store.discardThread(writer);
  } catch (error) {
    if (!isSkeinError(error) || !LOSER_CODES.has(error.code)) throw error;
  }
}

interface Seen {
  readonly batches: readonly Items[];
  readonly name: string;
  readonly isArchived: boolean;
}

async function otherHandlesSee(place: LawPlace, { batches, name, isArchived }: Seen): Promise<void> {
  const [writing, reading] = [await place.open(), await place.open()];
  const { id: threadId, writer } = await seedThread(writing, []);
  const sent: AppendableItem[] = [];
  for (const items of batches) {
    await writing.appendItems({ writer, items });
    sent.push(...items);
    deepEqual(await readItems(reading, threadId), sent);
    await looksAlike(place, [writing, reading], threadId);
  }
  await writing.updateThreadMetadata({ threadId, patch: { name } });
  equal((await reading.readThread({ threadId })).name, name);
  await looksAlike(place, [writing, reading], threadId);
  if (isArchived && place.claims.archive) {
    await writing.archiveThread(threadId);
    await looksAlike(place, [writing, reading], threadId);
  }
}

/** Both answer the same, and it is what is there. */
async function looksAlike(place: LawPlace, stores: readonly ThreadStore[], threadId: string): Promise<void> {
  const [own, other] = await Promise.all(
    stores.map(async (store) => [
      await store.readThread({ threadId }),
      await store.listTurns({ threadId, itemsView: "full" }),
      place.claims.itemLists ? await store.listItems({ threadId }) : null,
      (await store.listThreads({ archived: false })).data,
      (await store.listThreads({ archived: true })).data,
    ]),
  );
  deepEqual(other, own);
}
