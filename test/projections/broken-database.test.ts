/**
 * A state DB that can't be written for a while: locked by another process, on a full disk, or read-only. Appends go
 * on all the same, since the log is the truth; the rows come with the next list after it is mended.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { type Logger, silentLogger } from "../../src/base/index.ts";
import { openConnection, type SqliteDatabase } from "../../src/projections/sqlite-connection.ts";
import { STATE_DB_FILE_NAME } from "../../src/projections/state-db-file.ts";
import { type LocalThreadStore, openLocalThreadStore } from "../../src/store/local/index.ts";
import type { ThreadWriter } from "../../src/store/index.ts";
import { createManualClock, type ManualClock } from "../../src/testing/index.ts";
import { type CrashableStore, openCrashableStore } from "./crashable-store.ts";
import { turnItems } from "./reaching-logs.ts";
import { answerOf, listAnswers, threadAnswers } from "./store-answers.ts";

let home = "";
let own: CrashableStore;
let plain: LocalThreadStore;
let writer: ThreadWriter;
let clock: ManualClock;
/** What was logged as an error or a warning. */
let complaints: string[];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "skein-broken-"));
  complaints = [];
  const complain = (_fields: object, message: string): void => void complaints.push(message);
  const logger: Logger = { ...silentLogger, warn: complain, error: complain };
  clock = createManualClock();
  own = await openCrashableStore(home, null, { clock, logger });
  plain = await openLocalThreadStore({ home });
  ({ writer } = await own.store.createThread({ metadata: { cwd: "/w" } }));
  await append(1);
});
afterEach(async () => {
  await own.close();
  await plain.close();
  rmSync(home, { recursive: true, force: true });
});

async function append(n: number): Promise<void> {
  await own.store.appendItems({ writer, items: turnItems(`turn-${n}`, `text ${n} ${"long ".repeat(2_000)}`) });
}

/** Moves the clock on until something that waits for it has settled. */
async function settled<Value>(work: Promise<Value>): Promise<Value> {
  let isSettled = false;
  const settle = (): void => void (isSettled = true);
  work.then(settle, settle);
  for (let n = 0; n < 2_000 && !isSettled; n += 1) await clock.run(20);
  return work;
}

async function expectRowsAsFiles(): Promise<void> {
  expect(await settled(listAnswers(own.store, [1]))).toEqual(await listAnswers(plain, [1]));
  const { threadId } = writer;
  const questions = { sizes: [16] };
  expect(await settled(threadAnswers(own.store, threadId, questions))).toEqual(
    await threadAnswers(plain, threadId, questions),
  );
}

describe("a state DB that another process has locked", () => {
  let other: SqliteDatabase;

  beforeEach(() => {
    other = openConnection(join(home, STATE_DB_FILE_NAME), { mode: "read-write", busyTimeoutMs: 0 });
    other.exec("BEGIN IMMEDIATE");
  });
  afterEach(() => other.close());

  it("keeps no append waiting, and lists that wait for it answer with all of them", async () => {
    for (let n = 2; n <= 5; n += 1) await append(n);
    let isListed = false;
    const listing = own.store.listThreads().then((page) => {
      isListed = true;
      return page;
    });
    const turns = own.store.listTurns({ threadId: writer.threadId, sortDirection: "asc" });
    await clock.run(300);
    await append(6);
    expect(isListed).toBe(false);
    other.exec("COMMIT");
    expect((await settled(listing)).data).toMatchObject([{ id: writer.threadId }]);
    // As the log was when they were asked for.
    expect((await settled(turns)).data).toHaveLength(5);
    await expectRowsAsFiles();
    expect(complaints).toEqual([]);
  });

  it("for longer than anybody waits is told as busy, and lists answer again afterwards", async () => {
    own.db.pragma("busy_timeout = 0");
    await append(2);
    await expect(settled(own.store.listThreads())).rejects.toMatchObject({ code: "state_db_busy", retryable: true });
    other.exec("COMMIT");
    await append(3);
    await expectRowsAsFiles();
  });
});

/** Ways in which SQLite may not write, and how each ends. A full disk is one for this connection, not for a worker's. */
const CASES = [
  { how: "has no room for more", listsAre: "answered", breaks: fill, mends: empty },
  { how: "became read-only", listsAre: "permission_denied", breaks: lock, mends: unlock },
] as const;

function fill(db: SqliteDatabase): void {
  db.pragma(`max_page_count = ${Number(db.pragma("page_count", { simple: true }))}`);
}

function empty(db: SqliteDatabase): void {
  db.pragma("max_page_count = 1000000");
}

function lock(db: SqliteDatabase): void {
  db.pragma("query_only = on");
}

function unlock(db: SqliteDatabase): void {
  db.pragma("query_only = off");
}

describe.each(CASES)("a state DB that $how", ({ listsAre, breaks, mends }) => {
  it("fails no append, says so in the log, and has all rows with the next list after it is mended", async () => {
    await settled(own.store.listThreads());
    breaks(own.db);
    for (let n = 2; n <= 30; n += 1) await append(n);
    // As long as rows wait for company.
    await clock.run(5_000);
    expect(complaints).toContain("rows could not be written; a sweep brings them from the logs");
    const listing = await settled(answerOf(() => own.store.listThreads()));
    expect("refused" in listing ? listing.refused : "answered").toBe(listsAre);
    // Long behind the last beat that got through, nobody has taken the thread.
    await clock.run(20_000);
    await append(31);
    mends(own.db);
    await append(32);
    await expectRowsAsFiles();
    expect((await plain.listTurns({ threadId: writer.threadId, limit: 1_000 })).data).toHaveLength(32);
  });
});
