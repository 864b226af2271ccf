/**
 * Standard input and output as the one client of this process: one message a line. The parent that ends our input
 * is done with us, and may still read: what is sent until the connection is closed goes out.
 */
import type { Readable, Writable } from "node:stream";

import { type Clock, type Logger, silentLogger, systemClock } from "../../base/index.ts";
import type { ConnectionAcceptor, Listener } from "./connection.ts";
import { openLineConnection } from "./line-connection.ts";
import { type TransportLimits, withDefaultLimits } from "./transport-limits.ts";

/** Whom `serveStdio` serves. */
export interface StdioTransportOptions {
  /** Where the client's messages come from; destroyed when the connection is over. Default `process.stdin`. */
  readonly input?: Readable;
  /** Where it reads ours; ended when the connection is closed. Default `process.stdout`, which nobody else may write to. */
  readonly output?: Writable;
  readonly acceptor: ConnectionAcceptor;
  /** Bounds that differ from TRANSPORT_LIMITS. */
  readonly limits?: Partial<TransportLimits>;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/**
 * Takes the one client. `ended` resolves when its input ended, or the connection is over. The handler is not told of
 * the end of the input: what came before it is still answered, until who opened this closes the connection.
 */
export function serveStdio(options: StdioTransportOptions): Listener {
  const ended = Promise.withResolvers<void>();
  openLineConnection({
    name: "stdio",
    input: options.input ?? process.stdin,
    output: options.output ?? process.stdout,
    acceptor: options.acceptor,
    limits: withDefaultLimits(options.limits),
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
    // The parent can't connect again.
    endsWhenOversized: false,
    endsWithInput: false,
    inputEnded: () => ended.resolve(),
    over: () => ended.resolve(),
  });
  return {
    address: "stdio://",
    ended: ended.promise,
    close: () => {
      ended.resolve();
      return Promise.resolve();
    },
  };
}
