/**
 * Event feeds over the wire, on one server: where they begin, what they tell, and how they end. Clients are connected
 * in this process; all that they are sent is held to the protocol's shapes.
 */
import { unlink } from "node:fs/promises";

import { afterEach, describe, expect, it } from "vitest";

import { type Consumer, FeedWorld, type FeedWorldOptions, Refused, settle } from "./feed-world.ts";

const open: FeedWorld[] = [];

async function world(options?: FeedWorldOptions): Promise<FeedWorld> {
  const made = await FeedWorld.open(options);
  open.push(made);
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

function ordinals(consumer: Consumer, subscriptionId?: string): readonly number[] {
  return consumer.records(subscriptionId).map(({ ordinal }) => ordinal);
}

describe.each(["memory", "local"] as const)("a feed over a %s store", (kind) => {
  it("tells the whole log of a thread that is not loaded, then what is recorded", async () => {
    const { thread, say, log, consumer } = bound(await world({ kind }));
    const threadId = await thread("one", "two");
    const client = await consumer();
    const answer = await client.subscribe({ threadId });
    expect(answer).toMatchObject({ from: 0, nextOrdinal: 3 });
    await client.until(() => client.records().length === 3);
    await say(threadId, "three");
    await client.until(() => client.records().length === 4);
    const stored = await log(threadId);
    expect(client.records()).toEqual(stored.map(({ ordinal, timestamp, item }) => ({ ordinal, timestamp, ...item })));
  });

  it("begins at `from`, at the end for `fromNow`, and at the end of the log", async () => {
    const { thread, say, consumer } = bound(await world({ kind }));
    const threadId = await thread("one", "two");
    const client = await consumer();
    const middle = await client.subscribe({ threadId, from: 2 });
    const now = await client.subscribe({ threadId, fromNow: true });
    const end = await client.subscribe({ threadId, from: 3 });
    expect([middle, now, end].map(({ from, nextOrdinal }) => [from, nextOrdinal])).toEqual([
      [2, 3],
      [3, 3],
      [3, 3],
    ]);
    await say(threadId, "three", "four");
    await client.until(() => client.records().length === 7);
    expect(ordinals(client, middle.subscriptionId)).toEqual([2, 3, 4]);
    expect(ordinals(client, now.subscriptionId)).toEqual([3, 4]);
    expect(ordinals(client, end.subscriptionId)).toEqual([3, 4]);
  });

  it("refuses a place past the end of the log, with both numbers", async () => {
    const { thread, consumer } = bound(await world({ kind }));
    const threadId = await thread("one");
    const client = await consumer();
    for (const from of [3, 4, 100_000]) {
      const error = await refusal(client.subscribe({ threadId, from }));
      expect(error.code).toBe(-32_600);
      expect(error.data).toMatchObject({ skeinCode: "ordinal_conflict", expectedOrdinal: from, actualOrdinal: 2 });
    }
    expect(client.notified("thread/events/ended")).toEqual([]);
  });

  it("ends when the thread is deleted, behind all that was recorded", async () => {
    const { thread, say, consumer, store } = bound(await world({ kind }));
    const threadId = await thread("one");
    const client = await consumer();
    const { subscriptionId } = await client.subscribe({ threadId });
    await client.until(() => client.records().length === 2);
    await say(threadId, "last");
    await store.deleteThread(threadId);
    await client.until(() => client.endings().length === 1);
    expect(ordinals(client)).toEqual([0, 1, 2]);
    expect(client.endings(subscriptionId)).toEqual(["the thread was deleted"]);
    expect((await refusal(client.acknowledge(subscriptionId, 1))).message).toContain("no event subscription");
    expect((await refusal(client.subscribe({ threadId }))).message).toBe(`thread not found: ${threadId}`);
  });
});

describe("a feed", () => {
  it("tells the answer before the first record", async () => {
    const { thread, consumer } = bound(await world());
    const threadId = await thread("one");
    const client = await consumer();
    await client.subscribe({ threadId });
    await client.until(() => client.records().length === 2);
    const answered = client.messages.findIndex(({ id }) => id === 2);
    const told = client.messages.findIndex(({ method }) => method === "thread/events/records");
    expect(told).toBeGreaterThan(answered);
  });

  it("is refused where both `from` and `fromNow` are given, and where the thread is unknown or no id", async () => {
    const { thread, consumer } = bound(await world());
    const threadId = await thread("one");
    const client = await consumer();
    expect((await refusal(client.subscribe({ threadId, from: 0, fromNow: true }))).message).toContain("not both");
    const unknown = "01997000-0000-7000-8000-000000000000";
    expect((await refusal(client.subscribe({ threadId: unknown }))).message).toBe(`thread not found: ${unknown}`);
    expect((await refusal(client.subscribe({ threadId: "x" }))).message).toContain("invalid thread id");
  });

  it("is refused to a client that opted out of its records", async () => {
    const { thread, consumer } = bound(await world());
    const threadId = await thread("one");
    const client = await consumer(["thread/events/records"]);
    expect((await refusal(client.subscribe({ threadId }))).message).toContain("does not want");
  });

  it("follows a loaded thread through a turn, with its signals between its records when they are asked for", async () => {
    const { consumer } = bound(await world());
    const client = await consumer();
    const { thread } = await client.request<{ thread: { id: string } }>("thread/start", {});
    const threadId = thread.id;
    const { subscriptionId } = await client.subscribe({ threadId, signals: true });
    const plain = await client.subscribe({ threadId });
    expect(plain).toMatchObject({ from: 0, nextOrdinal: 0 });
    await client.request("turn/start", { threadId, input: [{ type: "text", text: "hello" }] });
    const last = (): boolean =>
      client.records(subscriptionId).some(({ payload }) => (payload as { type?: string }).type === "task_complete");
    await client.until(last);
    const count = client.records(subscriptionId).length;
    await client.until(() => client.records(plain.subscriptionId).length === count);
    const signals = client.notified("thread/events/signal", subscriptionId);
    expect(signals.map(({ signal }) => (signal as { type: string }).type)).toContain("text_delta");
    expect(client.notified("thread/events/signal", plain.subscriptionId)).toEqual([]);
    expect(ordinals(client, plain.subscriptionId)).toEqual(Array.from({ length: count }, (_, place) => place));
  });

  it("ends without a word when its client unsubscribes, once or twice", async () => {
    const made = await world();
    const { thread, say, consumer } = bound(made);
    const threadId = await thread("one");
    const client = await consumer();
    const { subscriptionId } = await client.subscribe({ threadId });
    await client.until(() => client.records().length === 2);
    await client.request("thread/events/unsubscribe", { subscriptionId });
    await client.request("thread/events/unsubscribe", { subscriptionId });
    await say(threadId, "two");
    await settle();
    expect(ordinals(client)).toEqual([0, 1]);
    expect(client.endings()).toEqual([]);
    expect(made.server.context.subscriptions.size).toBe(0);
  });

  it("leaves nothing behind when its client disconnects, also while it is being made", async () => {
    const made = await world();
    const { thread, consumer } = bound(made);
    const threadId = await thread("one");
    const client = await consumer();
    await client.subscribe({ threadId });
    void client.subscribe({ threadId, checkpoint: "c" });
    client.disconnect();
    await settle();
    expect(made.server.context.subscriptions.size).toBe(0);
    const next = await consumer();
    await next.subscribe({ threadId, checkpoint: "c" });
    await next.until(() => next.records().length === 2);
    expect(next.endings()).toEqual([]);
  });

  it("is told when the server stops", async () => {
    const made = await world();
    const { thread, consumer } = bound(made);
    const threadId = await thread("one");
    const client = await consumer();
    await client.subscribe({ threadId });
    await client.until(() => client.records().length === 2);
    await made.server.close();
    expect(client.endings()).toEqual(["the server is stopping"]);
    expect(client.isConnected).toBe(false);
  });

  it("says that the server is stopping also when the runtime was closed first", async () => {
    const made = await world();
    const { thread, consumer } = bound(made);
    const threadId = await thread("one");
    const client = await consumer();
    await client.subscribe({ threadId });
    await client.until(() => client.records().length === 2);
    await made.runtime.close();
    await client.until(() => client.endings().length === 1);
    expect(client.endings()).toEqual(["the server is stopping"]);
  });

  it("says that its thread was deleted also when that was another process", async () => {
    const made = await world({ kind: "local" });
    const { thread, consumer, store } = bound(made);
    const threadId = await thread(...Array.from({ length: 600 }, (_, place) => `${place}`));
    const client = await consumer();
    const { subscriptionId } = await client.subscribe({ threadId, window: 10 });
    await client.until(() => client.records().length === 10);
    const { path } = await store.readThread({ threadId });
    await unlink(path ?? "");
    for (let done = 10; client.endings().length === 0;) {
      await client.acknowledge(subscriptionId, done);
      await client.until(() => client.records().length > done || client.endings().length > 0);
      done = client.records().length;
    }
    expect(client.endings()).toEqual(["the thread was deleted"]);
    expect(client.records().length).toBeLessThan(601);
  });

  it("of an ephemeral thread has no checkpoint, and works without one", async () => {
    const { consumer } = bound(await world());
    const client = await consumer();
    const { thread } = await client.request<{ thread: { id: string } }>("thread/start", { ephemeral: true });
    const threadId = thread.id;
    expect((await refusal(client.subscribe({ threadId, checkpoint: "c" }))).message).toContain("ephemeral");
    await client.subscribe({ threadId });
    await client.request("turn/start", { threadId, input: [{ type: "text", text: "hello" }] });
    await client.until(() => client.records().length > 3);
    expect(ordinals(client)[0]).toBe(0);
  });

  it("is refused past the most that one client may have", async () => {
    const { thread, consumer } = bound(await world());
    const threadId = await thread("one");
    const client = await consumer();
    for (let place = 0; place < 1_024; place += 1) await client.subscribe({ threadId, fromNow: true });
    expect((await refusal(client.subscribe({ threadId }))).message).toContain("1024 event subscriptions");
    const other = await consumer();
    await other.subscribe({ threadId });
  });
});

/** The world's methods, to be called without it. */
function bound(made: FeedWorld) {
  return {
    store: made.store,
    thread: made.thread.bind(made),
    say: made.say.bind(made),
    log: made.log.bind(made),
    consumer: made.consumer.bind(made),
  };
}
