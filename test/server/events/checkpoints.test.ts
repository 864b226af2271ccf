/**
 * Named checkpoints of event feeds over the wire: a consumer that comes back goes on where it was, whoever it was
 * that went away meanwhile.
 */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { openCheckpointFiles } from "../../../src/server/index.ts";
import { FeedWorld, Refused, settle } from "./feed-world.ts";

const open: FeedWorld[] = [];
const checkpoint = "mail-sender";

/** A world over files, with checkpoints as files of its home. */
async function world(): Promise<FeedWorld> {
  const made = await FeedWorld.open({ kind: "local" });
  open.push(made);
  await made.restart(await openCheckpointFiles({ home: made.home }));
  return made;
}

afterEach(async () => {
  for (const made of open.splice(0)) await made.close();
});

async function refusal(work: Promise<unknown>): Promise<Refused["error"]> {
  const error: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof Refused)) throw new Error(`it was not refused: ${String(error)}`);
  return error.error;
}

describe("a named checkpoint", () => {
  it("lets a consumer go on where it was, over connections and servers", async () => {
    const made = await world();
    const threadId = await made.thread("one", "two", "three");
    const first = await made.consumer();
    const { subscriptionId, from } = await first.subscribe({ threadId, checkpoint });
    expect(from).toBe(0);
    await first.until(() => first.records().length === 4);
    await first.acknowledge(subscriptionId, 2);
    first.disconnect();
    const second = await made.consumer();
    expect(await second.subscribe({ threadId, checkpoint })).toMatchObject({ from: 2, nextOrdinal: 4 });
    await made.restart(await openCheckpointFiles({ home: made.home }));
    const third = await made.consumer();
    await third.subscribe({ threadId, checkpoint });
    await third.until(() => third.records().length === 2);
    expect(third.records().map(({ ordinal }) => ordinal)).toEqual([2, 3]);
  });

  it("is one file of the home, which holds what was acknowledged when that is answered", async () => {
    const made = await world();
    const threadId = await made.thread("one", "two");
    const client = await made.consumer();
    const { subscriptionId } = await client.subscribe({ threadId, checkpoint });
    await client.until(() => client.records().length === 3);
    await client.acknowledge(subscriptionId, 3);
    const path = join(made.home, "skein-checkpoints", checkpoint, `${threadId}.json`);
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ checkpoint, threadId, nextOrdinal: 3 });
    expect(await readdir(join(made.home, "skein-checkpoints", ".writing"))).toEqual([]);
  });

  it("belongs to one subscription: a newer one takes it over, and the older can't move it any more", async () => {
    const made = await world();
    const threadId = await made.thread("one", "two", "three");
    const [older, newer] = [await made.consumer(), await made.consumer()];
    const lingering = await older.subscribe({ threadId, checkpoint });
    await older.until(() => older.records().length === 4);
    const acknowledged = older.acknowledge(lingering.subscriptionId, 1);
    const taken = await newer.subscribe({ threadId, checkpoint });
    await acknowledged;
    expect(taken.from).toBe(1);
    expect(older.endings(lingering.subscriptionId)).toEqual(["taken over by another subscriber"]);
    expect((await refusal(older.acknowledge(lingering.subscriptionId, 4))).message).toContain("no event subscription");
    await newer.until(() => newer.records().length === 3);
    await newer.acknowledge(taken.subscriptionId, 3);
    expect(await newer.request("thread/events/checkpoint/read", { threadId, checkpoint })).toEqual({ nextOrdinal: 3 });
  });

  it("has other names and other threads beside it", async () => {
    const made = await world();
    const [threadId, otherId] = [await made.thread("one"), await made.thread("one")];
    const client = await made.consumer();
    const { subscriptionId } = await client.subscribe({ threadId, checkpoint });
    const same = await client.subscribe({ threadId: otherId, checkpoint });
    const named = await client.subscribe({ threadId, checkpoint: `${checkpoint}.2` });
    await client.until(() => client.records().length === 6);
    await client.acknowledge(subscriptionId, 2);
    expect(client.endings()).toEqual([]);
    const read = async (params: object) =>
      (await client.request<{ nextOrdinal: number }>("thread/events/checkpoint/read", params)).nextOrdinal;
    expect(await read({ threadId, checkpoint })).toBe(2);
    expect(await read({ threadId: otherId, checkpoint })).toBeNull();
    expect(await read({ threadId, checkpoint: `${checkpoint}.2` })).toBeNull();
    await client.acknowledge(same.subscriptionId, 1);
    await client.acknowledge(named.subscriptionId, 2);
    expect(await read({ threadId: otherId, checkpoint })).toBe(1);
  });

  it("keeps the place a consumer began at before it acknowledged anything", async () => {
    const made = await world();
    const threadId = await made.thread("one", "two");
    const first = await made.consumer();
    expect((await first.subscribe({ threadId, checkpoint, fromNow: true })).from).toBe(3);
    first.disconnect();
    await made.say(threadId, "while it was away");
    const second = await made.consumer();
    expect((await second.subscribe({ threadId, checkpoint, fromNow: true })).from).toBe(3);
    await second.until(() => second.records().length === 1);
  });

  it("is not lowered by an acknowledgement of what is done, and a wanted `from` goes before it", async () => {
    const made = await world();
    const threadId = await made.thread("one", "two", "three");
    const client = await made.consumer();
    const { subscriptionId } = await client.subscribe({ threadId, checkpoint });
    await client.until(() => client.records().length === 4);
    await client.acknowledge(subscriptionId, 3);
    await client.acknowledge(subscriptionId, 1);
    const again = await client.subscribe({ threadId, checkpoint, from: 1 });
    expect(again.from).toBe(1);
    await client.until(() => client.records(again.subscriptionId).length === 3);
    await client.acknowledge(again.subscriptionId, 2);
    expect(await client.request("thread/events/checkpoint/read", { threadId, checkpoint })).toEqual({ nextOrdinal: 3 });
  });

  it("refuses an acknowledgement of what was not sent, with both numbers", async () => {
    const made = await world();
    const threadId = await made.thread("one", "two", "three");
    const client = await made.consumer();
    const { subscriptionId } = await client.subscribe({ threadId, checkpoint, window: 2 });
    await client.until(() => client.records().length === 2);
    const error = await refusal(client.acknowledge(subscriptionId, 3));
    expect(error.data).toMatchObject({ skeinCode: "ordinal_conflict", expectedOrdinal: 3, actualOrdinal: 2 });
    expect(await client.request("thread/events/checkpoint/read", { threadId, checkpoint })).toEqual({
      nextOrdinal: null,
    });
  });

  it("can be deleted: who has it is told, and the next consumer begins anew", async () => {
    const made = await world();
    const threadId = await made.thread("one");
    const client = await made.consumer();
    const { subscriptionId } = await client.subscribe({ threadId, checkpoint });
    await client.until(() => client.records().length === 2);
    await client.acknowledge(subscriptionId, 2);
    await client.request("thread/events/checkpoint/delete", { threadId, checkpoint });
    await client.request("thread/events/checkpoint/delete", { threadId, checkpoint });
    expect(client.endings(subscriptionId)).toEqual(["its checkpoint was deleted"]);
    expect((await client.subscribe({ threadId, checkpoint })).from).toBe(0);
  });

  it("goes with its thread", async () => {
    const made = await world();
    const [threadId, keptId] = [await made.thread("one"), await made.thread("one")];
    const client = await made.consumer();
    for (const id of [threadId, keptId]) await client.subscribe({ threadId: id, checkpoint, from: 1 });
    const folder = join(made.home, "skein-checkpoints", checkpoint);
    expect(await readdir(folder)).toHaveLength(2);
    await client.request("thread/delete", { threadId });
    await client.until(() => client.endings().length === 1);
    const read = { threadId, checkpoint };
    for (let isThere = true; isThere;) {
      const { nextOrdinal } = await client.request("thread/events/checkpoint/read", read);
      isThere = nextOrdinal !== null;
    }
    expect(await readdir(folder)).toEqual([`${keptId}.json`]);
  });

  it.each(["", ".hidden", "a/b", "..", "ü", "a b", "x".repeat(129)])("can't be called %j", async (name) => {
    const made = await world();
    const threadId = await made.thread("one");
    const client = await made.consumer();
    expect((await refusal(client.subscribe({ threadId, checkpoint: name }))).code).toBe(-32_600);
    const key = { threadId, checkpoint: name };
    expect((await refusal(client.request("thread/events/checkpoint/read", key))).code).toBe(-32_600);
    expect((await refusal(client.request("thread/events/checkpoint/delete", key))).code).toBe(-32_600);
    expect(await readdir(made.home)).not.toContain("skein-checkpoints");
  });

  it("that is ahead of the log is refused, and says so", async () => {
    const made = await world();
    const threadId = await made.thread("one");
    const files = await openCheckpointFiles({ home: made.home });
    await files.save({ name: checkpoint, threadId }, 9);
    const client = await made.consumer();
    const error = await refusal(client.subscribe({ threadId, checkpoint }));
    expect(error.message).toContain("mail-sender is 9, past the end of the thread's log, which is 2");
    expect(error.data).toMatchObject({ skeinCode: "ordinal_conflict", expectedOrdinal: 9, actualOrdinal: 2 });
    expect((await client.subscribe({ threadId, checkpoint, from: 0 })).from).toBe(0);
  });

  it.each([
    ["nothing", ""],
    ["half of it", '{"checkpoint":"mail-sender","thre'],
    ["no object", "7"],
    ["another name", '{"checkpoint":"Mail-Sender","threadId":"THREAD","nextOrdinal":1}'],
    ["another thread", '{"checkpoint":"mail-sender","threadId":"x","nextOrdinal":1}'],
    ["no ordinal", '{"checkpoint":"mail-sender","threadId":"THREAD","nextOrdinal":-1}'],
    ["far too much", " ".repeat(10_000)],
  ])("whose file holds %s is an error until it is deleted, never a new beginning", async (_, text) => {
    const made = await world();
    const threadId = await made.thread("one");
    const folder = join(made.home, "skein-checkpoints", checkpoint);
    await mkdir(folder, { recursive: true });
    const path = join(folder, `${threadId}.json`);
    const written = text.replace("THREAD", threadId);
    await writeFile(path, written);
    const client = await made.consumer();
    for (const params of [
      { threadId, checkpoint },
      { threadId, checkpoint, from: 0 },
    ]) {
      const error = await refusal(client.subscribe(params));
      expect(error.data).toMatchObject({ skeinCode: "checkpoint_unreadable", path, retryable: false });
      expect(error.message).toContain("delete the checkpoint");
    }
    expect(await readFile(path, "utf8")).toBe(written);
    await client.request("thread/events/checkpoint/delete", { threadId, checkpoint });
    expect((await client.subscribe({ threadId, checkpoint })).from).toBe(0);
  });

  it("in memory lasts as long as the server", async () => {
    const made = await FeedWorld.open();
    open.push(made);
    const threadId = await made.thread("one", "two");
    const first = await made.consumer();
    const { subscriptionId } = await first.subscribe({ threadId, checkpoint });
    await first.until(() => first.records().length === 3);
    await first.acknowledge(subscriptionId, 2);
    first.disconnect();
    const second = await made.consumer();
    expect((await second.subscribe({ threadId, checkpoint })).from).toBe(2);
    await made.restart(undefined);
    const third = await made.consumer();
    expect((await third.subscribe({ threadId, checkpoint })).from).toBe(0);
    await settle();
  });
});
