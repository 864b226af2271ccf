/**
 * Garbage from clients: whatever bytes come, in whatever pieces, and however the sender goes, the server answers a
 * good client afterwards, has told everybody's end once, and keeps nothing of what it dropped.
 */
import { once } from "node:events";
import { connect, type NetConnectOpts, type Socket } from "node:net";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";

import fc from "fast-check";
import { expect, test } from "vitest";
import { WebSocket } from "ws";

import {
  type Listener,
  listenUnix,
  listenWebSocket,
  serveStdio,
  type TransportLimits,
} from "../../../src/server/transports/index.ts";
import {
  closesAfterTest,
  connectRaw,
  createReception,
  echo,
  portOf,
  type Reception,
  temporaryFolder,
  until,
} from "./transport-harness.ts";

const LIMITS: Partial<TransportLimits> = { messageBytesMax: 2_000, closeMs: 200, connectionsMax: 1_000 };
const UPGRADE = [
  "GET / HTTP/1.1",
  "Host: localhost",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "\r\n",
].join("\r\n");

/** Bytes that go near what a transport expects: lines, requests, frames and their pieces. */
const garbage: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .constantFrom(
      UPGRADE,
      UPGRADE.slice(0, 40),
      "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n",
      "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\nfff\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "G",
      "\n",
      "\r\n\r\n",
      "{}\n",
      '{"id":1}\n{"id":',
      "x".repeat(2_100),
      "\n".repeat(500),
    )
    .map((text) => Buffer.from(text)),
  frame(),
);

/** A frame of any kind: masked or not, of a length that is true or not. */
function frame(): fc.Arbitrary<Uint8Array> {
  return fc
    .record({
      head: fc.nat(255),
      isMasked: fc.boolean(),
      length: fc.constantFrom(0, 1, 125, 126, 127),
      extension: fc.uint8Array({ maxLength: 8 }),
      payload: fc.uint8Array({ maxLength: 140 }),
    })
    .map(({ head, isMasked, length, extension, payload }) =>
      Buffer.concat([
        Buffer.from([head, (isMasked ? 0x80 : 0) | length]),
        extension,
        isMasked ? Buffer.from([1, 2, 3, 4]) : Buffer.alloc(0),
        payload,
      ]),
    );
}

/** What one bad client does. */
interface Attack {
  readonly beginsWith: string;
  readonly pieces: readonly Uint8Array[];
  readonly leaves: "end" | "destroy" | "reset";
}

const attack: fc.Arbitrary<Attack> = fc.record({
  beginsWith: fc.constantFrom("", "", UPGRADE),
  pieces: fc.array(garbage, { minLength: 1, maxLength: 8 }),
  leaves: fc.constantFrom("end", "destroy", "reset"),
});

/** Writes what it is told to, as far as it is let, and goes. */
async function perform(place: NetConnectOpts, { beginsWith, pieces, leaves }: Attack): Promise<void> {
  const socket: Socket = connect(place);
  socket.on("error", () => {});
  socket.resume();
  const closed = once(socket, "close");
  socket.write(beginsWith);
  for (const piece of pieces) await new Promise<void>((resolve) => void socket.write(piece, () => resolve()));
  if (leaves === "end") {
    socket.end();
    // The server may wait for what the request said is still to come.
    await Promise.race([closed, new Promise((resolve) => setImmediate(resolve))]);
  }
  // A reset is TCP's; a unix socket is destroyed.
  if (leaves === "reset" && "port" in place) socket.resetAndDestroy();
  else socket.destroy();
  await closed;
}

async function survives(place: NetConnectOpts, reception: Reception, ask: () => Promise<void>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(attack, { minLength: 1, maxLength: 4 }), async (attacks) => {
      const met = reception.clients.length;
      await Promise.all(attacks.map((each) => perform(place, each)));
      await ask();
      await until(() => reception.clients.slice(met).every(({ closed }) => closed.length > 0));
      for (const { closed, heard, messages } of reception.clients.slice(met)) {
        expect([closed.length, heard.at(-1)]).toEqual([1, "closed"]);
        expect(messages.every((text) => Buffer.byteLength(text) <= 3 * 2_000)).toBe(true);
      }
    }),
  );
}

async function askByWebSocket(address: string): Promise<void> {
  const webSocket = new WebSocket(address);
  await once(webSocket, "open");
  webSocket.send("are you there?");
  const [answer] = (await once(webSocket, "message")) as [Buffer];
  expect(answer.toString("utf8")).toBe("are you there?");
  webSocket.close();
}

test("a unix socket survives any bytes, and answers lines and WebSockets afterwards (property)", async () => {
  const path = join(temporaryFolder(), "skein.sock");
  const reception = createReception(echo);
  closesAfterTest(await listenUnix({ path, acceptor: reception.acceptor, limits: LIMITS }), reception);
  await survives({ path }, reception, async () => {
    await askByWebSocket(`ws+unix://${path}:/`);
    const socket = connect(path);
    socket.write("are you there?\n");
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString("utf8")).toBe("are you there?\n");
    socket.destroy();
  });
});

test("a port survives any bytes, and answers WebSockets afterwards (property)", async () => {
  const reception = createReception(echo);
  const listener: Listener = await listenWebSocket({
    host: "127.0.0.1",
    port: 0,
    acceptor: reception.acceptor,
    limits: LIMITS,
  });
  closesAfterTest(listener, reception);
  await survives({ host: "127.0.0.1", port: portOf(listener) }, reception, () => askByWebSocket(listener.address));
});

test("half a gigabyte without a newline is dropped, and nothing of it is kept", async () => {
  const input = new PassThrough();
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reception = createReception();
  const listener = serveStdio({
    input,
    output,
    acceptor: reception.acceptor,
    limits: { messageBytesMax: 1024 * 1024 },
  });
  const before = process.memoryUsage().arrayBuffers;
  // The same bytes again and again: what grows is what is kept.
  const chunk = Buffer.alloc(64 * 1024, "x");
  for (let index = 0; index < 8_192; index += 1) {
    if (!input.write(chunk)) await once(input, "drain");
  }
  input.end("\nnext\n");
  await listener.ended;
  expect(reception.clients[0]?.heard).toEqual(["next"]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
});

test("a client that only asks for pongs and reads none is bounded", async () => {
  const reception = createReception(echo);
  const listener = await listenWebSocket({ host: "127.0.0.1", port: 0, acceptor: reception.acceptor, limits: LIMITS });
  closesAfterTest(listener, reception);
  const { socket, text } = await connectRaw({ host: "127.0.0.1", port: portOf(listener) });
  socket.write(UPGRADE);
  await until(() => text().includes("101"));
  socket.pause();
  const ping = Buffer.concat([Buffer.from([0x89, 0xfd, 0, 0, 0, 0]), Buffer.alloc(125)]);
  const pings = Buffer.concat(Array.from({ length: 500 }, () => ping));
  const before = process.memoryUsage().arrayBuffers;
  for (let index = 0; index < 400; index += 1) {
    if (socket.destroyed) break;
    await new Promise((resolve) => socket.write(pings, resolve));
  }
  // 25 MB of pongs were asked for.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  await askByWebSocket(listener.address);
});
