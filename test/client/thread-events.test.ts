/**
 * A thread's feed over the wire: where it begins, how it ends and fails, what a slow consumer holds up, and what a
 * server that does not keep its word can do. Over a real server, and over a scripted one where it must misbehave.
 */
import { afterEach, describe, expect, test } from "vitest";

import type { ThreadEvent } from "../../src/client/index.ts";
import type { StoreEvent } from "../../src/store/index.ts";
import { createMemoryCheckpoints } from "../../src/server/checkpoint-store.ts";
import { FeedWorld } from "../server/events/feed-world.ts";
import { AT_ONCE, dialClient, rejected, until } from "./client-harness.ts";
import { createMemoryNetwork } from "./memory-network.ts";
import { createScriptedServer, type ScriptedServer, WireRefusal } from "./scripted-server.ts";

const open: FeedWorld[] = [];
afterEach(async () => {
  for (const world of open.splice(0)) await world.close();
});

async function openWorld() {
  const checkpoints = createMemoryCheckpoints();
  const world = await FeedWorld.open({ checkpoints });
  open.push(world);
  const network = createMemoryNetwork((connection) => world.server.accept(connection));
  return { world, network, checkpoints, client: await dialClient(network.dial) };
}

async function take(feed: AsyncIterable<ThreadEvent>, count: number): Promise<readonly number[]> {
  const ordinals: number[] = [];
  for await (const event of feed) {
    if (event.type === "record") ordinals.push(event.record.ordinal);
    if (ordinals.length === count) break;
  }
  return ordinals;
}

describe("a feed", () => {
  test("tells the records that the log holds, as a feed in the server's process does", async () => {
    const { world, client } = await openWorld();
    const threadId = await world.thread("one", "two");
    const records: unknown[] = [];
    const subscription = client.threadEvents(threadId).subscribe((event) => {
      if (event.type === "record") records.push(event.record);
    });
    await until(() => records.length === 3);
    await world.say(threadId, "three");
    await until(() => records.length === 4);
    subscription.unsubscribe();
    const stored = await world.log(threadId);
    expect(records).toEqual(stored.map(({ ordinal, timestamp, item }) => ({ ordinal, timestamp, item })));
    await until(() => world.server.context.subscriptions.size === 0);
  });

  test("begins at `from`, or at the end for `fromNow`, and there again after a loss", async () => {
    const { world, network, client } = await openWorld();
    const threadId = await world.thread("one", "two");
    expect(await take(client.threadEvents(threadId, { from: 2 }), 1)).toEqual([2]);
    const now = client.threadEvents(threadId, { fromNow: true })[Symbol.asyncIterator]();
    await until(() => world.server.context.subscriptions.size === 1);
    network.cut();
    await until(() => world.server.context.subscriptions.size === 0);
    await until(() => world.server.context.subscriptions.size === 1);
    await world.say(threadId, "three");
    expect(await now.next()).toMatchObject({ value: { record: { ordinal: 3 } } });
    await now.return();
  });

  test("goes on where its checkpoint is, which moves as the consumer asks for the next", async () => {
    const { world, client } = await openWorld();
    const threadId = await world.thread("one", "two", "three");
    const position = async (): Promise<number | null> =>
      (await client.request("thread/events/checkpoint/read", { threadId, checkpoint: "c" })).nextOrdinal;
    const first = client.threadEvents(threadId, { checkpoint: "c" })[Symbol.asyncIterator]();
    await first.next();
    expect(await position()).toBe(null);
    await first.next();
    await first.next();
    await first.return();
    await until(() => world.server.context.subscriptions.size === 0);
    expect(await position()).toBe(2);
    expect(await take(client.threadEvents(threadId, { checkpoint: "c" }), 2)).toEqual([2, 3]);
  });

  test("goes on behind the record that a consumer says it was told last", async () => {
    const { world, client } = await openWorld();
    const threadId = await world.thread("one", "two");
    for (const record of await world.log(threadId)) {
      const { ordinal, timestamp, item } = record;
      const place = { timestamp, type: item.type };
      const feeds = [place, record].map((after) =>
        client.threadEvents(threadId, { from: ordinal + 1, after })[Symbol.asyncIterator](),
      );
      if (ordinal === 2) await world.say(threadId, "three");
      for (const feed of feeds) {
        expect(await feed.next()).toMatchObject({ value: { record: { ordinal: ordinal + 1 } } });
        await feed.return();
      }
    }
  });

  test("whose checkpoint another consumer takes over fails with lease_lost", async () => {
    const { world, client } = await openWorld();
    const threadId = await world.thread("one");
    const older = client.threadEvents(threadId, { checkpoint: "c" })[Symbol.asyncIterator]();
    await older.next();
    await until(() => older.stats().held === 1);
    expect(await take(client.threadEvents(threadId, { checkpoint: "c" }), 1)).toEqual([0]);
    // What it holds is still its own.
    expect(await older.next()).toMatchObject({ value: { record: { ordinal: 1 } } });
    expect(await rejected(older.next())).toMatchObject({ code: "lease_lost", data: { threadId } });
  });

  test("fails with history_truncated when the server's store lost what was told, and tells nothing of what it held", async () => {
    const { world, client } = await openWorld();
    const threadId = await world.thread("one", "two");
    const listeners = new Set<(event: StoreEvent) => void>();
    const subscribe = world.store.subscribe.bind(world.store);
    world.store.subscribe = (listener) => {
      listeners.add(listener);
      return subscribe(listener);
    };
    const feed = client.threadEvents(threadId)[Symbol.asyncIterator]();
    await feed.next();
    await until(() => feed.stats().held === 2);
    for (const listener of listeners) listener({ type: "truncated", threadId, nextOrdinal: 1 });
    await until(() => world.server.context.subscriptions.size === 0);
    await until(() => feed.stats().held === 0);
    const failure = await rejected(feed.next());
    expect(failure).toMatchObject({ code: "history_truncated", retryable: false, data: { threadId, toldOrdinal: 0 } });
  });

  test("ends behind the last record when its thread is deleted, by its signal, and when the client is closed", async () => {
    const { world, client } = await openWorld();
    const [doomed, kept] = [await world.thread("one"), await world.thread("two")];
    const untilEnd = async (feed: AsyncIterable<ThreadEvent>): Promise<number> => {
      let count = 0;
      for await (const event of feed) count += event.type === "record" ? 1 : 0;
      return count;
    };
    const control = new AbortController();
    const ends = [
      untilEnd(client.threadEvents(doomed)),
      untilEnd(client.threadEvents(kept, { signal: control.signal })),
      untilEnd(client.threadEvents(kept)),
    ];
    await until(() => world.server.context.subscriptions.size === 3);
    await world.store.deleteThread(doomed);
    expect(await ends[0]).toBe(2);
    control.abort();
    await ends[1];
    await client.close();
    await ends[2];
    expect(await untilEnd(client.threadEvents(kept))).toBe(0);
    expect(await untilEnd(client.threadEvents(kept, { signal: AbortSignal.abort() }))).toBe(0);
  });

  test("of a thread that is not there, and one past the end of its log, fail with the server's refusal", async () => {
    const { world, client } = await openWorld();
    const threadId = await world.thread("one");
    const next = (feed: AsyncIterable<ThreadEvent>) => rejected(feed[Symbol.asyncIterator]().next());
    const missing = client.threadEvents("01a2b3c4-0000-7000-8000-000000000000");
    expect(await next(missing)).toMatchObject({ code: "thread_not_found" });
    expect(await next(client.threadEvents(threadId, { from: 9 }))).toMatchObject({
      code: "ordinal_conflict",
      data: { expectedOrdinal: 9, actualOrdinal: 2 },
    });
    expect(() => client.threadEvents(threadId, { from: 1, fromNow: true })).toThrow(/either from or fromNow/);
    const after = { timestamp: "", type: "event_msg" };
    expect(() => client.threadEvents(threadId, { after })).toThrow(/give that too/);
    expect(() => client.threadEvents(threadId, { after, from: 0 })).toThrow(/give that too/);
    for (const none of [{}, { item: null }, { ...after, item: {} }, { item: { type: "event_msg" } }]) {
      const options = { after: none as typeof after, from: 1 };
      expect(() => client.threadEvents(threadId, options)).toThrow(/must be the record before `from`, or { timestamp/);
    }
    expect(() => client.threadEvents(threadId, { window: 0 })).toThrow(/window must be a whole number from 1/);
  });

  test("goes on when the server stops and another one starts", async () => {
    const { world, checkpoints, client } = await openWorld();
    const threadId = await world.thread("one");
    const feed = client.threadEvents(threadId, { checkpoint: "c" })[Symbol.asyncIterator]();
    await feed.next();
    await world.restart(checkpoints);
    await world.say(threadId, "two");
    const rest = [await feed.next(), await feed.next()].map(({ value }) => value);
    expect(rest).toMatchObject([{ record: { ordinal: 1 } }, { record: { ordinal: 2 } }]);
    await feed.return();
  });

  test("holds no more than its window, and costs a slow consumer's server no more", async () => {
    const { world, client } = await openWorld();
    const threadId = await world.thread(...Array.from({ length: 500 }, (_, index) => String(index)));
    const feed = client.threadEvents(threadId, { window: 10 })[Symbol.asyncIterator]();
    await feed.next();
    await until(() => feed.stats().held === 9);
    await client.request("thread/loaded/list", {});
    expect(feed.stats()).toMatchObject({ held: 9, heldPeak: 10 });
    await feed.return();
  });
});

const SUBSCRIBED = { subscriptionId: "s", from: 0, nextOrdinal: 100 };

async function openScripted(onSubscribe: (attempt: number) => unknown = () => SUBSCRIBED, attemptsMax = 3) {
  let attempts = 0;
  const server = createScriptedServer((_client, { method }) => {
    if (method === "thread/events/subscribe") return onSubscribe((attempts += 1));
    return method?.startsWith("thread/events/") === true ? {} : undefined;
  });
  const network = createMemoryNetwork(server.acceptor);
  const client = await dialClient(network.dial, { reconnect: { ...AT_ONCE, attemptsMax } });
  return { server, network, client, attempts: () => attempts };
}

function record(ordinal: number) {
  return { ordinal, timestamp: "", type: "of_the_future", payload: { ordinal } };
}

function tellRecords(server: ScriptedServer, ...ordinals: readonly number[]): void {
  server.client.tell("thread/events/records", { subscriptionId: "s", threadId: "t", records: ordinals.map(record) });
}

describe("a server that", () => {
  test("sends a record twice is heard once", async () => {
    const { server, client } = await openScripted();
    const reading = take(client.threadEvents("t"), 4);
    await until(() => server.client.requests("thread/events/subscribe").length === 1);
    tellRecords(server, 0, 1);
    tellRecords(server, 0, 1, 2, 3);
    expect(await reading).toEqual([0, 1, 2, 3]);
  });

  test("is told of a record of an unknown type by the type that it was told with", async () => {
    const { server, client } = await openScripted();
    const item = { type: "unknown", recordType: "of_the_future", payload: {} } as const;
    const feed = client.threadEvents("t", { from: 1, after: { ordinal: 0, timestamp: null, item } });
    const reading = take(feed, 1);
    await until(() => server.client.requests("thread/events/subscribe").length === 1);
    expect(server.client.requests("thread/events/subscribe")[0]).toMatchObject({
      params: { from: 1, after: { timestamp: "", type: "of_the_future" } },
    });
    await client.close();
    await reading;
  });

  test("leaves a record out fails the feed, with both numbers, behind what is in order", async () => {
    const { server, client } = await openScripted();
    const feed = client.threadEvents("t")[Symbol.asyncIterator]();
    await until(() => server.client.requests("thread/events/subscribe").length === 1);
    tellRecords(server, 0, 2);
    expect(await feed.next()).toMatchObject({
      value: { record: { ordinal: 0, timestamp: null, item: { type: "unknown", recordType: "of_the_future" } } },
    });
    expect(await rejected(feed.next())).toMatchObject({
      code: "ordinal_conflict",
      data: { expectedOrdinal: 1, actualOrdinal: 2 },
    });
    await until(() => server.client.requests("thread/events/unsubscribe").length === 1);
  });

  test("sends more than the window fails the feed", async () => {
    const { server, client } = await openScripted();
    const feed = client.threadEvents("t", { window: 2 })[Symbol.asyncIterator]();
    await until(() => server.client.requests("thread/events/subscribe").length === 1);
    tellRecords(server, 0, 1, 2);
    await feed.next();
    await feed.next();
    expect(await rejected(feed.next())).toMatchObject({ code: "request_failed", data: { window: 2 } });
  });

  test("has too much to do is asked again", { timeout: 10_000 }, async () => {
    const { server, client, attempts } = await openScripted((attempt) => {
      if (attempt === 1) throw new WireRefusal({ code: -32_001, message: "Server overloaded; retry later." });
      return SUBSCRIBED;
    });
    const reading = take(client.threadEvents("t"), 1);
    await until(() => attempts() === 2);
    tellRecords(server, 0);
    expect(await reading).toEqual([0]);
  });

  test(
    "has no time for an acknowledgement is not pressed for one, and gets it later",
    { timeout: 10_000 },
    async () => {
      let acks = 0;
      const server = createScriptedServer((_client, { method }) => {
        if (method === "thread/events/subscribe") return SUBSCRIBED;
        if (method === "thread/events/ack" && (acks += 1) === 1)
          throw new WireRefusal({ code: -32_001, message: "later" });
        return {};
      });
      const client = await dialClient(createMemoryNetwork(server.acceptor).dial);
      const feed = client.threadEvents("t", { checkpoint: "c" })[Symbol.asyncIterator]();
      await until(() => server.client.requests("thread/events/subscribe").length === 1);
      tellRecords(server, ...Array.from({ length: 100 }, (_, ordinal) => ordinal));
      for (let count = 0; count < 100; count += 1) await feed.next();
      await until(() => acks === 2);
      expect(server.client.requests("thread/events/ack").at(-1)?.params).toEqual({
        subscriptionId: "s",
        nextOrdinal: 99,
      });
      await feed.return();
    },
  );

  test("knows no feeds, as Codex's, is told of by its refusal", async () => {
    const { client } = await openScripted(() => {
      throw new WireRefusal({ code: -32_600, message: "Invalid request: unknown variant `thread/events/subscribe`" });
    });
    const failure = await rejected(client.threadEvents("t")[Symbol.asyncIterator]().next());
    expect(failure).toMatchObject({ code: "request_refused", data: { method: "thread/events/subscribe" } });
  });

  test("never comes back fails the feed behind what it had sent, and ends what promises nothing", async () => {
    const { server, network, client } = await openScripted();
    const feed = client.threadEvents("t")[Symbol.asyncIterator]();
    const states: string[] = [];
    let isOver = false;
    client.statusChanges.subscribe((status) => states.push("state" in status ? status.state : status.type));
    client.notifications.subscribe({ complete: () => (isOver = true) });
    await until(() => server.client.requests("thread/events/subscribe").length === 1);
    tellRecords(server, 0);
    await feed.next();
    network.serve(null);
    network.cut();
    const failure = await rejected(feed.next());
    expect(failure).toMatchObject({ code: "connection_lost", retryable: false, data: { attempts: 3 } });
    expect(failure.message).toMatch(/gave up after 3 attempts to connect again: nobody is there/);
    expect(client.status).toEqual({ state: "closed", failure });
    await until(() => isOver);
    expect(states).toEqual(["connected", "reconnecting", "reconnecting", "reconnecting", "closed"]);
    expect(await rejected(client.requestOther("x", {}))).toBe(failure);
  });

  test("dies at each start is not started for ever", async () => {
    const server = createScriptedServer((client, { method }) => {
      if (method === "thread/events/subscribe") client.connection.close("it crashed");
    });
    const network = createMemoryNetwork(server.acceptor);
    const client = await dialClient(network.dial, { reconnect: { ...AT_ONCE, attemptsMax: 5 } });
    const failure = await rejected(client.threadEvents("t")[Symbol.asyncIterator]().next());
    expect(failure.data).toMatchObject({ attempts: 5 });
    expect(network.dialled).toBe(6);
  });
});
