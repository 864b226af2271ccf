/**
 * Lists from files alone: complete, exact, and at the cost of heads and tails. What can't be read is left
 * out and said in the log.
 */
import { appendFile, utimes } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { type Logger, silentLogger } from "../../../src/base/index.ts";
import type { ListThreadsParams, StoredThread, ThreadStore } from "../../../src/store/index.ts";
import { type FileSystem, nodeFileSystem } from "../../../src/store/local/index.ts";
import { createSettableClock } from "../../../src/testing/index.ts";
import { faultyDisk } from "./faulty-disk.ts";
import { homeWith, messageLine, metaLine, ODD_ID, writeInto } from "./hand-made-rollouts.ts";
import { makeHome, message, openStore, refusal, seed } from "./store-lab.ts";

const idAt = (n: number): string => `01900000-0000-7000-8000-${String(n).padStart(12, "0")}`;

/** A home of `count` threads that were all made and written to in the same millisecond. */
async function tiedHome(count: number): Promise<string> {
  const home = await makeHome();
  for (let n = 0; n < count; n += 1) {
    const name = `rollout-2026-05-05T10-00-00-${idAt(n)}.jsonl`;
    await writeInto(join(home, "sessions/2026/05/05", name), metaLine(idAt(n)) + messageLine(`first ${n}`));
  }
  return home;
}

async function walk(
  store: ThreadStore,
  params: ListThreadsParams,
  between: () => Promise<void> = async () => {},
): Promise<readonly StoredThread[]> {
  const seen: StoredThread[] = [];
  let page = await store.listThreads(params);
  for (;;) {
    seen.push(...page.data);
    if (page.nextCursor === null) return seen;
    await between();
    page = await store.listThreads({ ...params, cursor: page.nextCursor });
  }
}

describe("lists", () => {
  it("lose no thread of one millisecond at the edges of pages (Codex loses same-second siblings)", async () => {
    const store = await openStore(await tiedHome(25));
    for (const sortKey of ["created_at", "updated_at", "recency_at"] as const) {
      for (const sortDirection of ["asc", "desc"] as const) {
        const ids = (await walk(store, { limit: 4, sortKey, sortDirection })).map((thread) => thread.id);
        const sorted = Array.from({ length: 25 }, (_, n) => idAt(n));
        expect(ids).toEqual(sortDirection === "asc" ? sorted : sorted.toReversed());
      }
    }
  });

  it.each(["updated_at", "recency_at"] as const)(
    "by %s hold each thread once, also those that another process writes to meanwhile",
    async (sortKey) => {
      for (const sortDirection of ["asc", "desc"] as const) {
        const home = await tiedHome(12);
        const store = await openStore(home);
        let n = 0;
        const touchAnother = async (): Promise<void> => {
          const file = join(home, "sessions/2026/05/05", `rollout-2026-05-05T10-00-00-${idAt(n)}.jsonl`);
          await appendFile(file, messageLine("later", `2026-05-06T10:00:0${n % 10}.000Z`));
          n += 5;
        };
        const seen = await walk(store, { limit: 3, sortKey, sortDirection }, touchAnother);
        expect(seen.map((thread) => thread.id).toSorted()).toEqual(Array.from({ length: 12 }, (_, i) => idAt(i)));
      }
    },
  );

  it("tell the newest record's time as time of change, not the file's", async () => {
    const { home, file } = await homeWith(metaLine() + messageLine("x", "2026-05-05T11:00:00.000Z"));
    await utimes(file, 1_000, 1_000);
    const store = await openStore(home);
    const updatedAtMs = Date.parse("2026-05-05T11:00:00.000Z");
    expect((await store.listThreads()).data[0]?.updatedAtMs).toBe(updatedAtMs);
    expect((await store.readThread({ threadId: ODD_ID })).updatedAtMs).toBe(updatedAtMs);
  });

  it("by recency take the newest turn's beginning, however long its answer is, from the end of the file", async () => {
    const begun = messageLine("x", "2026-05-05T11:00:00.000Z");
    const answer = messageLine("y".repeat(100), "2026-05-05T12:00:00.000Z").replace("user_message", "agent_message");
    const { home } = await homeWith(metaLine() + messageLine("long ago").repeat(20_000) + begun + answer.repeat(50));
    const disk = faultyDisk();
    const store = await openStore(home, { fileSystem: disk });
    const recency = async (): Promise<number | undefined> => {
      const { data } = await store.listThreads({ sortKey: "recency_at", cwds: ["/srv/ws"] });
      return data[0]?.recencyAtMs;
    };
    expect(await recency()).toBe(Date.parse("2026-05-05T11:00:00.000Z"));
    const opens = disk.calls["open"] ?? 0;
    await recency();
    expect(disk.calls["open"], "the index, which is not there, and the page's one thread").toBe(opens + 2);
  });

  it("say that they are not complete where a file can't be read, but not for one that is no rollout", async () => {
    const home = await tiedHome(3);
    await writeInto(join(home, "sessions/garbage.jsonl"), "x\n");
    const nowMs = 1_777_777_777_777;
    for (const [errno, isComplete] of [
      ["EACCES", false],
      ["EIO", false],
      ["ENOENT", true],
    ] as const) {
      const open: FileSystem["open"] = (path, mode) =>
        path.includes(idAt(1))
          ? Promise.reject(Object.assign(new Error(`${errno}: injected`), { code: errno }))
          : nodeFileSystem.open(path, mode);
      const store = await openStore(home, {
        fileSystem: { ...nodeFileSystem, open },
        clock: createSettableClock(nowMs),
      });
      const page = await store.listThreads();
      expect(page).toMatchObject({ isComplete, asOfMs: nowMs });
      expect(page.data).toHaveLength(2);
    }
  });

  it("can't be made from a state DB alone where there is none", async () => {
    const store = await openStore(await tiedHome(1));
    expect(await refusal(store.listThreads({ useStateDbOnly: true }))).toMatchObject({ code: "state_db_required" });
    expect((await store.listThreads({ useStateDbOnly: false })).data).toHaveLength(1);
  });

  it("take the file's name and time where the log says none", async () => {
    const line = metaLine(ODD_ID, { timestamp: "yesterday" }).replace(
      '"2026-05-05T10:00:00.000Z","type"',
      '"?","type"',
    );
    const { home, file } = await homeWith(line);
    await utimes(file, 1_800_000_000, 1_800_000_000);
    const store = await openStore(home);
    const named = new Date(2026, 4, 5, 10, 0, 0).getTime();
    const [listed] = (await store.listThreads()).data;
    expect([listed?.createdAtMs, listed?.updatedAtMs]).toEqual([named, 1_800_000_000_000]);
    expect(await store.readThread({ threadId: ODD_ID })).toEqual(listed);
  });

  it("find names and first messages, whatever their case, however late the message stands", async () => {
    const late = messageLine("x").replace("user_message", "agent_message").repeat(400) + messageLine("The NEEDLE");
    const { home } = await homeWith(metaLine() + late);
    const store = await openStore(home);
    const { id } = await seed(store, [message("hay")]);
    await store.updateThreadMetadata({ threadId: id, patch: { name: "needle in a name" } });
    const { data } = await store.listThreads({ searchTerm: "needle" });
    expect(data.map((thread) => thread.id).toSorted()).toEqual([ODD_ID, id].toSorted());
    expect((await store.listThreads({ searchTerm: "%" })).data).toEqual([]);
  });

  it("leave out what can't be read, and say so in the log", async () => {
    const home = await tiedHome(2);
    for (const [name, bytes] of [
      ["empty", ""],
      ["garbage", "x\n"],
      ["bom", `\u{feff}${metaLine()}`],
    ] as const) {
      await writeInto(join(home, `sessions/${name}.jsonl`), bytes);
    }
    await writeInto(join(home, "sessions/note.txt"), "not a rollout");
    const warnings: object[] = [];
    const logger: Logger = { ...silentLogger, warn: (fields) => void warnings.push(fields) };
    const store = await openStore(home, { logger });
    expect((await store.listThreads()).data).toHaveLength(2);
    expect(warnings).toEqual([{ skipped: 3, files: 5 }]);
  });

  it("open each file once, and again only when it has changed", async () => {
    const home = await tiedHome(10);
    const disk = faultyDisk();
    const store = await openStore(home, { fileSystem: disk });
    const opens = async (params: ListThreadsParams = {}): Promise<number> => {
      const before = disk.calls["open"] ?? 0;
      await store.listThreads({ limit: 1, ...params });
      return (disk.calls["open"] ?? 0) - before;
    };
    // The index, which isn't there, each row, and the page's one thread.
    expect(await opens()).toBe(1 + 10 + 1);
    expect(await opens()).toBe(1 + 1);
    expect(await opens({ cwds: [] })).toBe(1);
    await appendFile(
      join(home, "sessions/2026/05/05", `rollout-2026-05-05T10-00-00-${idAt(3)}.jsonl`),
      messageLine("y"),
    );
    expect(await opens({ cwds: [] })).toBe(1 + 1);
  });

  it("read heads and tails of long rollouts, not the whole", async () => {
    const { home } = await homeWith(metaLine() + messageLine("x".repeat(1_000)).repeat(20_000));
    const disk = faultyDisk();
    const store = await openStore(home, { fileSystem: disk });
    expect((await store.listThreads({ cwds: ["/elsewhere"] })).data).toEqual([]);
    // A block of the head, one of the tail for its shape and one for its time.
    expect(disk.calls["read"]).toBeLessThanOrEqual(3);
  });
});

it("a thread that is being written to is listed as it was acknowledged", async () => {
  const home = await makeHome();
  const store = await openStore(home);
  const { id, writer, file } = await seed(store);
  const appends = Array.from({ length: 50 }, (_, n) => store.appendItems({ writer, items: [message(`${n}`)] }));
  const [listed] = (await store.listThreads()).data;
  await Promise.all(appends);
  expect([listed?.id, listed?.path, listed?.preview]).toEqual([id, file, "hello"]);
});
