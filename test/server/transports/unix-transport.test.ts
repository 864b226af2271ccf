/**
 * A unix socket and its file: lines and WebSockets on one path, whose file it is, and what a client may not do.
 * All over real sockets and with real processes that die.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";

import { type Listener, listenUnix, type TransportLimits } from "../../../src/server/transports/index.ts";
import { closesAfterTest, connectRaw, createReception, echo, temporaryFolder, until } from "./transport-harness.ts";

interface Opened {
  readonly path: string;
  readonly listener: Listener;
  readonly reception: ReturnType<typeof createReception>;
}

async function open(
  limits: Partial<TransportLimits> = {},
  path = join(temporaryFolder(), "skein.sock"),
): Promise<Opened> {
  const reception = createReception(echo);
  const listener = await listenUnix({ path, acceptor: reception.acceptor, limits });
  closesAfterTest(listener, reception);
  return { path, listener, reception };
}

test("two clients are two connections, each with its own answers", async () => {
  const { path, listener, reception } = await open();
  expect(listener.address).toBe(`unix://${path}`);
  const [one, two] = [await connectRaw({ path }), await connectRaw({ path })];
  one.socket.write("from one\n");
  await until(() => one.text() !== "");
  two.socket.write("from two\nand more\n");
  await until(() => two.text().split("\n").length === 3);
  expect([one.text(), two.text()]).toEqual(["from one\n", "from two\nand more\n"]);
  expect(reception.clients.map(({ connection }) => connection.name)).toEqual(["unix#1", "unix#2"]);
});

test("a message in single bytes is one message, and a thousand in one write are a thousand", async () => {
  const { path, reception } = await open();
  const { socket, text } = await connectRaw({ path });
  socket.setNoDelay(true);
  for (const byte of Buffer.from('{"text":"漢😀"}\n')) socket.write(Buffer.from([byte]));
  await until(() => text() === '{"text":"漢😀"}\n');
  socket.write(Array.from({ length: 1_000 }, (_, index) => `{"id":${index}}\n`).join(""));
  await until(() => text().split("\n").length === 1_002);
  expect(reception.clients[0]?.messages.length).toBe(1_001);
});

test("all that was received is told before the end, and what was answered comes before the socket ends", async () => {
  const { path, reception } = await open();
  const { socket, text, isClosed } = await connectRaw({ path });
  socket.end("one\ntwo\nthree");
  await until(isClosed);
  expect(text()).toBe("one\ntwo\nthree\n");
  expect(reception.clients[0]?.heard).toEqual(["one", "two", "three", "closed"]);
  expect(reception.clients[0]?.closed).toEqual(["the client ended its input"]);
});

test("a client that dies is told as gone, and the others are not", async () => {
  const { path, reception } = await open();
  const [dying, other] = [await connectRaw({ path }), await connectRaw({ path })];
  dying.socket.write("hello\n");
  other.socket.write("hello\n");
  await until(() => reception.clients.length === 2 && other.text() !== "" && dying.text() !== "");
  dying.socket.destroy();
  await until(() => reception.clients.some(({ closed }) => closed.length === 1));
  other.socket.write("again\n");
  await until(() => other.text() === "hello\nagain\n");
});

test("a client that began with an HTTP request speaks WebSocket on the same path", async () => {
  const { path, reception } = await open();
  const webSocket = new WebSocket(`ws+unix://${path}:/`);
  const messages: string[] = [];
  webSocket.on("message", (data: Buffer) => messages.push(data.toString("utf8")));
  await once(webSocket, "open");
  webSocket.send("one");
  webSocket.send("two");
  await until(() => messages.length === 2);
  webSocket.close(1000, "bye");
  const client = await reception.client(0);
  await until(() => client.closed.length === 1);
  expect(messages).toEqual(["one", "two"]);
  expect(client.closed).toEqual(['the client is gone (1000, "bye")']);
});

test("the handshake of a WebSocket may come in single bytes", async () => {
  const { path, reception } = await open();
  const { socket, text } = await connectRaw({ path });
  const request = [
    "GET / HTTP/1.1",
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  for (const byte of Buffer.from(`${request.join("\r\n")}\r\n\r\n`)) {
    await new Promise((written) => socket.write(Buffer.from([byte]), written));
    await new Promise(setImmediate);
  }
  await until(() => text().includes("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  expect(text()).toMatch(/^HTTP\/1\.1 101 /);
  // "hi", masked with zeros.
  socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  const client = await reception.client(0);
  await until(() => client.messages.length === 1);
  expect(client.messages).toEqual(["hi"]);
});

test("health is answered on the socket too", async () => {
  const { path } = await open();
  const { socket, text, isClosed } = await connectRaw({ path });
  socket.write("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await until(isClosed);
  expect(text()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
});

test("a message that is too long ends its client with the reason, and no other", async () => {
  const { path, reception } = await open({ messageBytesMax: 1_000 });
  const [bad, good] = [await connectRaw({ path }), await connectRaw({ path })];
  good.socket.write("hello\n");
  await until(() => good.text() !== "");
  bad.socket.write("x".repeat(2_000));
  const client = await reception.client(1);
  await until(() => client.closed.length === 1);
  expect(client.closed).toEqual(["a message is longer than 1000 bytes"]);
  good.socket.write("again\n");
  await until(() => good.text() === "hello\nagain\n");
});

test("clients beyond the bound are turned away, and one may come when one has gone", async () => {
  const { path, reception } = await open({ connectionsMax: 2 });
  const clients = [await connectRaw({ path }), await connectRaw({ path })];
  for (const { socket, text } of clients) {
    socket.write("in\n");
    await until(() => text() !== "");
  }
  const third = await connectRaw({ path });
  third.socket.write("in?\n");
  await until(third.isClosed);
  expect(third.text()).toBe("");
  clients[0]?.socket.destroy();
  await until(() => reception.clients[0]?.closed.length === 1);
  const fourth = await connectRaw({ path });
  fourth.socket.write("in\n");
  await until(() => fourth.text() === "in\n");
  expect(reception.clients.length).toBe(3);
});

test("a client that reads nothing is closed with the reason, and the server's memory is bounded", async () => {
  const { path, reception } = await open({ queueBytesMax: 1_000_000 });
  const { socket } = await connectRaw({ path });
  socket.pause();
  socket.write("hello\n");
  const { connection, closed } = await reception.client(0);
  const message = "x".repeat(10_000);
  let sent = 0;
  while (connection.send(message)) {
    sent += 1;
    await new Promise(setImmediate);
  }
  await until(() => closed.length === 1);
  expect(closed).toEqual([expect.stringMatching(/^too slow: \d+ bytes wait for it, 1000000 may$/)]);
  // The bound, and what the kernel and one write took besides.
  expect(sent * message.length).toBeLessThan(3_000_000);
});

test("a client that reads late gets all that it was sent, in order", async () => {
  const { path, reception } = await open();
  const { socket, text } = await connectRaw({ path });
  socket.pause();
  socket.write("hello\n");
  const { connection } = await reception.client(0);
  const tail = "x".repeat(10_000);
  for (let index = 0; index < 300; index += 1) connection.send(`${index} ${tail}`);
  await new Promise(setImmediate);
  socket.resume();
  connection.send("last");
  await until(() => text().endsWith("last\n"));
  const lines = text().split("\n");
  expect(lines.map((line) => line.split(" ", 1)[0])).toEqual([
    "hello",
    ...Array.from({ length: 300 }, (_, index) => String(index)),
    "last",
    "",
  ]);
});

test("after close nobody comes in, the file is gone, and who is connected stays until closed", async () => {
  const { path, listener, reception } = await open();
  const [client, silent] = [await connectRaw({ path }), await connectRaw({ path })];
  client.socket.write("hello\n");
  await until(() => client.text() === "hello\n");
  const half = await connectRaw({ path });
  half.socket.write("GET / HTTP/1.1\r\n");
  client.socket.write("next\n");
  await until(() => client.text() === "hello\nnext\n");
  await listener.close();
  await listener.close();
  await listener.ended;
  await until(() => silent.isClosed() && half.isClosed());
  expect(existsSync(path)).toBe(false);
  client.socket.write("again\n");
  await until(() => client.text() === "hello\nnext\nagain\n");
  reception.clients[0]?.connection.send("bye");
  reception.clients[0]?.connection.close("shutting down");
  // Either side may hear of the end first.
  await until(() => client.isClosed() && reception.clients[0]?.closed.length === 1);
  expect([client.text(), reception.clients[0]?.closed]).toEqual(["hello\nnext\nagain\nbye\n", ["shutting down"]]);
});

test("the socket is its owner's alone, and nothing else stays in its folder", async () => {
  const { path } = await open();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(path, ".."))).toEqual(["skein.sock"]);
});

test("a second server at the same path is told that somebody listens there, and the first stays", async () => {
  const { path } = await open();
  await expect(listenUnix({ path, acceptor: createReception().acceptor })).rejects.toMatchObject({
    code: "io_error",
    message: `address in use: somebody listens at ${path}`,
    data: { errno: "EADDRINUSE" },
  });
  const { socket, text } = await connectRaw({ path });
  socket.write("hello\n");
  await until(() => text() === "hello\n");
});

test("a socket that a killed process left is taken over", async () => {
  const path = join(temporaryFolder(), "skein.sock");
  const script = "require('node:net').createServer().listen(process.argv[1], () => console.log('ready'))";
  const child = spawn(process.execPath, ["-e", script, path], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(existsSync(path)).toBe(true);
  await open({}, path);
  const { socket, text } = await connectRaw({ path });
  socket.write("hello\n");
  await until(() => text() === "hello\n");
});

test("of several that take over a stale socket together exactly one listens", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "skein.sock");
  const stale = createServer();
  await new Promise<void>((resolve) => stale.listen(join(folder, "first"), resolve));
  linkSync(join(folder, "first"), path);
  await new Promise((resolve) => stale.close(resolve));
  const reception = createReception(echo);
  const tried = await Promise.allSettled(
    Array.from({ length: 8 }, () => listenUnix({ path, acceptor: reception.acceptor })),
  );
  const listeners = tried.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  onTestFinished(async () => void (await Promise.all(listeners.map((listener) => listener.close()))));
  expect(listeners.length).toBe(1);
  const { socket, text } = await connectRaw({ path });
  socket.write("hello\n");
  await until(() => text() === "hello\n");
  socket.destroy();
});

test("a file that is no socket is refused and not touched", async () => {
  const path = join(temporaryFolder(), "notes.txt");
  writeFileSync(path, "mine");
  await expect(listenUnix({ path, acceptor: createReception().acceptor })).rejects.toMatchObject({
    code: "invalid_argument",
    message: expect.stringContaining("is there and is no socket"),
  });
  expect(readFileSync(path, "utf8")).toBe("mine");
});

test("a socket that another server put in our place is not removed at our end", async () => {
  const { path, listener } = await open();
  rmSync(path);
  const other = await open({}, path);
  await listener.close();
  expect(existsSync(path)).toBe(true);
  await other.listener.close();
  expect(existsSync(path)).toBe(false);
});

test("a path has 107 bytes at most, and its folder must be there", async () => {
  const folder = temporaryFolder();
  const deep = join(folder, "d".repeat(107 - folder.length - 1 - 11));
  mkdirSync(deep);
  const longest = join(deep, "skein.sock");
  const { acceptor } = createReception();
  if (process.platform === "linux") {
    expect(longest.length).toBe(107);
    await open({}, longest);
  }
  await expect(listenUnix({ path: `${longest}x`, acceptor })).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(listenUnix({ path: join(folder, "none", "skein.sock"), acceptor })).rejects.toMatchObject({
    code: "io_error",
    data: { errno: "ENOENT" },
  });
});
