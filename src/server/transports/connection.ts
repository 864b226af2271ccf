/**
 * Connection: one connected client, whatever carries its bytes. A transport makes one for each client that
 * connects and hands it to the acceptor, which answers with who hears its messages. A message is one whole
 * JSON text; framing, joining of writes, bounds and closing are the transport's.
 */

/** One connected client. */
export interface Connection {
  /** For log lines: "stdio", "unix#3", "ws#7". */
  readonly name: string;
  /**
   * Queues one message; all of one tick go out in one write. False when nothing more can be sent: the client is
   * gone, or was too slow for what waits for it and is being closed for that. Never throws.
   */
  send(text: string): boolean;
  /** Sends what is queued (within a bounded time), then closes; `reason` is told where the transport can. Idempotent. */
  close(reason: string): void;
}

/** Who hears what a client sends. Neither may throw. */
export interface ConnectionHandler {
  /** One message. Not called any more after `closed`. */
  received(text: string): void;
  /** The client is gone, or was closed by us; told once. */
  closed(reason: string): void;
}

/** Takes a new client. */
export type ConnectionAcceptor = (connection: Connection) => ConnectionHandler;

/** A place where clients connect, while it is open. */
export interface Listener {
  /** As a client names it: "stdio://", "unix:///run/skein.sock", "ws://127.0.0.1:4500" (with the real port). */
  readonly address: string;
  /** Resolves when no more clients will come: after `close`, or when standard input ended. */
  readonly ended: Promise<void>;
  /** Takes no more clients; those that are connected stay until their connections are closed. Idempotent. */
  close(): Promise<void>;
}
