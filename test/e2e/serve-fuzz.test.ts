/**
 * Garbage at the process: whatever bytes and frames come in, over any transport, the server goes on, its memory stays
 * bounded, and the next client is served as if nothing had been.
 */
import { type EventEmitter, once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";

import fc from "fast-check";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { WebSocket } from "ws";

import { ensureBuilt } from "../../scripts/build.ts";
import { projectRoot } from "../../scripts/source-files.ts";
import { clientOfProcess, connectTo, runTurn, type ServeProcess, startServe } from "./serve-harness.ts";
import { makeWorkplace, type SkeinWorkplace } from "./skein-workplace.ts";

const MIB = 1024 * 1024;
const METHODS = [
  "initialize",
  "thread/start",
  "thread/resume",
  "thread/list",
  "turn/start",
  "thread/read",
  "thread/fork",
];

vi.setConfig({ testTimeout: 60_000 });

let place: SkeinWorkplace;
beforeAll(async () => {
  await ensureBuilt(projectRoot);
  place = makeWorkplace();
}, 120_000);
afterAll(() => place.remove());

/** Requests that are almost right: known methods with any JSON for their params, and members that are missing. */
const almostRequest = fc
  .record(
    {
      id: fc.oneof(fc.integer(), fc.string(), fc.jsonValue()),
      method: fc.oneof(fc.constantFrom(...METHODS), fc.string()),
      params: fc.oneof(
        fc.record({ threadId: fc.jsonValue(), input: fc.jsonValue() }, { requiredKeys: [] }),
        fc.record({ clientInfo: fc.jsonValue(), capabilities: fc.jsonValue() }, { requiredKeys: [] }),
        fc.jsonValue(),
      ),
      result: fc.jsonValue(),
      error: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  .map((message) => Buffer.from(JSON.stringify(message)));

/** What a client may be sending: noise, JSON of any shape, requests that are cut short, deep nesting. */
const anyMessage = fc.oneof(
  { weight: 3, arbitrary: almostRequest },
  { weight: 1, arbitrary: almostRequest.map((bytes) => bytes.subarray(0, bytes.length >> 1)) },
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text)),
  fc.integer({ min: 1, max: 50_000 }).map((depth) => Buffer.from("[".repeat(depth))),
  fc.constant(Buffer.from(`{"id":1,"method":"thread/list","params":{"cursor":"${"x".repeat(100_000)}"}}`)),
);

function messagesOf(seedShift: number): readonly Buffer[] {
  const { seed = 1 } = fc.readConfigureGlobal();
  return fc.sample(anyMessage, { numRuns: 400, seed: seed + seedShift });
}

/** It is there, and serves a new client of this address from the handshake to the end of a turn. */
async function serves(server: ServeProcess, address: string): Promise<void> {
  expect(server.hasEnded()).toBe(false);
  const client = await connectTo(address);
  await client.initialize();
  const { thread } = await client.call("thread/start");
  expect(await runTurn(client, thread.id, "still here")).toMatchObject({ status: "completed" });
  client.vanish();
}

it("bytes and frames of any kind end no server, over a socket or a WebSocket, and its memory stays bounded", async () => {
  const path = join(place.cwd, "fuzz.sock");
  const server = startServe(["--json", "--listen", `unix://${path}`, "--listen", "ws://127.0.0.1:0"], {
    cwd: place.cwd,
  });
  const [unix = "", ws = ""] = await server.addresses();
  await serves(server, unix);
  await serves(server, ws);
  const before = server.residentBytes();

  const lines = connect(path);
  lines.on("error", () => {});
  // All is read, or the server would have to close it for what waits.
  lines.resume();
  for (const message of messagesOf(1)) lines.write(Buffer.concat([message, Buffer.from("\n")]));
  lines.end();
  await closeOf(lines);

  const frames = new WebSocket(ws);
  frames.on("error", () => {});
  await once(frames, "open");
  for (const [index, message] of messagesOf(2).entries()) frames.send(message, { binary: index % 5 === 0 });
  frames.close();
  await closeOf(frames);

  const port = Number(new URL(ws).port);
  for (const bytes of [
    Buffer.from("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
    Buffer.from(`GET /${"x".repeat(100_000)} HTTP/1.1\r\n\r\n`),
    Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]),
    // A WebSocket that goes on with a frame of a reserved kind, and one that claims 2^62 bytes.
    Buffer.concat([upgrade(port), Buffer.from([0xff, 0x80, 0, 0, 0, 0])]),
    Buffer.concat([upgrade(port), Buffer.from([0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])]),
  ]) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    socket.end(bytes);
    await closeOf(socket);
  }

  await serves(server, unix);
  await serves(server, ws);
  expect(server.residentBytes() - before).toBeLessThan(150 * MIB);
  expect(await server.stop()).toBe(0);
  expect(server.said.stderr).toBe("");
});

it("a line that never ends costs a bounded amount of memory, over standard input and over a socket", async () => {
  const path = join(place.cwd, "long.sock");
  const server = startServe(["--json", "--listen", "stdio://", "--listen", `unix://${path}`], { cwd: place.cwd });
  const client = clientOfProcess(server);
  await client.initialize();
  const before = server.residentBytes();
  const piece = "x".repeat(MIB);
  const socket = connect(path);
  socket.on("error", () => {});
  const closed = closeOf(socket);
  let peak = 0;
  for (let mib = 0; mib < 200; mib += 1) {
    if (!socket.destroyed) socket.write(piece);
    if (server.child.stdin?.write(piece) === false) await once(server.child.stdin, "drain");
    peak = Math.max(peak, server.residentBytes());
  }
  await closed;
  client.sendText("");
  expect(await client.call("thread/loaded/list")).toMatchObject({ data: [] });
  await serves(server, `unix://${path}`);
  expect(peak - before).toBeLessThan(300 * MIB);
  server.child.stdin?.end();
  expect(await server.ended).toBe(0);
});

/** Also where it ends with an error. */
function closeOf(connection: EventEmitter): Promise<void> {
  return new Promise((resolve) => connection.on("close", () => resolve()));
}

function upgrade(port: number): Buffer {
  const key = "dGhlIHNhbXBsZSBub25jZQ==";
  return Buffer.from(
    `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
}
