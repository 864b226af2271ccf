/**
 * Two writers of one thread: the later append of the one that doesn't know of the other is refused, and
 * nothing is lost. Files that are moved, deleted or replaced under a writer.
 */
import { appendFile, copyFile, mkdir, rename, rm, stat, truncate } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { describe, expect, it } from "vitest";

import { messageLine } from "./hand-made-rollouts.ts";
import { logOf, makeHome, message, messages, openStore, refusal, seed, textsOf } from "./store-lab.ts";

describe.each(["fsync", "os"] as const)("two stores on one home, durability %s", (durability) => {
  it("fence the writer that was overtaken, with both sizes, and lose nothing", async () => {
    const home = await makeHome();
    const [a, b] = [await openStore(home, { durability }), await openStore(home, { durability })];
    const { id, writer, file } = await seed(a);
    const other = await b.resumeThread({ threadId: id });
    const expectedBytes = (await stat(file)).size;
    await b.appendItems({ writer: other.writer, items: [message("from b")] });
    await waitPastCheck();
    const error = await refusal(a.appendItems({ writer, items: [message("from a")] }));
    expect([error.code, error.data["expectedBytes"], error.data["actualBytes"]]).toEqual([
      "writer_fenced",
      expectedBytes,
      (await stat(file)).size,
    ]);
    expect((await refusal(a.appendItems({ writer, items: [message("again")] }))).code).toBe("writer_fenced");
    expect(await textsOf(a, id)).toEqual(["hello", "from b"]);
    const back = await a.resumeThread({ threadId: id });
    await a.appendItems({ writer: back.writer, items: [message("back")] });
    expect(await textsOf(b, id), "reads go by what a fenced writer doesn't vouch for").toEqual([
      "hello",
      "from b",
      "back",
    ]);
    expect((await refusal(b.appendItems({ writer: other.writer, items: [message("x")] }))).code).toBe("writer_fenced");
  });

  it("never acknowledge an append wrongly when both hammer one thread", async () => {
    const home = await makeHome();
    const [a, b] = [await openStore(home, { durability }), await openStore(home, { durability })];
    const { id } = await seed(a, []);
    const acknowledged: { text: string; ordinal: number }[] = [];
    const hammer = async (store: typeof a, name: string): Promise<void> => {
      let opened = await store.resumeThread({ threadId: id });
      for (let n = 0; n < 60; n += 1) {
        const text = `${name}${n}`;
        try {
          const { firstOrdinal } = await store.appendItems({ writer: opened.writer, items: [message(text)] });
          acknowledged.push({ text, ordinal: firstOrdinal });
        } catch {
          opened = await store.resumeThread({ threadId: id });
        }
        if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all([hammer(a, "a"), hammer(b, "b")]);
    const log = await logOf(await openStore(home), id);
    const textAt = (ordinal: number): unknown => {
      const item = log[ordinal]?.item;
      return item?.type === "event_msg" ? item.payload["message"] : undefined;
    };
    for (const { text, ordinal } of acknowledged) expect(textAt(ordinal)).toBe(text);
    expect(log.filter((record) => record.item.type === "unreadable")).toEqual([]);
  });

  it("refuse to go on in a file that became shorter", async () => {
    const store = await openStore(await makeHome(), { durability });
    const { writer, file } = await seed(store);
    await truncate(file, (await stat(file)).size - 3);
    await waitPastCheck();
    expect((await refusal(store.appendItems({ writer, items: [message("x")] }))).code).toBe("writer_fenced");
  });

  it("refuse to go on in a file that was deleted, open or not", async () => {
    for (const openFilesMax of [1, 10]) {
      const store = await openStore(await makeHome(), { durability, openFilesMax });
      const { writer, file } = await seed(store);
      await seed(store);
      await seed(store);
      await rm(file);
      await waitPastCheck();
      expect((await refusal(store.appendItems({ writer, items: [message("x")] }))).code).toBe("writer_fenced");
    }
  });

  it("refuse to go on in a file that another one was put in place of", async () => {
    for (const openFilesMax of [1, 10]) {
      const store = await openStore(await makeHome(), { durability, openFilesMax });
      const { writer, file } = await seed(store);
      await seed(store);
      await seed(store);
      await copyFile(file, `${file}.copy`);
      await rename(`${file}.copy`, file);
      await waitPastCheck();
      expect((await refusal(store.appendItems({ writer, items: [message("x")] }))).code).toBe("writer_fenced");
    }
  });

  it("follow a file that another process archived, open or not", async () => {
    for (const openFilesMax of [1, 10]) {
      const home = await makeHome();
      const store = await openStore(home, { durability, openFilesMax });
      const { id, writer, file } = await seed(store);
      await seed(store);
      await seed(store);
      const moved = join(home, "archived_sessions", basename(file));
      await mkdir(dirname(moved), { recursive: true });
      await rename(file, moved);
      await store.appendItems({ writer, items: [message("there")] });
      expect(await textsOf(store, id)).toEqual(["hello", "there"]);
      expect(await store.readThread({ threadId: id })).toMatchObject({ path: moved, archived: true });
    }
  });
});

describe("a writer beside another program that appends without asking", () => {
  it("is fenced, keeps the other's record, and resuming goes on behind it", async () => {
    const store = await openStore(await makeHome());
    const { id, writer, file } = await seed(store);
    await appendFile(file, messageLine("from codex"));
    expect((await refusal(store.appendItems({ writer, items: [message("x")] }))).code).toBe("writer_fenced");
    const { writer: next, nextOrdinal } = await store.resumeThread({ threadId: id });
    expect(nextOrdinal).toBe(3);
    await store.appendItems({ writer: next, items: [message("y")] });
    expect(await textsOf(store, id)).toEqual(["hello", "from codex", "y"]);
  });
});

describe("many threads and few file descriptors", () => {
  it("are all written to, each file opened again when its turn comes", async () => {
    const store = await openStore(await makeHome(), { openFilesMax: 3 });
    const threads = await Promise.all(Array.from({ length: 12 }, () => seed(store, [])));
    for (let round = 0; round < 4; round += 1) {
      const items = messages(2, `${round}-`);
      await Promise.all(threads.map(({ writer }) => store.appendItems({ writer, items })));
    }
    for (const { id } of threads) expect(await textsOf(store, id)).toHaveLength(8);
  });
});

/** Longer than a look at a file is believed (CHECK_MS), on the real clock. */
async function waitPastCheck(): Promise<void> {
  const endMs = performance.now() + 12;
  while (performance.now() < endMs) await new Promise((resolve) => setImmediate(resolve));
}
