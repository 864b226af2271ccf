/**
 * A connection over a pair of byte streams with one message a line: standard input and output, or a socket in both
 * roles. It owns the streams from here on: it hears their errors, and ends or destroys them when it is over.
 */
import type { Readable, Writable } from "node:stream";

import type { Clock, Logger } from "../../base/index.ts";
import { type ClientLink, type ClientMedium, openClientLink } from "./client-link.ts";
import type { ConnectionAcceptor } from "./connection.ts";
import { createLineFramer, type LineFramer } from "./line-framing.ts";
import type { TransportLimits } from "./transport-limits.ts";

/** What a line connection is made of. */
export interface LineConnectionOptions {
  readonly name: string;
  readonly input: Readable;
  readonly output: Writable;
  readonly acceptor: ConnectionAcceptor;
  readonly limits: TransportLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether a message that is too long ends the connection, or is dropped. */
  readonly endsWhenOversized: boolean;
  /**
   * Whether the end of the input is the end of the client, and of the output once it has taken what is queued.
   * Else its answers still go out, and it is over when it is closed.
   */
  readonly endsWithInput: boolean;
  /** The connection is over. */
  readonly over?: (reason: string) => void;
  /** The input has ended or failed; the output may still be open. */
  readonly inputEnded?: () => void;
}

/** Connects a client to the acceptor. */
export function openLineConnection(options: LineConnectionOptions): ClientLink {
  const { name, acceptor, limits, clock } = options;
  const over = (reason: string): void => {
    framer.stop();
    release(options);
    options.over?.(reason);
  };
  const link: ClientLink = openClientLink({
    name,
    acceptor,
    clock,
    bounds: limits,
    medium: lineMedium(options, () => link.gone("closed")),
    over,
  });
  const framer = createLineFramer({
    lineBytesMax: limits.messageBytesMax,
    line: (text) => link.received(text),
    oversized: () => oversized(options, link),
  });
  hearInput(options, link, framer);
  hearOutput(options, link);
  return link;
}

/** How lines are written. `ended` is told when the output has taken all, where nothing else tells it. */
function lineMedium({ input, output }: LineConnectionOptions, ended: () => void): ClientMedium {
  const destroy = (): void => {
    input.destroy();
    output.destroy();
  };
  return {
    write: (messages) => {
      // One that has ended or failed says so by its events; what was to be written then is nobody's any more.
      if (!output.writable) return false;
      return output.write(`${messages.join("\n")}\n`);
    },
    // A socket is over when the client has ended its side too; a client that does not is given `closeMs`.
    end: () => void output.end(isSocket({ input, output }) ? undefined : ended),
    destroy,
    abandon: destroy,
  };
}

/** Whether both roles are played by one stream. */
function isSocket({ input, output }: Pick<LineConnectionOptions, "input" | "output">): boolean {
  return (input as unknown) === output;
}

function hearInput(options: LineConnectionOptions, link: ClientLink, framer: LineFramer): void {
  const { input } = options;
  let isEnded = false;
  const ended = (reason: string): void => {
    if (isEnded) return;
    isEnded = true;
    if (options.endsWithInput) {
      link.inputEnded(reason);
      link.close(reason);
    }
    options.inputEnded?.();
  };
  input.on("data", (chunk: Buffer | string) => framer.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk));
  input.on("end", () => {
    framer.end();
    ended("the client ended its input");
  });
  input.on("error", (error) => ended(`its input failed: ${error.message}`));
  input.on("close", () => ended("its input was closed"));
  if (input.destroyed || input.readableEnded) setImmediate(() => ended("its input was closed before it connected"));
}

function hearOutput({ output }: LineConnectionOptions, link: ClientLink): void {
  output.on("drain", () => link.drained());
  output.on("error", (error) => link.gone(`its output failed: ${error.message}`));
  output.on("close", () => link.gone("the client is gone"));
  if (output.destroyed) setImmediate(() => link.gone("its output was closed before it connected"));
}

function oversized({ name, limits, logger, endsWhenOversized }: LineConnectionOptions, link: ClientLink): void {
  const reason = `a message is longer than ${limits.messageBytesMax} bytes`;
  logger.warn({ connection: name, messageBytesMax: limits.messageBytesMax }, reason);
  if (endsWhenOversized) link.close(reason);
}

/** Nothing is read any more, and an output that has taken all keeps it for its reader. */
function release({ input, output }: LineConnectionOptions): void {
  input.destroy();
  if (!output.writableFinished) output.destroy();
}
