/**
 * Deleting the state DB loses nothing: what is folded anew equals what had grown bit by bit, and whatever a user
 * set stands in a log or in the name index.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";

import { generateHome } from "../../bench/home-generator.ts";
import { createInlinePool, openStateDbWith } from "../../src/projections/index.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { STATE_DB_FILE_NAME } from "../../src/projections/state-db-file.ts";
import type { LocalThreadStore } from "../../src/store/local/index.ts";
import type { ThreadMetadataPatch } from "../../src/store/index.ts";
import { CODEX_HOME } from "../store/local/store-lab.ts";
import { openIndexedStore } from "./indexed-store.ts";
import { lawRuns } from "./law-runs.ts";
import { arbFiles } from "./odd-homes.ts";
import { event, turnItems } from "./reaching-logs.ts";
import { currentGeneration, dumpRows, type RowDump } from "./row-dump.ts";
import { listAnswers } from "./store-answers.ts";

let home = "";

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "skein-deleted-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function deleteDatabase(): void {
  for (const name of readdirSync(home)) if (name.startsWith(STATE_DB_FILE_NAME)) rmSync(join(home, name));
}

function emptyHome(): void {
  for (const name of readdirSync(home)) rmSync(join(home, name), { recursive: true });
}

/** The rows after the home was opened once more; how many files that folded. */
async function rowsOpened(): Promise<{ readonly rows: RowDump; readonly folded: number | undefined }> {
  const stateDb = await openStateDbWith({ home }, createInlinePool());
  await stateDb.sweep();
  await stateDb.close();
  const db = openConnection(join(home, STATE_DB_FILE_NAME), { mode: "read-only" });
  const rows = dumpRows(db, currentGeneration(db));
  db.close();
  return { rows, folded: stateDb.opening.filled?.folded };
}

async function expectSameAfterDeletion(): Promise<void> {
  const { rows } = await rowsOpened();
  deleteDatabase();
  const { rows: anew } = await rowsOpened();
  expect(anew).toEqual(rows);
}

it("law: rows that grew as files came, grew and went are those folded anew", { timeout: 120_000 }, async () => {
  const put = (path: string, content: string, isAppended: boolean): void => {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), Buffer.from(content, "latin1"), { flag: isAppended ? "a" : "w" });
  };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(arbFiles(4), fc.boolean()), { minLength: 1, maxLength: 4 }), async (rounds) => {
      emptyHome();
      for (const [files, isAppended] of rounds) {
        for (const { path, content } of files) put(path, content, isAppended);
        await rowsOpened();
      }
      await expectSameAfterDeletion();
    }),
    { numRuns: lawRuns(12) },
  );
});

it("rows of a home that Codex wrote, and of a generated one, are the same when they are folded anew", async () => {
  cpSync(CODEX_HOME, home, { recursive: true });
  await expectSameAfterDeletion();
  emptyHome();
  generateHome(home, { threads: 40, bytes: 40 * 40_000, seed: 11 });
  await expectSameAfterDeletion();
  deleteDatabase();
  expect((await rowsOpened()).folded).toBe(40);
  expect((await rowsOpened()).folded).toBeUndefined();
});

/** Everything a user can set, and what of it comes from events. */
type Change =
  | { readonly patch: ThreadMetadataPatch }
  | { readonly do: "archive" | "unarchive" | "fork" | "rollback" | "append" };

const arbBranch = fc.constantFrom("main", "next", null);

const arbChange: fc.Arbitrary<Change> = fc.oneof(
  fc.constantFrom("One", "Zwei", null).map((name) => ({ patch: { name } })),
  fc.constantFrom("enabled" as const, "disabled" as const).map((memoryMode) => ({ patch: { memoryMode } })),
  fc.record({ sha: fc.constantFrom("abc", null), branch: arbBranch }).map((git) => ({ patch: { git } })),
  arbBranch.map((branch) => ({ patch: { name: "Three", git: { branch } } })),
  fc.constantFrom("archive", "unarchive", "fork", "rollback", "append").map((doing) => ({ do: doing }) as const),
);

async function change(store: LocalThreadStore, threadId: string, wish: Change): Promise<string> {
  if ("patch" in wish) {
    await store.updateThreadMetadata({ threadId, patch: wish.patch });
    return threadId;
  }
  if (wish.do === "archive" || wish.do === "unarchive") {
    const { archived } = await store.readThread({ threadId });
    if (wish.do === "archive" && !archived) await store.archiveThread(threadId);
    if (wish.do === "unarchive" && archived) await store.unarchiveThread(threadId);
    return threadId;
  }
  if (wish.do === "fork") {
    const fork = { threadId, endOrdinal: 2 };
    const { writer } = await store.createThread({ metadata: { cwd: "/fork" }, fork });
    await store.shutdownThread(writer);
    return writer.threadId;
  }
  const { writer } = await store.resumeThread({ threadId });
  const items = wish.do === "append" ? turnItems("turn-more") : [event("thread_rolled_back", { num_turns: 1 })];
  await store.appendItems({ writer, items });
  await store.shutdownThread(writer);
  return threadId;
}

it("law: what a user set is there after the state DB was deleted", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(), arbChange), { minLength: 1, maxLength: 10 }), async (changes) => {
      emptyHome();
      const before = await openIndexedStore({ home, durability: "os" });
      const source = { subagent: { thread_spawn: { parent_thread_id: "01900000-0000-7000-8000-000000000001" } } };
      const { writer } = await before.store.createThread({
        metadata: { cwd: "/w", modelProvider: "p", source, originator: "o", threadSource: "user" },
      });
      await before.store.appendItems({ writer, items: turnItems("turn-1") });
      await before.store.shutdownThread(writer);
      const ids = [writer.threadId];
      for (const [at, wish] of changes) {
        const id = await change(before.store, ids[at % ids.length] ?? "", wish);
        if (!ids.includes(id)) ids.push(id);
      }
      const told = await listAnswers(before.store, [2]);
      const read = await Promise.all(ids.map((threadId) => before.store.readThread({ threadId })));
      await before.store.close();
      deleteDatabase();
      const after = await openIndexedStore({ home });
      expect(await listAnswers(after.store, [2])).toEqual(told);
      expect(await Promise.all(ids.map((threadId) => after.store.readThread({ threadId })))).toEqual(read);
      await after.store.close();
    }),
    { numRuns: lawRuns(20) },
  );
});

it("a home that was deleted under its handle is named by lists and searches", async () => {
  const place = join(home, "place");
  mkdirSync(place);
  const { store } = await openIndexedStore({ home: place, durability: "os" });
  await store.listThreads();
  rmSync(place, { recursive: true });
  const gone = { code: "home_unusable", data: { home: place } };
  await expect(store.searchThreads({ query: "lost" })).rejects.toMatchObject(gone);
  await expect(store.listThreads()).rejects.toMatchObject(gone);
  await store.close();
});
