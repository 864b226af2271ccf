/**
 * transports: how clients reach the server, and nothing of what they say. Standard input and output, unix sockets
 * and WebSockets all end in the same port (connection.ts): whole JSON texts in and out, bounded, and a reason when it ends.
 */
export { type ClientLink, openClientLink } from "./client-link.ts";
export type { Connection, ConnectionAcceptor, ConnectionHandler, Listener } from "./connection.ts";
export { createLineFramer, type LineFramer } from "./line-framing.ts";
export { formatListenAddress, parseListenAddress } from "./listen-address.ts";
export { openListener } from "./open-listener.ts";
export { createOutboundQueue, type OutboundBounds, type OutboundQueue } from "./outbound-queue.ts";
export { isLoopbackHost } from "./request-admission.ts";
export { serveStdio } from "./stdio-transport.ts";
export { TRANSPORT_LIMITS, type TransportLimits } from "./transport-limits.ts";
export { listenUnix } from "./unix-transport.ts";
export { dialWebSocket, isWebSocketUrl } from "./websocket-dialler.ts";
export { listenWebSocket } from "./websocket-transport.ts";
