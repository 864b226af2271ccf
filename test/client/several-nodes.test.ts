/**
 * A client with several addresses: which node it is at, when it goes to the next one, and that its requests, threads
 * and feeds go on there. The nodes share one store and listen on real ports.
 */
import { createServer, type Socket } from "node:net";

import { describe, expect, onTestFinished, test } from "vitest";

import { scriptedAgent } from "../../src/actors/index.ts";
import { checkClientOptions } from "../../src/client/client-options.ts";
import type { RolloutRecord } from "../../src/client/index.ts";
import { openRuntime } from "../../src/runtime/index.ts";
import { type ServedRuntime, serveRuntime } from "../../src/server/index.ts";
import type { ThreadStore } from "../../src/store/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { AT_ONCE, connect, rejected, until } from "./client-harness.ts";

interface ServedNode {
  readonly address: string;
  stop(): Promise<void>;
  readonly served: ServedRuntime;
}

async function serveNode(store: ThreadStore, address = "ws://127.0.0.1:0"): Promise<ServedNode> {
  const agent = scriptedAgent({ turns: [] });
  const runtime = await openRuntime({ store, agent, cwd: "/srv/ws" });
  const served = await serveRuntime({ runtime, agent, listen: [address] });
  const stop = async (): Promise<void> => {
    await served.close();
    await runtime.close();
  };
  onTestFinished(stop);
  return { address: served.addresses[0] ?? "", stop, served };
}

/** A port where somebody takes connections and never answers, as a stopped process does. */
async function silentAddress(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on("error", () => {})));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  return `ws://127.0.0.1:${typeof bound === "object" && bound !== null ? bound.port : 0}`;
}

/** Makes a thread with these messages. */
async function seed(store: ThreadStore, texts: readonly string[], threadId?: string): Promise<string> {
  const id = threadId === undefined ? {} : { threadId };
  const { writer } = await store.createThread({ ...id, metadata: { cwd: "/work" } });
  await store.persistThread(writer);
  for (const text of texts) {
    await store.appendItems({
      writer,
      items: [{ type: "event_msg", payload: { type: "user_message", message: text } }],
    });
  }
  await store.shutdownThread(writer);
  return writer.threadId;
}

const INPUT = [{ type: "text", text: "hi", text_elements: [] }] as const;

describe("a client with several addresses", () => {
  test("goes to the next node when its own is gone, and on with its threads and feeds: no gap, no double", async () => {
    const store = createMemoryThreadStore();
    const [first, second] = [await serveNode(store), await serveNode(store)];
    const client = await connect({ addresses: [first.address, second.address], reconnect: AT_ONCE });
    expect([first.served.clientCount, second.served.clientCount]).toEqual([1, 0]);
    const { thread } = await client.request("thread/start", {});
    const seen: RolloutRecord[] = [];
    let turns = 0;
    client.on("turn/completed", () => (turns += 1));
    await client.request("turn/start", { threadId: thread.id, input: [...INPUT] });
    await until(() => turns === 1);
    client.threadEvents(thread.id).subscribe((event) => void (event.type === "record" && seen.push(event.record)));
    await until(() => seen.length > 3);
    const half = seen.length;

    await first.stop();
    await until(() => second.served.clientCount === 1);
    await client.request("turn/start", { threadId: thread.id, input: [...INPUT] });
    await until(() => turns === 2);
    const { records } = await store.loadHistory({ threadId: thread.id });
    await until(() => seen.length >= records.length);
    expect(seen.length).toBeGreaterThan(half);
    expect(seen.map(({ ordinal }) => ordinal)).toEqual(records.map(({ ordinal }) => ordinal));
  });

  test.each([
    { at: "the same ordinals", others: 5, nextOrdinal: 6 },
    { at: "fewer ordinals", others: 1, nextOrdinal: 2 },
  ])("hears history_truncated where the next node has other records at $at, and can begin anew", async (log) => {
    const [lost, kept] = [createMemoryThreadStore(), createMemoryThreadStore()];
    const [first, second] = [await serveNode(lost), await serveNode(kept)];
    const threadId = await seed(lost, ["one", "two", "lost"]);
    const client = await connect({ addresses: [first.address, second.address], reconnect: AT_ONCE });
    const iterate = (id: string, options = {}) => client.threadEvents(id, options)[Symbol.asyncIterator]();
    const [feed, now] = [iterate(threadId), iterate(threadId, { fromNow: true })];
    const waiting = rejected(now.next());
    for (let ordinal = 0; ordinal < 4; ordinal += 1) {
      expect(await feed.next()).toMatchObject({ value: { record: { ordinal } } });
    }
    await seed(
      kept,
      Array.from({ length: log.others }, (_, at) => `other ${at}`),
      threadId,
    );

    const failed = rejected(feed.next());
    const last = (await lost.loadHistory({ threadId })).records[3];
    await first.stop();
    const failure = { code: "history_truncated", retryable: false };
    const data = { threadId, ordinal: 3, nextOrdinal: log.nextOrdinal };
    expect(await failed).toMatchObject({ ...failure, data });
    expect(await waiting).toMatchObject({ ...failure, data });
    // As one whose process was started again.
    const after = { timestamp: last?.timestamp ?? null, type: "event_msg" };
    expect(await rejected(iterate(threadId, { from: 4, after }).next())).toMatchObject({ ...failure, data });
    const anew = iterate(threadId);
    expect(await anew.next()).toMatchObject({ value: { record: { ordinal: 0 } } });
    await anew.return();
  });

  test("begins with the first node that answers", async () => {
    const node = await serveNode(createMemoryThreadStore());
    const addresses = ["ws://127.0.0.1:1", await silentAddress(), node.address];
    const client = await connect({ addresses, connectTimeoutMs: 1_000 });
    expect(client.status).toEqual({ state: "connected" });
    expect(node.served.clientCount).toBe(1);
  });

  test("comes back to the first node when the second is gone", async () => {
    const store = createMemoryThreadStore();
    const [first, second] = [await serveNode(store), await serveNode(store)];
    const addresses = [first.address, second.address, "ws://127.0.0.1:1"];
    const client = await connect({ addresses, reconnect: AT_ONCE });
    await first.stop();
    await until(() => second.served.clientCount === 1);
    const again = await serveNode(store, first.address);
    await second.stop();
    await until(() => again.served.clientCount === 1);
    await client.request("thread/list", {});
    expect(client.status).toEqual({ state: "connected" });
  });

  test("tells which failure may pass when no node can be reached", async () => {
    const failure = await rejected(connect({ addresses: ["ws://127.0.0.1:1", "ws://127.0.0.1:2"] }));
    expect(failure.code).toBe("connection_failed");
    expect(failure.retryable).toBe(true);
  });

  test("refuses a list that is no list of addresses, and two ways to one server", () => {
    const why = (options: object): string => {
      try {
        checkClientOptions(options);
        return "accepted";
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(why({ addresses: [] })).toContain("1 to 64 addresses");
    expect(why({ addresses: ["http://127.0.0.1"] })).toContain("not an address of a server");
    expect(why({ addresses: ["ws://127.0.0.1:1"], address: "ws://127.0.0.1:1" })).toContain("give one of address");
  });
});
