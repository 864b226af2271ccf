/**
 * Flow control of event feeds: what is under way to a client is bounded by what it acknowledged, in records and in
 * bytes, and a client that never does holds nothing in the server.
 */
import { afterEach, describe, expect, it } from "vitest";

import { createManualClock } from "../../../src/testing/index.ts";
import { type Consumer, FeedWorld, type FeedWorldOptions, settle } from "./feed-world.ts";

const open: FeedWorld[] = [];
const MIB = 1024 * 1024;

async function world(options?: FeedWorldOptions): Promise<FeedWorld> {
  const made = await FeedWorld.open(options);
  open.push(made);
  return made;
}

afterEach(async () => {
  for (const made of open.splice(0)) await made.close();
});

function texts(count: number, length = 5): readonly string[] {
  return Array.from({ length: count }, (_, place) => `${place} `.padEnd(length, "x"));
}

async function sayMany(made: FeedWorld, threadId: string, said: readonly string[]): Promise<void> {
  for (let begin = 0; begin < said.length; begin += 1_000) {
    await made.say(threadId, ...said.slice(begin, begin + 1_000));
  }
}

/** Sizes of the notifications with records. */
function batches(client: Consumer): readonly { readonly count: number; readonly bytes: number }[] {
  return client.messages.flatMap(({ method, params = {} }, place) => {
    if (method !== "thread/events/records") return [];
    return [{ count: (params["records"] as unknown[]).length, bytes: client.bytes[place] ?? 0 }];
  });
}

function recordBytes(client: Consumer): number {
  return batches(client).reduce((sum, { bytes }) => sum + bytes, 0);
}

describe("the window of a subscription", () => {
  it.each([
    [undefined, 1_024],
    [1, 1],
    [7, 7],
    [10_000, 3_001],
  ])("of %s lets %i of 3,001 records be under way, and opens by what is acknowledged", async (window, expected) => {
    const made = await world();
    const threadId = await made.thread();
    await sayMany(made, threadId, texts(3_000));
    const client = await made.consumer();
    const { subscriptionId } = await client.subscribe({ threadId, ...(window === undefined ? {} : { window }) });
    await client.until(() => client.records().length >= expected);
    await settle(100);
    expect(client.records()).toHaveLength(expected);
    const done = Math.ceil(expected / 2);
    await client.acknowledge(subscriptionId, done);
    const next = Math.min(3_001, expected + done);
    await client.until(() => client.records().length >= next);
    await settle(100);
    expect(client.records().map(({ ordinal }) => ordinal)).toEqual(Array.from({ length: next }, (_, place) => place));
  });

  it("joins what is there in notifications of 256 records and 1 MiB at most", async () => {
    const made = await world();
    const threadId = await made.thread();
    await sayMany(made, threadId, texts(600));
    await sayMany(made, threadId, texts(40, 100_000));
    await sayMany(made, threadId, ["y".repeat(2 * MIB), "small"]);
    const client = await made.consumer();
    const { subscriptionId } = await client.subscribe({ threadId, window: 10_000 });
    for (let done = 0; done < 643;) {
      await client.until(() => client.records().length > done);
      done = client.records().length;
      await client.acknowledge(subscriptionId, done);
    }
    const sizes = batches(client);
    expect(Math.max(...sizes.map(({ count }) => count))).toBe(256);
    const large = sizes.filter(({ bytes }) => bytes > MIB + 1_000);
    expect(large.map(({ count }) => count)).toEqual([1]);
    expect(sizes.length).toBeLessThan(20);
  });

  it("lets others have their turn of the event loop between two full notifications", async () => {
    const made = await world();
    const threadId = await made.thread();
    await sayMany(made, threadId, texts(3_000));
    const client = await made.consumer();
    let turn = 0;
    let isDone = false;
    const count = (): void => {
      turn += 1;
      if (!isDone) setImmediate(count);
    };
    count();
    const turns = new Set<number>();
    await client.subscribe({ threadId, window: 10_000 });
    await client.until(() => {
      turns.add(turn);
      return client.records().length === 3_001;
    });
    isDone = true;
    expect(turns.size).toBeGreaterThan(8);
  });

  it("holds back bytes as well: 4 MiB and one record for one subscription", async () => {
    const made = await world();
    const threadId = await made.thread();
    await sayMany(made, threadId, texts(100, 100_000));
    const client = await made.consumer();
    const { subscriptionId } = await client.subscribe({ threadId });
    await client.until(() => recordBytes(client) >= 4 * MIB);
    await settle(100);
    expect(recordBytes(client)).toBeLessThan(4 * MIB + 200_000);
    const first = client.records().length;
    await client.acknowledge(subscriptionId, first);
    await client.until(() => client.records().length >= 2 * first - 1);
  });

  it("holds back 16 MiB and a record each for all subscriptions of a client, and a large record gets through", async () => {
    const made = await world();
    const threadId = await made.thread();
    await sayMany(made, threadId, texts(40, 200_000));
    const client = await made.consumer();
    const ids: string[] = [];
    for (let place = 0; place < 40; place += 1) ids.push((await client.subscribe({ threadId })).subscriptionId);
    await client.until(() => ids.every((id) => client.records(id).length > 0));
    await settle(200);
    expect(recordBytes(client)).toBeLessThan(16 * MIB + 40 * 210_000);
    for (const id of ids.slice(1)) await client.request("thread/events/unsubscribe", { subscriptionId: id });
    const [id = ""] = ids;
    for (let done = 0; done < 41;) {
      await client.until(() => client.records(id).length > done);
      done = client.records(id).length;
      await client.acknowledge(id, done);
    }
    const { subscriptionId } = await client.subscribe({ threadId });
    await client.until(() => client.records(subscriptionId).length > 15);
  });

  it("that stays full keeps nothing of the thread, and is read again when there is room", async () => {
    const clock = createManualClock();
    const made = await world({ clock });
    const threadId = await made.thread();
    await sayMany(made, threadId, texts(500));
    const client = await made.consumer();
    const { subscriptionId } = await client.subscribe({ threadId, window: 10 });
    await client.until(() => client.records().length === 10);
    await settle();
    expect(made.openFeeds).toBe(1);
    await clock.run(1_000);
    expect(made.openFeeds).toBe(0);
    await made.say(threadId, "while it is parked");
    await client.acknowledge(subscriptionId, 10);
    await client.until(() => client.records().length === 20);
    expect(made.openFeeds).toBe(1);
    for (let done = 20; done < 502; done = client.records().length) {
      await client.acknowledge(subscriptionId, done);
      await client.until(() => client.records().length > done);
      await settle();
      await clock.run(1_000);
    }
    expect(client.records().map(({ ordinal }) => ordinal)).toEqual(Array.from({ length: 502 }, (_, place) => place));
  });

  it("that stays full ends when the thread is deleted", async () => {
    const clock = createManualClock();
    const made = await world({ clock });
    const [parkedId, fullId] = [await made.thread(...texts(50)), await made.thread(...texts(50))];
    const client = await made.consumer();
    const parked = await client.subscribe({ threadId: parkedId, window: 10 });
    await client.until(() => client.records().length === 10);
    await settle();
    await clock.run(1_000);
    const full = await client.subscribe({ threadId: fullId, window: 10 });
    await client.until(() => client.records().length === 20);
    await made.store.deleteThread(parkedId);
    await client.until(() => client.endings(parked.subscriptionId).length === 1);
    await made.store.deleteThread(fullId);
    await settle();
    await clock.run(1_000);
    await client.until(() => client.endings(full.subscriptionId).length === 1);
    expect(client.endings()).toEqual(["the thread was deleted", "the thread was deleted"]);
    expect(made.server.context.subscriptions.size).toBe(0);
  });

  it("holds back signals too: 1 MiB while the same records wait for their acknowledgement", async () => {
    const made = await world();
    const client = await made.consumer();
    const { thread } = await client.request<{ thread: { id: string } }>("thread/start", {});
    const threadId = thread.id;
    const { subscriptionId } = await client.subscribe({ threadId, signals: true });
    const told = (): number => client.notified("item/agentMessage/delta").length;
    const sent = (): number =>
      client.messages.reduce((sum, { method }, place) => {
        return sum + (method === "thread/events/signal" ? (client.bytes[place] ?? 0) : 0);
      }, 0);
    for (let turn = 1; turn <= 3; turn += 1) {
      const text = `${turn} `.padEnd(600_000, "word ");
      await client.request("turn/start", { threadId, input: [{ type: "text", text }] });
      await client.until(() => client.notified("turn/completed").length === turn);
      await settle();
    }
    expect(told()).toBeGreaterThan(0);
    expect(sent()).toBeLessThan(3 * MIB);
    expect(client.records(subscriptionId).length).toBeGreaterThan(10);
  });

  it("counts no signals: they are dropped while records wait for their acknowledgement, and come again after", async () => {
    const made = await world();
    const client = await made.consumer();
    const { thread } = await client.request<{ thread: { id: string } }>("thread/start", {});
    const threadId = thread.id;
    const { subscriptionId } = await client.subscribe({ threadId, signals: true, window: 1 });
    const long = "word ".repeat(2_000);
    await client.request("turn/start", { threadId, input: [{ type: "text", text: long }] });
    await client.until(() => client.notified("turn/completed").length === 1);
    await settle(100);
    expect(client.records()).toHaveLength(1);
    const early = client.notified("thread/events/signal").length;
    for (let done = 1; done < 5; done += 1) {
      await client.acknowledge(subscriptionId, done);
      await client.until(() => client.records().length > done);
    }
    await settle(100);
    const all = client.notified("thread/events/signal").length;
    expect(all - early).toBeLessThan(300);
  });
});
