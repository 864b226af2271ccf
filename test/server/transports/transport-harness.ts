/**
 * Both ends of a transport for its tests: an acceptor that keeps what it hears, and clients that write the bytes
 * they are told to. Waits are for conditions, with an end that only a failing test reaches.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type NetConnectOpts, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { onTestFinished } from "vitest";

import { assert, sleep, systemClock } from "../../../src/base/index.ts";
import type { Connection, ConnectionAcceptor, Listener } from "../../../src/server/transports/index.ts";

const WAIT_MS_MAX = 20_000;

/** One client as the server met it. */
export interface MetClient {
  readonly connection: Connection;
  readonly messages: string[];
  /** Every reason that was told: never more than one. */
  readonly closed: string[];
  /** What happened, in its order: messages and "closed". */
  readonly heard: string[];
}

/** An acceptor and everybody it met. */
export interface Reception {
  readonly acceptor: ConnectionAcceptor;
  readonly clients: MetClient[];
  /** The client that came in as this one, once it has. */
  client(index: number): Promise<MetClient>;
}

/** Meets clients; `hear` may answer a message. */
export function createReception(hear: (client: MetClient, text: string) => void = () => {}): Reception {
  const clients: MetClient[] = [];
  return {
    clients,
    acceptor: (connection) => {
      const client: MetClient = { connection, messages: [], closed: [], heard: [] };
      clients.push(client);
      return {
        received: (text) => {
          client.messages.push(text);
          client.heard.push(text);
          hear(client, text);
        },
        closed: (reason) => {
          client.closed.push(reason);
          client.heard.push("closed");
        },
      };
    },
    client: async (index) => {
      await until(() => clients.length > index);
      const client = clients[index];
      assert(client !== undefined, "the client has come");
      return client;
    },
  };
}

/** Answers each message with itself. */
export const echo = (client: MetClient, text: string): void => void client.connection.send(text);

/** Waits until the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  const end = systemClock.monotonicMs() + WAIT_MS_MAX;
  while (!condition()) {
    assert(systemClock.monotonicMs() < end, `waited in vain for ${condition.toString()}`);
    await sleep(systemClock, 2);
  }
}

/** A folder that goes with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "skein-tr-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Closes the listener and everybody it let in when the test is over. */
export function closesAfterTest(listener: Listener, reception: Reception): Listener {
  onTestFinished(async () => {
    await listener.close();
    for (const { connection } of reception.clients) connection.close("the test is over");
    await until(() => reception.clients.every(({ closed }) => closed.length > 0));
  });
  return listener;
}

/** A client that writes bytes. */
export interface RawClient {
  readonly socket: Socket;
  /** All that came, as text. */
  text(): string;
  isClosed(): boolean;
}

/** Connects a client; it is gone after the test. */
export async function connectRaw(place: NetConnectOpts): Promise<RawClient> {
  const socket = connect(place);
  const chunks: Buffer[] = [];
  let isClosed = false;
  socket.on("data", (chunk) => chunks.push(chunk));
  // Whether it ended with an error is the server's choice, and seen in what came.
  socket.on("error", () => {});
  socket.on("close", () => {
    isClosed = true;
  });
  onTestFinished(() => void socket.destroy());
  await until(() => !socket.connecting);
  return { socket, text: () => Buffer.concat(chunks).toString("utf8"), isClosed: () => isClosed };
}

/** The port of a WebSocket listener. */
export function portOf(listener: Listener): number {
  return Number(new URL(listener.address).port);
}
