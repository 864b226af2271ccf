/**
 * Dials a WebSocket: `ws://`, `wss://` (a proxy before the server speaks TLS) and `ws+unix:`, where the socket is a
 * file. One message a text frame. A server that is silent is asked now and then if it is still there.
 */
import { WebSocket } from "ws";

import { type Clock, fault, type SkeinError, systemCode, type Timer } from "../base/index.ts";
import { type ClientLink, type ClientLinkOptions, openClientLink } from "../server/transports/index.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import { type Dial, noLossData } from "./dial.ts";

/** Makes a dialler of this URL. The token goes into the handshake's header, and nowhere else. */
export function webSocketDial(url: string, token: string | undefined): Dial {
  return async ({ acceptor, signal, clock }) => {
    const webSocket = await open({ url, token, signal });
    const link = openClientLink({
      name: shownAs(url),
      acceptor: (connection) => acceptor(connection, noLossData),
      clock,
      bounds: CLIENT_LIMITS.outbound,
      medium: mediumOf(webSocket, () => link.drained()),
      over: () => heartbeat.stop(),
    });
    const heartbeat = startHeartbeat(webSocket, link, clock);
    webSocket.on("message", (data, isBinary) => {
      heartbeat.heard();
      if (!isBinary && Buffer.isBuffer(data)) link.received(data.toString("utf8"));
    });
    webSocket.on("error", (error) => link.gone(`the WebSocket failed: ${error.message}`));
    webSocket.on("close", (code, reason) => link.gone(closeWords(code, reason.toString("utf8"))));
    // What came with the handshake's answer waits until somebody listens.
    webSocket.resume();
  };
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

function open({
  url,
  token,
  signal,
}: {
  readonly url: string;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const webSocket = new WebSocket(url, {
      perMessageDeflate: false,
      maxPayload: CLIENT_LIMITS.messageBytesMax,
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
      reject(unreachable(url, error, status));
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

function unreachable(url: string, error: Error, status: number | undefined): SkeinError {
  const address = shownAs(url);
  const isRefused = status === 401 || status === 403;
  const remedy = status === 401 ? "; give the server's token as the option token" : "";
  return fault("connection_failed", `no connection to ${address}: ${error.message}${remedy}`, {
    retryable: !isRefused,
    data: { address, ...(status === undefined ? {} : { status }), errno: systemCode(error) ?? "" },
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

function startHeartbeat(webSocket: WebSocket, link: ClientLink, clock: Clock): Heartbeat {
  let wasHeard = true;
  let timer: Timer;
  const beat = (): void => {
    if (!wasHeard) {
      webSocket.terminate();
      link.gone(`the server did not answer a ping within ${CLIENT_LIMITS.heartbeatMs} ms`);
      return;
    }
    wasHeard = false;
    webSocket.ping();
    timer = clock.setTimer(CLIENT_LIMITS.heartbeatMs, beat);
  };
  const heard = (): void => {
    wasHeard = true;
  };
  timer = clock.setTimer(CLIENT_LIMITS.heartbeatMs, beat);
  webSocket.on("ping", heard);
  webSocket.on("pong", heard);
  return { heard, stop: () => timer.cancel() };
}
