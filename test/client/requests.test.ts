/**
 * Requests of a client, and what the server tells and asks it, over one connection to a scripted server: what is
 * answered, refused, given up, too late, or cut off.
 */
import { describe, expect, test } from "vitest";

import type { ClientNotification } from "../../src/client/index.ts";
import { createManualClock, drainEventLoop } from "../../src/testing/manual-clock.ts";
import { dialClient, rejected, until } from "./client-harness.ts";
import { createMemoryNetwork } from "./memory-network.ts";
import { createScriptedServer, IDENTITY, type Script, WireRefusal } from "./scripted-server.ts";

async function open(script?: Script, options: Parameters<typeof dialClient>[1] = {}) {
  const server = createScriptedServer(script);
  const network = createMemoryNetwork(server.acceptor);
  const client = await dialClient(network.dial, options);
  return { server, network, client };
}

describe("the handshake", () => {
  test("introduces the client, and keeps who the server is", async () => {
    const { server, client } = await open(undefined, {
      clientInfo: { name: "t", version: "2" },
      optOutNotificationMethods: ["thread/started"],
    });
    expect(client.server).toEqual(IDENTITY);
    expect(client.status).toEqual({ state: "connected" });
    await until(() => server.client.seen.length === 2);
    expect(server.client.seen).toEqual([
      {
        id: 1,
        method: "initialize",
        params: {
          clientInfo: { name: "t", version: "2" },
          capabilities: { experimentalApi: true, optOutNotificationMethods: ["thread/started"] },
        },
      },
      { method: "initialized" },
    ]);
  });

  test("a server that refuses to begin is told of by its own words, and the connection is closed", async () => {
    const server = createScriptedServer(() => {
      throw new WireRefusal({ code: -32_600, message: "Invalid clientInfo.name" });
    });
    const network = createMemoryNetwork(server.acceptor);
    const error = await rejected(dialClient(network.dial));
    expect(error).toMatchObject({ code: "request_refused", message: "Invalid clientInfo.name", retryable: false });
    await until(() => server.client.isGone);
    expect(network.dialled).toBe(1);
  });

  test("a server that never answers is given up after the time to connect", async () => {
    const server = createScriptedServer();
    const network = createMemoryNetwork((connection) => ({ ...server.acceptor(connection), received: () => {} }));
    const clock = createManualClock();
    const error = rejected(dialClient(network.dial, { clock, connectTimeoutMs: 5_000 }));
    await until(() => network.dialled === 1 && clock.pendingTimers() > 0);
    await drainEventLoop();
    clock.advance(5_000);
    expect(await error).toMatchObject({ code: "connection_failed", message: "no server answered within 5000 ms" });
    await until(() => server.client.isGone);
  });
});

describe("a request", () => {
  test("is answered, whatever the order of the answers", async () => {
    const { server, client } = await open();
    const [one, two] = [client.requestOther("one", {}), client.requestOther("two", {})];
    await until(() => server.client.requests("two").length === 1);
    server.client.send({ id: server.client.requests("two")[0]?.id, result: 2 });
    server.client.send({ id: server.client.requests("one")[0]?.id, result: 1 });
    server.client.send({ id: server.client.requests("one")[0]?.id, result: "again" });
    expect(await Promise.all([one, two])).toEqual([1, 2]);
  });

  test.each([
    [
      { code: -32_600, message: "no" },
      { code: "request_refused", kind: "rejection", retryable: false },
    ],
    [
      { code: -32_601, message: "no" },
      { code: "request_refused", kind: "rejection" },
    ],
    [
      { code: -32_603, message: "no" },
      { code: "request_failed", kind: "fault", retryable: false },
    ],
    [
      { code: -32_001, message: "no" },
      { code: "server_overloaded", kind: "fault", retryable: true },
    ],
    [
      { code: -32_600, message: "no", data: { skeinCode: "thread_not_found", retryable: false, threadId: "t" } },
      { code: "thread_not_found", kind: "rejection", data: { threadId: "t", method: "x", rpcCode: -32_600 } },
    ],
    [
      { code: -32_603, message: "no", data: { skeinCode: "disk_full", retryable: true, errno: "ENOSPC" } },
      { code: "disk_full", kind: "fault", retryable: true, data: { errno: "ENOSPC" } },
    ],
    [
      { code: -32_600, message: "no", data: { skeinCode: "of_the_future", more: { deep: 1 } } },
      { code: "request_refused", data: { more: '{"deep":1}' } },
    ],
    [{ code: -32_602, message: "no", data: "text" }, { code: "request_refused" }],
  ])("refused with %j rejects with %j", async (body, expected) => {
    const { client } = await open((_client, { method }) => {
      if (method === "x") throw new WireRefusal(body);
    });
    expect(await rejected(client.requestOther("x", {}))).toMatchObject({ message: "no", ...expected });
  });

  test("is given up by its signal, before or after it is sent, and its answer changes nothing", async () => {
    const { server, client } = await open();
    const early = AbortSignal.abort();
    expect(await rejected(client.requestOther("x", {}, { signal: early }))).toMatchObject({ code: "aborted" });
    const control = new AbortController();
    const late = rejected(client.requestOther("y", {}, { signal: control.signal }));
    await until(() => server.client.requests("y").length === 1);
    control.abort();
    expect(await late).toMatchObject({ code: "aborted", data: { method: "y", isSent: true } });
    server.client.send({ id: server.client.requests("y")[0]?.id, result: {} });
    expect(server.client.requests("x")).toEqual([]);
  });

  test("without an answer is given up after its time", async () => {
    const clock = createManualClock();
    const { client } = await open(undefined, { clock });
    const error = rejected(client.requestOther("x", {}, { timeoutMs: 1_000 }));
    await drainEventLoop();
    clock.advance(1_000);
    expect(await error).toMatchObject({ code: "timed_out", data: { isSent: true, timeoutMs: 1_000 } });
  });

  test("that a lost connection left unanswered is not sent again, and one that waits for the next is sent then", async () => {
    const { server, network, client } = await open((_client, { method }) => (method === "later" ? "done" : undefined));
    const lost = rejected(client.requestOther("now", {}));
    await until(() => server.client.requests("now").length === 1);
    network.cut("a cable was pulled");
    const error = await lost;
    expect(error).toMatchObject({ code: "connection_lost", retryable: true, data: { method: "now" } });
    expect(error.message).toMatch(/^now was not answered: .*a cable was pulled/);
    expect(client.status.state).toBe("reconnecting");
    expect(await client.requestOther("later", {})).toBe("done");
    expect(server.clients.map((served) => served.requests("now").length)).toEqual([1, 0]);
  });

  test("whose params are no JSON is refused before it is sent, also while there is no connection", async () => {
    const { network, client } = await open(() => "fine");
    const circular: Record<string, unknown> = {};
    circular["itself"] = circular;
    expect(await rejected(client.requestOther("x", circular as never))).toMatchObject({ code: "invalid_argument" });
    network.cut();
    await until(() => client.status.state === "reconnecting");
    expect(await rejected(client.requestOther("x", { big: 1n } as never))).toMatchObject({ code: "invalid_argument" });
    expect(await client.requestOther("x", null)).toBe("fine");
  });

  test("past the bound of those without an answer is refused at once", async () => {
    const { client } = await open();
    const waiting = Array.from({ length: 1_024 }, () => client.requestOther("x", {}));
    for (const request of waiting) request.catch(() => {});
    expect(await rejected(client.requestOther("x", {}))).toMatchObject({ code: "mailbox_full" });
  });
});

describe("notifications", () => {
  test("come in order to feeds and handlers, unknown ones too, and what is no message is passed over", async () => {
    const { server, client } = await open();
    const seen: ClientNotification[] = [];
    const names: unknown[] = [];
    client.notifications.subscribe((event) => seen.push(event));
    const stop = client.on("thread/name/updated", ({ threadName }) => {
      names.push(threadName);
      throw new Error("a handler of the test's");
    });
    server.client.connection.send("garbage");
    server.client.connection.send("[]");
    server.client.tell("thread/name/updated", { threadId: "t", threadName: "a" });
    server.client.tell("of/the/future", { x: 1 });
    server.client.tell("thread/name/updated", { threadId: "t", threadName: "b" });
    await until(() => seen.length === 3);
    stop();
    server.client.tell("thread/name/updated", { threadId: "t", threadName: "c" });
    await until(() => seen.length === 4);
    expect(names).toEqual(["a", "b"]);
    expect(seen.slice(0, 2)).toEqual([
      { type: "notification", method: "thread/name/updated", params: { threadId: "t", threadName: "a" } },
      { type: "other", method: "of/the/future", params: { x: 1 } },
    ]);
  });

  test("a slow reader is told how many it missed, and the others miss none", async () => {
    const { server, client } = await open();
    const slow = client.notifications[Symbol.asyncIterator]();
    let counted = 0;
    client.notifications.subscribe(() => (counted += 1));
    for (let count = 0; count < 3_000; count += 1) server.client.tell("x", { count });
    await until(() => counted === 3_000);
    const told: ClientNotification[] = [];
    for (let count = 0; count < 1_025; count += 1) {
      const next = await slow.next();
      if (next.done !== true) told.push(next.value);
    }
    expect(told.length).toBe(1_025);
    expect(told.at(-1)).toEqual({ type: "missed", count: 3_000 - 1_024 });
    await slow.return();
  });
});

describe("the server's requests", () => {
  const APPROVAL = "item/fileChange/requestApproval";

  test("are answered by their handler, refused by one that throws, and by nobody", async () => {
    const { server, client } = await open();
    const remove = client.handle(APPROVAL, async ({ itemId }) => {
      if (itemId === "bad") throw new Error("not that one");
      return { decision: "accept" };
    });
    server.client.send({ id: 0, method: APPROVAL, params: { itemId: "good" } });
    server.client.send({ id: "text", method: APPROVAL, params: { itemId: "bad" } });
    server.client.send({ id: 2, method: "item/tool/call", params: {} });
    const answers = (): readonly unknown[] => server.client.seen.slice(2);
    await until(() => answers().length === 3);
    expect(answers()).toEqual(
      expect.arrayContaining([
        { id: 0, result: { decision: "accept" } },
        { id: "text", error: { code: -32_603, message: "not that one" } },
        { id: 2, error: { code: -32_601, message: "this client does not handle item/tool/call" } },
      ]),
    );
    expect(() => client.handle(APPROVAL, () => ({ decision: "cancel" }))).toThrow(/has a handler already/);
    remove();
    client.handle(APPROVAL, () => ({ decision: "cancel" }));
    server.client.send({ id: 3, method: APPROVAL, params: {} });
    await until(() => answers().length === 4);
    expect(answers()[3]).toEqual({ id: 3, result: { decision: "cancel" } });
  });

  test("whose handler answers with what is no JSON are refused", async () => {
    const { server, client } = await open();
    client.handle(APPROVAL, () => ({ decision: 1n }) as never);
    server.client.send({ id: 0, method: APPROVAL, params: {} });
    await until(() => server.client.seen.length === 3);
    expect(server.client.seen[2]).toMatchObject({ id: 0, error: { code: -32_603 } });
  });

  test("without a handler are left to other clients where that is wanted", async () => {
    const { server, client } = await open(undefined, { unhandledRequests: "ignore" });
    server.client.send({ id: 0, method: APPROVAL, params: {} });
    server.client.send({ id: 1, method: "no/such", params: {} });
    await until(() => server.client.seen.length === 3);
    expect(server.client.seen[2]).toMatchObject({ id: 1, error: { code: -32_601 } });
    expect(client.status.state).toBe("connected");
  });

  test("that were settled elsewhere, or whose connection is lost, are taken back from their handler", async () => {
    const { server, network, client } = await open();
    const reasons: unknown[] = [];
    let begun = 0;
    client.handle(APPROVAL, async (_params, { signal }) => {
      begun += 1;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      reasons.push((signal.reason as Error).message);
      return { decision: "accept" };
    });
    server.client.send({ id: 0, method: APPROVAL, params: {} });
    server.client.send({ id: 0, method: APPROVAL, params: {} });
    server.client.tell("serverRequest/resolved", { threadId: "t", requestId: 0 });
    await until(() => reasons.length === 1);
    server.client.send({ id: 1, method: APPROVAL, params: {} });
    await until(() => begun === 2);
    network.cut();
    await until(() => reasons.length === 2);
    expect(reasons).toEqual(["the request was settled elsewhere", "the connection was lost"]);
    expect(begun).toBe(2);
    expect(server.clients.flatMap(({ seen }) => seen).filter(({ result }) => result !== undefined)).toEqual([]);
  });
});

describe("closing", () => {
  test("ends feeds, rejects what waits, and is done once", async () => {
    const { server, client } = await open();
    const states: string[] = [];
    client.statusChanges.subscribe((status) => states.push("state" in status ? status.state : status.type));
    const ended = (async () => {
      for await (const event of client.notifications) void event;
      return "over";
    })();
    const lost = rejected(client.requestOther("x", {}));
    await drainEventLoop();
    await Promise.all([client.close(), client.close()]);
    expect(await ended).toBe("over");
    expect(await lost).toMatchObject({ code: "connection_lost" });
    await until(() => server.client.isGone);
    expect(client.status).toEqual({ state: "closed", failure: null });
    expect(states).toEqual(["connected", "closed"]);
    expect(await rejected(client.requestOther("x", {}))).toMatchObject({
      code: "connection_lost",
      message: "the client was closed",
      retryable: false,
    });
    for await (const event of client.notifications) expect(event).toBe("nothing");
  });
});
