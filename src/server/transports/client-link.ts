/**
 * The life of one connection, the same over every medium: what waits for the client, closing within a bounded
 * time, and who is told what. A medium says how bytes are written and how it ends; it never talks to the handler.
 *
 * 1. The handler hears `closed` exactly once, never from inside `send` or `close`, and `received` only before it.
 * 2. After `close` nothing is received, and nothing sent but what was queued.
 * 3. From `close` it takes `closeMs` at most until the medium is destroyed and `closed` is told.
 */
import type { Clock, Timer } from "../../base/index.ts";
import type { Connection, ConnectionAcceptor, ConnectionHandler } from "./connection.ts";
import { createOutboundQueue, type OutboundBounds, type OutboundMedium, type OutboundQueue } from "./outbound-queue.ts";

/** What carries a connection's messages. None of these may throw. */
export interface ClientMedium extends OutboundMedium {
  /** All was written: ends, and lets the client take it. `gone` is told when that is done. */
  end(reason: string): void;
  /** Ends at once. */
  destroy(reason: string): void;
  /** The client is too slow: tells it why if that costs no memory, and ends. */
  abandon(reason: string): void;
}

/** What a link is made of. */
export interface ClientLinkOptions {
  readonly name: string;
  readonly medium: ClientMedium;
  readonly acceptor: ConnectionAcceptor;
  readonly bounds: OutboundBounds & { readonly closeMs: number };
  readonly clock: Clock;
  /** The connection is over, for whatever reason; told after the handler. */
  readonly over?: (reason: string) => void;
}

/** One connection, as its medium sees it. */
export interface ClientLink extends Connection {
  /** UTF-8 bytes that wait for the client. */
  readonly waitingBytes: number;
  /** A message came in. */
  received(text: string): void;
  /** The medium takes messages again. */
  drained(): void;
  /** The client will send nothing more, and can still be sent to: the handler is told that it is gone. */
  inputEnded(reason: string): void;
  /** The client is gone, or the medium has ended. Idempotent. */
  gone(reason: string): void;
}

/** Hands a new client to the acceptor. */
export function openClientLink(options: ClientLinkOptions): ClientLink {
  return new MediumLink(options);
}

class MediumLink implements ClientLink {
  readonly name: string;
  readonly #options: ClientLinkOptions;
  readonly #queue: OutboundQueue;
  readonly #handler: ConnectionHandler;
  /** Why we close, once we do; what the handler hears whatever the medium says then. */
  #closeReason: string | undefined;
  #closeTimer: Timer | undefined;
  #isTold = false;
  #isOver = false;

  constructor(options: ClientLinkOptions) {
    const { medium, bounds, clock } = options;
    this.name = options.name;
    this.#options = options;
    this.#queue = createOutboundQueue({ medium, bounds, clock, gaveUp: (reason) => this.#abandon(reason) });
    this.#handler = options.acceptor(this);
  }

  get waitingBytes(): number {
    return this.#queue.waitingBytes;
  }

  send(text: string): boolean {
    return this.#queue.send(text);
  }

  close(reason: string): void {
    if (this.#isOver || this.#closeReason !== undefined) return;
    this.#closeReason = reason;
    this.#closeTimer = this.#options.clock.setTimer(this.#options.bounds.closeMs, () => this.#destroy(reason));
    this.#queue.finish(() => this.#options.medium.end(reason));
  }

  received(text: string): void {
    if (!this.#isTold && this.#closeReason === undefined) this.#handler.received(text);
  }

  drained(): void {
    this.#queue.drained();
  }

  inputEnded(reason: string): void {
    this.#tell(this.#closeReason ?? reason);
  }

  gone(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#closeTimer?.cancel();
    this.#queue.stop();
    const told = this.#closeReason ?? reason;
    this.#tell(told);
    this.#options.over?.(told);
  }

  #tell(reason: string): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#handler.closed(reason);
  }

  #destroy(reason: string): void {
    this.#options.medium.destroy(reason);
    this.gone(reason);
  }

  #abandon(reason: string): void {
    if (this.#isOver) return;
    this.#options.medium.abandon(this.#closeReason ?? reason);
    this.gone(reason);
  }
}
