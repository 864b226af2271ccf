/**
 * Two stores over one home that want the same thing at the same time: one id, one name in the archive, one
 * fork. One of them gets it, the other is told, and nothing of either is overwritten.
 */
import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { describe, expect, it } from "vitest";

import { isSkeinError } from "../../../src/base/index.ts";
import { type FileSystem, nodeFileSystem, repairHome, verifyHome } from "../../../src/store/local/index.ts";
import { createSettableClock } from "../../../src/testing/index.ts";
import { homeWith, messageLine, metaLine, ODD_ID } from "./hand-made-rollouts.ts";
import { collect, makeHome, message, openStore, refusal, seed, textsOf } from "./store-lab.ts";

const ID = "01900000-0000-7000-8000-0000000000cc";
const metadata = { cwd: "/work" };

async function rolloutsOf(home: string): Promise<string[]> {
  const names = await readdir(home, { recursive: true });
  return names.filter((name) => name.includes(".jsonl"));
}

/** What became of two calls: the codes of refusals, and "done". */
async function outcomesOf(calls: readonly Promise<unknown>[]): Promise<string[]> {
  const ends = await Promise.allSettled(calls);
  return ends.map((end) => {
    if (end.status === "fulfilled") return "done";
    return isSkeinError(end.reason) ? end.reason.code : String(end.reason);
  });
}

describe("two stores that make threads of one id", () => {
  it.each([0, 5_000])("store one of them, also when the clocks are %i ms apart", async (apartMs) => {
    const home = await makeHome();
    const clocks = [createSettableClock(1_800_000_000_000), createSettableClock(1_800_000_000_000 + apartMs)];
    const stores = await Promise.all(clocks.map((clock) => openStore(home, { clock })));
    const opened = await Promise.all(stores.map((store) => store.createThread({ threadId: ID, metadata })));
    const [first, second] = stores.map((store, index) => {
      const { writer } = opened[index] ?? { writer: { threadId: ID, epoch: 0 } };
      return () => store.appendItems({ writer, items: [message(`from ${index}`)] });
    });
    await first?.();
    expect((await refusal(second?.() ?? Promise.resolve())).code).toBe("thread_exists");
    const fresh = await openStore(home);
    expect(await textsOf(fresh, ID)).toEqual(["from 0"]);
    expect(await rolloutsOf(home)).toHaveLength(1);
  });

  it.each([0, 5_000])("by forks at the same moment store one at most, the clocks %i ms apart", async (apartMs) => {
    const home = await makeHome();
    const { id } = await seed(await openStore(home));
    const clocks = [createSettableClock(1_800_000_000_000), createSettableClock(1_800_000_000_000 + apartMs)];
    const stores = await Promise.all(clocks.map((clock) => openStore(home, { clock })));
    const fork = { threadId: id, endOrdinal: 2 };
    const outcomes = await outcomesOf(stores.map((store) => store.createThread({ threadId: ID, metadata, fork })));
    expect(outcomes).toContain("thread_exists");
    expect(outcomes.every((outcome) => outcome === "done" || outcome === "thread_exists")).toBe(true);
    if (apartMs === 0) expect(outcomes).toContain("done");
    const made = outcomes.filter((outcome) => outcome === "done").length;
    expect(await rolloutsOf(home)).toHaveLength(1 + made);
  });
});

const LOG = metaLine() + messageLine("kept");

describe("archiving", () => {
  it("moves nothing over a file that is in the way", async () => {
    const { home, file } = await homeWith(LOG);
    const target = join(home, "archived_sessions", basename(file));
    await mkdir(dirname(target));
    await writeFile(target, "somebody else's");
    const store = await openStore(home);
    expect((await refusal(store.archiveThread(ODD_ID))).message).toContain("in the way");
    expect(await readFile(target, "utf8")).toBe("somebody else's");
    expect(await readFile(file, "utf8")).toBe(LOG);
  });

  it("is one rename, so that a kill leaves the thread in one place", async () => {
    const { home } = await homeWith(LOG);
    const moves: string[] = [];
    const disk: FileSystem = {
      ...nodeFileSystem,
      link: (from, to) => (moves.push("link"), nodeFileSystem.link(from, to)),
      unlink: (path) => (moves.push("unlink"), nodeFileSystem.unlink(path)),
      rename: (from, to) => (moves.push("rename"), nodeFileSystem.rename(from, to)),
    };
    const store = await openStore(home, { fileSystem: disk });
    await store.archiveThread(ODD_ID);
    await store.unarchiveThread(ODD_ID);
    expect(moves).toEqual(["rename", "rename"]);
  });

  it.each(["EPERM", "ENOTSUP"])("renames where the disk has no links (%s)", async (code) => {
    const { home, file } = await homeWith(LOG);
    const disk: FileSystem = {
      ...nodeFileSystem,
      link: () => Promise.reject(Object.assign(new Error(`${code}: injected`), { code })),
    };
    const store = await openStore(home, { fileSystem: disk });
    await store.archiveThread(ODD_ID);
    await store.unarchiveThread(ODD_ID);
    expect((await store.readThread({ threadId: ODD_ID })).path).toBe(file);
    const fork = { threadId: ODD_ID, endOrdinal: 2 };
    await store.createThread({ threadId: ID, metadata, fork });
    expect(await textsOf(store, ID)).toEqual(["kept"]);
    expect(await collect(verifyHome(home))).toEqual([]);
  });
});

describe("an unfinished fork", () => {
  it("is removed by repair an hour after it was last written to, and left alone before", async () => {
    const { home, file } = await homeWith(LOG);
    const [old, young] = ["a", "b"].map((name) => join(dirname(file), `rollout-${name}.jsonl.1-0.fork-tmp`));
    for (const path of [old ?? "", young ?? ""]) await writeFile(path, "half");
    const { mtimeMs } = await stat(young ?? "");
    await utimes(old ?? "", mtimeMs / 1_000 - 3_601, mtimeMs / 1_000 - 3_601);
    const removed = { action: "remove_fork", path: old, threadId: null, bytes: 4, isDone: true, failure: null };
    expect(await collect(repairHome({ home, dryRun: true }))).toMatchObject([{ ...removed, isDone: false }]);
    expect(await collect(repairHome({ home }))).toMatchObject([removed]);
    expect(await collect(repairHome({ home }))).toEqual([]);
    expect((await readdir(dirname(file))).toSorted()).toEqual([basename(file), basename(young ?? "")].toSorted());
  });
});

describe("a sync that fails while another process appends", () => {
  it("takes nothing from what that process was told is there", async () => {
    const home = await makeHome();
    let other: (() => Promise<unknown>) | null = null;
    // Whatever the store does about the sync, the other process is there first.
    const beaten = async <Value>(call: () => Promise<Value>): Promise<Value> => {
      const appending = other;
      other = null;
      await appending?.();
      return await call();
    };
    let isFailing = false;
    const rival = await openStore(home);
    const store = await openStore(home, {
      fileSystem: {
        ...nodeFileSystem,
        open: (path, mode) => beaten(() => nodeFileSystem.open(path, mode)),
        truncate: (fd, size) => beaten(() => nodeFileSystem.truncate(fd, size)),
        async syncData(fd) {
          if (!isFailing) return await nodeFileSystem.syncData(fd);
          other = async () => {
            const { writer } = await rival.resumeThread({ threadId: id });
            await rival.appendItems({ writer, items: [message("acknowledged")] });
          };
          throw Object.assign(new Error("EIO: injected"), { code: "EIO" });
        },
      },
    });
    const { id, writer } = await seed(store, [message("first")]);
    isFailing = true;

    const failing = refusal(store.appendItems({ writer, items: [message("failed")] }));

    expect(await failing).toMatchObject({ code: "writer_closed" });
    expect(other).toBeNull();
    expect(await textsOf(await openStore(home), id)).toEqual(["first", "failed", "acknowledged"]);
  });
});
