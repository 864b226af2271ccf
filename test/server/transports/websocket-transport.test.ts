/**
 * WebSockets on a port: who may connect, what the port answers otherwise, and what a client may not do.
 * All over real sockets; only time is moved by hand.
 */
import { once } from "node:events";
import { connect } from "node:net";

import { expect, test } from "vitest";
import { type ClientOptions, WebSocket } from "ws";

import type { Clock, Logger } from "../../../src/base/index.ts";
import { type Listener, listenWebSocket, type TransportLimits } from "../../../src/server/transports/index.ts";
import { createManualClock } from "../../../src/testing/index.ts";
import { closesAfterTest, connectRaw, createReception, echo, portOf, until } from "./transport-harness.ts";

interface Options {
  readonly token?: string;
  readonly allowedOrigins?: readonly string[];
  readonly limits?: Partial<TransportLimits>;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly host?: string;
}

async function open(options: Options = {}) {
  const reception = createReception(echo);
  const listener = await listenWebSocket({ host: "127.0.0.1", port: 0, ...options, acceptor: reception.acceptor });
  closesAfterTest(listener, reception);
  return { listener, reception, port: portOf(listener) };
}

/** Connects, and keeps what comes. */
async function connectWebSocket(listener: Listener, options: ClientOptions = {}) {
  const webSocket = new WebSocket(listener.address, options);
  const messages: string[] = [];
  const closes: [number, string][] = [];
  webSocket.on("message", (data: Buffer) => messages.push(data.toString("utf8")));
  webSocket.on("close", (code, reason) => closes.push([code, reason.toString("utf8")]));
  await once(webSocket, "open");
  webSocket.on("error", () => {});
  return { webSocket, messages, closes };
}

/** The status with which a handshake is answered: 101 when it is let in. */
async function handshakeStatus(listener: Listener, options: ClientOptions = {}): Promise<number> {
  const webSocket = new WebSocket(listener.address, options);
  try {
    return await new Promise<number>((resolve, reject) => {
      webSocket.on("open", () => resolve(101));
      webSocket.on("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
      webSocket.on("error", reject);
    });
  } finally {
    webSocket.on("error", () => {});
    webSocket.terminate();
  }
}

async function rawAnswer(port: number, request: string): Promise<string> {
  const { socket, text, isClosed } = await connectRaw({ host: "127.0.0.1", port });
  socket.write(request);
  await until(isClosed);
  return text();
}

function upgradeRequest(headers: Readonly<Record<string, string>>): string {
  const all = {
    Host: "127.0.0.1",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `GET / HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
}

test("two clients are two connections, each with its own answers, at the port that was free", async () => {
  const { listener, reception, port } = await open();
  expect(listener.address).toBe(`ws://127.0.0.1:${port}`);
  expect(port).toBeGreaterThan(0);
  const [one, two] = [await connectWebSocket(listener), await connectWebSocket(listener)];
  one.webSocket.send('{"from":"one"}');
  two.webSocket.send("漢😀");
  await until(() => one.messages.length === 1 && two.messages.length === 1);
  expect([one.messages, two.messages]).toEqual([['{"from":"one"}'], ["漢😀"]]);
  expect(reception.clients.map(({ connection }) => connection.name)).toEqual(["ws#1", "ws#2"]);
});

test("a message in fragments is one message, and binary frames are dropped", async () => {
  const { listener, reception } = await open();
  const { webSocket, messages } = await connectWebSocket(listener);
  webSocket.send("one ", { fin: false });
  webSocket.send("message", { fin: true });
  webSocket.send(Buffer.from("dropped"));
  webSocket.send("next");
  await until(() => messages.length === 2);
  expect(messages).toEqual(["one message", "next"]);
  expect(reception.clients[0]?.messages).toEqual(["one message", "next"]);
});

test("ten thousand messages sent at once come in order, those of one small turn in one piece", async () => {
  const { reception, port } = await open();
  const { socket, text } = await connectRaw({ host: "127.0.0.1", port });
  socket.write(upgradeRequest({}));
  await until(() => text().includes("\r\n\r\n"));
  const handshakeLength = text().length;
  const pieces: number[] = [];
  socket.on("data", ({ length }) => pieces.push(length));
  const client = await reception.client(0);
  const send = (from: number, to: number): void => {
    for (let index = from; index < to; index += 1) client.connection.send(String(index).padStart(5, "0"));
  };
  send(0, 20);
  await until(() => text().endsWith("00019"));
  // A frame each, of two bytes before its five.
  expect(pieces).toEqual([20 * 7]);
  send(20, 10_000);
  await until(() => text().endsWith("09999"));
  const numbers = text().slice(handshakeLength).matchAll(/\d{5}/g);
  expect(Array.from(numbers, ([number]) => Number(number))).toEqual(
    Array.from({ length: 10_000 }, (_, index) => index),
  );
  expect(pieces.length).toBeLessThan(100);
});

test("the health of the server is answered without a token, and everything else is told what is here", async () => {
  const { port } = await open({ token: "secret-token" });
  const url = `http://127.0.0.1:${port}`;
  const answers = await Promise.all(
    ["/readyz", "/healthz", "/readyz?x=1", "/", "/other"].map(async (path) => (await fetch(url + path)).status),
  );
  expect(answers).toEqual([200, 200, 200, 426, 404]);
  expect((await fetch(`${url}/readyz`, { method: "POST", body: "x" })).status).toBe(404);
});

test("a token is needed where one is set, and only the right one will do", async () => {
  const { listener, reception } = await open({ token: "secret-token" });
  const tried = ["Bearer wrong", "Bearer secret-tokenn", "Bearer secret-toke", "Basic secret-token", "Bearer ", ""];
  for (const authorization of tried) {
    expect([authorization, await handshakeStatus(listener, { headers: { authorization } })]).toEqual([
      authorization,
      401,
    ]);
  }
  expect(await handshakeStatus(listener)).toBe(401);
  expect(reception.clients).toEqual([]);
  for (const authorization of ["Bearer secret-token", "bearer  secret-token"]) {
    expect(await handshakeStatus(listener, { headers: { authorization } })).toBe(101);
  }
});

test("no token is ever logged, the right one or a wrong one", async () => {
  const lines: string[] = [];
  const log = (fields: object, message: string): void => void lines.push(JSON.stringify([fields, message]));
  const { listener } = await open({ token: "secret-token", logger: { debug: log, info: log, warn: log, error: log } });
  await handshakeStatus(listener, { headers: { authorization: "Bearer wrong-token" } });
  const { webSocket } = await connectWebSocket(listener, { headers: { authorization: "Bearer secret-token" } });
  webSocket.send(Buffer.from("binary, which is logged"));
  await until(() => lines.length > 0);
  expect(lines.join("\n")).not.toMatch(/secret-token|wrong-token/);
});

test.each(["0.0.0.0", "::", "192.0.2.1", "example.com"])("%s without a token is refused at the start", async (host) => {
  const { acceptor } = createReception();
  await expect(listenWebSocket({ host, port: 0, acceptor })).rejects.toMatchObject({
    code: "invalid_argument",
    message: expect.stringContaining("set a token"),
  });
});

test("an address that others reach is served with a token, whatever name it is called by", async () => {
  const { port, listener } = await open({ host: "0.0.0.0", token: "secret-token" });
  expect(listener.address).toBe(`ws://0.0.0.0:${port}`);
  const answer = await rawAnswer(port, upgradeRequest({ Host: "box.example.com" }));
  expect(answer).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n/);
});

test.each(["", "two words", "tab\there", "ümlaut"])("%j is no token", async (token) => {
  const { acceptor } = createReception();
  const listening = listenWebSocket({ host: "127.0.0.1", port: 0, token, acceptor });
  await expect(listening).rejects.toMatchObject({ code: "invalid_argument" });
});

test("a page of a browser may not connect unless its origin was named", async () => {
  const { listener } = await open({ allowedOrigins: ["http://localhost:3000", "chrome-extension://abcdef"] });
  const statusOf = (origin: string) => handshakeStatus(listener, { headers: { origin } });
  expect(await statusOf("http://localhost:3000")).toBe(101);
  expect(await statusOf("chrome-extension://abcdef")).toBe(101);
  for (const origin of ["http://localhost:3001", "https://localhost:3000", "http://evil.example", "null"]) {
    expect([origin, await statusOf(origin)]).toEqual([origin, 403]);
  }
});

test("without named origins no request that has one is answered, health included", async () => {
  const { listener, port } = await open();
  expect(await handshakeStatus(listener, { headers: { origin: `http://127.0.0.1:${port}` } })).toBe(403);
  const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { origin: "http://evil.example" } });
  expect(answer.status).toBe(403);
});

test("a name that somebody points at this machine is not answered at a loopback address", async () => {
  const { port } = await open();
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    "127.0.0.1.evil.example",
    "[::2]",
    "localhost.evil.example",
  ]) {
    expect([host, await rawAnswer(port, upgradeRequest({ Host: host }))]).toEqual([
      host,
      expect.stringMatching(/^HTTP\/1\.1 403 /),
    ]);
  }
  for (const host of ["localhost", `127.0.0.1:${port}`, `[::1]:${port}`]) {
    const { socket, text } = await connectRaw({ host: "127.0.0.1", port });
    socket.write(upgradeRequest({ Host: host }));
    await until(() => text() !== "");
    expect([host, text().slice(0, 12)]).toEqual([host, "HTTP/1.1 101"]);
  }
});

test("a port that is taken is a fault with its errno", async () => {
  const { port } = await open();
  const { acceptor } = createReception();
  await expect(listenWebSocket({ host: "127.0.0.1", port, acceptor })).rejects.toMatchObject({
    code: "io_error",
    data: { errno: "EADDRINUSE", port },
  });
});

test("clients beyond the bound get 503, and one may come when one has gone", async () => {
  const { listener, reception } = await open({ limits: { connectionsMax: 2 } });
  const [first] = [await connectWebSocket(listener), await connectWebSocket(listener)];
  expect(await handshakeStatus(listener)).toBe(503);
  first.webSocket.close();
  await until(() => reception.clients[0]?.closed.length === 1);
  expect(await handshakeStatus(listener)).toBe(101);
});

test("a handshake that is none takes no place", async () => {
  const { listener, port } = await open({ limits: { connectionsMax: 1 } });
  for (let index = 0; index < 3; index += 1) {
    expect(await rawAnswer(port, upgradeRequest({ "Sec-WebSocket-Key": "short" }))).toMatch(/^HTTP\/1\.1 400 /);
  }
  expect(await handshakeStatus(listener)).toBe(101);
});

test("a socket that does not finish its handshake in time is closed", async () => {
  const clock = createManualClock();
  const { port, listener } = await open({ clock, limits: { handshakeMs: 1_000 } });
  const silent = await connectRaw({ host: "127.0.0.1", port });
  const slow = await connectRaw({ host: "127.0.0.1", port });
  slow.socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  await until(() => clock.pendingTimers() === 2);
  const good = await connectWebSocket(listener);
  clock.advance(1_001);
  await until(() => silent.isClosed() && slow.isClosed());
  good.webSocket.send("still here");
  await until(() => good.messages.length === 1);
});

test("a header that is too long is refused", async () => {
  const { port } = await open({ limits: { headerBytesMax: 2_000 } });
  expect(await rawAnswer(port, upgradeRequest({ Cookie: "x".repeat(4_000) }))).toMatch(/^HTTP\/1\.1 431 /);
});

test("a message that is too long closes its client with 1009, and no other", async () => {
  const { listener, reception } = await open({ limits: { messageBytesMax: 1_000 } });
  const [bad, good] = [await connectWebSocket(listener), await connectWebSocket(listener)];
  bad.webSocket.send("x".repeat(1_001));
  await until(() => bad.closes.length === 1);
  expect(bad.closes[0]?.[0]).toBe(1009);
  await until(() => reception.clients[0]?.closed.length === 1);
  expect(reception.clients[0]?.closed).toEqual(["its WebSocket failed: Max payload size exceeded"]);
  good.webSocket.send("x".repeat(1_000));
  await until(() => good.messages.length === 1);
});

test("what was sent goes out before a close, which tells the reason", async () => {
  const { listener, reception } = await open();
  const { messages, closes } = await connectWebSocket(listener);
  const { connection, closed } = await reception.client(0);
  connection.send("last words");
  connection.close(`shutting down: ${"ü".repeat(100)}`);
  expect(connection.send("too late")).toBe(false);
  await until(() => closes.length === 1 && closed.length === 1);
  expect(messages).toEqual(["last words"]);
  expect(closes).toEqual([[1001, `shutting down: ${"ü".repeat(54)}`]]);
  expect(closed).toEqual([`shutting down: ${"ü".repeat(100)}`]);
});

test("a client that never answers a close is cut off when its time is over", async () => {
  const clock = createManualClock();
  const { port, reception } = await open({ clock, limits: { closeMs: 500 } });
  const { socket, text, isClosed } = await connectRaw({ host: "127.0.0.1", port });
  socket.write(upgradeRequest({}));
  await until(() => text().includes("101"));
  const { connection, closed } = await reception.client(0);
  connection.close("enough");
  await until(() => text().includes("enough"));
  expect(closed).toEqual([]);
  clock.advance(500);
  expect(closed).toEqual(["enough"]);
  await until(isClosed);
});

test("a client that answers no ping is closed, one that does is kept", async () => {
  const clock = createManualClock();
  const { port, listener, reception } = await open({ clock, limits: { heartbeatMs: 10_000 } });
  const dead = await connectRaw({ host: "127.0.0.1", port });
  dead.socket.write(upgradeRequest({}));
  await until(() => dead.text().includes("101"));
  const alive = await connectWebSocket(listener);
  let pings = 0;
  alive.webSocket.on("ping", () => {
    pings += 1;
  });
  for (let beat = 1; beat <= 3; beat += 1) {
    clock.advance(10_000);
    await until(() => pings === beat);
    alive.webSocket.send("heard");
    await until(() => alive.messages.length === beat);
  }
  expect(reception.clients.map(({ closed }) => closed)).toEqual([
    ["the client did not answer a ping within 10000 ms"],
    [],
  ]);
  await until(dead.isClosed);
});

test("a client that reads nothing is closed with the reason, which it finds when it reads on", async () => {
  const { listener, reception } = await open({ limits: { queueBytesMax: 1_000_000 } });
  const { webSocket, messages, closes } = await connectWebSocket(listener);
  const { connection, closed } = await reception.client(0);
  webSocket.pause();
  const message = "x".repeat(10_000);
  let sent = 0;
  while (connection.send(message)) {
    sent += 1;
    await new Promise(setImmediate);
  }
  await until(() => closed.length === 1);
  expect(closed).toEqual([expect.stringMatching(/^too slow: \d+ bytes wait for it, 1000000 may$/)]);
  webSocket.resume();
  await until(() => closes.length === 1);
  expect(closes).toEqual([[1013, closed[0]]]);
  expect(messages.length).toBeLessThan(sent);
  expect(messages.every((text) => text === message)).toBe(true);
});

test("after close nobody comes in, and who is connected stays until closed", async () => {
  const { listener, port, reception } = await open();
  const { webSocket, messages, closes } = await connectWebSocket(listener);
  const silent = await connectRaw({ host: "127.0.0.1", port });
  await listener.close();
  await listener.close();
  await listener.ended;
  await until(silent.isClosed);
  const refused = connect({ host: "127.0.0.1", port });
  const [error] = await once(refused, "error");
  expect(error).toMatchObject({ code: "ECONNREFUSED" });
  webSocket.send("hello");
  await until(() => messages.length === 1);
  reception.clients[0]?.connection.close("shutting down");
  await until(() => closes.length === 1);
  expect(closes).toEqual([[1001, "shutting down"]]);
});
