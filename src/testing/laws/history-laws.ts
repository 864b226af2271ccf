/**
 * Laws of reading a log: pages join to the whole, hints only make reading cheaper, and reading is only
 * reading (S6). The whole log, read in one go, is the model that every other way of reading it is held
 * against.
 */
import { deepEqual, equal } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import type { ThreadStore } from "../../store/index.ts";
import { arbBatch, arbBatches } from "../arbitraries/index.ts";
import { readAllThreads, readLog, seedThread, userMessage } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** The laws of this file. */
export const historyLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "history.pages",
    title: "pages of a history joined are the whole history, for any page size and any beginning",
    runs: 12,
    generator: fc.record({
      batches: arbBatches(),
      asked: fc.array(fc.record({ from: fc.nat(40), limit: fc.integer({ min: 1, max: 7 }) }), { maxLength: 5 }),
    }),
    holds: pagesAreTheHistory,
  }),
  storeLaw({
    id: "history.long",
    title: "any page of a log of many hundreds of records is that part of it, beside its writer and behind it",
    runs: 2,
    generator: fc.record({
      appends: fc.array(fc.integer({ min: 1, max: 450 }), { minLength: 3, maxLength: 5 }),
      widths: fc.array(fc.nat(60), { minLength: 1, maxLength: 5 }),
      asked: fc.array(fc.record({ from: fc.nat(2_000), limit: fc.integer({ min: 1, max: 40 }) }), {
        minLength: 12,
        maxLength: 24,
      }),
    }),
    holds: longLogsAreReadAnywhere,
  }),
  storeLaw({
    id: "history.past-end",
    title: "a page at or past the end is empty, is the end, and goes on from where it was asked",
    runs: 10,
    generator: fc.record({ batches: arbBatches(3), past: fc.oneof(fc.nat(3), fc.constant(1_000_000)) }),
    holds: pastTheEndIsEmpty,
  }),
  storeLaw({
    id: "history.hints",
    title: "a hint that does not fit changes nothing in what is read",
    runs: 6,
    generator: fc.record({
      widths: fc.array(fc.nat(80), { minLength: 3, maxLength: 12 }),
      garbage: fc.array(fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom("{}", "0", "99999999")), {
        maxLength: 4,
      }),
      pages: fc.array(fc.record({ from: fc.nat(13), limit: fc.integer({ min: 1, max: 6 }) }), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
    holds: wrongHintsAreHarmless,
  }),
  storeLaw({
    id: "history.hints-of-others",
    title: "a hint of another thread changes nothing in what is read, also where its records begin at the same bytes",
    runs: 2,
    generator: fc.record({
      widths: fc.array(fc.nat(200), { minLength: 30, maxLength: 40 }),
      width: fc.nat(3),
    }),
    holds: hintsOfOthersAreHarmless,
  }),
  storeLaw({
    id: "history.included",
    title: "a thread read with its history holds the whole log, one read without holds none",
    runs: 10,
    generator: arbBatches(3),
    holds: includedHistoryIsTheLog,
  }),
  storeLaw({
    id: "history.reads-change-nothing",
    title: "reads change nothing and need no writer",
    runs: 8,
    generator: fc.record({ items: arbBatch(), others: arbBatch(2), query: fc.constantFrom("a", "hello", "nowhere") }),
    holds: readsChangeNothing,
  }),
  storeLaw({
    id: "history.reopened",
    title: "a history is the same after reopening",
    needs: ["reopen"],
    runs: 10,
    generator: fc.record({ batches: arbBatches(), later: arbBatches(2) }),
    holds: historySurvivesReopening,
  }),
];

type Batches = readonly (readonly AppendableItem[])[];

interface Asked {
  readonly from: number;
  readonly limit: number;
}

async function appendAll(store: ThreadStore, batches: Batches): ReturnType<typeof seedThread> {
  const seeded = await seedThread(store, []);
  for (const items of batches) await store.appendItems({ writer: seeded.writer, items });
  return seeded;
}

interface Pages {
  readonly batches: Batches;
  readonly asked: readonly Asked[];
}

async function pagesAreTheHistory(place: LawPlace, { batches, asked }: Pages): Promise<void> {
  const store = await place.open();
  const { id } = await appendAll(store, batches);
  const whole = await readLog(store, id);
  equal(whole.length, batches.flat().length + 1);
  for (const { from, limit } of [...asked, { from: 0, limit: 1 }, { from: whole.length - 1, limit: 2 }]) {
    const begin = from % whole.length;
    deepEqual(await readLog(store, id, { from: begin, limit }), whole.slice(begin));
  }
}

interface LongLog {
  readonly appends: readonly number[];
  readonly widths: readonly number[];
  readonly asked: readonly Asked[];
}

async function longLogsAreReadAnywhere(place: LawPlace, { appends, widths, asked }: LongLog): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store, []);
  const items: AppendableItem[] = [];
  for (const count of appends) {
    const added = Array.from({ length: count }, (_, n) => {
      const nth = items.length + n;
      return userMessage(`${nth} ${"x".repeat(widths[nth % widths.length] ?? 0)}`);
    });
    await store.appendItems({ writer, items: added });
    items.push(...added);
    await readsPages(store, { threadId, items, asked });
  }
  await store.shutdownThread(writer);
  await readsPages(store, { threadId, items, asked });
  const { nextOrdinal } = await store.resumeThread({ threadId });
  equal(nextOrdinal, items.length + 1);
  await readsPages(store, { threadId, items, asked });
}

interface PagesOf {
  readonly threadId: string;
  readonly items: readonly AppendableItem[];
  readonly asked: readonly Asked[];
}

async function readsPages(store: ThreadStore, { threadId, items, asked }: PagesOf): Promise<void> {
  for (const { from, limit } of asked) {
    const begin = 1 + (from % items.length);
    const page = await store.loadHistory({ threadId, from: begin, limit });
    deepEqual(
      page.records.map(({ item, ordinal }) => ({ item, ordinal })),
      items.slice(begin - 1, begin - 1 + limit).map((item, n) => ({ item, ordinal: begin + n })),
    );
  }
}

interface PastEnd {
  readonly batches: Batches;
  readonly past: number;
}

async function pastTheEndIsEmpty(place: LawPlace, { batches, past }: PastEnd): Promise<void> {
  const store = await place.open();
  const { id: threadId } = await appendAll(store, batches);
  const end = batches.flat().length + 1;
  for (const from of [end, end + past]) {
    const page = await store.loadHistory({ threadId, from });
    deepEqual([page.records, page.nextOrdinal, page.isEnd], [[], from, true]);
  }
}

interface Hints {
  readonly widths: readonly number[];
  readonly garbage: readonly string[];
  readonly pages: readonly Asked[];
}

async function wrongHintsAreHarmless(place: LawPlace, { widths, garbage, pages }: Hints): Promise<void> {
  const store = await place.open();
  const items = widths.map((width, n) => userMessage(`${"x".repeat(width)} ${n}`));
  const { id: threadId } = await seedThread(store, items);
  const other = await seedThread(store, items.toReversed());
  const whole = await readLog(store, threadId);
  const hints = ["", ...garbage];
  for (const id of [threadId, other.id]) {
    for (const limit of [1, 5]) {
      const { hint } = await store.loadHistory({ threadId: id, limit });
      if (hint !== undefined) hints.push(hint, hint.slice(1), `${hint}0`);
    }
  }
  for (const hint of hints) {
    for (const { from, limit } of [...pages, { from: 0, limit: 4 }]) {
      const page = await store.loadHistory({ threadId, from, limit, hint });
      deepEqual(page.records, whole.slice(from, from + limit));
    }
  }
}

interface HintsOfOthers {
  readonly widths: readonly number[];
  readonly width: number;
}

/**
 * Of so many records of many lengths some begin where, in the other log, another one begins: how long records are
 * where they are stored is not known here.
 */
async function hintsOfOthersAreHarmless(place: LawPlace, { widths, width }: HintsOfOthers): Promise<void> {
  const store = await place.open();
  const many = [...widths, ...widths.map((odd) => odd + 1), ...widths.map((odd) => (odd * 7) % 211)];
  const other = await seedThread(
    store,
    [...many, ...many].map((odd, n) => userMessage(`${n} ${"x".repeat(odd)}`)),
  );
  const items = Array.from({ length: 5 * many.length }, (_, n) => userMessage(`${1_000 + n}${"x".repeat(width)}`));
  const { id: threadId, writer } = await seedThread(store, items);
  await store.shutdownThread(writer);
  await store.shutdownThread(other.writer);
  const whole = await readLog(store, threadId);
  for (let ordinal = 1; ordinal < 2 * many.length; ordinal += 1) {
    const { hint } = await store.loadHistory({ threadId: other.id, from: ordinal, limit: 1 });
    if (hint === undefined) continue;
    const from = ordinal + 1;
    const page = await store.loadHistory({ threadId, from, limit: 2, hint });
    deepEqual(page.records, whole.slice(from, from + 2));
  }
}

async function includedHistoryIsTheLog(place: LawPlace, batches: Batches): Promise<void> {
  const store = await place.open();
  const { id: threadId } = await appendAll(store, batches);
  const { history, ...rest } = await store.readThread({ threadId, includeHistory: true });
  deepEqual(history, await readLog(store, threadId));
  deepEqual(await store.readThread({ threadId }), rest);
}

interface Reads {
  readonly items: readonly AppendableItem[];
  readonly others: readonly AppendableItem[];
  readonly query: string;
}

async function readsChangeNothing(place: LawPlace, { items, others, query }: Reads): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store, items);
  const other = await seedThread(store, others);
  if (place.claims.archive) await store.archiveThread(other.id);
  await store.shutdownThread(writer);
  await store.shutdownThread(other.writer);
  const told: string[] = [];
  store.subscribe((event) => told.push(event.type));
  const look = async (): Promise<unknown> => [
    await readAllThreads(store),
    await readLog(store, threadId),
    await store.listTurns({ threadId, itemsView: "full" }),
    place.claims.itemLists ? await store.listItems({ threadId }) : null,
    await store.loadWindow(threadId),
    await store.readThread({ threadId: other.id, includeHistory: true }),
  ];
  const first = await look();
  if (place.claims.search) await store.searchThreads({ query });
  deepEqual(await look(), first);
  deepEqual(told, []);
  const { nextOrdinal } = await store.resumeThread({ threadId });
  equal(nextOrdinal, items.length + 1, "reads append nothing, and a resume neither");
  deepEqual(await look(), first);
}

interface Reopened {
  readonly batches: Batches;
  readonly later: Batches;
}

async function historySurvivesReopening(place: LawPlace, { batches, later }: Reopened): Promise<void> {
  const store = await place.open();
  const { id: threadId } = await appendAll(store, batches);
  const log = await readLog(store, threadId);
  const thread = await store.readThread({ threadId });
  const reopened = await place.reopen(store);
  deepEqual(await readLog(reopened, threadId), log);
  deepEqual(await reopened.readThread({ threadId }), thread);
  const { writer } = await reopened.resumeThread({ threadId });
  for (const items of later) await reopened.appendItems({ writer, items });
  const grown = await readLog(reopened, threadId);
  deepEqual(grown.slice(0, log.length), log);
  deepEqual(
    grown.slice(log.length).map((record) => record.item),
    later.flat(),
  );
}
