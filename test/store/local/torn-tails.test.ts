/**
 * Torn tails: what a reader counts, what the next append cuts or completes, and that reads never change
 * anything. A record counts with its newline, or when only its newline is missing.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { openLocalThreadStore } from "../../../src/store/local/index.ts";
import { homeWith, messageLine, metaLine, ODD_ID, snapshot, writeInto } from "./hand-made-rollouts.ts";
import { faultyDisk } from "./faulty-disk.ts";
import { logOf, makeHome, message, messages, openStore, refusal, seed, textsOf } from "./store-lab.ts";

const META = Buffer.from(metaLine());
const FIRST = Buffer.from(messageLine("first"));
const LAST = Buffer.from(messageLine("the läst 🧵 one"));

/** Appends to the only thread and answers what it was told when opening it. */
async function appendAfter(home: string): Promise<{ tornBytes: number; nextOrdinal: number; texts: string[] }> {
  const store = await openLocalThreadStore({ home });
  try {
    const { writer, tornBytes, nextOrdinal } = await store.resumeThread({ threadId: ODD_ID });
    const answer = await store.appendItems({ writer, items: [message("next")] });
    expect(answer.firstOrdinal).toBe(nextOrdinal);
    return { tornBytes, nextOrdinal, texts: await textsOf(store, ODD_ID) };
  } finally {
    await store.close();
  }
}

describe("a rollout cut at any byte of its last record", () => {
  it("never fuses the next record with the torn one, and keeps the torn bytes aside", async () => {
    for (let cut = 0; cut <= LAST.byteLength; cut += 1) {
      const { home, file } = await homeWith(Buffer.concat([META, FIRST, LAST.subarray(0, cut)]));
      const isWhole = cut >= LAST.byteLength - 1;
      const before = await snapshot(home);
      const store = await openStore(home);
      const texts = isWhole ? ["first", "the läst 🧵 one"] : ["first"];
      expect(await textsOf(store, ODD_ID)).toEqual(texts);
      await store.resumeThread({ threadId: ODD_ID });
      await store.close();
      expect(await snapshot(home), "neither reading nor resuming changes a byte").toEqual(before);

      const after = await appendAfter(home);
      expect(after).toEqual({
        tornBytes: isWhole ? 0 : cut,
        nextOrdinal: texts.length + 1,
        texts: [...texts, "next"],
      });
      const bytes = await readFile(file);
      expect(bytes.subarray(0, META.byteLength + FIRST.byteLength)).toEqual(Buffer.concat([META, FIRST]));
      if (isWhole || cut === 0) continue;
      const [kept] = await readdir(join(home, "skein/torn"));
      expect(kept).toMatch(new RegExp(`${ODD_ID}\\.jsonl\\.${META.byteLength + FIRST.byteLength}\\.torn$`));
      expect(await readFile(join(home, "skein/torn", kept ?? ""))).toEqual(LAST.subarray(0, cut));
    }
  });
});

describe("an append cut at any byte of its batch", () => {
  it("is not there for any reader, and is cut back to where it began", async () => {
    const home = await makeHome();
    const store = await openStore(home);
    const { id, writer, file } = await seed(store, messages(2, "kept"));
    const start = (await stat(file)).size;
    await store.appendItems({ writer, items: messages(3, "batch") });
    await store.close();
    const whole = await readFile(file);
    // Up to the byte in front of its last brace: what lacks nothing but the newline counts.
    for (let end = start; end < whole.byteLength - 1; end += 7) {
      await writeInto(file, whole.subarray(0, end));
      const reopened = await openLocalThreadStore({ home });
      expect(await textsOf(reopened, id)).toEqual(["kept0", "kept1"]);
      expect((await reopened.listThreads()).data[0]?.updatedAtMs).toBe(
        Date.parse((await logOf(reopened, id)).at(-1)?.timestamp ?? ""),
      );
      const resumed = await reopened.resumeThread({ threadId: id });
      expect(resumed.tornBytes).toBe(end - start);
      await reopened.appendItems({ writer: resumed.writer, items: [message("next")] });
      expect(await textsOf(reopened, id)).toEqual(["kept0", "kept1", "next"]);
      await reopened.close();
      await writeInto(file, whole);
    }
  });

  it("counts once its last line lacks nothing but the newline", async () => {
    const home = await makeHome();
    const store = await openStore(home);
    const { id, file } = await seed(store, messages(3));
    await store.close();
    const whole = await readFile(file);
    await writeInto(file, whole.subarray(0, -1));
    const reopened = await openStore(home);
    expect(await textsOf(reopened, id)).toEqual(["m0", "m1", "m2"]);
    const { writer, tornBytes } = await reopened.resumeThread({ threadId: id });
    expect(tornBytes).toBe(0);
    await reopened.appendItems({ writer, items: [message("next")] });
    expect(await textsOf(reopened, id)).toEqual(["m0", "m1", "m2", "next"]);
    expect((await readFile(file)).subarray(0, whole.byteLength)).toEqual(whole);
  });
});

describe("odd ends", () => {
  it.each([
    ["white space without a newline", "   ", ["first"], 0],
    ["blank lines", "\n\n  \n", ["first"], 0],
    ["zero bytes, as some disks leave them", "\0\0\0\0", ["first"], 4],
    ["complete JSON that is no record", '{"a":1}', ["first"], 7],
    ["half a number", "12", ["first"], 2],
  ])("%s", async (_name, end, texts, tornBytes) => {
    const { home } = await homeWith(Buffer.concat([META, FIRST, Buffer.from(end)]));
    const store = await openStore(home);
    expect(await textsOf(store, ODD_ID)).toEqual(texts);
    await store.close();
    expect(await appendAfter(home)).toEqual({ tornBytes, nextOrdinal: 2, texts: [...texts, "next"] });
  });

  it("keeps a record of an unknown type that only lacks its newline", async () => {
    const line = JSON.stringify({ timestamp: "2026-05-05T10:00:02.000Z", type: "from_the_future", payload: 7 });
    const { home, file } = await homeWith(Buffer.concat([META, FIRST, Buffer.from(line)]));
    expect((await appendAfter(home)).nextOrdinal).toBe(3);
    expect((await readFile(file, "utf8")).split("\n")[2]).toBe(line);
  });

  it("leaves no half copy of a tail behind when the disk is full, however often it is tried", async () => {
    const { home } = await homeWith(`${metaLine()}${messageLine("kept")}{"torn`);
    const disk = faultyDisk();
    const store = await openStore(home, { fileSystem: disk });
    const { writer } = await store.resumeThread({ threadId: ODD_ID });
    disk.faults.bytesLeft = 3;
    for (let n = 0; n < 5; n += 1) await refusal(store.appendItems({ writer, items: [message("no room")] }));
    expect(await readdir(join(home, "skein", "torn"))).toEqual([]);
    disk.faults.bytesLeft = Number.POSITIVE_INFINITY;
    await store.appendItems({ writer, items: [message("room")] });
    expect(await textsOf(store, ODD_ID)).toEqual(["kept", "room"]);
    expect(await readdir(join(home, "skein", "torn"))).toHaveLength(1);
  });

  it("keeps two tails apart that were cut at one offset", async () => {
    const { home, file } = await homeWith(Buffer.concat([META, FIRST]));
    for (const torn of ["{one", "{two"]) {
      await writeInto(file, Buffer.concat([META, FIRST, Buffer.from(torn)]));
      await appendAfter(home);
    }
    const kept = Object.entries(await snapshot(join(home, "skein/torn")));
    expect(kept.map(([, bytes]) => bytes).toSorted()).toEqual(["{one", "{two"]);
  });

  it("leaves a batch of another writer alone that a later line ended in the middle of the file", async () => {
    const open = `${messageLine("open").slice(0, -2)},"skein":{"more":2}}\n`;
    const { home } = await homeWith(Buffer.concat([META, Buffer.from(open), FIRST]));
    expect(await appendAfter(home)).toEqual({ tornBytes: 0, nextOrdinal: 3, texts: ["open", "first", "next"] });
  });
});
