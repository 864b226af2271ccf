/**
 * transports: how clients reach the server, and nothing of what they say. Standard input and output, unix sockets
 * and WebSockets all end in the same port (connection.ts): whole JSON texts in and out, bounded, and a reason when it ends.
 */
export type { Connection, ConnectionAcceptor, ConnectionHandler, Listener } from "./connection.ts";
export { createLineFramer, type LineFramer, type LineFramerOptions } from "./line-framing.ts";
export {
  createOutboundQueue,
  type OutboundBounds,
  type OutboundMedium,
  type OutboundQueue,
  type OutboundQueueOptions,
} from "./outbound-queue.ts";
export { serveStdio, type StdioTransportOptions } from "./stdio-transport.ts";
export { TRANSPORT_LIMITS, type TransportLimits } from "./transport-limits.ts";
