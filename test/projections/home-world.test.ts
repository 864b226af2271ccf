/**
 * Rows are the fold of the logs whatever happened: two stores that create, append, roll back, name, move, fork and
 * delete at once, sweeps and rebuilds between them, processes that die before their rows were written, other
 * programs that write, cut, move, copy and replace the files, and a database that is deleted.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { expect, it } from "vitest";

import { createInlinePool, rebuildStateDbWith } from "../../src/projections/index.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { STATE_DB_FILE_NAME } from "../../src/projections/state-db-file.ts";
import { openLocalThreadStore } from "../../src/store/local/index.ts";
import { arbDeed, type Deed, HomeWorld } from "./home-world.ts";
import { lawRuns } from "./law-runs.ts";
import { currentGeneration, dumpRows, type RowDump } from "./row-dump.ts";
import {
  DIRECTIONS,
  foundByReading,
  foundBySearch,
  listAnswers,
  SORT_KEYS,
  thereAndBack,
  threadAnswers,
} from "./store-answers.ts";

/** Some things at once, again and again. */
const arbStory = fc.array(fc.array(arbDeed(), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 16 });

function rowsOf(home: string): RowDump {
  const db = openConnection(join(home, STATE_DB_FILE_NAME), { mode: "read-only" });
  try {
    return dumpRows(db, currentGeneration(db));
  } finally {
    db.close();
  }
}

type Answers = Readonly<Record<string, unknown>>;

function expectSame(byRows: Answers, byFiles: Answers): void {
  for (const [question, answer] of Object.entries(byFiles)) {
    expect({ [question]: byRows[question] }).toEqual({ [question]: answer });
  }
}

/** What must be true of a home when nothing is going on. */
async function check(world: HomeWorld): Promise<void> {
  const plain = await openLocalThreadStore({ home: world.home });
  const byFiles = await listAnswers(plain, [2]);
  for (const { store } of world.stores) expectSame(await listAnswers(store, [2]), byFiles);
  for (const threadId of world.ids) {
    const questions = { sizes: [3] };
    const answers = await threadAnswers(plain, threadId, questions);
    for (const { store } of world.stores) expectSame(await threadAnswers(store, threadId, questions), answers);
  }
  for (const query of ["outside", "answer turn-1"]) {
    const found = await foundByReading(plain, query);
    for (const { store } of world.stores) expect(await foundBySearch(store, query)).toEqual(found);
  }
  for (const [n, { store }] of world.stores.entries()) {
    const listed: string[] = [];
    for (const archived of [false, true]) {
      listed.push(...(await store.listThreads({ archived, limit: 1_000 })).data.map(({ id }) => id));
      for (const sortKey of SORT_KEYS) {
        const sortDirection = DIRECTIONS[n] ?? "asc";
        await thereAndBack(store, { archived, sortKey, sortDirection, limit: 2 });
      }
    }
    expect(listed).toEqual(expect.arrayContaining([...world.acknowledged]));
  }
  const rows = rowsOf(world.home);
  await rebuildStateDbWith({ home: world.home }, createInlinePool());
  expect(rows).toEqual(rowsOf(world.home));
  await plain.close();
}

async function tell(story: readonly (readonly Deed[])[], isWatched: boolean): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "skein-world-"));
  const world = await HomeWorld.open(home, isWatched);
  try {
    for (const deeds of story) await world.doAll(deeds);
    await check(world);
  } finally {
    await world.close();
    rmSync(home, { recursive: true, force: true });
  }
}

it(
  "law: rows are the fold of the logs, whatever two processes and others did to a home",
  { timeout: 600_000 },
  async () => {
    await fc.assert(fc.asyncProperty(arbStory, fc.boolean(), tell), { numRuns: lawRuns(25) });
  },
);
