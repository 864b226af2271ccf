/**
 * The full-text index of a node's rows, which comes up behind them: what is found however far it is, what becomes of
 * texts that go before they were indexed, and when it is brought up.
 */
import { join } from "node:path";

import { expect, it } from "vitest";

import { nextLoopTurn } from "../../src/base/index.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import type { LogIndex } from "../../src/store/index.ts";
import { createManualClock } from "../../src/testing/index.ts";
import { event, metaItem } from "./reaching-logs.ts";
import { foundIn, foundInWhole, wholeRows } from "./log-rows-whole.ts";
import { dumpFile, firstLines, idOf, linesOf, openRows, saidTurn, threadIn } from "./log-rows-world.ts";
import { ScriptedLogSource } from "./scripted-log-source.ts";
import { createFolder } from "./state-db-fixture.ts";

const [FIRST, SECOND, THIRD] = [idOf(1), idOf(2), idOf(3)];
const LOOK = { isDbOnly: false } as const;
/** Each of the texts below has a word of these. */
const QUERIES = ["numbat", "wombat", "quokka", "of"];

/** Three threads with a text each, and rows that have them, over a clock that stands. */
async function openWorld(): Promise<{
  readonly source: ScriptedLogSource;
  readonly path: string;
  readonly clock: ReturnType<typeof createManualClock>;
  readonly rows: LogIndex;
}> {
  const source = new ScriptedLogSource();
  source.append(FIRST, firstLines(FIRST, "the first of the numbats"));
  source.append(SECOND, firstLines(SECOND, "a wombat"));
  source.append(THIRD, firstLines(THIRD, "the last of the quokkas"));
  const path = join(createFolder(), "rows.sqlite");
  const clock = createManualClock();
  const rows = await openRows(source, { path, clock });
  await rows.refresh(LOOK);
  return { source, path, clock, rows };
}

/** How many texts a file has noted, and how many its index has. */
function countTexts(path: string): { readonly noted: number; readonly indexed: number } {
  const db = openConnection(path, { mode: "read-only" });
  try {
    const count = (table: string): number => Number(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
    return { noted: count("unindexed_1"), indexed: count("texts_fts_1") };
  } finally {
    db.close();
  }
}

/** Changes a file of rows by hand. */
function plant(path: string, sql: string): void {
  const db = openConnection(path, { mode: "read-write" });
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}

it("notes texts where it writes rows, and indexes them when something is searched", async () => {
  const { source, path, rows } = await openWorld();
  const { texts } = wholeRows(source);
  expect(countTexts(path)).toEqual({ noted: texts.length, indexed: 0 });
  expect((await rows.search({ query: "numbat" })).data.map(({ thread }) => thread.id)).toEqual([FIRST]);
  expect(countTexts(path)).toEqual({ noted: 0, indexed: texts.length });

  source.append(SECOND, linesOf(saidTurn("turn-2", "and a second numbat"), 10));
  await rows.refresh(LOOK);
  expect(countTexts(path).noted).toBeGreaterThan(0);
  expect(await foundIn(rows, QUERIES)).toEqual(foundInWhole(source.logs(), QUERIES));
  expect(countTexts(path).noted).toBe(0);
});

it("indexes texts by itself when no row was written for a moment", async () => {
  const { path, clock } = await openWorld();
  const { noted } = countTexts(path);
  await clock.run(200);
  expect(countTexts(path)).toEqual({ noted, indexed: 0 });
  await clock.run(100);
  expect(countTexts(path)).toEqual({ noted: 0, indexed: noted });
  expect(clock.pendingTimers()).toBe(0);
});

it("puts indexing off while rows are written", async () => {
  const { source, path, clock, rows } = await openWorld();
  for (let turn = 2; turn < 8; turn += 1) {
    await clock.run(100);
    source.append(SECOND, linesOf(saidTurn(`turn-${turn}`, `wombat ${turn}`), turn * 10));
    await rows.refresh(LOOK);
  }
  expect(countTexts(path).indexed).toBe(0);
  await clock.run(300);
  expect(countTexts(path).noted).toBe(0);
});

it("finds all texts after it ended between the rows and their index", async () => {
  const { source, path, rows } = await openWorld();
  await rows.close();
  expect(countTexts(path).indexed).toBe(0);
  const again = await openRows(source, { path, clock: createManualClock() });
  expect(await foundIn(again, QUERIES)).toEqual(foundInWhole(source.logs(), QUERIES));
  await again.close();
  expect(dumpFile(path)).toEqual(wholeRows(source));

  const idleClock = createManualClock();
  source.append(FIRST, linesOf(saidTurn("turn-2", "a quokka"), 10));
  const third = await openRows(source, { path, clock: idleClock });
  await third.refresh(LOOK);
  await third.close();
  await openRows(source, { path, clock: idleClock });
  await idleClock.run(300);
  expect(countTexts(path).noted).toBe(0);
});

it("undoes indexing as a whole where it fails, says so to who searches, and does it later", async () => {
  const { source, path, clock, rows } = await openWorld();
  const before = countTexts(path);
  plant(path, "CREATE TRIGGER no_end BEFORE DELETE ON unindexed_1 BEGIN SELECT RAISE(ABORT, 'no'); END");
  await expect(rows.search({ query: "numbat" })).rejects.toThrow("no");
  await clock.run(1_000);
  expect(countTexts(path)).toEqual(before);
  expect(await rows.refresh(LOOK)).toMatchObject({ isComplete: true });

  plant(path, "DROP TRIGGER no_end");
  await clock.run(10_000);
  expect(countTexts(path)).toEqual({ noted: 0, indexed: before.noted });
  expect(await foundIn(rows, QUERIES)).toEqual(foundInWhole(source.logs(), QUERIES));
});

it.each([
  { what: "before they were indexed", searches: false },
  { what: "after they were", searches: true },
])("forgets texts that are rolled back or deleted $what", async ({ searches }) => {
  const { source, path, rows } = await openWorld();
  if (searches) await rows.search({ query: "numbat" });
  source.append(FIRST, linesOf([event("thread_rolled_back", { num_turns: 1 })], 20));
  source.delete(SECOND);
  await rows.refresh(LOOK);
  const { texts } = wholeRows(source);
  const { noted, indexed } = countTexts(path);
  expect([noted, indexed]).toEqual(searches ? [0, texts.length] : [texts.length, 0]);
  expect(await foundIn(rows, QUERIES)).toEqual(foundInWhole(source.logs(), QUERIES));
  expect((await foundIn(rows, ["numbat", "wombat"])).flat()).toEqual([]);
  await rows.close();
  expect(dumpFile(path)).toEqual(wholeRows(source));
});

it("finds what is noted still where the transaction that was to take its note was undone", async () => {
  const { source, path, rows } = await openWorld();
  const before = { found: foundInWhole(source.logs(), QUERIES), texts: countTexts(path) };
  for (const id of [FIRST, SECOND, THIRD]) {
    source.append(id, linesOf([event("thread_rolled_back", { num_turns: 1 })], 20));
  }
  // A thread's row in the list is written last, when its texts are gone already.
  const changes = ["INSERT", "UPDATE", "DELETE"];
  for (const change of changes) {
    plant(path, `CREATE TRIGGER no_${change} BEFORE ${change} ON threads_1 BEGIN SELECT RAISE(ABORT, 'no'); END`);
  }
  await expect(rows.refresh(LOOK)).rejects.toThrow("no");
  expect(countTexts(path)).toEqual(before.texts);
  expect(await foundIn(rows, QUERIES)).toEqual(before.found);

  for (const change of changes) plant(path, `DROP TRIGGER no_${change}`);
  await rows.refresh(LOOK);
  expect(await foundIn(rows, QUERIES)).toEqual(foundInWhole(source.logs(), QUERIES));
});

it("finds the texts of a thread whose rows were made anew, once each", async () => {
  const { source, path, rows } = await openWorld();
  const { nextOrdinal: end } = await threadIn(source, FIRST);
  for (const lost of [1, 2]) {
    source.loseHistory(FIRST, end - lost);
    source.append(FIRST, linesOf([event("user_message", { message: `quokka ${lost}` })], 40 + lost));
    await rows.refresh(LOOK);
    expect(await foundIn(rows, QUERIES)).toEqual(foundInWhole(source.logs(), QUERIES));
  }
  await rows.close();
  expect(dumpFile(path)).toEqual(wholeRows(source));
});

it("indexes texts while rows are written where too many wait", { timeout: 60_000 }, async () => {
  const { source, path, rows } = await openWorld();
  const said = Array.from({ length: 20_001 }, (_, n) => event("user_message", { message: `wombat ${n}` }));
  source.append(idOf(4), [...linesOf([metaItem(idOf(4))]), ...said.flatMap((item) => linesOf([item]))]);
  await rows.refresh(LOOK);
  // The clock stands, so it is not that nothing was written for a moment. What came later waits again.
  while (countTexts(path).noted > 10_000) await nextLoopTurn();
  expect(await foundIn(rows, ["wombat 20000"])).toEqual([[[idOf(4), "wombat 20000"]]]);
});

it("makes the rows of a file anew that is of a version without notes", async () => {
  const { source, path, rows } = await openWorld();
  await rows.close();
  plant(path, "DELETE FROM meta WHERE key = 'log_version'; DROP TABLE unindexed_1");
  const again = await openRows(source, { path });
  await again.refresh(LOOK);
  expect(await foundIn(again, QUERIES)).toEqual(foundInWhole(source.logs(), QUERIES));
  await again.close();
  expect(dumpFile(path)).toEqual(wholeRows(source));
});
