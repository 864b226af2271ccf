/**
 * How a client reaches a server: by unix socket, WebSocket and a process of its own, with a token, and what it is
 * told where nobody is, or somebody who is no server. Over real sockets and processes.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

import { describe, expect, onTestFinished, test, vi } from "vitest";

import { CLIENT_LIMITS, type ClientOptions, connectClient } from "../../src/client/index.ts";
import { openListener } from "../../src/server/transports/index.ts";
import { createManualClock, drainEventLoop } from "../../src/testing/manual-clock.ts";
import { AT_ONCE, connect, rejected, temporaryFolder, until } from "./client-harness.ts";
import { createScriptedServer, IDENTITY, type ScriptedServer } from "./scripted-server.ts";

const ECHOED = { text: "漢😀\n".repeat(100_000) };

async function listen(address: string, token?: string): Promise<{ address: string; server: ScriptedServer }> {
  const server = createScriptedServer((_client, { method, params }) => (method === "echo" ? params : undefined));
  const listener = await openListener(address, token === undefined ? {} : { token }, server.acceptor);
  onTestFinished(async () => {
    await listener.close();
    for (const client of server.clients) client.connection.close("the test is over");
  });
  return { address: listener.address, server };
}

describe.each([
  ["unix", (folder: string) => [`unix://${join(folder, "s")}`, `unix://${join(folder, "s")}`]],
  ["WebSocket", () => ["ws://127.0.0.1:0", undefined]],
  ["WebSocket on a unix socket", (folder: string) => [`unix://${join(folder, "s")}`, `ws+unix://${join(folder, "s")}`]],
] as const)("over %s", (_name, places) => {
  test("messages of any size go both ways, and closing is heard by the server", async () => {
    const [at, from] = places(temporaryFolder());
    const { address, server } = await listen(at ?? "");
    const client = await connect({ address: from ?? address });
    expect(client.server).toEqual(IDENTITY);
    expect(await client.requestOther("echo", ECHOED)).toEqual(ECHOED);
    const many = Array.from({ length: 500 }, (_, index) => client.requestOther("echo", index));
    expect(await Promise.all(many)).toEqual(Array.from({ length: 500 }, (_, index) => index));
    await client.close();
    await until(() => server.client.isGone);
  });

  test("a server that closes the connection is connected to again, and the reason is told", async () => {
    const [at, from] = places(temporaryFolder());
    const { address, server } = await listen(at ?? "");
    const client = await connect({ address: from ?? address, reconnect: AT_ONCE });
    const lost = rejected(client.requestOther("never", {}));
    await until(() => server.client.requests("never").length === 1);
    server.client.connection.close("it is being restarted");
    expect(await lost).toMatchObject({ code: "connection_lost", retryable: true });
    expect(await client.requestOther("echo", 1)).toBe(1);
    expect(server.clients.length).toBe(2);
  });
});

describe("a token", () => {
  test("opens a server that asks for it, and without it the refusal says what to give", async () => {
    const { address, server } = await listen("ws://127.0.0.1:0", "s3cret");
    const client = await connect({ address, token: "s3cret" });
    expect(client.status.state).toBe("connected");
    for (const options of [{ address }, { address, token: "wrong" }]) {
      const error = await rejected(connectClient(options));
      expect(error).toMatchObject({ code: "connection_failed", retryable: false, data: { status: 401 } });
      expect(error.message).toMatch(/HTTP 401; give the server's token as the option token/);
      expect(JSON.stringify(error)).not.toMatch(/wrong|s3cret/);
    }
    expect(server.clients.length).toBe(1);
  });
});

describe("a connection that is cut in the middle of a message", () => {
  test("loses that message, and the next connection begins with its own", async () => {
    const path = join(temporaryFolder(), "s");
    const sockets: Socket[] = [];
    const server = await rawServer(path, (socket) => {
      sockets.push(socket);
      socket.once("data", () => {
        const half = `{"id":1,"result":${JSON.stringify(IDENTITY)}}\n{"method":"x","params":{"half`;
        socket.write(half, () => {
          if (sockets.length === 1) setImmediate(() => socket.destroy());
        });
      });
    });
    const client = await connect({ address: `unix://${path}`, reconnect: AT_ONCE });
    const events: unknown[] = [];
    client.notifications.subscribe((event) => events.push(event));
    await until(() => sockets.length === 2);
    await until(() => client.status.state === "connected");
    sockets[1]?.write('":1}}\n{"method":"y"}\n');
    await until(() => events.length >= 3);
    expect(events).toEqual([
      { type: "reconnected" },
      { type: "other", method: "x", params: { half: 1 } },
      { type: "other", method: "y", params: undefined },
    ]);
    server.close();
  });
});

describe("where nobody is", () => {
  test("the first connection fails at once, and says where", async () => {
    const path = join(temporaryFolder(), "nobody");
    expect(await rejected(connectClient({ address: `unix://${path}` }))).toMatchObject({
      code: "connection_failed",
      retryable: true,
      data: { errno: "ENOENT", address: `unix://${path}` },
    });
    const { address } = await listenOnce();
    expect(await rejected(connectClient({ address }))).toMatchObject({
      code: "connection_failed",
      data: { errno: "ECONNREFUSED" },
      message: expect.stringMatching(/does a server listen there\?$/) as string,
    });
  });

  test("something that is no server is told from one", async () => {
    const path = join(temporaryFolder(), "s");
    await rawServer(path, (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect(await rejected(connectClient({ address: `unix://${path}` }))).toMatchObject({ code: "connection_lost" });
    expect(await rejected(connectClient({ address: `ws+unix://${path}` }))).toMatchObject({
      code: "connection_failed",
    });
  });

  test.each([
    [{}, /one of address, addresses, command and spawn/],
    [{ address: "unix:///a", command: { file: "x" } }, /one of address, addresses, command and spawn/],
    [{ address: "stdio://" }, /not an address of a server/],
    [{ address: "http://127.0.0.1:1" }, /not an address of a server/],
    [{ address: "ws://:::" }, /not an address of a server/],
    [{ address: "unix:///a", token: "t" }, /a token is for ws/],
    [{ command: { file: "" } }, /command needs a file/],
    [{ address: "unix:///a", requestTimeoutMs: 0 }, /requestTimeoutMs must be a positive number/],
    [{ address: "unix:///a", reconnect: { tries: 3 } }, /reconnect has no option tries/],
    [{ address: "unix:///a", adress: "x" }, /connectClient has no option adress/],
  ])("options that can't be are refused: %j", async (options, message) => {
    const error = await rejected(connectClient(options as ClientOptions));
    expect(error.code).toBe("invalid_argument");
    expect(error.message).toMatch(message);
  });
});

/** A server over standard input and output whose behaviour its arguments choose. */
const CHILD = `
import { createInterface } from "node:readline";
const lines = createInterface({ input: process.stdin });
const say = (message) => process.stdout.write(JSON.stringify(message) + "\\n");
const how = process.argv[2];
if (how === "dies-at-once") { console.error("no home\\ngive one"); process.exit(7); }
if (how === "never-ends") { process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); }
lines.on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === "initialize") say({ id, result: ${JSON.stringify(IDENTITY)} });
  if (method === "pid") say({ id, result: process.pid });
  if (method === "die") { console.error("about to die"); process.kill(process.pid, "SIGKILL"); }
});
`;

function command(how: string) {
  const file = join(temporaryFolder(), "child.mjs");
  writeFileSync(file, CHILD);
  return { file: process.execPath, args: [file, how] };
}

describe("a process of its own", () => {
  test("is spoken to, and ends when the client is closed", async () => {
    const client = await connect({ command: command("") });
    const pid = Number(await client.requestOther("pid", {}));
    expect(isAlive(pid)).toBe(true);
    await client.close();
    expect(isAlive(pid)).toBe(false);
  });

  test("that dies at once is told of with its exit code and last words", async () => {
    const error = await rejected(connectClient({ command: command("dies-at-once") }));
    expect(error).toMatchObject({
      code: "connection_lost",
      data: { exitCode: 7, signal: null, stderr: "no home\ngive one" },
    });
    expect(error.message).toMatch(/the server's process ended with exit code 7; its last words:\nno home\ngive one$/);
  });

  test("that is killed is told of by its signal, and another one is started", async () => {
    const client = await connect({ command: command(""), reconnect: AT_ONCE });
    const first = await client.requestOther("pid", {});
    const error = await rejected(client.requestOther("die", {}));
    expect(error).toMatchObject({ code: "connection_lost", data: { signal: "SIGKILL", stderr: "about to die" } });
    expect(await client.requestOther("pid", {})).not.toBe(first);
  });

  test("that does not end by itself is killed within a bounded time", async () => {
    const clock = createManualClock();
    const client = await connect({ command: command("never-ends"), clock });
    const pid = Number(await client.requestOther("pid", {}));
    onTestFinished(() => void (isAlive(pid) && process.kill(pid, "SIGKILL")));
    const closing = client.close();
    const ended = vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 10_000 });
    await until(() => client.status.state === "closed");
    await drainEventLoop();
    clock.advance(CLIENT_LIMITS.exitMs);
    expect(isAlive(pid)).toBe(true);
    clock.advance(CLIENT_LIMITS.killMs);
    await ended;
    await closing;
  });

  test("that can't be started is refused with the reason", async () => {
    const error = await rejected(connectClient({ command: { file: "/no/such/program" } }));
    expect(error).toMatchObject({ code: "connection_failed", retryable: false, data: { errno: "ENOENT" } });
  });

  test("may be started by who connects, but needs its pipes", async () => {
    const { file, args } = command("");
    const client = await connect({ spawn: () => spawn(file, args, { stdio: ["pipe", "pipe", "ignore"] }) });
    expect(await client.requestOther("pid", {})).toBeGreaterThan(0);
    const error = await rejected(connectClient({ spawn: () => spawn(file, args, { stdio: "ignore" }) }));
    expect(error.message).toMatch(/needs pipes/);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function rawServer(path: string, serve: (socket: Socket) => void): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}

/** The address of a port where nobody listens any more. */
async function listenOnce(): Promise<{ readonly address: string }> {
  const listener = await openListener("ws://127.0.0.1:0", {}, createScriptedServer().acceptor);
  await listener.close();
  return { address: listener.address };
}
