/**
 * Rows wait for company: appends of five seconds, or as many as one transaction should hold, are written together.
 * Whoever asks this process is answered with all of them all the same, and what is moved or deleted while its
 * rows wait leaves no row where no file is.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, it } from "vitest";

import { LIMITS } from "../../src/base/index.ts";
import { openConnection, type SqliteDatabase } from "../../src/projections/sqlite-connection.ts";
import { STATE_DB_FILE_NAME } from "../../src/projections/state-db-file.ts";
import type { ThreadWriter } from "../../src/store/index.ts";
import type { LocalThreadStore } from "../../src/store/local/index.ts";
import { createManualClock, drainEventLoop, type ManualClock } from "../../src/testing/index.ts";
import { openIndexedStore } from "./indexed-store.ts";
import { turnItems } from "./reaching-logs.ts";
import { currentGeneration, dumpRows, type RowDump } from "./row-dump.ts";

const BATCH_MS = 5_000;

let home = "";
let store: LocalThreadStore;
let writer: ThreadWriter;
let clock: ManualClock;
/** Another process's view of the rows. */
let other: SqliteDatabase;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "skein-batched-"));
  clock = createManualClock();
  ({ store } = await openIndexedStore({ home, clock }));
  ({ writer } = await store.createThread({ metadata: { cwd: "/w" } }));
  other = openConnection(join(home, STATE_DB_FILE_NAME), { mode: "read-only" });
});
afterEach(async () => {
  other.close();
  await store.close();
  rmSync(home, { recursive: true, force: true });
});

async function append(n: number): Promise<void> {
  await store.appendItems({ writer, items: turnItems(`turn-${n}`, `text ${n}`) });
}

function rows(): RowDump {
  return dumpRows(other, currentGeneration(other));
}

it("writes the appends of five seconds together", async () => {
  await append(1);
  await clock.run(BATCH_MS - 1);
  await append(2);
  expect(rows().turns).toEqual([]);
  await clock.run(1);
  expect(rows().turns).toHaveLength(2);
});

it("answers at once with what waits", async () => {
  await append(1);
  await append(2);
  const { data } = await store.listThreads({ useStateDbOnly: true });
  expect(data.map(({ id }) => id)).toEqual([writer.threadId]);
  expect(rows().turns).toHaveLength(2);
});

it("writes a full batch without waiting", async () => {
  const each = turnItems("turn", "text").length;
  const turns = Math.ceil(LIMITS.rowBatchRecordsMax / each);
  for (let n = 0; n < turns; n += 1) await append(n);
  await drainEventLoop();
  expect(rows().turns.length).toBeGreaterThanOrEqual(turns - 1);
});

it("writes long texts without waiting for many records", async () => {
  const text = "long ".repeat(LIMITS.rowBatchCharsMax / 5);
  await store.appendItems({ writer, items: turnItems("turn-1", text) });
  await drainEventLoop();
  expect(rows().turns).toHaveLength(1);
});

it("has a thread that was archived while its rows waited at its new place only", async () => {
  await append(1);
  await store.archiveThread(writer.threadId);
  await append(2);
  await clock.run(BATCH_MS);
  expect(rows().rollouts.map(({ path }) => String(path))).toEqual([expect.stringMatching(/^archived_sessions\//)]);
  expect(rows().turns).toHaveLength(2);
});

it("has no row of a thread that was deleted while its rows waited", async () => {
  await append(1);
  await store.deleteThread(writer.threadId);
  await clock.run(BATCH_MS);
  expect(rows()).toMatchObject({ rollouts: [], turns: [], texts: [], threads: [] });
});

it("writes what waits when it is closed", async () => {
  await append(1);
  await store.close();
  expect(rows().turns).toHaveLength(1);
});
