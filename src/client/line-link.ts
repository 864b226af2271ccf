/**
 * A connection to a server over a pair of byte streams, one message a line: a socket in both roles, or the
 * standard input and output of a process. It owns the streams from here on: hears their errors, and ends or
 * destroys them when it is over.
 */
import type { Readable, Writable } from "node:stream";

import type { Clock } from "../base/index.ts";
import {
  type ClientLink,
  type ConnectionAcceptor,
  createLineFramer,
  openClientLink,
} from "../server/transports/index.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";

/** What a line link is made of. */
export interface LineLinkOptions {
  readonly name: string;
  /** What the server says. */
  readonly input: Readable;
  /** What it is told. */
  readonly output: Writable;
  readonly acceptor: ConnectionAcceptor;
  readonly clock: Clock;
  /** How long ending may take before it is destroyed, milliseconds. */
  readonly closeMs: number;
  /** Ends it: all was written. */
  readonly end: () => void;
  /** Ends it at once. */
  readonly destroy: (reason: string) => void;
}

/** Hands the connection to the acceptor. Whoever opened the streams tells `gone`. */
export function openLineLink(options: LineLinkOptions): ClientLink {
  const { name, input, output, acceptor, clock, closeMs, end, destroy } = options;
  const link: ClientLink = openClientLink({
    name,
    acceptor,
    clock,
    bounds: { ...CLIENT_LIMITS.outbound, closeMs },
    medium: {
      // A stream that has ended says so by its events; what was to be written then is nobody's any more.
      write: (messages) => output.writable && output.write(`${messages.join("\n")}\n`),
      end,
      destroy,
      abandon: destroy,
    },
    over: () => framer.stop(),
  });
  const framer = createLineFramer({
    lineBytesMax: CLIENT_LIMITS.messageBytesMax,
    line: (text) => link.received(text),
    oversized: () => {
      const reason = `the server sent a message of more than ${CLIENT_LIMITS.messageBytesMax} bytes`;
      destroy(reason);
      link.gone(reason);
    },
  });
  input.on("data", (chunk: Buffer | string) => framer.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk));
  input.on("end", () => framer.end());
  output.on("drain", () => link.drained());
  return link;
}
