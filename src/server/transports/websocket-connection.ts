/**
 * A connection over a WebSocket: one message a text frame, frames of one turn of the event loop in one write of the
 * socket. Binary frames are dropped, as the peer drops them. How long a frame, how many fragments and how many
 * pongs may wait is bounded by `ws` itself.
 */
import type { Duplex } from "node:stream";

import type { WebSocket } from "ws";

import type { Clock, Logger } from "../../base/index.ts";
import { type ClientLink, type ClientMedium, openClientLink } from "./client-link.ts";
import type { ConnectionAcceptor } from "./connection.ts";
import type { TransportLimits } from "./transport-limits.ts";

/** What a WebSocket connection is made of. */
export interface WebSocketConnectionOptions {
  readonly name: string;
  readonly webSocket: WebSocket;
  /** The socket that carries it. */
  readonly socket: Duplex;
  readonly acceptor: ConnectionAcceptor;
  readonly limits: TransportLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly over: (reason: string) => void;
}

/** A connected WebSocket. */
export interface WebSocketConnection {
  readonly link: ClientLink;
  /** Asks a client that said nothing since the last time if it is there; ends it when it was asked then already. */
  beat(): void;
}

/** Close codes of RFC 6455 §7.4.1: the server goes away; try again later. */
const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;
const REASON_BYTES_MAX = 123;

/** Connects a client to the acceptor. */
export function openWebSocketConnection(options: WebSocketConnectionOptions): WebSocketConnection {
  const { name, acceptor, limits, clock, over } = options;
  const medium = webSocketMedium(options);
  const link = openClientLink({ name, medium, acceptor, bounds: limits, clock, over });
  const heartbeat = createHeartbeat(options, link);
  hear(options, link, heartbeat);
  return { link, beat: heartbeat.beat };
}

function webSocketMedium({ webSocket, socket, limits, clock }: WebSocketConnectionOptions): ClientMedium {
  return {
    write: (messages) => {
      socket.cork();
      for (const message of messages) webSocket.send(message);
      socket.uncork();
      return !socket.writableNeedDrain;
    },
    end: (reason) => webSocket.close(GOING_AWAY, shortReason(reason)),
    destroy: () => webSocket.terminate(),
    abandon: (reason) => {
      // A few bytes behind what the socket already holds: it reads them if it ever goes on.
      webSocket.close(TRY_AGAIN_LATER, shortReason(reason));
      const timer = clock.setTimer(limits.closeMs, () => webSocket.terminate());
      webSocket.once("close", () => timer.cancel());
    },
  };
}

function hear(
  { name, webSocket, socket, logger }: WebSocketConnectionOptions,
  link: ClientLink,
  heartbeat: Heartbeat,
): void {
  socket.on("drain", () => link.drained());
  webSocket.on("message", (data, isBinary) => {
    heartbeat.heard();
    // One piece as long as `binaryType` is what it is by default.
    if (!isBinary && Buffer.isBuffer(data)) link.received(data.toString("utf8"));
    else logger.debug({ connection: name }, "a binary frame was dropped");
  });
  webSocket.on("pong", () => heartbeat.heard());
  webSocket.on("ping", () => heartbeat.heard());
  webSocket.on("error", (error) => {
    logger.warn({ connection: name, reason: error.message }, "a WebSocket failed");
    // `ws` has begun to close it with the code that says why; the link sees to it that this ends.
    link.close(`its WebSocket failed: ${error.message}`);
  });
  webSocket.on("close", (code, reason) => {
    const said = reason.length === 0 ? "" : `, ${JSON.stringify(reason.toString("utf8"))}`;
    link.gone(`the client is gone (${code}${said})`);
  });
}

interface Heartbeat {
  readonly heard: () => void;
  readonly beat: () => void;
}

function createHeartbeat({ webSocket, socket, limits }: WebSocketConnectionOptions, link: ClientLink): Heartbeat {
  let wasAsked = false;
  let wasHeard = false;
  let bytesRead = 0;
  /** A long message on its way in is a sign of life before it is there. */
  const hasSentBytes = (): boolean => {
    const before = bytesRead;
    if ("bytesRead" in socket && typeof socket.bytesRead === "number") bytesRead = socket.bytesRead;
    return bytesRead !== before;
  };
  return {
    heard: () => {
      wasHeard = true;
    },
    beat: () => {
      const isAlive = hasSentBytes() || wasHeard;
      // Who has not read what it was sent has not read the ping either: how long that may last is the queue's bound.
      const canAsk = !socket.writableNeedDrain;
      if (wasAsked && canAsk && !isAlive) {
        link.gone(`the client did not answer a ping within ${limits.heartbeatMs} ms`);
        webSocket.terminate();
        return;
      }
      wasHeard = false;
      wasAsked = canAsk;
      if (canAsk) webSocket.ping();
    },
  };
}

/** A close frame holds this much of a reason, cut between characters. */
function shortReason(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= REASON_BYTES_MAX) return reason;
  return new TextDecoder("utf8").decode(bytes.subarray(0, REASON_BYTES_MAX), { stream: true });
}
