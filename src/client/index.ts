/**
 * skein/client: a typed client of app-servers, Skein's and Codex's. It loads no runtime and no database: what goes
 * over the wire and how is all it shares with the server.
 */
export type { RequestOptions } from "./bounded-request.ts";
export { CLIENT_LIMITS, RECONNECT_DEFAULTS } from "./client-limits.ts";
export type { ClientNotification, ServerNotification } from "./client-notification.ts";
export type { ClientOptions } from "./client-options.ts";
export type { ClientStatus } from "./client-status.ts";
export { connectClient } from "./connect-client.ts";
export type { ReconnectSettings } from "./connection-keeper.ts";
export type { ServerCommand } from "./dial-process.ts";
export type { ClientIdentity, ServerIdentity } from "./handshake.ts";
export type { ThreadEventsOptions } from "./remote-feeds.ts";
export type { RequestInput } from "./request-input.ts";
export type {
  HandleServerRequests,
  ServerRequestContext,
  ServerRequestHandler,
  UnhandledRequests,
} from "./server-request-desk.ts";
export type { SkeinClient } from "./skein-client.ts";
export type { ThreadEvent, WireSignal } from "./thread-events-source.ts";

// What the client's types are made of.
export { isSkeinError, type Logger, type SkeinError } from "../base/index.ts";
export type { Json, RolloutRecord } from "../events/index.ts";
export type {
  NotificationMethod,
  NotificationParams,
  RequestMethod,
  RequestResult,
  ServerRequestMethod,
  ServerRequestParams,
  ServerRequestResult,
} from "../server/protocol/index.ts";
export type { EventFeed, FeedIterator, Missed } from "../streams/index.ts";
