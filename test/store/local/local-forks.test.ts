/**
 * Forks as files: own session_meta, then the source's bytes; cuts inside batches; keys that stay with the
 * source.
 */
import { readdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";

import { describe, expect, it } from "vitest";

import { faultyDisk } from "./faulty-disk.ts";
import { homeWith, messageLine, metaLine, ODD_ID } from "./hand-made-rollouts.ts";
import { idsOf, logOf, makeHome, message, messages, openStore, refusal, seed, textsOf } from "./store-lab.ts";

const metadata = { cwd: "/fork" };

describe("a fork", () => {
  it("holds the source's bytes behind its own first line", async () => {
    const store = await openStore(await makeHome());
    const { id, writer, file } = await seed(store, messages(3));
    await store.appendItems({ writer, items: messages(2, "n"), idempotencyKey: "k" });
    const { path } = await store.createThread({ metadata, fork: { threadId: id, endOrdinal: 6 } });
    const own = await readFile(path ?? "", "utf8");
    expect(own.slice(own.indexOf("\n") + 1)).toBe(await readFile(file, "utf8"));
    expect(JSON.parse(own.slice(0, own.indexOf("\n")))).toMatchObject({
      payload: { forked_from_id: id, cwd: "/fork" },
      skein: { copied: 6 },
    });
  });

  it("cut inside a batch has no marks that wait for lines which never come", async () => {
    const home = await makeHome();
    const store = await openStore(home);
    const { id } = await seed(store, messages(4));
    for (let endOrdinal = 1; endOrdinal <= 5; endOrdinal += 1) {
      const { writer, path } = await store.createThread({ metadata, fork: { threadId: id, endOrdinal } });
      expect(await readFile(path ?? "", "utf8")).not.toMatch(endOrdinal < 5 ? /"more"/ : /"more":9/);
      const cold = await openStore(home);
      const resumed = await cold.resumeThread({ threadId: writer.threadId });
      expect([resumed.tornBytes, resumed.nextOrdinal]).toEqual([0, endOrdinal + 1]);
      expect(await textsOf(cold, writer.threadId)).toEqual(["m0", "m1", "m2", "m3"].slice(0, endOrdinal - 1));
    }
  });

  it("of Codex's lines copies blank lines, unreadable ones and unknown ones as they are", async () => {
    const odd = `\n  \nnot json\r\n{"timestamp":"2026-05-05T10:00:02.000Z","type":"odd","payload":  [1]}\n`;
    const { home } = await homeWith(metaLine() + odd + messageLine("end").trimEnd());
    const store = await openStore(home);
    expect(await logOf(store, ODD_ID)).toHaveLength(4);
    const { writer, path } = await store.createThread({ metadata, fork: { threadId: ODD_ID, endOrdinal: 4 } });
    const bytes = await readFile(path ?? "", "utf8");
    expect(bytes.endsWith(metaLine() + odd + messageLine("end"))).toBe(true);
    expect((await logOf(store, writer.threadId)).slice(1).map((record) => record.item)).toEqual(
      (await logOf(store, ODD_ID)).map((record) => record.item),
    );
  });

  it("has idempotency keys of its own, also after reopening and in a fork of a fork", async () => {
    const home = await makeHome();
    const store = await openStore(home);
    const { id, writer } = await seed(store, []);
    await store.appendItems({ writer, items: [message("in the source")], idempotencyKey: "k" });
    const first = await store.createThread({ metadata, fork: { threadId: id, endOrdinal: 2 } });
    const answer = await store.appendItems({ writer: first.writer, items: [message("own")], idempotencyKey: "k" });
    expect(answer).toMatchObject({ duplicate: false, firstOrdinal: 3 });
    const second = await store.createThread({ metadata, fork: { threadId: first.writer.threadId, endOrdinal: 4 } });
    await store.close();
    const reopened = await openStore(home);
    const again = async (threadId: string): Promise<object> => {
      const resumed = await reopened.resumeThread({ threadId });
      return reopened.appendItems({ writer: resumed.writer, items: [message("?")], idempotencyKey: "k" });
    };
    expect(await again(first.writer.threadId)).toMatchObject({ duplicate: true, firstOrdinal: 3 });
    expect(await again(second.writer.threadId)).toMatchObject({ duplicate: false, firstOrdinal: 5 });
  });

  it("of a source that is written to meanwhile holds acknowledged records only", async () => {
    const store = await openStore(await makeHome());
    const { id, writer } = await seed(store, messages(2));
    const appends = Array.from({ length: 20 }, (_, n) => store.appendItems({ writer, items: messages(3, `${n}-`) }));
    const forks = await Promise.all(
      Array.from({ length: 5 }, () => store.createThread({ metadata, fork: { threadId: id, endOrdinal: 3 } })),
    );
    await Promise.all(appends);
    for (const fork of forks) expect(await textsOf(store, fork.writer.threadId)).toEqual(["m0", "m1"]);
  });

  it("that fails leaves nothing, and the id stays free", async () => {
    const disk = faultyDisk();
    const store = await openStore(await makeHome(), { fileSystem: disk });
    const { id, file } = await seed(store, messages(20));
    const threadId = "01900000-0000-7000-8000-00000000f0f0";
    const fork = { threadId, metadata, fork: { threadId: id, endOrdinal: 21 } };
    disk.faults.bytesLeft = 700;
    expect((await refusal(store.createThread(fork))).code).toBe("disk_full");
    disk.faults.bytesLeft = Number.POSITIVE_INFINITY;
    disk.faults.syncFailures = 1;
    expect((await refusal(store.createThread(fork))).code).toBe("io_error");
    expect((await readdir(dirname(file))).length).toBe(1);
    expect(await idsOf(store)).toEqual([id]);
    await store.createThread(fork);
    expect(await textsOf(store, threadId)).toHaveLength(20);
  });

  it("that stands on the disk is not made durable once more by its first append", async () => {
    const disk = faultyDisk();
    const store = await openStore(await makeHome(), { fileSystem: disk });
    const { id } = await seed(store, messages(2));
    const { writer } = await store.createThread({ metadata, fork: { threadId: id, endOrdinal: 3 } });
    const before = { ...disk.calls };
    await store.appendItems({ writer, items: messages(1, "own ") });
    expect(disk.calls["syncDirectory"]).toBe(before["syncDirectory"]);
    expect((disk.calls["syncData"] ?? 0) - (before["syncData"] ?? 0)).toBe(1);
    expect(await textsOf(store, writer.threadId)).toEqual(["m0", "m1", "own 0"]);
  });
});
