/**
 * The HTTP side of WebSockets, over whatever sockets it is given: lets those in that the admission admits while
 * there is a place, and answers `/readyz` and `/healthz`. A socket that is no WebSocket within `handshakeMs` is
 * closed, and every answer but a WebSocket's ends its connection.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

import { WebSocketServer } from "ws";

import type { Clock, Logger, Timer } from "../../base/index.ts";
import type { ConnectionAcceptor } from "./connection.ts";
import type { ConnectionSlots } from "./connection-slots.ts";
import type { Admission, Refusal } from "./request-admission.ts";
import type { TransportLimits } from "./transport-limits.ts";
import { openWebSocketConnection, type WebSocketConnection } from "./websocket-connection.ts";

/** What a door is made of. */
export interface WebSocketDoorOptions {
  readonly admission: Admission;
  readonly acceptor: ConnectionAcceptor;
  readonly slots: ConnectionSlots;
  readonly limits: TransportLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Where WebSockets come in. */
export interface WebSocketDoor {
  /** Listens, or is handed sockets by `emit("connection", socket)`. */
  readonly http: Server;
  /** Lets nobody in any more, and closes the sockets that are not in yet. */
  shut(): void;
}

const HEALTH_PATHS: ReadonlySet<string> = new Set(["/readyz", "/healthz"]);
const NOT_FOUND: Refusal = { status: 404, text: "not found; WebSockets connect to /" };
const UPGRADE_REQUIRED: Refusal = {
  status: 426,
  text: "a WebSocket is needed here",
  headers: { Upgrade: "websocket" },
};
const FULL: Refusal = { status: 503, text: "no more clients are taken now; try again later" };
/** Beyond the clients: sockets that ask for their health, or are being refused. */
const SOCKETS_SPARE = 64;

/** Makes a door. */
export function createWebSocketDoor(options: WebSocketDoorOptions): WebSocketDoor {
  const { limits, clock } = options;
  const http = createServer({
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.handshakeMs,
    requestTimeout: limits.handshakeMs,
  });
  http.maxConnections = limits.connectionsMax + SOCKETS_SPARE;
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.messageBytesMax,
  });
  const connected = new Set<WebSocketConnection>();
  const waiting = trackHandshakes(http, options);
  let heartbeat: Timer | undefined;
  const beat = (): void => {
    for (const connection of connected) connection.beat();
    heartbeat = connected.size > 0 ? clock.setTimer(limits.heartbeatMs, beat) : undefined;
  };

  http.on("request", (request, response) => answer(options.admission, request, response));
  http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refusal = options.admission.judge(request);
    if (refusal !== undefined) return refuse(socket, refusal);
    const name = options.slots.take();
    if (name === undefined) return refuse(socket, FULL);
    let isIn = false;
    // Calls back at once; a handshake that is none is answered there, and its socket ends like one that waits too long.
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      isIn = true;
      waiting.passed(socket);
      const over = (): void => {
        connected.delete(connection);
        options.slots.free();
      };
      const connection = openWebSocketConnection({ ...options, name, webSocket, socket, over });
      connected.add(connection);
      heartbeat ??= clock.setTimer(limits.heartbeatMs, beat);
    });
    if (!isIn) options.slots.free();
  });
  return { http, shut: waiting.shut };
}

/** The sockets that are no WebSockets yet. */
interface Handshakes {
  passed(socket: Duplex): void;
  readonly shut: () => void;
}

function trackHandshakes(http: Server, { limits, clock, logger }: WebSocketDoorOptions): Handshakes {
  const waiting = new Map<Duplex, Timer>();
  const passed = (socket: Duplex): void => {
    waiting.get(socket)?.cancel();
    waiting.delete(socket);
  };
  http.on("connection", (socket: Duplex) => {
    waiting.set(
      socket,
      clock.setTimer(limits.handshakeMs, () => socket.destroy()),
    );
    socket.on("close", () => passed(socket));
    // Between the two that `http` and `ws` listen with there is a moment without any.
    socket.on("error", (error) => logger.debug({ reason: error.message }, "a socket failed"));
  });
  return {
    passed,
    shut: () => {
      for (const socket of waiting.keys()) socket.destroy();
    },
  };
}

/** Answers what is no WebSocket. */
function answer(admission: Admission, request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  const isGet = request.method === "GET" || request.method === "HEAD";
  const refusal = admission.judgeSource(request) ?? refusalOf(path, isGet);
  const headers = { "Content-Type": "text/plain; charset=utf-8", Connection: "close", ...refusal?.headers };
  response.writeHead(refusal?.status ?? 200, headers);
  response.end(`${refusal?.text ?? "ok"}\n`);
}

function refusalOf(path: string, isGet: boolean): Refusal | undefined {
  if (isGet && HEALTH_PATHS.has(path)) return undefined;
  return isGet && path === "/" ? UPGRADE_REQUIRED : NOT_FOUND;
}

/** Answers a request to become a WebSocket, which `http` leaves to us to write. */
function refuse(socket: Duplex, { status, text, headers }: Refusal): void {
  const body = `${text}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...Object.entries({
      ...headers,
      Connection: "close",
      "Content-Type": "text/plain; charset=utf-8",
      "Content-Length": String(Buffer.byteLength(body)),
    }).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.once("finish", () => socket.destroy());
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
