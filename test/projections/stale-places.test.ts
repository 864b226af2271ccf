/**
 * Where a thread's file is, by rows that are wrong: they name another thread's file, or none, or a file that was
 * moved. A row is a hint: what is answered is what the files say, and the row is mended, or removed once no file
 * was found anywhere.
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, expect, it } from "vitest";

import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { STATE_DB_FILE_NAME } from "../../src/projections/state-db-file.ts";
import type { StateDb } from "../../src/projections/index.ts";
import { type FileSystem, type LocalThreadStore, nodeFileSystem } from "../../src/store/local/index.ts";
import { bytesOf } from "../events/log-reading.ts";
import { openIndexedStore } from "./indexed-store.ts";
import { metaItem, turnItems } from "./reaching-logs.ts";
import { currentGeneration } from "./row-dump.ts";

const [FIRST, SECOND] = ["01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002"];
/** Names and folders that say nothing of the thread. */
const FIRST_PATH = "sessions/elsewhere/first.jsonl";
const SECOND_PATH = "sessions/elsewhere/second.jsonl";

let home = "";
let store: LocalThreadStore;
let stateDb: StateDb;
/** Folders that were listed since the store was opened; their listing fails while `isBroken`. */
let listed: string[] = [];
let isBroken = false;

const fileSystem: FileSystem = {
  ...nodeFileSystem,
  async readDirectory(path) {
    if (isBroken) throw Object.assign(new Error("the disk fails"), { code: "EIO" });
    listed.push(path);
    return nodeFileSystem.readDirectory(path);
  },
};

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "skein-stale-"));
  put(FIRST_PATH, FIRST ?? "");
  put(SECOND_PATH, SECOND ?? "");
  await reopen();
});
afterEach(async () => {
  isBroken = false;
  await store.close();
  rmSync(home, { recursive: true, force: true });
});

function put(path: string, id: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), bytesOf([metaItem(id), ...turnItems(`turn of ${id}`)]));
}

/** Begins with a store that remembers no place. */
async function reopen(): Promise<void> {
  await store?.close();
  ({ store, stateDb } = await openIndexedStore({ home, fileSystem }));
  listed = [];
}

async function turnsOf(threadId: string | undefined): Promise<readonly string[]> {
  const { data } = await store.listTurns({ threadId: threadId ?? "" });
  return data.map(({ id }) => id);
}

function placeOf(threadId: string | undefined): string | undefined {
  return stateDb.placeOf(threadId ?? "")?.path.slice(home.length + 1);
}

/** Changes rows behind the store's back. `#` stands for the set that is read. */
function changeRows(sql: string): void {
  const db = openConnection(join(home, STATE_DB_FILE_NAME), { mode: "read-write" });
  db.exec(sql.replaceAll("#", String(currentGeneration(db))));
  db.close();
}

it("a thread under a name that says nothing is found by its row, without a look at any folder", async () => {
  expect(await turnsOf(FIRST)).toEqual([`turn of ${FIRST}`]);
  expect(listed).toEqual([]);
});

it("a row that names another thread's file is not believed, and names the right one afterwards", async () => {
  changeRows(`UPDATE threads_# SET rollout_id = (SELECT rollout_id FROM threads_# WHERE thread_id = '${SECOND}')
    WHERE thread_id = '${FIRST}'`);
  await reopen();
  expect(await turnsOf(FIRST)).toEqual([`turn of ${FIRST}`]);
  expect(await turnsOf(SECOND)).toEqual([`turn of ${SECOND}`]);
  await store.listThreads();
  expect([placeOf(FIRST), placeOf(SECOND)]).toEqual([FIRST_PATH, SECOND_PATH]);
});

it("a thread whose file was moved is found elsewhere, and its row follows", async () => {
  mkdirSync(join(home, "archived_sessions"));
  renameSync(join(home, FIRST_PATH), join(home, "archived_sessions/first.jsonl"));
  expect(await store.readThread({ threadId: FIRST ?? "" })).toMatchObject({ id: FIRST, archived: true });
  expect(placeOf(FIRST)).toBe("archived_sessions/first.jsonl");
  const { data } = await store.listThreads({ archived: true, useStateDbOnly: true });
  expect(data.map(({ id }) => id)).toEqual([FIRST]);
});

it("a file replaced by another thread's gives neither thread the other's turns", async () => {
  rmSync(join(home, SECOND_PATH));
  renameSync(join(home, FIRST_PATH), join(home, SECOND_PATH));
  expect(await turnsOf(FIRST)).toEqual([`turn of ${FIRST}`]);
  await expect(turnsOf(SECOND)).rejects.toMatchObject({ code: "thread_not_found" });
  expect([placeOf(FIRST), placeOf(SECOND)]).toEqual([SECOND_PATH, undefined]);
  const { data } = await store.listThreads();
  expect(data.map(({ id }) => id)).toEqual([FIRST]);
});

it("a row is removed only once its thread was looked for everywhere", async () => {
  rmSync(join(home, FIRST_PATH));
  isBroken = true;
  await expect(turnsOf(FIRST)).rejects.toMatchObject({ code: "io_error" });
  expect(placeOf(FIRST)).toBe(FIRST_PATH);
  isBroken = false;
  await expect(turnsOf(FIRST)).rejects.toMatchObject({ code: "thread_not_found" });
  expect(placeOf(FIRST)).toBeUndefined();
  expect(listed.some((path) => path.endsWith("/elsewhere"))).toBe(true);
});

it("a thread in two files is found in the other one when the one that its row names is gone", async () => {
  put("sessions/copies/first.jsonl", FIRST ?? "");
  await store.listThreads();
  const path = placeOf(FIRST) ?? "";
  rmSync(join(home, path));
  await reopen();
  expect(await turnsOf(FIRST)).toEqual([`turn of ${FIRST}`]);
  const other = path === FIRST_PATH ? "sessions/copies/first.jsonl" : FIRST_PATH;
  expect(placeOf(FIRST)).toBe(other);
  expect((await store.listThreads()).data).toHaveLength(2);
});

it("a file that another thread's was put in the place of is not read as the thread it was", async () => {
  expect(await turnsOf(FIRST)).toEqual([`turn of ${FIRST}`]);
  expect(await turnsOf(SECOND)).toEqual([`turn of ${SECOND}`]);
  const aside = join(home, "sessions/elsewhere/third.jsonl");
  renameSync(join(home, FIRST_PATH), aside);
  renameSync(join(home, SECOND_PATH), join(home, FIRST_PATH));
  renameSync(aside, join(home, SECOND_PATH));
  expect(await turnsOf(FIRST)).toEqual([`turn of ${FIRST}`]);
  expect(await store.readThread({ threadId: SECOND ?? "" })).toMatchObject({ id: SECOND });
  expect([placeOf(FIRST), placeOf(SECOND)]).toEqual([SECOND_PATH, FIRST_PATH]);
});
