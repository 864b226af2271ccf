/**
 * A TCP connection between a client and a server that a test can cut, as a cable is: at once, both ways, in whatever
 * is under way. It can be mended, or hold back what the server answers.
 */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** See the file's head. */
export interface CuttableLink {
  readonly url: string;
  /** Ends all connections, and takes no new ones until it is mended. */
  cut(): Promise<void>;
  /** Takes connections again. */
  mend(): void;
  /** From now on nothing that the server sends arrives. */
  holdAnswers(): void;
}

/** Makes one to a port of this machine. `target` may change, as when a server is started again. */
export async function createCuttableLink(target: number | (() => number)): Promise<CuttableLink> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let isHolding = false;
  const server = createServer((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const upstream = connect({ host: "127.0.0.1", port: typeof target === "number" ? target : target() });
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on("data", (bytes) => {
      if (!isHolding) client.write(bytes);
    });
  });
  server.unref();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    cut: async () => {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend: () => {
      isCut = false;
      isHolding = false;
    },
    holdAnswers: () => {
      isHolding = true;
    },
  };
}
