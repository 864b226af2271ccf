/**
 * A connected client as the rest of the server sees it: somebody who can be told things. What it sends is its
 * session's business (client-session.ts).
 */
import type { NotificationMethod, NotificationParams } from "./protocol/index.ts";
import type { ChannelClient } from "./thread-channels.ts";

export interface ServerClient extends ChannelClient {
  /** For log lines. */
  readonly name: string;
  /** Tells this client alone, unless it doesn't want to hear of it. */
  notify<Method extends NotificationMethod>(method: Method, params: NotificationParams<Method>): void;
  /** A thread it is subscribed to is another process's now: it is subscribed to it there, or told that it is closed. */
  threadTaken(threadId: string): void;
}
