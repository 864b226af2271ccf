/**
 * The local store on a disk that fails: whatever fails, an append is there whole or not at all, what was
 * acknowledged stays, and the log can be gone on with.
 */
import { readFile, stat } from "node:fs/promises";

import { describe, expect, it } from "vitest";

import { type FileSystem, nodeFileSystem } from "../../../src/store/local/index.ts";
import { faultyDisk } from "./faulty-disk.ts";
import { idsOf, logOf, makeHome, messages, openStore, refusal, seed, textsOf, message } from "./store-lab.ts";

const DURABILITIES = ["fsync", "os"] as const;

describe("short writes", () => {
  it("are gone on with, whatever their size", async () => {
    const disk = faultyDisk();
    const store = await openStore(await makeHome(), { fileSystem: disk });
    const { id, writer, file } = await seed(store);
    for (let size = 1; size < 40; size += 1) {
      disk.faults.writeBytesMax = size;
      await store.appendItems({ writer, items: messages(2, `${size}-`) });
    }
    expect(await textsOf(store, id)).toHaveLength(1 + 39 * 2);
    expect((await readFile(file, "utf8")).endsWith("}\n")).toBe(true);
  });
});

describe.each(DURABILITIES)("a full disk, durability %s", (durability) => {
  it("leaves nothing of an append, wherever in the batch it was full, and the writer goes on", async () => {
    const disk = faultyDisk();
    const store = await openStore(await makeHome(), { fileSystem: disk, durability });
    const { id, writer, file } = await seed(store, []);
    const batchBytes = await sizeOfBatch(durability);
    const told: unknown[] = [];
    store.subscribe((event) => told.push(event));
    for (let bytes = 0; bytes < batchBytes; bytes += 1) {
      const before = await readFile(file);
      disk.faults.bytesLeft = bytes;
      const error = await refusal(store.appendItems({ writer, items: messages(2) }));
      expect(error.code).toBe("disk_full");
      expect(error.retryable).toBe(true);
      expect(await readFile(file)).toEqual(before);
    }
    expect(told).toEqual([]);
    disk.faults.bytesLeft = Number.POSITIVE_INFINITY;
    const answer = await store.appendItems({ writer, items: messages(2) });
    expect(answer.firstOrdinal).toBe(1);
    expect(await textsOf(store, id)).toEqual(["m0", "m1"]);
  });

  it("fails what waited behind the failed append too, so that nothing overtakes it", async () => {
    const disk = faultyDisk();
    const store = await openStore(await makeHome(), { fileSystem: disk, durability });
    const { id, writer } = await seed(store, []);
    disk.faults.bytesLeft = 10;
    const calls = ["a", "b", "c"].map((text) => store.appendItems({ writer, items: [message(text)] }));
    const ends = await Promise.allSettled(calls);
    expect(ends.map((end) => end.status)).toEqual(["rejected", "rejected", "rejected"]);
    disk.faults.bytesLeft = Number.POSITIVE_INFINITY;
    const { firstOrdinal } = await store.appendItems({ writer, items: [message("d")], expectedOrdinal: 1 });
    expect(firstOrdinal).toBe(1);
    expect(await textsOf(store, id)).toEqual(["d"]);
  });

  it("lets an append be repeated under its key after it failed", async () => {
    const disk = faultyDisk();
    const store = await openStore(await makeHome(), { fileSystem: disk, durability });
    const { id, writer } = await seed(store, []);
    const append = { writer, items: [message("once")], idempotencyKey: "k" };
    disk.faults.bytesLeft = 10;
    await refusal(store.appendItems(append));
    disk.faults.bytesLeft = Number.POSITIVE_INFINITY;
    expect((await store.appendItems(append)).duplicate).toBe(false);
    expect((await store.appendItems(append)).duplicate).toBe(true);
    expect(await textsOf(store, id)).toEqual(["once"]);
  });

  it("leaves no file when the first append fails, and the thread can still be stored", async () => {
    const disk = faultyDisk();
    const store = await openStore(await makeHome(), { fileSystem: disk, durability });
    const { writer, path } = await store.createThread({ metadata: { cwd: "/w" } });
    for (const bytes of [0, 1, 100, 300]) {
      disk.faults.bytesLeft = bytes;
      expect((await refusal(store.appendItems({ writer, items: messages(3) }))).code).toBe("disk_full");
      await expect(stat(path ?? "")).rejects.toThrow("ENOENT");
      expect(await idsOf(store)).toEqual([]);
    }
    disk.faults.bytesLeft = Number.POSITIVE_INFINITY;
    expect((await store.appendItems({ writer, items: messages(1) })).firstOrdinal).toBe(1);
    expect(await idsOf(store)).toEqual([writer.threadId]);
  });

  it("closes the writer when the half append can't be cut off, and the next writer cuts it", async () => {
    const disk = faultyDisk();
    const store = await openStore(await makeHome(), { fileSystem: disk, durability });
    const { id, writer } = await seed(store);
    disk.faults.bytesLeft = 40;
    disk.faults.truncateFailures = 1;
    const error = await refusal(store.appendItems({ writer, items: messages(2) }));
    expect([error.code, error.retryable]).toEqual(["writer_closed", true]);
    disk.faults.bytesLeft = Number.POSITIVE_INFINITY;
    expect(await textsOf(store, id)).toEqual(["hello"]);
    const resumed = await store.resumeThread({ threadId: id });
    expect(resumed.tornBytes).toBe(40);
    await store.appendItems({ writer: resumed.writer, items: [message("next")] });
    expect(await textsOf(store, id)).toEqual(["hello", "next"]);
  });
});

describe("a sync that fails", () => {
  it("closes the writer for good; resuming shows what is there", async () => {
    const disk = faultyDisk();
    const store = await openStore(await makeHome(), { fileSystem: disk });
    const { id, writer } = await seed(store);
    disk.faults.syncFailures = 1;
    const first = store.appendItems({ writer, items: [message("unsure")] });
    const error = await refusal(first);
    expect([error.code, error.retryable]).toEqual(["writer_closed", true]);
    expect((await refusal(store.appendItems({ writer, items: [message("late")] }))).code).toBe("writer_closed");
    const { writer: next, nextOrdinal } = await store.resumeThread({ threadId: id });
    // Not acknowledged: it may be there or not, but whole.
    expect(nextOrdinal).toBe((await logOf(store, id)).length);
    await store.appendItems({ writer: next, items: [message("after")], expectedOrdinal: nextOrdinal });
    expect((await textsOf(store, id)).filter((text) => text !== "unsure")).toEqual(["hello", "after"]);
  });

  it("at the first append leaves no thread behind", async () => {
    const disk = faultyDisk();
    const store = await openStore(await makeHome(), { fileSystem: disk });
    const { writer } = await store.createThread({ metadata: { cwd: "/w" } });
    disk.faults.syncFailures = 1;
    expect((await refusal(store.persistThread(writer))).code).toBe("writer_closed");
    expect(await idsOf(store)).toEqual([]);
  });

  it("of a flush is told to who asked for it", async () => {
    const disk = faultyDisk();
    const store = await openStore(await makeHome(), { fileSystem: disk, durability: "os" });
    const { writer } = await seed(store);
    disk.faults.syncFailures = 1;
    expect((await refusal(store.flushThread(writer))).code).toBe("writer_closed");
    await store.shutdownThread(writer);
  });
});

describe("a crash", () => {
  it.each(DURABILITIES)("at any byte of a batch leaves all of it or nothing (%s)", async (durability) => {
    const batchBytes = await sizeOfBatch(durability);
    for (let bytes = 0; bytes <= batchBytes; bytes += 3) {
      const home = await makeHome();
      const disk = faultyDisk();
      const store = await openStore(home, { fileSystem: disk, durability });
      const { id, writer } = await seed(store);
      disk.faults.bytesLeft = bytes;
      disk.faults.isCrash = true;
      const end = await Promise.allSettled([store.appendItems({ writer, items: messages(2) })]);

      const reopened = await openStore(home, { durability });
      const there = await textsOf(reopened, id);
      const isWhole = there.length === 3;
      expect(there).toEqual(isWhole ? ["hello", "m0", "m1"] : ["hello"]);
      expect(isWhole || end[0]?.status === "rejected").toBe(true);
      const resumed = await reopened.resumeThread({ threadId: id });
      expect(resumed.nextOrdinal).toBe(there.length + 1);
      await reopened.appendItems({ writer: resumed.writer, items: [message("next")] });
      expect(await textsOf(reopened, id)).toEqual([...there, "next"]);
      await reopened.close();
    }
  });

  it("at any byte of a thread's first append leaves a thread that reads, or none", async () => {
    for (let bytes = 0; bytes < 700; bytes += 13) {
      const home = await makeHome();
      const disk = faultyDisk();
      const store = await openStore(home, { fileSystem: disk });
      const { writer } = await store.createThread({ metadata: { cwd: "/w" } });
      disk.faults.bytesLeft = bytes;
      disk.faults.isCrash = true;
      await refusal(store.appendItems({ writer, items: messages(6) }));

      const reopened = await openStore(home);
      for (const id of await idsOf(reopened)) {
        const texts = await textsOf(reopened, id);
        expect([0, 6]).toContain(texts.length);
        const resumed = await reopened.resumeThread({ threadId: id });
        await reopened.appendItems({ writer: resumed.writer, items: [message("next")] });
        expect(await textsOf(reopened, id)).toEqual([...texts, "next"]);
      }
      await reopened.close();
    }
  });

  it("in the middle of a fork leaves no fork", async () => {
    for (const bytes of [0, 1, 200, 1_000, 3_000]) {
      const home = await makeHome();
      const source = await openStore(home);
      const { id } = await seed(source, messages(30));
      await source.close();
      const disk = faultyDisk();
      const store = await openStore(home, { fileSystem: disk });
      disk.faults.bytesLeft = bytes;
      disk.faults.isCrash = true;
      await refusal(store.createThread({ metadata: { cwd: "/w" }, fork: { threadId: id, endOrdinal: 31 } }));
      const reopened = await openStore(home);
      expect(await idsOf(reopened)).toEqual([id]);
    }
  });
});

/** Bytes of an append of two messages. */
async function sizeOfBatch(durability: "fsync" | "os"): Promise<number> {
  const store = await openStore(await makeHome(), { durability });
  const { writer, file } = await seed(store);
  const before = (await stat(file)).size;
  await store.appendItems({ writer, items: messages(2) });
  return (await stat(file)).size - before;
}

describe("a bug", () => {
  it("is told as what it is, not as a fault of the disk", async () => {
    let isBroken = false;
    const disk: FileSystem = {
      ...nodeFileSystem,
      readDirectory: async (path) => {
        if (isBroken) throw new TypeError("not a function");
        return nodeFileSystem.readDirectory(path);
      },
    };
    const store = await openStore(await makeHome(), { fileSystem: disk });
    isBroken = true;
    await expect(store.listThreads()).rejects.toBeInstanceOf(TypeError);
  });

  it("met while writing ends the writer: nobody knows what stands in the file", async () => {
    let isBroken = false;
    const disk: FileSystem = {
      ...nodeFileSystem,
      write(fd, bytes) {
        if (isBroken) throw new TypeError("not a function");
        return nodeFileSystem.write(fd, bytes);
      },
    };
    const store = await openStore(await makeHome(), { fileSystem: disk });
    const { writer } = await seed(store);
    isBroken = true;
    const first = await refusal(store.appendItems({ writer, items: [message("lost")] }));
    isBroken = false;
    const second = await refusal(store.appendItems({ writer, items: [message("next")] }));
    expect([first.code, first.cause instanceof TypeError, second.code]).toEqual([
      "writer_closed",
      true,
      "writer_closed",
    ]);
  });
});
