/**
 * Histories from files: pages cost themselves, hints are checked, and what others wrote into a file is
 * read as records, readable or not.
 */
import { appendFile, copyFile, rename } from "node:fs/promises";

import { describe, expect, it } from "vitest";

import { LIMITS } from "../../../src/base/index.ts";
import { faultyDisk } from "./faulty-disk.ts";
import { homeWith, messageLine, metaLine, ODD_ID } from "./hand-made-rollouts.ts";
import { logOf, makeHome, message, messages, openStore, refusal, seed, textsOf } from "./store-lab.ts";

describe("a page of history", () => {
  it("deep in a long log reads its own blocks when the hint of the page before is given", async () => {
    const { home } = await homeWith(metaLine() + messageLine("x".repeat(1_000)).repeat(30_000));
    const disk = faultyDisk();
    const store = await openStore(home, { fileSystem: disk });
    const first = await store.loadHistory({ threadId: ODD_ID, from: 29_000, limit: 10 });
    const counting = disk.calls["read"] ?? 0;
    expect(counting).toBeGreaterThan(100);
    const hint = first.hint ?? "";
    const second = await store.loadHistory({ threadId: ODD_ID, from: first.nextOrdinal, limit: 10, hint });
    expect((disk.calls["read"] ?? 0) - counting).toBeLessThan(6);
    expect(second.records.map((record) => record.ordinal)).toEqual(Array.from({ length: 10 }, (_, n) => 29_010 + n));
  });

  it("of a loaded thread begins where its writer has noted it, without a hint", async () => {
    const disk = faultyDisk();
    const { home } = await homeWith(metaLine() + messageLine("x".repeat(1_000)).repeat(10_000));
    const store = await openStore(home, { fileSystem: disk });
    await store.resumeThread({ threadId: ODD_ID });
    const before = disk.calls["read"] ?? 0;
    const { records } = await store.loadHistory({ threadId: ODD_ID, from: 9_990 });
    expect(records).toHaveLength(11);
    expect((disk.calls["read"] ?? 0) - before).toBeLessThan(6);
  });

  it("does not believe a hint of another file under the same name", async () => {
    const { home, file } = await homeWith(
      metaLine() +
        messages(40)
          .map((_, n) => messageLine(`a${n}`))
          .join(""),
    );
    const store = await openStore(home);
    const { hint, nextOrdinal } = await store.loadHistory({ threadId: ODD_ID, limit: 20 });
    const other = await homeWith(
      metaLine() +
        messages(40)
          .map((_, n) => messageLine(`b${n}${"-".repeat(n)}`))
          .join(""),
    );
    await copyFile(other.file, `${file}.new`);
    await rename(`${file}.new`, file);
    const page = await store.loadHistory({
      threadId: ODD_ID,
      from: nextOrdinal,
      ...(hint === undefined ? {} : { hint }),
    });
    const item = page.records[0]?.item;
    expect(item?.type === "event_msg" ? item.payload["message"] : null).toBe(`b19${"-".repeat(19)}`);
  });

  it("ends early when its records are large, and says that more follows", async () => {
    const store = await openStore(await makeHome());
    const { id, writer } = await seed(store, []);
    for (let n = 0; n < 4; n += 1)
      await store.appendItems({ writer, items: [message(`${n}${"x".repeat(9_000_000)}`)] });
    const page = await store.loadHistory({ threadId: id });
    expect([page.records.length, page.isEnd, page.nextOrdinal]).toEqual([3, false, 3]);
    expect(await logOf(store, id)).toHaveLength(5);
  });
});

describe("what others wrote into a log", () => {
  it("keeps its ordinals whether or not it can be read", async () => {
    const lines = [
      metaLine(),
      "\n",
      "   \n",
      "not json\n",
      messageLine("crlf").replace("\n", "\r\n"),
      '{"timestamp":7,"type":"event_msg","payload":{}}\n',
      '{"timestamp":"2026-05-05T10:00:02.000Z","type":"odd","payload":[1]}\n',
      messageLine("extra").replace("{", '{"extra":{"a":[1]},'),
    ];
    const { home } = await homeWith(Buffer.concat([Buffer.from(lines.join("")), Buffer.from([0xff, 0xfe, 0x0a])]));
    const store = await openStore(home);
    const log = await logOf(store, ODD_ID);
    expect(log.map(({ ordinal, item }) => [ordinal, item.type])).toEqual([
      [0, "session_meta"],
      [1, "unreadable"],
      [2, "event_msg"],
      [3, "unreadable"],
      [4, "unknown"],
      [5, "event_msg"],
      [6, "unreadable"],
    ]);
    const { nextOrdinal, writer } = await store.resumeThread({ threadId: ODD_ID });
    expect(nextOrdinal).toBe(7);
    await store.appendItems({ writer, items: [message("next")], expectedOrdinal: 7 });
    expect(await textsOf(store, ODD_ID)).toEqual(["crlf", "extra", "next"]);
  });

  it("is seen by a store that has the thread loaded, as soon as it is there", async () => {
    const store = await openStore(await makeHome());
    const { id, file } = await seed(store);
    await appendFile(file, messageLine("from codex"));
    expect(await textsOf(store, id)).toEqual(["hello", "from codex"]);
  });
});

describe("idempotency keys", () => {
  it("are read back from the tail when a thread is resumed, with their batch's ordinals", async () => {
    const home = await makeHome();
    const store = await openStore(home);
    const { id, writer } = await seed(store, []);
    await store.appendItems({ writer, items: messages(3), idempotencyKey: 'a "key"\n' });
    await store.appendItems({ writer, items: messages(1), idempotencyKey: "one" });
    await store.close();
    const reopened = await openStore(home);
    const { writer: next } = await reopened.resumeThread({ threadId: id });
    const again = (idempotencyKey: string): Promise<object> =>
      reopened.appendItems({ writer: next, items: messages(1), idempotencyKey });
    expect(await again('a "key"\n')).toMatchObject({ firstOrdinal: 1, nextOrdinal: 4, duplicate: true });
    expect(await again("one")).toMatchObject({ firstOrdinal: 4, nextOrdinal: 5, duplicate: true });
    expect(await again("new")).toMatchObject({ firstOrdinal: 5, duplicate: false });
  });

  it("that two calls carry at once give both the one answer, and one record", async () => {
    const store = await openStore(await makeHome());
    const { id, writer } = await seed(store, []);
    const append = { writer, items: [message("once")], idempotencyKey: "k" };
    const answers = await Promise.all([store.appendItems(append), store.appendItems(append)]);
    expect(answers.map((answer) => [answer.firstOrdinal, answer.duplicate])).toEqual([
      [1, false],
      [1, true],
    ]);
    expect(await textsOf(store, id)).toEqual(["once"]);
  });

  it("are forgotten, the oldest first, past their bound", async () => {
    const store = await openStore(await makeHome(), { durability: "os" });
    const { writer } = await seed(store, []);
    const append = (n: number): Promise<{ duplicate: boolean }> =>
      store.appendItems({ writer, items: [message("x")], idempotencyKey: `k${n}` });
    await Promise.all(Array.from({ length: LIMITS.idempotencyKeysMax + 1 }, (_, n) => append(n)));
    expect([(await append(1)).duplicate, (await append(0)).duplicate]).toEqual([true, false]);
  });
});

it("turns are paged by id, and the cursor of a turn that was rolled back is refused", async () => {
  const store = await openStore(await makeHome());
  const turn = (id: string, text: string): Parameters<typeof store.appendItems>[0]["items"] => [
    { type: "event_msg", payload: { type: "task_started", turn_id: id } },
    message(text),
    { type: "event_msg", payload: { type: "task_complete", turn_id: id } },
  ];
  const { id: threadId, writer } = await seed(store, [
    ...turn("t1", "one"),
    ...turn("t2", "two"),
    ...turn("t3", "three"),
  ]);
  const page = await store.listTurns({ threadId, limit: 2 });
  expect(page.data.map((one) => one.id)).toEqual(["t3", "t2"]);
  const cursor = page.nextCursor ?? "";
  expect((await store.listTurns({ threadId, cursor })).data.map((one) => one.id)).toEqual(["t1"]);
  await store.appendItems({
    writer,
    items: [{ type: "event_msg", payload: { type: "thread_rolled_back", num_turns: 2 } }],
  });
  expect((await refusal(store.listTurns({ threadId, cursor }))).code).toBe("invalid_cursor");
});
