/**
 * The state DB as an embedder opens it: by itself, handed to a store or a runtime, read only, and again after
 * its file was deleted. Real workers fold; the homes are small.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import {
  echoAgent,
  openLocalThreadStore,
  openRuntime,
  openStateDb,
  openStateDbReadOnly,
  rebuildStateDb,
  verifyProjections,
} from "../../src/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";

const homes: string[] = [];
function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), "skein-state-db-"));
  homes.push(home);
  return home;
}
afterEach(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
});

async function say(home: string, ...texts: readonly string[]): Promise<string> {
  const runtime = await openRuntime({ home, agent: echoAgent(), stateDb: true });
  const thread = await runtime.startThread({ cwd: "/w" });
  for (const text of texts) await thread.run(text);
  await runtime.close();
  return thread.id;
}

describe("openStateDb", () => {
  it("fills the rows of a home that has threads, and tells the progress to the end", async () => {
    const home = newHome();
    const plain = await openRuntime({ home, agent: echoAgent() });
    const thread = await plain.startThread({ cwd: "/w" });
    await thread.run("before there was a state DB");
    await plain.close();
    const told: number[] = [];
    const stateDb = await openStateDb({
      home,
      onProgress: ({ filesDone, filesTotal }) => told.push(filesDone / filesTotal),
    });
    expect(stateDb.opening).toMatchObject({ setAside: null, filled: { folded: 1, quarantined: 0, replaced: null } });
    expect([told[0], told.at(-1)]).toEqual([0, 1]);
    const runtime = await openRuntime({ home, stateDb });
    const { data } = await runtime.searchThreads({ query: "STATE DB" });
    expect(data.map((found) => found.thread.id)).toEqual([thread.id]);
    await runtime.close();
    await stateDb.close();
  });

  it("opens filled rows at once, and one handle serves a store and a runtime", async () => {
    const home = newHome();
    const id = await say(home, "one");
    const stateDb = await openStateDb({ home });
    expect(stateDb.opening.filled).toBeNull();
    const store = await openLocalThreadStore({ home, stateDb });
    const runtime = await openRuntime({ home, agent: echoAgent(), stateDb });
    const thread = await runtime.resumeThread(id);
    await thread.run("two");
    const page = await store.listThreads({ sortKey: "recency_at", useStateDbOnly: true });
    expect(page.data.map((found) => [found.id, found.recencyAtMs > found.createdAtMs - 1])).toEqual([[id, true]]);
    expect((await store.listTurns({ threadId: id })).data).toHaveLength(2);
    await runtime.close();
    await store.close();
    await stateDb.close();
  });

  it("loses nothing when its file is deleted: names, threads and messages are found again", async () => {
    const home = newHome();
    const id = await say(home, "a walrus");
    const runtime = await openRuntime({ home, stateDb: true });
    await runtime.updateMetadata(id, { name: "tusks", git: { branch: "main" }, memoryMode: "disabled" });
    const before = await runtime.store.readThread({ threadId: id });
    await runtime.close();
    for (const end of ["", "-wal", "-shm"]) rmSync(join(home, `skein.sqlite${end}`), { force: true });
    const again = await openRuntime({ home, stateDb: true });
    expect((await again.listThreads()).data).toEqual([before]);
    expect((await again.searchThreads({ query: "tusks" })).data.map(({ thread }) => thread.id)).toEqual([id]);
    await again.close();
  });

  it("ends with the signal's reason when it is told to, and the next opening does the work", async () => {
    const home = newHome();
    await say(home, "one");
    rmSync(join(home, "skein.sqlite"));
    const ended = AbortSignal.abort(new Error("enough"));
    await expect(openStateDb({ home, signal: ended })).rejects.toThrow("enough");
    const stateDb = await openStateDb({ home });
    expect(stateDb.opening.filled).toMatchObject({ folded: 1 });
    await stateDb.close();
  });

  it("refuses options that can't work, another home's handle, and a state DB beside a store", async () => {
    const [home, other] = [newHome(), newHome()];
    await expect(openStateDb({ home, workers: 0 })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(openStateDb({ home: "" })).rejects.toMatchObject({ code: "invalid_argument" });
    const stateDb = await openStateDb({ home });
    await expect(openRuntime({ home: other, stateDb })).rejects.toMatchObject({ code: "invalid_argument" });
    const store = createMemoryThreadStore();
    await expect(openRuntime({ store, stateDb })).rejects.toMatchObject({ code: "invalid_argument" });
    await stateDb.close();
    await expect(stateDb.refresh({ isDbOnly: true })).rejects.toMatchObject({ code: "runtime_closed" });
  });
});

describe("openStateDbReadOnly", () => {
  it("needs a file, and then reads what is in it and nothing more", async () => {
    const home = newHome();
    await expect(openStateDbReadOnly({ home })).rejects.toMatchObject({ code: "state_db_required" });
    const id = await say(home, "one");
    const stateDb = await openStateDbReadOnly({ home });
    const store = await openLocalThreadStore({ home, stateDb });
    const later = await say(home, "two");
    expect((await store.listThreads()).data.map((thread) => thread.id)).toContain(id);
    expect((await store.readThread({ threadId: later })).preview).toBe("two");
    const { writer } = await store.resumeThread({ threadId: id });
    await store.shutdownThread(writer);
    await store.close();
    await stateDb.close();
  });
});

describe("rebuildStateDb", () => {
  it("folds everything again under an open handle, which goes on with the new rows", async () => {
    const home = newHome();
    await say(home, "one");
    const runtime = await openRuntime({ home, agent: echoAgent(), stateDb: true });
    const thread = await runtime.startThread({ cwd: "/w" });
    await thread.run("while it is open");
    expect(await rebuildStateDb({ home })).toMatchObject({ folded: 2, replaced: { isKept: false } });
    await thread.run("and after");
    expect((await runtime.searchThreads({ query: "and after" })).data).toHaveLength(1);
    expect((await runtime.listThreads()).data).toHaveLength(2);
    await runtime.close();
    const outcomes = [];
    for await (const { outcome } of verifyProjections({ home })) outcomes.push(outcome);
    expect(outcomes).toEqual(["same", "same"]);
  });
});
