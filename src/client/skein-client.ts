/**
 * The client's port: what `connectClient` hands out. Everything that can fail is a promise or a feed; nothing rejects
 * where nobody listens.
 */
/// <reference lib="esnext.disposable" preserve="true" />
import type { Json } from "../events/index.ts";
import type { NotificationMethod, NotificationParams, RequestMethod, RequestResult } from "../server/protocol/index.ts";
import type { EventFeed, Missed } from "../streams/index.ts";
import type { RequestOptions } from "./bounded-request.ts";
import type { ClientNotification } from "./client-notification.ts";
import type { ClientStatus } from "./client-status.ts";
import type { ServerIdentity } from "./handshake.ts";
import type { ThreadEventsOptions } from "./remote-feeds.ts";
import type { RequestInput } from "./request-input.ts";
import type { HandleServerRequests } from "./server-request-desk.ts";
import type { ThreadEvent } from "./thread-events-source.ts";

/** A client of an app-server, over one connection at a time. */
export interface SkeinClient {
  /** Who the server said it is, at the last connection. */
  readonly server: ServerIdentity;
  /** Where the connection stands now. */
  readonly status: ClientStatus;
  /** Where the connection stands, then each change; ends when the client is closed. */
  readonly statusChanges: EventFeed<ClientStatus | Missed>;
  /**
   * What the server tells, from each subscription on; ends when the client is closed. What is sent while the
   * connection is lost is missing, which `reconnected` says; a feed of a thread's events misses no record.
   */
  readonly notifications: EventFeed<ClientNotification>;

  /**
   * Asks the server. While the connection is lost it waits for the next one, within its time. Rejects with the
   * error the server refused it with (its own code, else `request_refused`, `request_failed` or
   * `server_overloaded`), `timed_out`, `aborted`, or `connection_lost`: then the server may have done it or not, and
   * it is not asked again.
   */
  request<M extends RequestMethod>(
    method: M,
    params: RequestInput<M>,
    options?: RequestOptions,
  ): Promise<RequestResult<M>>;
  /** As `request`, for a method that this version of the protocol does not know. */
  requestOther(method: string, params: Json, options?: RequestOptions): Promise<Json>;
  /** Calls the handler for each of these notifications, as it comes. Answers how to stop. A handler that throws is logged. */
  on<M extends NotificationMethod>(method: M, handler: (params: NotificationParams<M>) => void): () => void;
  /** Answers the server's requests of this kind; one handler each. Answers how to remove it. `invalid_argument`. */
  readonly handle: HandleServerRequests;
  /**
   * A thread's records from a position on, each once and in order, across lost connections; acknowledged as the
   * consumer asks for the next. Needs a server of Skein's. It ends when the thread is deleted or the client closed,
   * and fails with the server's refusal (`thread_not_found`, …), `lease_lost` when another consumer took over its
   * checkpoint, or `connection_lost` when there are no more attempts: subscribe with an error handler, or iterate.
   */
  threadEvents(threadId: string, options?: ThreadEventsOptions): EventFeed<ThreadEvent>;
  /** Ends feeds, stores what they acknowledge, closes the connection and ends a process that was started. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
