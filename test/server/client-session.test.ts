/**
 * One client and its messages: what is checked in which order, what is dropped in silence, and what is refused
 * when too much is under way.
 */
import { afterEach, describe, expect, it } from "vitest";

import { nextLoopTurn, systemClock } from "../../src/base/index.ts";
import { SERVER_LIMITS } from "../../src/server/server-limits.ts";
import { closeServers, serve } from "./server-fixture.ts";

afterEach(closeServers);

const INFO = { clientInfo: { name: "test", version: "1" } };

describe("a client", () => {
  it("is greeted once, and may begin without saying that it is", async () => {
    const { connect, home } = await serve({ kind: "local" });
    const client = await connect({ initialize: false });
    const greeting = await client.initialize({ name: "first" });
    expect(greeting).toMatchObject({ codexHome: home, platformFamily: "unix" });
    expect(greeting.userAgent).toMatch(/^first\/0\.130\.0 \(.*\) skein\/\d.*\(first; 1\.0\)$/);
    expect((await client.call("thread/loaded/list")).data).toEqual([]);
    expect(await client.refusal("initialize", INFO)).toEqual([-32_600, "Already initialized"]);
    client.send('{"method":"initialized"}');
    client.send('{"method":"no/such/notification","params":{}}');
    expect((await client.call("thread/loaded/list")).data).toEqual([]);
  });

  it("is checked in the peer's order: the shape, then whether it is initialised, then what it may use", async () => {
    const { connect } = await serve();
    const client = await connect({ initialize: false });
    const threadId = "01a2b3c4-0000-7000-8000-000000000001";
    expect((await client.refusal("no/such"))[1]).toMatch(
      /^Invalid request: unknown variant `no\/such`, expected one of `initialize`, `thread\/start`/,
    );
    expect(await client.refusal("thread/read", {})).toEqual([-32_600, "Invalid request: missing field `threadId`"]);
    expect(await client.refusal("thread/read", null)).toEqual([-32_600, "Invalid request: missing field `params`"]);
    expect(await client.refusal("thread/turns/list", { threadId })).toEqual([-32_600, "Not initialized"]);
    expect(await client.refusal("fs/readFile", {})).toEqual([-32_600, "Not initialized"]);
    await client.initialize({ experimental: false });
    expect(await client.refusal("thread/turns/list", { threadId })).toEqual([
      -32_600,
      "thread/turns/list requires experimentalApi capability",
    ]);
    expect(await client.refusal("thread/resume", { threadId, history: [] })).toEqual([
      -32_600,
      "thread/resume.history requires experimentalApi capability",
    ]);
    expect(await client.refusal("thread/start", { persistExtendedHistory: true })).toEqual([
      -32_600,
      "thread/start.persistFullHistory requires experimentalApi capability",
    ]);
    const unset = { permissions: null, dynamicTools: null, experimentalRawEvents: false };
    expect((await client.call("thread/start", unset)).thread.turns).toEqual([]);
  });

  it("whose name is no header is refused, and may try again", async () => {
    const { connect } = await serve();
    const client = await connect({ initialize: false });
    const bad = { clientInfo: { name: "a\nb", version: "1" } };
    expect(await client.refusal("initialize", bad)).toEqual([
      -32_600,
      "Invalid clientInfo.name: 'a\nb'. Must be a valid HTTP header value.",
    ]);
    expect((await client.initialize()).platformFamily).toBe("unix");
  });

  it.each([
    "",
    " ",
    "not json",
    "[]",
    "[{}]",
    "12",
    '"x"',
    "null",
    "{}",
    '{"id":1}',
    '{"id":null,"method":"thread/loaded/list","params":{}}',
    '{"id":1.5,"method":"thread/loaded/list","params":{}}',
    '{"id":true,"method":"thread/loaded/list","params":{}}',
    '{"id":1,"method":5}',
    '{"id":99,"result":{}}',
    '{"id":99,"error":{"code":1,"message":"x"}}',
    '{"id":"x","error":7}',
    "\u0000",
    `{"a":${"[".repeat(20_000)}`,
  ])("is not answered to %j, and goes on", async (text) => {
    const { connect } = await serve();
    const client = await connect();
    const from = client.messages.length;
    client.send(text);
    expect((await client.call("thread/loaded/list")).data).toEqual([]);
    expect(client.messages.length - from).toBe(1);
  });

  it.each(["0", "-7", '""', '"x"', "9007199254740993", "-9223372036854775808"])(
    "gets the id %s back as it was sent",
    async (id) => {
      const { server } = await serve();
      const sent: string[] = [];
      const handler = server.accept({ name: "raw", send: (text) => sent.push(text) > 0, close: () => {} });
      handler.received(`{"id":1,"method":"initialize","params":${JSON.stringify(INFO)}}`);
      handler.received(`{"jsonrpc":"2.0","extra":1,"id":${id},"method":"initialize","params":${JSON.stringify(INFO)}}`);
      await expect.poll(() => sent.length, { timeout: 10_000 }).toBe(2);
      expect(sent[1]).toBe(`{"error":{"code":-32600,"message":"Already initialized"},"id":${id}}`);
    },
  );

  it("with too much under way is told so, keeps what was taken, and may ask again", async () => {
    const { connect } = await serve();
    const client = await connect();
    const other = await connect();
    const threadId = await client.startThread();
    const count = SERVER_LIMITS.requestsPerClientMax + 10;
    const answers = await Promise.all(Array.from({ length: count }, () => client.request("thread/read", { threadId })));
    const refused = answers.filter(({ error }) => error !== undefined);
    // The thread's start counts until what it told has left.
    expect([10, 11]).toContain(refused.length);
    expect(refused[0]?.error).toEqual({ code: -32_001, message: "Server overloaded; retry later." });
    expect((await other.call("thread/read", { threadId })).thread.id).toBe(threadId);
    expect((await client.call("thread/read", { threadId })).thread.id).toBe(threadId);
  });
});

describe("a client that left", () => {
  it("has what it asked done, and nothing read for nobody", async () => {
    const { connect, runtime } = await serve();
    const client = await connect();
    const threadId = await client.startThread();
    const ask = (id: string, method: string, params: object): void =>
      client.send(JSON.stringify({ id, method, params: { threadId, ...params } }));
    ask("name", "thread/name/set", { name: "named" });
    for (let count = 0; count < 20; count += 1) ask(`read ${count}`, "thread/read", { includeTurns: true });
    ask("memory", "thread/memoryMode/set", { mode: "disabled" });
    client.disconnect();
    await expect
      .poll(async () => (await runtime.store.readThread({ threadId })).memoryMode, { timeout: 10_000 })
      .toBe("disabled");
    const { name } = await runtime.store.readThread({ threadId });
    expect(name).toBe("named");
    const answered = client.messages.map(({ id }) => id).filter((id) => typeof id === "string");
    expect(answered.filter((id) => id.startsWith("read"))).toEqual([]);
  });
});

describe("a server that stops", () => {
  it("tells how turns ended, and nothing of threads that are only unloaded", async () => {
    const { connect, server, runtime } = await serve({ kind: "local", agent: [[{ untilAborted: true }]] });
    const client = await connect();
    await client.startThread();
    const threadId = await client.startThread();
    await client.startTurn(threadId, "hi");
    await client.told("item/completed");
    const from = client.messages.length;
    await server.drain();
    await runtime.close();
    await server.close("bye");
    expect(client.words(from)).toEqual(["status idle", "turn/completed interrupted"]);
    expect(client.closedReason).toBe("bye");
  });

  it("answers what was asked before, takes nothing more, and closes its clients", async () => {
    const { connect, server } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    const asked = client.request("thread/name/set", { threadId, name: "N" });
    const closing = server.close("bye");
    const late = await client.request("thread/read", { threadId });
    expect(late.error?.code).toBe(-32_001);
    expect((await asked).result).toEqual({});
    await closing;
    expect(client.closedReason).toBe("bye");
    expect((await connect({ initialize: false })).closedReason).toBe("the server is stopping");
  });
});

describe("a client that asks for much at once", () => {
  it("lets others get their answers in between, and gets its own in order", async () => {
    let nowMs = 0;
    // Whatever is asked takes long.
    const clock = { ...systemClock, monotonicMs: () => (nowMs += 1_000) };
    const { connect } = await serve({ clock });
    const [busy, other] = [await connect(), await connect()];
    const threadId = await busy.startThread();
    const others = await other.startThread();
    const ids = Array.from({ length: 20 }, (_, index) => `busy ${index}`);
    for (const id of ids) busy.send(JSON.stringify({ id, method: "thread/read", params: { threadId } }));
    const answered = (): unknown[] => busy.messages.flatMap(({ id }) => (ids.includes(String(id)) ? [id] : []));
    await nextLoopTurn();
    await other.call("thread/read", { threadId: others });
    expect(answered().length).toBeLessThan(ids.length);
    await busy.waitFor(({ id }) => id === ids.at(-1));
    expect(answered()).toEqual(ids);
  });
});

describe("a client that left", () => {
  it("makes no subscription with a request that waited behind others", async () => {
    const { connect, server } = await serve();
    const client = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "one");
    const requests = Array.from({ length: 5 }, (_, index) => [
      { id: `read ${index}`, method: "thread/read", params: { threadId } },
      { id: `follow ${index}`, method: "thread/events/subscribe", params: { threadId, checkpoint: "mine" } },
    ]).flat();
    for (const request of requests) client.send(JSON.stringify(request));
    client.disconnect();
    await (await connect()).call("thread/read", { threadId });
    await server.drain();
    expect(server.context.subscriptions.size).toBe(0);
  });
});
