/**
 * WebSockets on a TCP port. At a loopback address anybody on this machine may connect, a browser's pages excepted;
 * anywhere else a token is needed, and a server without one does not start.
 */
import type { AddressInfo } from "node:net";

import { type Clock, faultFromSystem, type Logger, rejection, silentLogger, systemClock } from "../../base/index.ts";
import type { ConnectionAcceptor, Listener } from "./connection.ts";
import { createConnectionSlots } from "./connection-slots.ts";
import { formatListenAddress } from "./listen-address.ts";
import { createAdmission, isLoopbackHost } from "./request-admission.ts";
import { type TransportLimits, withDefaultLimits } from "./transport-limits.ts";
import { createWebSocketDoor } from "./websocket-door.ts";

/** Where WebSockets are taken, and whose. */
export interface WebSocketTransportOptions {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Clients must send it as `Authorization: Bearer TOKEN`. Required unless the host is a loopback one. Never logged. */
  readonly token?: string | undefined;
  /** Origins of pages that may connect: "http://localhost:3000". Default none: a request that has an origin is refused. */
  readonly allowedOrigins?: readonly string[] | undefined;
  readonly acceptor: ConnectionAcceptor;
  /** Bounds that differ from TRANSPORT_LIMITS. */
  readonly limits?: Partial<TransportLimits>;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/**
 * Listens; resolves when clients can connect. `invalid_argument` for a host beyond this machine without a token,
 * `io_error` and the like for a port that is taken or not ours to take.
 */
export async function listenWebSocket(options: WebSocketTransportOptions): Promise<Listener> {
  const { host, port, token, allowedOrigins, acceptor } = options;
  const isLoopback = isLoopbackHost(host);
  if (!isLoopback && token === undefined) throw tokenNeeded(host);
  const limits = withDefaultLimits(options.limits);
  const slots = createConnectionSlots("ws", limits.connectionsMax);
  const logger = options.logger ?? silentLogger;
  const door = createWebSocketDoor({
    admission: createAdmission({ token, allowedOrigins, needsLoopbackHost: isLoopback }),
    acceptor,
    slots,
    limits,
    clock: options.clock ?? systemClock,
    logger,
  });
  const { http } = door;
  await new Promise<void>((resolve, reject) => {
    http.once("error", (error) => reject(faultFromSystem(error, `listen at ${host}:${port}`, { host, port })));
    http.listen({ host, port, exclusive: true }, resolve);
  });
  http.on("error", (error) => logger.error({ reason: error.message }, "the listener failed to take a client"));
  const bound = http.address() as AddressInfo;
  if (token === undefined && !isLoopbackHost(bound.address)) {
    http.close();
    throw tokenNeeded(`${host} (${bound.address})`);
  }
  const ended = Promise.withResolvers<void>();
  return {
    address: formatListenAddress({ kind: "ws", host, port: bound.port }),
    ended: ended.promise,
    close: () => {
      http.close();
      door.shut();
      ended.resolve();
      return ended.promise;
    },
  };
}

function tokenNeeded(host: string): Error {
  return rejection(
    "invalid_argument",
    `${host} can be reached from other machines: set a token that clients must have, or listen at 127.0.0.1`,
    { host },
  );
}
