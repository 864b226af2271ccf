/**
 * A pooler in this process that keeps sessions, for where there is no PgBouncer: each client has a session of its own
 * while it is there, at most so many at once, and who comes then waits in silence. It tells each client an id of its own
 * for the process, as poolers do.
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

import { onTestFinished } from "vitest";

/** See the file's head. */
export interface SessionPooler {
  readonly url: string;
  /** Clients that came so far. */
  readonly clients: number;
}

/** Starts one in front of a server; it goes when the test is done. */
export async function startSessionPooler(serverUrl: string, sessionsMax: number): Promise<SessionPooler> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const waiting: Socket[] = [];
  let sessions = 0;
  let clients = 0;
  const hold = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  };
  const serve = (): void => {
    while (sessions < sessionsMax) {
      const near = waiting.shift();
      if (near === undefined) return;
      if (near.destroyed) continue;
      sessions += 1;
      const far = connect(Number(target.port), target.hostname);
      hold(far);
      near.on("close", () => far.end());
      far.on("close", () => {
        near.destroy();
        sessions -= 1;
        serve();
      });
      near.pipe(far);
      passRenamed(far, near);
    }
  };
  const server = createServer((near) => {
    clients += 1;
    hold(near);
    waiting.push(near);
    serve();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    waiting.length = 0;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, "close");
  });
  const address = server.address();
  const url = new URL(serverUrl);
  url.port = String(typeof address === "object" && address !== null ? address.port : 0);
  return {
    url: url.href,
    get clients() {
      return clients;
    },
  };
}

const KEY_DATA = "K".charCodeAt(0);
/** A message begins with its type and the length of what follows that. */
const HEAD_BYTES = 5;

/** Passes on what the server says, with another process's id. */
function passRenamed(far: Socket, near: Socket): void {
  let held = Buffer.alloc(0);
  let isRenamed = false;
  far.on("data", (bytes: Buffer) => {
    held = Buffer.concat([held, bytes]);
    while (!isRenamed && held.length >= HEAD_BYTES) {
      const end = 1 + held.readUInt32BE(1);
      if (held.length < end) return;
      const message = held.subarray(0, end);
      held = held.subarray(end);
      if (message[0] === KEY_DATA) {
        isRenamed = true;
        message.writeUInt32BE(message.readUInt32BE(HEAD_BYTES) + 1, HEAD_BYTES);
      }
      near.write(message);
    }
    if (!isRenamed || held.length === 0) return;
    near.write(held);
    held = Buffer.alloc(0);
  });
}
