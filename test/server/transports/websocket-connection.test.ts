/**
 * How a WebSocket's frames reach its socket: a client in the same process can't see in how many writes, so the
 * socket here is a stream that counts them.
 */
import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";

import { expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";

import { assert, silentLogger, systemClock } from "../../../src/base/index.ts";
import { TRANSPORT_LIMITS } from "../../../src/server/transports/index.ts";
import { openWebSocketConnection } from "../../../src/server/transports/websocket-connection.ts";
import { createReception, until } from "./transport-harness.ts";

const REQUEST = {
  method: "GET",
  url: "/",
  headers: {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  },
} as unknown as IncomingMessage;

test("the frames of one turn of the event loop are one write, and a large number a few", async () => {
  const writes: number[] = [];
  const count = (bytes: number, done: () => void): void => {
    writes.push(bytes);
    setImmediate(done);
  };
  const socket = new Duplex({
    read: () => {},
    write: ({ length }: Buffer, _encoding, done) => count(length, done),
    writev: (chunks, done) => {
      const lengths = chunks.map(({ chunk }) => (chunk as Buffer).length);
      count(
        lengths.reduce((sum, length) => sum + length, 0),
        done,
      );
    },
  });
  let upgraded: WebSocket | undefined;
  new WebSocketServer({ noServer: true }).handleUpgrade(REQUEST, socket, Buffer.alloc(0), (webSocket) => {
    upgraded = webSocket;
  });
  assert(upgraded !== undefined, "the handshake is right");
  await until(() => writes.length === 1 && socket.writableLength === 0);

  const reception = createReception();
  const connection = openWebSocketConnection({
    name: "ws#1",
    webSocket: upgraded,
    socket,
    acceptor: reception.acceptor,
    limits: TRANSPORT_LIMITS,
    clock: systemClock,
    logger: silentLogger,
    over: () => {},
  });
  for (let index = 0; index < 100; index += 1) connection.link.send("12345");
  await until(() => connection.link.waitingBytes === 0 && writes.length > 1 && socket.writableLength === 0);
  expect(writes.slice(1)).toEqual([100 * 7]);

  for (let index = 0; index < 10_000; index += 1) connection.link.send("x".repeat(98));
  await until(() => connection.link.waitingBytes === 0 && socket.writableLength === 0);
  expect(writes.slice(2).reduce((sum, bytes) => sum + bytes, 0)).toBe(1_000_000);
  expect(writes.length).toBeLessThan(8);
  upgraded.terminate();
  await until(() => reception.clients[0]?.closed.length === 1);
});
