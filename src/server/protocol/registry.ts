/**
 * The protocol: every request, notification and request of the server's by its method name, and the types that
 * follow from them. Nothing else says what goes over the wire: validation, types, JSON Schema and the reference
 * page are all made from these records.
 */
import type { z } from "zod";

import { notification } from "./definition.ts";
import { FEED_NOTIFICATIONS, FEED_REQUESTS } from "./feed-requests.ts";
import { READING_REQUESTS } from "./reading-requests.ts";
import type { SERVER_REQUESTS } from "./server-requests.ts";
import { SESSION_REQUESTS } from "./session-requests.ts";
import { THREAD_NOTIFICATIONS } from "./thread-notifications.ts";
import { THREAD_REQUESTS } from "./thread-requests.ts";
import { TURN_REQUESTS } from "./turn-requests.ts";
import { nothing } from "./wire-schema.ts";

/** Requests that a client may send. */
export const REQUESTS = Object.freeze({
  ...SESSION_REQUESTS,
  ...THREAD_REQUESTS,
  ...READING_REQUESTS,
  ...TURN_REQUESTS,
  ...FEED_REQUESTS,
} as const);

/** Notifications that the server sends. */
export const NOTIFICATIONS = Object.freeze({ ...THREAD_NOTIFICATIONS, ...FEED_NOTIFICATIONS } as const);

/** Notifications that a client may send; others are ignored. */
export const CLIENT_NOTIFICATIONS = Object.freeze({
  initialized: notification("connection", {
    doc: "The client has read the answer to `initialize`. Not needed; ignored.",
    params: () => nothing("InitializedNotification"),
  }),
  "node/relayed": notification("connection", {
    doc:
      "The client is another node, which hands on what its own client asks: the requests that follow are answered " +
      "here or refused, and never handed on to a third.",
    since: "skein",
    params: () => nothing("NodeRelayedNotification"),
  }),
} as const);

/** The name of a request. */
export type RequestMethod = keyof typeof REQUESTS;
/** What a client sends with a request. */
export type RequestParams<M extends RequestMethod> = Readonly<z.output<(typeof REQUESTS)[M]["params"]>>;
/** What the server answers to a request. */
export type RequestResult<M extends RequestMethod> = Readonly<z.output<(typeof REQUESTS)[M]["result"]>>;
/** The name of a notification. */
export type NotificationMethod = keyof typeof NOTIFICATIONS;
/** What a notification says. */
export type NotificationParams<M extends NotificationMethod> = Readonly<z.output<(typeof NOTIFICATIONS)[M]["params"]>>;
/** The name of a notification that a client sends. */
export type ClientNotificationMethod = keyof typeof CLIENT_NOTIFICATIONS;
/** The name of a request of the server's. */
export type ServerRequestMethod = keyof typeof SERVER_REQUESTS;
/** What the server asks with. */
export type ServerRequestParams<M extends ServerRequestMethod> = Readonly<
  z.output<(typeof SERVER_REQUESTS)[M]["params"]>
>;
/** What a client answers to it. */
export type ServerRequestResult<M extends ServerRequestMethod> = Readonly<
  z.output<(typeof SERVER_REQUESTS)[M]["result"]>
>;

/** Whether a name is that of a request which this server answers. */
export function isRequestMethod(name: string): name is RequestMethod {
  return Object.hasOwn(REQUESTS, name);
}
