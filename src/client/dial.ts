/**
 * Dialling: how a client reaches a server, whatever carries the bytes. A dialler opens one connection each time
 * it is called, and hands it to the acceptor: the same port that the server's transports end in, seen from the
 * other side. What a medium knows of a connection's end (an exit code, last words) is asked for when it is lost.
 */
import type { Clock, ErrorData, Logger } from "../base/index.ts";
import type { Connection, ConnectionHandler } from "../server/transports/index.ts";

/** Takes a connection that is open. `lossData` says, once it is over, what is known of why. */
export type DialAcceptor = (connection: Connection, lossData: () => ErrorData) => ConnectionHandler;

/** What a dialler works with. */
export interface DialParts {
  readonly acceptor: DialAcceptor;
  /** Aborted when the client gives up on this attempt; the dialler then rejects, and leaves nothing behind. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Opens one connection, calls the acceptor with it, and resolves. Rejects with `connection_failed`. */
export type Dial = (parts: DialParts) => Promise<void>;

/** Nothing is known but that it is over. */
export function noLossData(): ErrorData {
  return {};
}
