/**
 * Who gets what when several clients are connected, and what becomes of a turn whose client is gone. Requests about
 * one thread keep their order.
 */
import { afterEach, describe, expect, it } from "vitest";

import { closeServers, serve } from "../server-fixture.ts";

afterEach(closeServers);

describe("clients", () => {
  it("that aren't subscribed hear of threads and their status, not of turns and items", async () => {
    const { connect } = await serve();
    const client = await connect();
    const other = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "hi");
    await client.call("thread/name/set", { threadId, name: "N" });
    await other.told("thread/name/updated");
    expect(other.words(1)).toEqual(["thread/started", "status active", "status idle", "thread/name/updated"]);
  });

  it("that start a turn without a subscription don't get one by it", async () => {
    const { connect } = await serve();
    const client = await connect();
    const other = await connect();
    const threadId = await client.startThread();
    await client.turnEnd(await other.startTurn(threadId, "hi"));
    expect(other.words(1).filter((word) => word.startsWith("turn/") || word.startsWith("item/"))).toEqual([]);
  });

  it("that unsubscribe hear no more turns, and are told what that did", async () => {
    const { connect } = await serve();
    const client = await connect();
    const threadId = await client.startThread();
    expect(await client.call("thread/unsubscribe", { threadId })).toEqual({ status: "unsubscribed" });
    expect(await client.call("thread/unsubscribe", { threadId })).toEqual({ status: "notSubscribed" });
    const unknown = "01a2b3c4-0000-7000-8000-000000000001";
    expect(await client.call("thread/unsubscribe", { threadId: unknown })).toEqual({ status: "notLoaded" });
    const from = client.messages.length;
    await client.startTurn(threadId, "hi");
    await client.told("thread/status/changed", ({ status }) => status.type === "idle", from);
    expect(client.words(from)).toEqual(["RESP turn/start", "status active", "status idle"]);
  });

  it("don't get what they opted out of", async () => {
    const { connect } = await serve();
    const client = await connect({ optOut: ["thread/started", "item/started", "no/such"] });
    const { thread } = await client.call("thread/start");
    await client.runTurn(thread.id, "hi");
    expect(client.words().filter((word) => /^(thread|item)\/started/.test(word))).toEqual([]);
    expect(client.words()).toContain("item/completed agentMessage");
  });

  it("that are gone leave their turn running to its end, which others can read", async () => {
    const gate = Promise.withResolvers<undefined>();
    const { connect, server } = await serve({ kind: "local", agent: [[{ waitFor: gate.promise }, { say: "Late." }]] });
    const client = await connect();
    const threadId = await client.startThread();
    const turnId = await client.startTurn(threadId, "hi");
    client.disconnect();
    const other = await connect();
    expect(server.clientCount).toBe(1);
    const from = other.messages.length;
    gate.resolve(undefined);
    await other.told("thread/status/changed", ({ status }) => status.type === "idle", from);
    const { thread } = await other.call("thread/read", { threadId, includeTurns: true });
    expect(thread.turns.map(({ id, status, items }) => [id, status, items.length])).toEqual([[turnId, "completed", 2]]);
    expect(client.messages.some(({ method }) => method === "turn/completed")).toBe(false);
  });

  it("all record the first one's name as who made their threads", async () => {
    const { connect, runtime } = await serve();
    const first = await connect({ name: "first" });
    const second = await connect({ name: "second" });
    expect((await second.refusal("initialize", { clientInfo: { name: "x", version: "1" } }))[1]).toBe(
      "Already initialized",
    );
    const threadId = await second.startThread();
    await second.runTurn(threadId, "hi");
    expect((await runtime.store.readThread({ threadId })).originator).toBe("first");
    expect(first.closedReason).toBeNull();
  });
});

describe("an ephemeral thread", () => {
  it("that is unloaded is gone, and memory keeps nothing of it", async () => {
    const { connect, server } = await serve();
    const client = await connect();
    const { thread } = await client.call("thread/start", { ephemeral: true });
    await client.runTurn(thread.id, "hi");
    const { store } = await server.context.threads.ephemeral();
    expect((await store.listThreads()).data.length).toBe(1);
    await server.context.threads.find(thread.id)?.close();
    await client.told("thread/closed");
    await expect.poll(async () => (await store.listThreads()).data.length, { timeout: 10_000 }).toBe(0);
    expect(await client.refusal("thread/read", { threadId: thread.id })).toEqual([
      -32_600,
      `thread not loaded: ${thread.id}`,
    ]);
  });
});

describe("requests about one thread", () => {
  it("are answered in the order they came", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "hi");
    const from = client.messages.length;
    await Promise.all([
      client.request("thread/name/set", { threadId, name: "one" }),
      client.request("thread/fork", { threadId }),
      client.request("thread/read", { threadId }),
      client.request("thread/archive", { threadId }),
      client.request("thread/unarchive", { threadId }),
    ]);
    expect(client.words(from).filter((word) => word.startsWith("RESP"))).toEqual([
      "RESP thread/name/set",
      "RESP thread/fork",
      "RESP thread/read",
      "RESP thread/archive",
      "RESP thread/unarchive",
    ]);
  });
});
