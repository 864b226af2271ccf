/**
 * The books of the PostgreSQL crash test find what they are there to find: a lost append, one that is there twice,
 * one that is half there, one with other content, and one that no one asked for.
 */
import { expect, it } from "vitest";

import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { batchItems } from "./crash-reports.ts";
import { type LedgerCheck, PgLedger } from "./pg-ledger.ts";
import { digestOf, messageOf } from "./pg-reports.ts";

const threadId = "0197a000-0000-7000-8000-000000000001";

interface Done {
  readonly name: string;
  readonly count: number;
  readonly firstOrdinal?: number;
  /** Only so many of its records. */
  readonly cut?: number;
  readonly padding?: number;
}

/** A store that holds these batches one after another, and books in which others were begun and acknowledged. */
async function compare(there: readonly Done[], booked: readonly Done[]): Promise<LedgerCheck> {
  const store = createMemoryThreadStore();
  const { writer } = await store.createThread({ threadId, metadata: { cwd: "/" } });
  await store.persistThread(writer);
  for (const { name, count, cut, padding = 3 } of there) {
    await store.appendItems({ writer, items: batchItems(name, count, padding).slice(0, cut ?? count) });
  }
  const ledger = new PgLedger();
  for (const { name, count, firstOrdinal, padding = 3 } of booked) {
    const digest = digestOf(batchItems(name, count, padding).flatMap((item) => messageOf(item) ?? []));
    ledger.take({ say: "begin", threadId, batch: name, count, digest });
    if (firstOrdinal !== undefined) ledger.take({ say: "done", batch: name, firstOrdinal, duplicate: false });
  }
  return ledger.check(store);
}

const one = { name: "batch-1", count: 2, firstOrdinal: 1 };
const two = { name: "batch-2", count: 1, firstOrdinal: 3 };

it("books that agree with the threads find nothing wrong", async () => {
  const unheard = { name: "batch-3", count: 1 };
  const check = await compare([one, two, unheard], [one, two, unheard]);
  expect(check).toEqual({
    acknowledged: 2,
    landedUnheard: 1,
    lengths: new Map([[threadId, 5]]),
    lost: 0,
    doubled: 0,
    broken: 0,
    examples: [],
  });
});

it("an acknowledged append that is not there, or elsewhere, is lost", async () => {
  expect(await compare([one], [one, two])).toMatchObject({ lost: 1, doubled: 0, broken: 0 });
  expect(await compare([two, one], [one, two])).toMatchObject({ lost: 2, doubled: 0, broken: 0 });
});

it("an append that is there twice is doubled", async () => {
  expect(await compare([one, two, two], [one, two])).toMatchObject({ doubled: 1 });
});

it("half an append, other content, and an append that no one asked for break a law", async () => {
  const unheard = { name: one.name, count: 2 };
  expect(await compare([{ ...one, cut: 1 }], [unheard])).toMatchObject({ lost: 0, broken: 2 });
  expect(await compare([{ ...one, padding: 4 }], [unheard])).toMatchObject({ lost: 0, broken: 1 });
  expect(await compare([{ ...one, padding: 4 }], [one])).toMatchObject({ lost: 1 });
  expect(await compare([one, { name: "batch-9", count: 1 }], [one])).toMatchObject({ broken: 1 });
});
