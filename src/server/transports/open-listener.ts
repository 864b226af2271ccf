/**
 * One way to listen, wherever that is: an address as people write it, and what holds for every transport. A token
 * and origins are read by WebSockets on a port only: the others are reached by who may reach them.
 */
import { checkOptions, type Clock, type Logger } from "../../base/index.ts";
import type { ConnectionAcceptor, Listener } from "./connection.ts";
import { type ListenAddress, parseListenAddress } from "./listen-address.ts";
import { serveStdio } from "./stdio-transport.ts";
import type { TransportLimits } from "./transport-limits.ts";

/** How `openListener` listens. */
export interface ListenerOptions {
  /** What clients of a `ws://` address must send; required where other machines can reach it. Never logged. */
  readonly token?: string | undefined;
  /** Origins of browser pages that may connect to a `ws://` address. Default none. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** Bounds that differ from TRANSPORT_LIMITS. */
  readonly limits?: Partial<TransportLimits>;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

const OPTIONS = { token: true, allowedOrigins: true, limits: true, logger: true, clock: true } as const;

/**
 * Opens what an address says: `stdio://`, `unix://PATH` or `ws://HOST:PORT`. Rejects with `invalid_argument` for
 * an address or options that can't be, and with a fault where the place is taken or not ours.
 */
export async function openListener(
  address: string | ListenAddress,
  options: ListenerOptions,
  acceptor: ConnectionAcceptor,
): Promise<Listener> {
  checkOptions("openListener", options, OPTIONS);
  const { token, allowedOrigins, ...rest } = options;
  const place = typeof address === "string" ? parseListenAddress(address) : address;
  switch (place.kind) {
    case "stdio":
      return serveStdio({ ...rest, acceptor });
    // Loaded where they are asked for: HTTP, and the clients that come with it, are a quarter of a start.
    case "unix": {
      const { listenUnix } = await import("./unix-transport.ts");
      return listenUnix({ ...rest, path: place.path, acceptor });
    }
    case "ws": {
      const { listenWebSocket } = await import("./websocket-transport.ts");
      return listenWebSocket({ ...rest, host: place.host, port: place.port, token, allowedOrigins, acceptor });
    }
  }
}
