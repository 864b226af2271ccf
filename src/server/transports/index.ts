/**
 * transports: how clients reach the server, and nothing of what they say. Standard input and output, unix sockets
 * and WebSockets all end in the same port (connection.ts): whole JSON texts in and out, bounded, and a reason when it ends.
 */
export type { Connection, ConnectionAcceptor, ConnectionHandler, Listener } from "./connection.ts";
export { createLineFramer, type LineFramer, type LineFramerOptions } from "./line-framing.ts";
export { formatListenAddress, type ListenAddress, parseListenAddress } from "./listen-address.ts";
export { type ListenerOptions, openListener } from "./open-listener.ts";
export {
  createOutboundQueue,
  type OutboundBounds,
  type OutboundMedium,
  type OutboundQueue,
  type OutboundQueueOptions,
} from "./outbound-queue.ts";
export { isLoopbackHost } from "./request-admission.ts";
export { serveStdio, type StdioTransportOptions } from "./stdio-transport.ts";
export { TRANSPORT_LIMITS, type TransportLimits } from "./transport-limits.ts";
export { listenUnix, type UnixTransportOptions } from "./unix-transport.ts";
export { listenWebSocket, type WebSocketTransportOptions } from "./websocket-transport.ts";
