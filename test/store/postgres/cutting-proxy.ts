/**
 * A proxy between a store and its server that cuts connections: all of them at once, or one in the moment when the
 * server's next answer comes, so that what was asked for is done and nobody is told.
 */
import { once } from "node:events";
import { createServer, type Socket, connect } from "node:net";

/** See the file's head. */
export interface CuttingProxy {
  readonly url: string;
  /** Cuts every connection. */
  cutAll(): void;
  /** The next answers of the server, on so many connections, are lost with them; only to what was sent with this text. */
  loseAnswers(count: number, sent: string): void;
  readonly lost: number;
  close(): Promise<void>;
}

/** Starts one in front of a server. */
export async function startCuttingProxy(serverUrl: string): Promise<CuttingProxy> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const losing = { left: 0, sent: "", lost: 0 };
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    const cut = (): void => {
      near.resetAndDestroy();
      far.destroy();
    };
    let isDoomed = false;
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", cut);
      socket.on("close", () => {
        sockets.delete(socket);
        cut();
      });
    }
    near.on("data", (bytes) => {
      if (losing.left > 0 && !isDoomed && bytes.includes(losing.sent)) {
        losing.left -= 1;
        isDoomed = true;
      }
      far.write(bytes);
    });
    far.on("data", (bytes) => {
      if (!isDoomed) {
        near.write(bytes);
        return;
      }
      losing.lost += 1;
      cut();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = new URL(serverUrl);
  url.port = String(typeof address === "object" && address !== null ? address.port : 0);
  return {
    url: url.href,
    cutAll() {
      for (const socket of sockets) socket.destroy();
    },
    loseAnswers(count, sent) {
      losing.left = count;
      losing.sent = sent;
    },
    get lost() {
      return losing.lost;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}
