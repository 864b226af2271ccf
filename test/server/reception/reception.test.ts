/**
 * Clients that come before the server is open: they are greeted at once, lose nothing of what they sent, and hear
 * why when there will be no server.
 */
import { afterEach, describe, expect, it } from "vitest";

import { fault, nextLoopTurn } from "../../../src/base/index.ts";
import { createReception } from "../../../src/server/reception/index.ts";
import { SERVER_LIMITS } from "../../../src/server/server-limits.ts";
import { closeServers, serve, TestClient } from "../server-fixture.ts";

afterEach(closeServers);

const INITIALIZE = { clientInfo: { name: "early", title: null, version: "1.0" } };

describe("a client that comes before the server is open", () => {
  it("gets the answer to initialize that the server would have given", async () => {
    const { connect, home } = await serve({ kind: "local" });
    const reception = createReception({ home });
    const client = await TestClient.connect(reception, { initialize: false });
    const greeted = await client.call("initialize", INITIALIZE);
    const late = await connect({ initialize: false });
    expect(greeted).toEqual(await late.call("initialize", INITIALIZE));
  });

  it("gets the rest answered, in order, when the server opens", async () => {
    const { server } = await serve();
    const reception = createReception({ home: "" });
    const client = await TestClient.connect(reception);
    client.send(JSON.stringify({ method: "initialized" }));
    const started = client.request("thread/start");
    const listed = client.request("thread/loaded/list");
    expect(client.words()).toEqual(["RESP initialize"]);
    reception.open(server);
    expect((await started).error).toBeUndefined();
    expect((await listed).error).toBeUndefined();
    const threadId = await client.startThread();
    expect((await client.runTurn(threadId, "Hello")).status).toBe("completed");
    expect(reception.waitingCount).toBe(0);
  });

  it("keeps what it introduced itself with", async () => {
    const { server, connect } = await serve();
    const reception = createReception({ home: "" });
    const modest = await TestClient.connect(reception, {
      name: "first",
      experimental: false,
      optOut: ["thread/started"],
    });
    const refused = modest.refusal("thread/goal/get", { threadId: "x" });
    reception.open(server);
    expect(await refused).toEqual([-32_600, "thread/goal/get requires experimentalApi capability"]);
    expect(await modest.refusal("initialize", INITIALIZE)).toEqual([-32_600, "Already initialized"]);
    await modest.call("thread/start");
    expect(modest.words()).not.toContain("thread/started");
    const second = await connect({ initialize: false });
    const { userAgent } = await second.call("initialize", INITIALIZE);
    expect(userAgent).toMatch(/^first\/.*\(early; 1\.0\)$/);
  });

  it("is judged by the server where it begins with something else", async () => {
    const { server } = await serve();
    const reception = createReception({ home: "" });
    const client = await TestClient.connect(reception, { initialize: false });
    const tooEarly = client.refusal("thread/loaded/list");
    const greeted = client.call("initialize", INITIALIZE);
    expect(client.messages).toEqual([]);
    reception.open(server);
    expect(await tooEarly).toEqual([-32_600, "Not initialized"]);
    expect((await greeted).userAgent).toMatch(/^early\//);
  });

  it.each([
    ["without a version", { clientInfo: { name: "x" } }],
    ["with a name that fits no header", { clientInfo: { name: "é", version: "1" } }],
  ])("is refused by the server's words when it introduces itself %s", async (_, params) => {
    const { server, connect } = await serve();
    const reception = createReception({ home: "" });
    const client = await TestClient.connect(reception, { initialize: false });
    const refused = client.refusal("initialize", params);
    reception.open(server);
    const late = await connect({ initialize: false });
    expect(await refused).toEqual(await late.refusal("initialize", params));
    expect((await client.call("initialize", INITIALIZE)).userAgent).not.toBe("");
  });

  it("is nobody's any more when it leaves before, having asked nothing", async () => {
    const { server } = await serve();
    const reception = createReception({ home: "" });
    const client = await TestClient.connect(reception);
    client.disconnect();
    expect(reception.waitingCount).toBe(0);
    reception.open(server);
    expect(server.clientCount).toBe(0);
  });

  it("has what it sent before it left done by the server, and then leaves that", async () => {
    const { server } = await serve();
    const reception = createReception({ home: "" });
    const client = await TestClient.connect(reception);
    const listed = client.request("model/list");
    client.disconnect();
    reception.open(server);
    expect((await listed).error).toBeUndefined();
    while (server.clientCount > 0) await nextLoopTurn();
    expect(reception.waitingCount).toBe(0);
  });

  it("is closed where too many wait", async () => {
    const reception = createReception({ home: "" });
    const connect = (): Promise<TestClient> => TestClient.connect(reception, { initialize: false });
    for (let count = 0; count < SERVER_LIMITS.waitingClientsMax; count += 1) await connect();
    const last = await connect();
    expect(last.closedReason).toBe("too many clients wait for the server");
    expect(reception.waitingCount).toBe(SERVER_LIMITS.waitingClientsMax);
  });

  it("leaves the server when it leaves after", async () => {
    const { server } = await serve();
    const reception = createReception({ home: "" });
    const client = await TestClient.connect(reception);
    reception.open(server);
    expect(server.clientCount).toBe(1);
    client.disconnect();
    expect(server.clientCount).toBe(0);
  });

  it("is told that the server is overloaded past what is kept for it", async () => {
    const { server } = await serve();
    const reception = createReception({ home: "" });
    const client = await TestClient.connect(reception);
    const kept = Array.from({ length: SERVER_LIMITS.requestsPerClientMax }, () => client.request("thread/loaded/list"));
    expect(await client.refusal("thread/loaded/list")).toEqual([-32_001, "Server overloaded; retry later."]);
    const long = "x".repeat(SERVER_LIMITS.keptPerClientMax);
    const other = await TestClient.connect(reception);
    expect((await other.refusal("thread/read", { threadId: long }))[0]).toBe(-32_001);
    reception.open(server);
    const answers = await Promise.all(kept);
    expect(answers.filter(({ error }) => error !== undefined)).toEqual([]);
  });

  it("goes straight to the server once that is open", async () => {
    const { server } = await serve();
    const reception = createReception({ home: "" });
    reception.open(server);
    const client = await TestClient.connect(reception);
    expect(await client.startThread()).not.toBe("");
  });
});

describe("a server that can't open", () => {
  it("has every request that waits answered with the reason, once, and its clients closed", async () => {
    const reception = createReception({ home: "/h" });
    const client = await TestClient.connect(reception);
    const ids = [client.request("thread/start"), client.request("thread/list")];
    client.send("no message at all");
    client.send(JSON.stringify({ method: "initialized" }));
    reception.fail(fault("home_unusable", "/h is no folder", { data: { home: "/h" } }));
    reception.fail(new Error("again"));
    for (const { error } of await Promise.all(ids)) {
      expect(error).toEqual({
        code: -32_603,
        message: "the server could not start: /h is no folder",
        data: { home: "/h", skeinCode: "home_unusable", retryable: false },
      });
    }
    expect(client.words()).toEqual(["RESP initialize", "ERR thread/start", "ERR thread/list"]);
    expect(client.closedReason).toBe("the server could not start: /h is no folder");
    expect(reception.waitingCount).toBe(0);
  });

  it("turns away who comes later", async () => {
    const reception = createReception({ home: "/h" });
    reception.fail(new Error("no luck"));
    const client = await TestClient.connect(reception, { initialize: false });
    expect(client.closedReason).toBe("the server could not start: no luck");
    expect(await client.refusal("initialize", INITIALIZE)).toEqual([-32_603, "the server could not start: no luck"]);
  });

  it("takes nobody away from one that is open", async () => {
    const { server } = await serve();
    const reception = createReception({ home: "" });
    const client = await TestClient.connect(reception);
    reception.open(server);
    reception.fail(new Error("something else failed"));
    expect(client.closedReason).toBeNull();
    expect(await client.startThread()).not.toBe("");
  });
});
