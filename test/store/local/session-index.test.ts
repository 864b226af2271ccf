/**
 * The name index: appended, never rewritten, shared with Codex, and whole whatever fails. Lines of others
 * are passed over where they can't be read, and never cut.
 */
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { faultyDisk } from "./faulty-disk.ts";
import { homeWith, messageLine, metaLine, ODD_ID } from "./hand-made-rollouts.ts";
import { makeHome, openStore, refusal, seed } from "./store-lab.ts";

const entry = (name: string, id = ODD_ID): string =>
  `${JSON.stringify({ id, thread_name: name, updated_at: "2026-05-05T10:00:00.123456789Z" })}\n`;

async function nameAfter(index: string): Promise<string | null> {
  const { home } = await homeWith(metaLine() + messageLine("x"));
  await writeFile(join(home, "session_index.jsonl"), index);
  return (await (await openStore(home)).readThread({ threadId: ODD_ID })).name;
}

describe("reading the index", () => {
  it.each([
    ["the last entry of an id counts", entry("a") + entry("other", "x") + entry("b"), "b"],
    ["bad lines are passed over", `${entry("a")}garbage\n[]\n{"id":7}\n\n`, "a"],
    ["a torn last line is passed over", `${entry("a")}{"id":"${ODD_ID}","thread_na`, "a"],
    ["a last line that only lacks its newline counts", entry("a") + entry("b").trimEnd(), "b"],
    ["an empty name clears", entry("a") + entry(""), null],
    ["names are trimmed", entry("  a "), "a"],
    ["ids may be upper-case", entry("a", ODD_ID.toUpperCase()), "a"],
    ["a line too long for any name is passed over", `${entry("a")}${"x".repeat(1_000_000)}\n`, "a"],
  ])("%s", async (_law, index, name) => {
    expect(await nameAfter(index)).toBe(name);
  });

  it("sees what another process appended, also in place of a shorter or replaced file", async () => {
    const { home } = await homeWith(metaLine() + messageLine("x"));
    const store = await openStore(home);
    const path = join(home, "session_index.jsonl");
    const name = async (): Promise<string | null> => (await store.readThread({ threadId: ODD_ID })).name;
    expect(await name()).toBe(null);
    await appendFile(path, entry("one"));
    expect(await name()).toBe("one");
    await appendFile(path, entry("two"));
    expect(await name()).toBe("two");
    await writeFile(path, entry("3"));
    expect(await name()).toBe("3");
    // Longer than before: it could be taken for the same file, gone on with.
    await writeFile(path, entry("four") + entry("of another thread", "x"));
    expect(await name()).toBe("four");
  });
});

describe("naming", () => {
  it("appends one line, synced, and keeps what stood there byte for byte", async () => {
    const disk = faultyDisk();
    const home = await makeHome();
    const store = await openStore(home, { fileSystem: disk });
    const { id } = await seed(store);
    const path = join(home, "session_index.jsonl");
    await writeFile(path, `${entry("foreign", "x")}not json\n{"torn`);
    const before = await readFile(path, "utf8");
    const syncs = disk.calls["syncData"] ?? 0;
    await store.updateThreadMetadata({ threadId: id, patch: { name: "mine" } });
    expect((disk.calls["syncData"] ?? 0) - syncs).toBe(1);
    const after = await readFile(path, "utf8");
    expect(after.startsWith(`${before}\n`)).toBe(true);
    expect(JSON.parse(after.slice(before.length))).toMatchObject({ id, thread_name: "mine" });
  });

  it("leaves no half line when the disk is full", async () => {
    const disk = faultyDisk();
    const home = await makeHome();
    const store = await openStore(home, { fileSystem: disk });
    const { id } = await seed(store);
    await store.updateThreadMetadata({ threadId: id, patch: { name: "before" } });
    const before = await readFile(join(home, "session_index.jsonl"));
    for (const bytes of [0, 1, 20, 50]) {
      disk.faults.bytesLeft = bytes;
      expect((await refusal(store.updateThreadMetadata({ threadId: id, patch: { name: "after" } }))).code).toBe(
        "disk_full",
      );
      expect(await readFile(join(home, "session_index.jsonl"))).toEqual(before);
    }
    disk.faults.bytesLeft = Number.POSITIVE_INFINITY;
    expect((await store.readThread({ threadId: id })).name).toBe("before");
  });

  it("keeps every one of many names set at once by two stores", async () => {
    const home = await makeHome();
    const [a, b] = [await openStore(home), await openStore(home)];
    const threads = await Promise.all(Array.from({ length: 16 }, () => seed(a)));
    await Promise.all(
      threads.map(({ id }, n) => (n % 2 ? a : b).updateThreadMetadata({ threadId: id, patch: { name: `n${n}` } })),
    );
    for (const [n, { id }] of threads.entries()) {
      for (const store of [a, b]) expect((await store.readThread({ threadId: id })).name).toBe(`n${n}`);
    }
  });

  it("of a thread that isn't there writes nothing", async () => {
    const store = await openStore(await makeHome());
    const patch = { name: "x" };
    expect((await refusal(store.updateThreadMetadata({ threadId: ODD_ID, patch }))).code).toBe("thread_not_found");
    await expect(readFile(join(store.home, "session_index.jsonl"))).rejects.toThrow("ENOENT");
  });

  it("of a deleted thread is cleared, so that nobody inherits it", async () => {
    const home = await makeHome();
    const store = await openStore(home);
    const { id } = await seed(store);
    await store.updateThreadMetadata({ threadId: id, patch: { name: "mine" } });
    await store.deleteThread(id);
    const again = await store.createThread({ threadId: id, metadata: { cwd: "/w" } });
    await store.persistThread(again.writer);
    expect((await store.readThread({ threadId: id })).name).toBe(null);
  });
});

it("a name that Codex 0.125 wrote into the log counts until the index says one", async () => {
  const named = { type: "thread_name_updated", thread_id: ODD_ID, thread_name: "from the log" };
  const line = JSON.stringify({ timestamp: "2026-05-05T10:00:02.000Z", type: "event_msg", payload: named });
  const { home } = await homeWith(`${metaLine()}${line}\n`);
  const store = await openStore(home);
  const name = async (): Promise<string | null> => (await store.readThread({ threadId: ODD_ID })).name;
  expect(await name()).toBe("from the log");
  expect((await store.listThreads({ searchTerm: "FROM the" })).data).toHaveLength(1);
  await store.updateThreadMetadata({ threadId: ODD_ID, patch: { name: "new" } });
  expect(await name()).toBe("new");
  await store.updateThreadMetadata({ threadId: ODD_ID, patch: { name: null } });
  expect(await name()).toBe(null);
});
