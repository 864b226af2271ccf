/**
 * A unix socket that only its owner's processes can connect to. A client that begins with an HTTP request speaks
 * WebSocket, as the peer's clients do on a unix socket; any other speaks lines, as over standard input. Which it
 * is shows its first byte: a JSON text never begins with a "G".
 */
import { createServer, type Socket } from "node:net";

import { type Clock, type Logger, silentLogger, systemClock } from "../../base/index.ts";
import type { ConnectionAcceptor, Listener } from "./connection.ts";
import { type ConnectionSlots, createConnectionSlots } from "./connection-slots.ts";
import { openLineConnection } from "./line-connection.ts";
import { formatListenAddress } from "./listen-address.ts";
import { createAdmission } from "./request-admission.ts";
import { type TransportLimits, withDefaultLimits } from "./transport-limits.ts";
import { listenAtSocketFile } from "./unix-socket-file.ts";
import { createWebSocketDoor } from "./websocket-door.ts";

/** Where clients connect, and who hears them. */
export interface UnixTransportOptions {
  /** Of the socket's file; its folder must be there. */
  readonly path: string;
  readonly acceptor: ConnectionAcceptor;
  /** Bounds that differ from TRANSPORT_LIMITS. */
  readonly limits?: Partial<TransportLimits>;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** What every socket is handed on with. */
interface UnixClients {
  readonly acceptor: ConnectionAcceptor;
  readonly limits: TransportLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly slots: ConnectionSlots;
}

const FIRST_BYTE_OF_HTTP = "G".charCodeAt(0);
/** Beyond the clients: sockets that said nothing yet, or ask for their health. */
const SOCKETS_SPARE = 64;

/**
 * Listens; resolves when clients can connect. `invalid_argument` for a path that no socket can have, `io_error`
 * with EADDRINUSE in its data where another process listens.
 */
export async function listenUnix(options: UnixTransportOptions): Promise<Listener> {
  const { path, acceptor, clock = systemClock, logger = silentLogger } = options;
  const limits = withDefaultLimits(options.limits);
  const slots = createConnectionSlots("unix", limits.connectionsMax);
  const clients: UnixClients = { acceptor, limits, clock, logger, slots };
  const door = createWebSocketDoor({ ...clients, admission: createAdmission({ needsLoopbackHost: false }) });
  const silent = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    silent.add(socket);
    socket.on("error", (error) => logger.debug({ reason: error.message }, "a socket failed"));
    socket.once("close", () => silent.delete(socket));
    const ended = (): void => void socket.end();
    socket.once("end", ended);
    socket.once("data", (first: Buffer) => {
      silent.delete(socket);
      socket.off("end", ended);
      socket.pause();
      socket.unshift(first);
      if (first[0] === FIRST_BYTE_OF_HTTP) door.http.emit("connection", socket);
      else takeLines(socket, clients);
      socket.resume();
    });
  });
  server.maxConnections = limits.connectionsMax + SOCKETS_SPARE;
  const file = await listenAtSocketFile(server, path);
  server.on("error", (error) => logger.error({ reason: error.message }, "the listener failed to take a client"));
  const ended = Promise.withResolvers<void>();
  let isOpen = true;
  return {
    address: formatListenAddress({ kind: "unix", path }),
    ended: ended.promise,
    close: async () => {
      if (!isOpen) return ended.promise;
      isOpen = false;
      door.shut();
      for (const socket of silent) socket.destroy();
      server.close();
      try {
        file.release();
      } finally {
        ended.resolve();
      }
    },
  };
}

function takeLines(socket: Socket, { slots, ...clients }: UnixClients): void {
  const name = slots.take();
  if (name === undefined) {
    clients.logger.warn({ connectionsMax: clients.limits.connectionsMax }, "a client was refused: there are too many");
    socket.destroy();
    return;
  }
  openLineConnection({
    ...clients,
    name,
    input: socket,
    output: socket,
    endsWhenOversized: true,
    endsWithInput: true,
    over: () => slots.free(),
  });
}
