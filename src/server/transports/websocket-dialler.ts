/**
 * Dials a WebSocket: `ws://`, `wss://` (a proxy before the server speaks TLS) and `ws+unix:`, where the socket is a
 * file. One message a text frame. A server that is silent is asked now and then if it is still there. It ends in the
 * same port as the listeners do, seen from the other side.
 */
import { WebSocket } from "ws";

import { type Clock, fault, type SkeinError, systemCode, type Timer } from "../../base/index.ts";
import { type ClientLink, type ClientLinkOptions, openClientLink } from "./client-link.ts";
import type { ConnectionAcceptor } from "./connection.ts";
import type { TransportLimits } from "./transport-limits.ts";

/** Where to, and within which bounds. */
export interface WebSocketDialOptions {
  readonly url: string;
  /** Goes into the handshake's header, and nowhere else. */
  readonly token: string | undefined;
  /** What to do about a missing token, for the refusal's words. */
  readonly tokenRemedy: string;
  readonly acceptor: ConnectionAcceptor;
  /** Aborted when this attempt is given up: it then rejects, and leaves nothing behind. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly limits: DialLimits;
}

/** Bounds of a connection that was dialled. */
export interface DialLimits {
  /** Longest message taken, bytes. */
  readonly messageBytesMax: number;
  /** Bytes of messages on their way out, and how long they may be stuck. */
  readonly outbound: Pick<TransportLimits, "queueBytesMax" | "stallBytesMax" | "stallMs" | "writeBytesMax" | "closeMs">;
  /** Milliseconds between pings; a server that does not answer within one is gone. */
  readonly heartbeatMs: number;
}

/** Whether this is the address of a WebSocket on a port. */
export function isWebSocketUrl(url: string): boolean {
  return /^wss?:\/\/./.test(url) && URL.canParse(url);
}

/** Opens one connection, calls the acceptor with it, and resolves. Rejects with `connection_failed`. */
export async function dialWebSocket(options: WebSocketDialOptions): Promise<void> {
  const { url, acceptor, clock, limits } = options;
  const webSocket = await open(options);
  const link = openClientLink({
    name: shownAs(url),
    acceptor,
    clock,
    bounds: limits.outbound,
    medium: mediumOf(webSocket, () => link.drained()),
    over: () => heartbeat.stop(),
  });
  const heartbeat = startHeartbeat(webSocket, link, { clock, heartbeatMs: limits.heartbeatMs });
  webSocket.on("message", (data, isBinary) => {
    heartbeat.heard();
    if (!isBinary && Buffer.isBuffer(data)) link.received(data.toString("utf8"));
  });
  webSocket.on("error", (error) => link.gone(`the WebSocket failed: ${error.message}`));
  webSocket.on("close", (code, reason) => link.gone(closeWords(code, reason.toString("utf8"))));
  // What came with the handshake's answer waits until somebody listens.
  webSocket.resume();
}

/** `ws` tells by a callback that its socket took a message; one write is under way at a time. */
function mediumOf(webSocket: WebSocket, drained: () => void): ClientLinkOptions["medium"] {
  return {
    write: (messages) => {
      messages.forEach((message, index) => {
        // An error is told by the "error" or "close" that follows it.
        webSocket.send(message, index === messages.length - 1 ? drained : () => {});
      });
      return false;
    },
    end: () => webSocket.close(NORMAL_CLOSURE),
    destroy: () => webSocket.terminate(),
    abandon: () => webSocket.terminate(),
  };
}

const NORMAL_CLOSURE = 1000;

function open({ url, token, tokenRemedy, signal, limits }: WebSocketDialOptions): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const webSocket = new WebSocket(url, {
      perMessageDeflate: false,
      maxPayload: limits.messageBytesMax,
      ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
    });
    let status: number | undefined;
    const onAbort = (): void => webSocket.terminate();
    const settled = (): void => {
      signal.removeEventListener("abort", onAbort);
      webSocket.removeAllListeners();
    };
    const fail = (error: Error): void => {
      settled();
      // What it says of being ended early is told here already.
      webSocket.on("error", () => {});
      reject(unreachable(error, { url, status, tokenRemedy }));
    };
    webSocket.on("unexpected-response", (request, response) => {
      status = response.statusCode;
      request.destroy();
      fail(new Error(`it answered with HTTP ${status}`));
    });
    webSocket.on("error", fail);
    webSocket.on("open", () => {
      settled();
      webSocket.pause();
      resolve(webSocket);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

interface Unreached {
  readonly url: string;
  readonly status: number | undefined;
  readonly tokenRemedy: string;
}

function unreachable(error: Error, { url, status, tokenRemedy }: Unreached): SkeinError {
  const address = shownAs(url);
  const isRefused = status === 401 || status === 403;
  const errno = systemCode(error) ?? "";
  const remedy = status === 401 ? `; ${tokenRemedy}` : errno === "ECONNREFUSED" ? "; does a server listen there?" : "";
  return fault("connection_failed", `no connection to ${address}: ${error.message}${remedy}`, {
    retryable: !isRefused,
    data: { address, ...(status === undefined ? {} : { status }), errno },
    cause: error,
  });
}

/** Without what may be secret: user, password and query. */
function shownAs(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}

function closeWords(code: number, reason: string): string {
  return reason === "" ? `the server is gone (${code})` : `the server closed the connection: ${reason} (${code})`;
}

interface Heartbeat {
  heard(): void;
  stop(): void;
}

interface Beating {
  readonly clock: Clock;
  readonly heartbeatMs: number;
}

function startHeartbeat(webSocket: WebSocket, link: ClientLink, { clock, heartbeatMs }: Beating): Heartbeat {
  let wasHeard = true;
  let timer: Timer;
  const beat = (): void => {
    if (!wasHeard) {
      webSocket.terminate();
      link.gone(`the server did not answer a ping within ${heartbeatMs} ms`);
      return;
    }
    wasHeard = false;
    webSocket.ping();
    timer = clock.setTimer(heartbeatMs, beat);
  };
  const heard = (): void => {
    wasHeard = true;
  };
  timer = clock.setTimer(heartbeatMs, beat);
  webSocket.on("ping", heard);
  webSocket.on("pong", heard);
  return { heard, stop: () => timer.cancel() };
}
