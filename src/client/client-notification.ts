/**
 * What a client's feed of notifications tells: what the server sends, as it sent it, and where some is missing.
 * Nothing stores notifications; who must not miss anything follows a thread's events.
 */
import type { SkeinError } from "../base/index.ts";
import type { Json } from "../events/index.ts";
import { type NotificationMethod, type NotificationParams, NOTIFICATIONS } from "../server/protocol/index.ts";
import type { Missed } from "../streams/index.ts";

/** A notification of the protocol. Its params are as the server sent them: nothing is checked or left out. */
export type ServerNotification = {
  readonly [M in NotificationMethod]: {
    readonly type: "notification";
    readonly method: M;
    readonly params: NotificationParams<M>;
  };
}[NotificationMethod];

/** What a client's feed of notifications tells. */
export type ClientNotification =
  | ServerNotification
  /** One that this version of the protocol does not know. */
  | { readonly type: "other"; readonly method: string; readonly params: Json | undefined }
  /** The connection was lost and made again: what was sent meanwhile is missing here. */
  | { readonly type: "reconnected" }
  /** After that, a thread could not be subscribed to again: nothing more of it will come. */
  | { readonly type: "unsubscribed"; readonly threadId: string; readonly error: SkeinError }
  /** The subscriber was too slow for this many. */
  | Missed;

/** The notification of the protocol with this name, or undefined. */
export function serverNotification(method: string, params: Json | undefined): ServerNotification | undefined {
  if (!Object.hasOwn(NOTIFICATIONS, method) || typeof params !== "object" || params === null) return undefined;
  return { type: "notification", method, params } as unknown as ServerNotification;
}
