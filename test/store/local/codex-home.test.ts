/**
 * A home that Codex 0.130 wrote, opened from a copy: it lists, reads, resumes, is appended to, forked,
 * named, archived and brought back, and not a byte of what Codex wrote changes.
 */
import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";

import { describe, expect, it } from "vitest";

import { verifyHome } from "../../../src/store/local/index.ts";
import { snapshot } from "./hand-made-rollouts.ts";
import { CODEX_HOME, collect, copyCodexHome, idsOf, logOf, message, openStore, textsOf } from "./store-lab.ts";

const NAMED = "01a20233-2f38-71b0-b18d-c572047b3d17";
const ARCHIVED = "01a20233-5561-73a0-92fd-b6c40ae66519";
const NO_TURNS = "01a20233-581a-7802-ae8c-a34f46114a67";

describe("a home that Codex wrote", () => {
  it("lists every thread, also those without a first message, and changes nothing by reading", async () => {
    const home = await copyCodexHome();
    const store = await openStore(home);
    expect(await idsOf(store)).toHaveLength(17);
    expect((await store.listThreads({ archived: true })).data.map((thread) => thread.id)).toEqual([ARCHIVED]);
    const { data } = await store.listThreads({ limit: 100 });
    const named = data.find((thread) => thread.id === NAMED);
    expect([named?.name, data.find((thread) => thread.id === NO_TURNS)?.preview]).toEqual(["Named thread", ""]);
    for (const { id } of data) {
      expect(await store.readThread({ threadId: id })).toEqual(data.find((thread) => thread.id === id));
      await store.listTurns({ threadId: id });
      await store.loadHistory({ threadId: id });
      await store.resumeThread({ threadId: id });
    }
    await store.close();
    expect(await snapshot(home)).toEqual(await snapshot(CODEX_HOME));
  });

  it("has nothing that verify would complain about but what Codex itself leaves", async () => {
    const findings = await collect(verifyHome(await copyCodexHome()));
    expect(findings.filter(({ severity }) => severity !== "info")).toEqual([]);
  });

  it("is gone on with behind Codex's own bytes", async () => {
    const home = await copyCodexHome();
    const store = await openStore(home);
    for (const id of await idsOf(store)) {
      const { writer, path, nextOrdinal } = await store.resumeThread({ threadId: id });
      const before = await readFile(path ?? "");
      const records = before.toString("utf8").trimEnd().split("\n").length;
      expect(nextOrdinal).toBe(records);
      await store.appendItems({ writer, items: [message("from skein")], expectedOrdinal: records });
      await store.updateThreadMetadata({ threadId: id, patch: { name: "from skein", git: { branch: "b" } } });
      const after = await readFile(path ?? "");
      expect(after.subarray(0, before.byteLength)).toEqual(before);
      expect(await store.readThread({ threadId: id })).toMatchObject({ name: "from skein", git: { branch: "b" } });
    }
  });

  it("forks a thread of Codex with its lines as they are", async () => {
    const home = await copyCodexHome();
    const store = await openStore(home);
    const source = await store.readThread({ threadId: NAMED });
    const bytes = await readFile(source.path ?? "", "utf8");
    const { path } = await store.createThread({
      metadata: { cwd: "/w" },
      fork: { threadId: NAMED, endOrdinal: bytes.trimEnd().split("\n").length },
    });
    const fork = await readFile(path ?? "", "utf8");
    expect(fork.slice(fork.indexOf("\n") + 1)).toBe(bytes);
    expect(JSON.parse(fork.slice(0, fork.indexOf("\n")))).toMatchObject({
      type: "session_meta",
      payload: { forked_from_id: NAMED, cwd: "/w" },
    });
  });

  it("archives and unarchives by moving the file, and counts the move as no change of the thread", async () => {
    const home = await copyCodexHome();
    const store = await openStore(home);
    const before = await store.readThread({ threadId: NAMED });
    const name = basename(before.path ?? "");
    await store.archiveThread(NAMED);
    await expect(stat(before.path ?? "")).rejects.toThrow("ENOENT");
    expect((await store.readThread({ threadId: NAMED })).path).toBe(join(home, "archived_sessions", name));
    const nowMs = Date.now();
    const back = await store.unarchiveThread(NAMED);
    expect(back).toEqual(before);
    // Codex goes by the file's time, and shows what came back as just changed.
    expect((await stat(before.path ?? "")).mtimeMs).toBeGreaterThan(nowMs - 5_000);
  });

  it("takes an archived thread back to the folder that its name says, whatever today is", async () => {
    const store = await openStore(await copyCodexHome());
    const { path } = await store.unarchiveThread(ARCHIVED);
    expect(path).toContain("/sessions/2026/11/22/rollout-2026-11-22T07-40-48-");
  });

  it("appends to an archived thread where it is", async () => {
    const store = await openStore(await copyCodexHome());
    const { writer, path } = await store.resumeThread({ threadId: ARCHIVED });
    await store.appendItems({ writer, items: [message("there")] });
    expect(path).toContain("/archived_sessions/");
    expect((await textsOf(store, ARCHIVED)).at(-1)).toBe("there");
    expect((await logOf(store, ARCHIVED)).length).toBeGreaterThan(2);
  });
});
