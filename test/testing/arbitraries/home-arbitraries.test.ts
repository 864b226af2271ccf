/**
 * arbHome and writeHome: what a home says of itself is what a store reads from it, with and without a state DB;
 * it shrinks to nothing, comes back from its print, and reaches every kind of thread, damage and odd file.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInThisContext } from "node:vm";

import fc from "fast-check";
import { expect, it } from "vitest";

import { createInlinePool, openStateDbWith } from "../../../src/projections/index.ts";
import type { StoredThread, ThreadStore } from "../../../src/store/index.ts";
import { openLocalThreadStore, verifyHome } from "../../../src/store/local/index.ts";
import { arbHome, type HomeContent, writeHome } from "../../../src/testing/index.ts";
import { listAnswers } from "../../projections/store-answers.ts";
import { countWords, shrunk } from "./sampled.ts";

async function withHome(home: HomeContent, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "skein-arb-home-"));
  try {
    await writeHome(home, folder);
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function allThreads(store: ThreadStore): Promise<readonly StoredThread[]> {
  const lists = await Promise.all([false, true].map((archived) => store.listThreads({ archived, limit: 1_000 })));
  return lists.flatMap(({ data }) => data);
}

async function expectThreads(store: ThreadStore, home: HomeContent, folder: string): Promise<void> {
  const listed = await allThreads(store);
  expect(new Set(listed.map(({ id }) => id)).size).toBe(listed.length);
  for (const { id, path, archived, name, forkedFromId, records, hasCopy } of home.threads) {
    const thread = listed.find((other) => other.id === id);
    expect(thread, id).toMatchObject({ name, forkedFromId });
    if (!hasCopy) expect(thread, id).toMatchObject({ archived, path: join(folder, path) });
    const page = await store.loadHistory({ threadId: id });
    expect(page.records).toHaveLength(records);
    expect(page.isEnd).toBe(true);
  }
}

it("says which threads a store lists, under which names and with how many records", async () => {
  await fc.assert(
    fc.asyncProperty(arbHome(), (home) =>
      withHome(home, async (folder) => {
        const store = await openLocalThreadStore({ home: folder, durability: "os" });
        await expectThreads(store, home, folder);
        await store.close();
      }),
    ),
    { numRuns: 60 },
  );
});

it("reads the same through a state DB, and answers every list as the files do", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(arbHome(), (home) =>
      withHome(home, async (folder) => {
        const stateDb = await openStateDbWith({ home: folder }, createInlinePool());
        const store = await openLocalThreadStore({ home: folder, durability: "os", stateDb });
        await expectThreads(store, home, folder);
        const files = await openLocalThreadStore({ home: folder, durability: "os" });
        expect(await listAnswers(store, [2])).toEqual(await listAnswers(files, [2]));
        for (const each of [store, files, stateDb]) await each.close();
      }),
    ),
    { numRuns: 25 },
  );
});

it("is verified to its end, whatever is odd in it", async () => {
  await fc.assert(
    fc.asyncProperty(arbHome(), (home) =>
      withHome(home, async (folder) => {
        const found: string[] = [];
        for await (const { path } of verifyHome(folder)) if (path !== undefined) found.push(path);
        const empty = home.oddFiles.filter(({ kind }) => kind === "empty" || kind === "headless");
        for (const { path } of empty) expect(found).toContain(join(folder, path));
      }),
    ),
    { numRuns: 30 },
  );
});

it("shrinks to an empty home, and to one plain thread where a thread is needed", () => {
  expect(shrunk(arbHome(), () => true)).toEqual({ files: {}, threads: [], oddFiles: [] });
  const one = shrunk(arbHome(), ({ threads }) => threads.length > 0);
  expect(one?.threads).toMatchObject([{ archived: false, forkedFromId: null, records: 1, hasCopy: false }]);
  expect(Object.keys(one?.files ?? {})).toHaveLength(1);
});

it("prints as code that makes the same home", () => {
  for (const home of fc.sample(arbHome(), 50)) {
    // What is printed is our own data.
    const read = runInThisContext(`(${fc.stringify(home)})`) as HomeContent;
    expect(read.threads).toEqual(home.threads);
    expect(Object.keys(read.files)).toEqual(Object.keys(home.files));
    for (const [path, bytes] of Object.entries(home.files)) {
      expect(Buffer.from(read.files[path] ?? []).equals(bytes), path).toBe(true);
    }
  }
});

it("reaches every kind of thread, damage and odd file", () => {
  const counts = countWords(arbHome(), wordsOf, 500);
  const wanted = [
    "empty blank garbage foreign bom utf16 headless misnamed stray leftover other".split(" "),
    ["live", "archived", "fork", "fork of a fork", "named", "copied", "crlf", "torn", "half a letter"],
    ["an index", "a torn index", "a stale name", "a config"],
  ].flat();
  for (const word of wanted) expect(counts.get(word) ?? 0, word).toBeGreaterThan(5);
});

function wordsOf({ files, threads, oddFiles }: HomeContent): readonly string[] {
  const text = (path: string): string => Buffer.from(files[path] ?? []).toString("latin1");
  const ofThreads = threads.flatMap(({ path, archived, forkedFromId, name, hasCopy }) => [
    archived ? "archived" : "live",
    ...(forkedFromId === null ? [] : ["fork"]),
    ...(threads.some(({ id, forkedFromId: from }) => id === forkedFromId && from !== null) ? ["fork of a fork"] : []),
    ...(name === null ? [] : ["named"]),
    ...(hasCopy ? ["copied"] : []),
    ...(text(path).includes("\r\n") ? ["crlf"] : []),
    ...(text(path).endsWith("\n") ? [] : ["torn"]),
    ...(text(path).includes('h\u00c3"') ? ["half a letter"] : []),
  ]);
  const index = text("session_index.jsonl");
  return [
    ...ofThreads,
    ...oddFiles.map(({ kind }) => kind),
    ...(index === "" ? [] : ["an index"]),
    ...(index === "" || index.endsWith("\n") ? [] : ["a torn index"]),
    ...(/aa","thread_name":"[^"]+","updated_at":"[^"]+"\}\r?\n/.test(index) ? ["a stale name"] : []),
    ...(files["config.toml"] === undefined ? [] : ["a config"]),
  ];
}

it("writes a home into a folder and leaves what else is there, and refuses a path that leads out of it", async () => {
  await withHome({ files: { "a/b.txt": Buffer.from("b") }, threads: [], oddFiles: [] }, async (folder) => {
    await writeHome({ files: { "a/c.txt": Buffer.from("c") } }, folder);
    expect(readdirSync(join(folder, "a"))).toEqual(["b.txt", "c.txt"]);
    expect(readFileSync(join(folder, "a/c.txt"), "utf8")).toBe("c");
    for (const path of ["../out", "a/../../out", "/out", ""]) {
      const call = writeHome({ files: { fine: Buffer.from(""), [path]: Buffer.from("") } }, join(folder, "home"));
      await expect(call, path).rejects.toMatchObject({ code: "invalid_argument" });
    }
    expect(readdirSync(folder)).toEqual(["a"]);
  });
});
