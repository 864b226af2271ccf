/**
 * What a node's rows are after something went wrong: a process that ended between pages, a file that is gone or
 * another's, a server that lost history, a thread that can't be folded, a feed that missed something.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

import { createIdSource, systemClock } from "../../src/base/index.ts";
import { openStateDbWith } from "../../src/projections/open-state-db.ts";
import { createInlinePool } from "../../src/projections/inline-pool.ts";
import { type LogRowsProgress } from "../../src/projections/index.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { createManualClock } from "../../src/testing/index.ts";
import { event, metaItem } from "./reaching-logs.ts";
import { wholeRows } from "./log-rows-whole.ts";
import { dumpFile, firstLines, idOf, linesOf, listedIds, openRows, saidTurn, threadIn } from "./log-rows-world.ts";
import { ScriptedLogSource } from "./scripted-log-source.ts";
import { createFolder } from "./state-db-fixture.ts";

const [FIRST, SECOND, THIRD] = [idOf(1), idOf(2), idOf(3)];
const LOOK = { isDbOnly: false } as const;

function newPath(): string {
  return join(createFolder(), "rows.sqlite");
}

/** A source with three threads of one turn each. */
function threeThreads(): ScriptedLogSource {
  const source = new ScriptedLogSource();
  for (const id of [FIRST, SECOND, THIRD]) source.append(id, firstLines(id, `words of ${id}`));
  return source;
}

it("goes on from its cursor after it was closed, and reads nothing twice", async () => {
  const [path, source] = [newPath(), threeThreads()];
  const rows = await openRows(source, { path });
  await rows.refresh(LOOK);
  await rows.close();

  const told: number[] = [];
  const { changes } = source;
  source.changes = async (cursor) => {
    const page = await changes.call(source, cursor);
    told.push(page.lines.length);
    return page;
  };
  const again = await openRows(source, { path });
  await again.refresh(LOOK);
  expect(told.reduce((sum, lines) => sum + lines, 0)).toBe(0);
  expect(source.linesRead).toBe(0);
  expect(await listedIds(again)).toEqual([THIRD, SECOND, FIRST]);
});

it("has the same rows when it ended between two pages", async () => {
  const [path, source] = [newPath(), threeThreads()];
  source.pageSize = () => 2;
  const rows = await openRows(source, { path });
  source.failsAfter = 3;
  source.failures = 100;
  await expect(rows.refresh(LOOK)).rejects.toMatchObject({ code: "connection_lost" });
  await rows.close();
  expect(dumpFile(path)).not.toEqual(wholeRows(source));

  source.failures = 0;
  const again = await openRows(source, { path });
  await again.refresh(LOOK);
  await again.close();
  expect(dumpFile(path)).toEqual(wholeRows(source));
});

it("is made anew when its file was deleted", async () => {
  const [path, source] = [newPath(), threeThreads()];
  const rows = await openRows(source, { path });
  await rows.refresh(LOOK);
  await rows.close();
  for (const end of ["", "-wal", "-shm", ".lock"]) rmSync(`${path}${end}`, { force: true });
  const again = await openRows(source, { path });
  expect(await listedIds(again)).toEqual([THIRD, SECOND, FIRST]);
});

it("drops rows that were made of another place's logs", async () => {
  const [path, source] = [newPath(), threeThreads()];
  const rows = await openRows(source, { path });
  await rows.refresh(LOOK);
  await rows.close();
  const other = new ScriptedLogSource("elsewhere");
  other.append(SECOND, firstLines(SECOND));
  expect(await listedIds(await openRows(other, { path }))).toEqual([SECOND]);
});

it("tells a second handle that the file is the first one's", async () => {
  const [path, source] = [newPath(), threeThreads()];
  const rows = await openRows(source, { path });
  await expect(openRows(source, { path, waitMaxMs: 0 })).rejects.toMatchObject({
    code: "state_db_busy",
    data: { path, waitedMs: 0 },
  });
  await rows.close();
  expect(await listedIds(await openRows(source, { path }))).toEqual([THIRD, SECOND, FIRST]);
});

it("refuses the state DB of a home, and leaves it as it is", async () => {
  const home = createFolder();
  const options = { home, ids: createIdSource(systemClock) };
  await (await openStateDbWith(options, createInlinePool())).close();
  const path = join(home, "skein.sqlite");
  await expect(openRows(threeThreads(), { path })).rejects.toMatchObject({ code: "state_db_unusable" });
  await (await openStateDbWith(options, createInlinePool())).close();
});

it("finds what the feed missed by a sweep, now and then", async () => {
  const clock = createManualClock();
  const source = threeThreads();
  const rows = await openRows(source, { clock, sweepEveryMs: 60_000 });
  await rows.refresh(LOOK);
  source.silently(() => {
    source.append(FIRST, linesOf(saidTurn("turn-2", "missed numbat"), 10));
    source.change(SECOND, { archived: true });
    source.delete(THIRD);
  });
  source.wake();
  await clock.run(1_000);
  expect((await rows.search({ query: "missed numbat" })).data).toEqual([]);
  await clock.run(60_000);
  source.wake();
  await clock.run(300);
  expect((await rows.search({ query: "missed numbat" })).data.map(({ thread }) => thread.id)).toEqual([FIRST]);
  expect(await listedIds(rows)).toEqual([FIRST]);
});

it("compares its rows with the logs after the server lost history", async () => {
  const [path, source] = [newPath(), threeThreads()];
  const rows = await openRows(source, { path });
  await rows.refresh(LOOK);
  const end = (await threadIn(source, FIRST)).nextOrdinal;
  source.loseHistory(FIRST, end - 1);
  source.append(FIRST, linesOf([event("user_message", { message: "another history" })], 40));
  source.loseHistory(SECOND, end - 2);
  await rows.refresh(LOOK);
  await rows.close();
  expect(dumpFile(path)).toEqual(wholeRows(source));
});

it("compares rows that a reader made before there was a cursor", async () => {
  const [path, source] = [newPath(), threeThreads()];
  const rows = await openRows(source, { path, clock: createManualClock() });
  const { nextOrdinal: end } = (await rows.read(await threadIn(source, FIRST))) ?? { nextOrdinal: 0 };
  await rows.close();
  source.loseHistory(FIRST, end - 1);
  source.append(FIRST, linesOf([event("user_message", { message: "another history" })], 40));
  const again = await openRows(source, { path });
  await again.refresh(LOOK);
  await again.close();
  expect(dumpFile(path)).toEqual(wholeRows(source));
});

it("reads a thread that was deleted and made anew with its id as the new one", async () => {
  const source = threeThreads();
  const rows = await openRows(source, { clock: createManualClock() });
  source.change(FIRST, { name: "of the first life" });
  await rows.refresh(LOOK);
  source.delete(FIRST);
  source.append(FIRST, linesOf([metaItem(FIRST)]));
  source.append(FIRST, linesOf(saidTurn("turn-9", "the second life"), 30));
  const read = await rows.read(await threadIn(source, FIRST));
  expect(read?.thread).toMatchObject({ preview: "the second life", name: null });
  expect(read?.turns.all().map(({ turn }) => turn.id)).toEqual(["turn-9"]);
  await rows.refresh(LOOK);
  expect((await rows.list({ searchTerm: "life" }, null)).rows.map(({ name, preview }) => [name, preview])).toEqual([
    [null, "the second life"],
  ]);
});

it("does not bring a deleted thread back for a reader who knew it before", async () => {
  const source = threeThreads();
  const rows = await openRows(source);
  const known = await threadIn(source, FIRST);
  source.delete(FIRST);
  expect(await rows.read(known)).toBeUndefined();
  await rows.refresh(LOOK);
  expect(await rows.read(known)).toBeUndefined();
  expect(await listedIds(rows)).toEqual([THIRD, SECOND]);
});

it("keeps what was folded of a page when the lines of one of its threads can't be read", async () => {
  const [path, source] = [newPath(), threeThreads()];
  const rows = await openRows(source, { path });
  await rows.refresh(LOOK);
  const [meta] = linesOf([metaItem(idOf(4))]);
  if (meta !== undefined) source.fork(idOf(4), meta, { threadId: FIRST, end: 4 });
  source.append(FIRST, linesOf(saidTurn("turn-2", "in one page"), 10));
  source.append(idOf(4), linesOf(saidTurn("turn-3", "behind a gap"), 20));
  source.failsAfter = 1;
  source.failures = 1;
  await expect(rows.refresh(LOOK)).rejects.toMatchObject({ code: "connection_lost" });
  await rows.refresh(LOOK);
  await rows.close();
  expect(dumpFile(path)).toEqual(wholeRows(source));
});

it("puts a thread whose lines are missing into quarantine, goes on with the others, and tries it again", async () => {
  const clock = createManualClock();
  const source = threeThreads();
  const [meta] = linesOf([metaItem(idOf(4))]);
  if (meta !== undefined) source.fork(idOf(4), meta, { threadId: FIRST, end: 4 });
  source.hole = { threadId: idOf(4), from: 2 };
  const rows = await openRows(source, { clock });
  expect(await rows.refresh(LOOK)).toMatchObject({ isComplete: false });
  expect(await rows.read(await threadIn(source, idOf(4)))).toBeUndefined();
  source.append(SECOND, linesOf(saidTurn("turn-2", "goes on"), 10));
  await rows.refresh(LOOK);
  expect((await rows.search({ query: "goes on" })).data.map(({ thread }) => thread.id)).toEqual([SECOND]);

  source.hole = null;
  await clock.run(120_000);
  expect(await rows.refresh(LOOK)).toMatchObject({ isComplete: true });
  expect((await rows.read(await threadIn(source, idOf(4))))?.thread.preview).toBe(`words of ${FIRST}`);
});

it("leaves out a thread whose rows SQLite refuses, and writes the others of its page", async () => {
  const [path, source] = [newPath(), new ScriptedLogSource()];
  const rows = await openRows(source, { path, clock: createManualClock() });
  const other = openConnection(path, { mode: "read-write" });
  other.exec(
    "CREATE TRIGGER no_poison BEFORE INSERT ON texts_1 WHEN new.text LIKE '%poison%' BEGIN SELECT RAISE(ABORT, 'no'); END",
  );
  other.close();
  source.append(FIRST, firstLines(FIRST, "bread"));
  source.append(SECOND, firstLines(SECOND, "poison"));
  source.append(THIRD, firstLines(THIRD, "water"));
  expect(await rows.refresh(LOOK)).toMatchObject({ isComplete: false });
  expect((await rows.list({}, null)).rows.map(({ id }) => id)).toEqual([THIRD, FIRST]);
});

it("leaves a thread to its log where its rows can't be written, and writes them when they can", async () => {
  const [path, source] = [newPath(), threeThreads()];
  const rows = await openRows(source, { path, clock: createManualClock() });
  const other = openConnection(path, { mode: "read-write" });
  other.exec("BEGIN IMMEDIATE");
  expect(await rows.read(await threadIn(source, FIRST))).toBeUndefined();
  await expect(rows.refresh(LOOK)).rejects.toMatchObject({ code: "state_db_busy", retryable: true });
  other.exec("ROLLBACK");
  other.close();
  expect((await rows.read(await threadIn(source, FIRST)))?.thread.id).toBe(FIRST);
  expect(await listedIds(rows)).toEqual([THIRD, SECOND, FIRST]);
});

it("tells its progress while it catches up, and when it has", async () => {
  const source = threeThreads();
  source.pageSize = () => 1;
  const clock = createManualClock();
  source.onPage = () => void clock.advance(600);
  const told: LogRowsProgress[] = [];
  const rows = await openRows(source, { clock, onProgress: (progress) => told.push(progress) });
  await rows.refresh(LOOK);
  expect(told.length).toBeGreaterThan(2);
  expect(told.at(-1)).toEqual({ lines: source.toldEntries, isCaughtUp: true });
});
