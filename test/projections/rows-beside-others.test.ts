/**
 * Rows at the moments where another has a hand in them: a program that writes to a file whose writer is open here,
 * a rebuild that swaps in its rows while threads are written, moved and deleted, rows that are gone when an append
 * comes to them. Each moment is made by hand; home-world.test.ts meets them by chance.
 */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { encodeLine } from "../../src/events/index.ts";
import { createInlinePool, type FoldPool, rebuildStateDbWith } from "../../src/projections/index.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { STATE_DB_FILE_NAME } from "../../src/projections/state-db-file.ts";
import {
  type FileSystem,
  type LocalThreadStore,
  nodeFileSystem,
  openLocalThreadStore,
} from "../../src/store/local/index.ts";
import { FolderWatch } from "../../src/workers/folder-watch.ts";
import { bytesOf } from "../events/log-reading.ts";
import { type CrashableStore, openCrashableStore } from "./crashable-store.ts";
import { metaItem, turnItems } from "./reaching-logs.ts";
import { currentGeneration } from "./row-dump.ts";

let home = "";
let own: CrashableStore;
let plain: LocalThreadStore;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "skein-beside-"));
  own = await openCrashableStore(home);
  plain = await openLocalThreadStore({ home });
});
afterEach(async () => {
  await own.close();
  await plain.close();
  rmSync(home, { recursive: true, force: true });
});

/** As a rebuild by a process that could not read the file would. */
function loseRows(): void {
  const db = openConnection(join(home, STATE_DB_FILE_NAME), { mode: "read-write" });
  const generation = currentGeneration(db);
  for (const table of ["rollouts", "threads", "turns", "texts"]) db.exec(`DELETE FROM ${table}_${generation}`);
  db.close();
}

async function createThread(store: LocalThreadStore = own.store): Promise<string> {
  const { writer } = await store.createThread({ metadata: { cwd: "/w" } });
  await store.appendItems({ writer, items: turnItems("turn-1") });
  await store.shutdownThread(writer);
  return writer.threadId;
}

async function listsOf(store: LocalThreadStore, isDbOnly = false): Promise<readonly object[]> {
  const lists = await Promise.all(
    [false, true].map((archived) => store.listThreads({ archived, ...(isDbOnly ? { useStateDbOnly: true } : {}) })),
  );
  return lists.map(({ data }) => data);
}

/** A pool that lets something happen between its folding and what comes after it, once. */
function poolWith(happens: () => Promise<void>): FoldPool {
  const pool = createInlinePool();
  let hasHappened = false;
  return {
    ...pool,
    async fold(task, signal) {
      const report = await pool.fold(task, signal);
      if (!hasHappened) {
        hasHappened = true;
        await happens();
      }
      return report;
    },
  };
}

describe("a thread whose writer is open here", () => {
  it.each(["appended to", "replaced in place", "replaced by name"])(
    "is listed as it is when its file is %s by others",
    async (how) => {
      const { writer, path } = await own.store.createThread({ metadata: { cwd: "/w" } });
      await own.store.appendItems({ writer, items: turnItems("turn-1") });
      await own.store.listThreads();
      const file = path ?? "";
      const other = Buffer.from(bytesOf([metaItem(writer.threadId, { cwd: "/other" })]));
      if (how === "appended to") appendFileSync(file, bytesOf(turnItems("turn-2")));
      else if (how === "replaced in place") writeFileSync(file, other);
      else {
        writeFileSync(`${file}.new`, other);
        renameSync(`${file}.new`, file);
      }
      expect(await listsOf(own.store)).toEqual(await listsOf(plain));
    },
  );
});

it("a name that was written here is gone when the index is removed behind it", async () => {
  const threadId = await createThread();
  await own.store.listThreads();
  await own.store.updateThreadMetadata({ threadId, patch: { name: "Named" } });
  rmSync(join(home, "session_index.jsonl"));
  expect((await own.store.listThreads()).data).toMatchObject([{ id: threadId, name: null }]);
});

describe("a rebuild", () => {
  it("swaps in rows that are as the files are by then, without another look at them", async () => {
    const { store } = own;
    const [written, archived, deleted, restored] = await Promise.all([0, 1, 2, 3].map(() => createThread()));
    await store.archiveThread(restored ?? "");
    const { writer } = await store.resumeThread({ threadId: written ?? "" });
    const happens = async (): Promise<void> => {
      await store.appendItems({ writer, items: turnItems("turn-2") });
      await store.updateThreadMetadata({ threadId: written ?? "", patch: { name: "Named meanwhile" } });
      await store.archiveThread(archived ?? "");
      await store.unarchiveThread(restored ?? "");
      await store.deleteThread(deleted ?? "");
      await createThread();
    };
    await rebuildStateDbWith({ home }, poolWith(happens));
    expect(await listsOf(store, true)).toEqual(await listsOf(plain));
  });

  it("is noticed by a process that only looks at what its watcher tells", async () => {
    const watched = await openCrashableStore(home, async (folder) => {
      const watch = new FolderWatch(folder);
      return { changes: () => watch.take(), close: async () => watch.close() };
    });
    const threadId = await createThread();
    // The third list is the first one that goes by the watcher.
    for (let n = 0; n < 3; n += 1) await watched.store.listThreads();
    const db = openConnection(join(home, STATE_DB_FILE_NAME), { mode: "read-write" });
    const path = String(
      db
        .prepare(`SELECT path FROM rollouts_${currentGeneration(db)}`)
        .pluck()
        .get(),
    );
    // A set that knows less than the one before: as one folded from an older home would.
    await rebuildStateDbWith({ home }, createInlinePool());
    const generation = currentGeneration(db);
    db.exec(`DELETE FROM rollouts_${generation}; DELETE FROM threads_${generation}`);
    db.close();
    expect(readFileSync(join(home, path), "utf8")).toContain(threadId);
    expect((await watched.store.listThreads()).data).toMatchObject([{ id: threadId }]);
    await watched.close();
  });
});

it("a thread whose writer is open here is listed also when its rows were lost", async () => {
  const { store } = own;
  const { writer } = await store.createThread({ metadata: { cwd: "/w" } });
  await store.appendItems({ writer, items: turnItems("turn-1") });
  await store.listThreads();
  loseRows();
  expect(await listsOf(store)).toEqual(await listsOf(plain));
  await store.appendItems({ writer, items: turnItems("turn-2") });
  expect(await listsOf(store)).toEqual(await listsOf(plain));
});

it("an append that finds its rows gone brings them all from the log", async () => {
  const { store } = own;
  const { writer } = await store.createThread({ metadata: { cwd: "/w" } });
  const { threadId } = writer;
  await store.appendItems({ writer, items: turnItems("turn-1") });
  await store.listThreads();
  loseRows();
  await store.appendItems({ writer, items: turnItems("turn-2") });
  const { data } = await store.listTurns({ threadId, sortDirection: "asc" });
  expect(data.map(({ id }) => id)).toEqual(["turn-1", "turn-2"]);
  expect(await listsOf(store)).toEqual(await listsOf(plain));
});

it("turns of a file whose session_meta was cut off are refused, as its thread is", async () => {
  const threadId = await createThread();
  const { path } = await plain.readThread({ threadId });
  await own.store.listTurns({ threadId });
  truncateSync(path ?? "", 100);
  for (const store of [own.store, plain]) {
    await expect(store.readThread({ threadId })).rejects.toMatchObject({ code: "rollout_unreadable" });
    await expect(store.listTurns({ threadId })).rejects.toMatchObject({ code: "rollout_unreadable" });
    await expect(store.listItems({ threadId })).rejects.toMatchObject({ code: "rollout_unreadable" });
  }
});

it("a thread whose log has no times shows its file's, also after it was written, moved and touched", async () => {
  const threadId = "01900000-0000-7000-8000-000000000001";
  const path = join(home, "sessions/notes.jsonl");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, encodeLine(metaItem(threadId, { timestamp: "sometime" }), "sometime"));
  const { store } = own;
  const expectSame = async (): Promise<void> => {
    expect(await listsOf(store)).toEqual(await listsOf(plain));
    expect(await store.readThread({ threadId })).toEqual(await plain.readThread({ threadId }));
  };
  await expectSame();
  const { writer } = await store.resumeThread({ threadId });
  await store.appendItems({ writer, items: turnItems("turn-1") });
  await expectSame();
  await store.archiveThread(threadId);
  await expectSame();
  await store.unarchiveThread(threadId);
  await expectSame();
  await store.shutdownThread(writer);
  utimesSync((await plain.readThread({ threadId })).path ?? "", 1_767_225_600, 1_767_225_600);
  await expectSame();
});

it("turns whose rows go while they are read come from the file", async () => {
  const { store } = own;
  const { writer } = await store.createThread({ metadata: { cwd: "/w" } });
  const { threadId } = writer;
  for (let n = 1; n <= 3; n += 1) await store.appendItems({ writer, items: turnItems(`turn-${n}`) });
  const expected = await plain.listTurns({ threadId, itemsView: "full" });
  let readsLeft = 0;
  const fileSystem: FileSystem = {
    ...nodeFileSystem,
    async read(fd, into, position) {
      readsLeft -= 1;
      if (readsLeft === 0) loseRows();
      return nodeFileSystem.read(fd, into, position);
    },
  };
  const reader = await openLocalThreadStore({ home, fileSystem, stateDb: own.stateDb });
  await reader.listTurns({ threadId });
  // At each of its reads: of the tail, of each turn.
  for (let at = 1; at <= 4; at += 1) {
    readsLeft = at;
    expect(await reader.listTurns({ threadId, itemsView: "full" })).toEqual(expected);
    expect(readsLeft).toBeLessThanOrEqual(0);
  }
  await reader.close();
});

it("a log replaced in place by one that ends alike is folded from its start", async () => {
  const path = join(home, "sessions/notes.jsonl");
  mkdirSync(dirname(path), { recursive: true });
  const [first, second] = ["01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002"] as const;
  writeFileSync(path, bytesOf([metaItem(first)]));
  await own.store.listThreads();
  writeFileSync(path, bytesOf([metaItem(second), ...turnItems("turn-1")]));
  expect((await own.store.listThreads()).data.map(({ id }) => id)).toEqual([second]);
});

it("a last record without its newline that another program wrote on to is no record any more", async () => {
  const path = join(home, "sessions/notes.jsonl");
  mkdirSync(dirname(path), { recursive: true });
  const threadId = "01900000-0000-7000-8000-000000000001";
  const [meta = "", ...lines] = Buffer.from(bytesOf([metaItem(threadId), ...turnItems("turn-1")]))
    .toString()
    .split("\n");
  writeFileSync(path, `${meta}\n${lines[0]}`);
  expect((await own.store.listTurns({ threadId })).data).toHaveLength(1);
  appendFileSync(path, lines.slice(1).join("\n"));
  expect(await own.store.listTurns({ threadId })).toEqual(await plain.listTurns({ threadId }));
  expect((await own.store.listTurns({ threadId })).data[0]?.id).not.toBe("turn-1");
});
