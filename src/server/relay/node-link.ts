/**
 * NodeLink: one connection to another node, on behalf of one client. It introduces itself as that client, and says
 * that it hands on: what is asked over it is never handed on again.
 *
 * Invariants
 *   K1  Each call is settled once: with a result, a refusal, or that the link was lost.
 *   K2  What the node sends is handed on in its order, and synchronously.
 *   K3  While the link is held nothing is handed on; what came meanwhile follows, and the link's end behind it.
 */
import { type Clock, fault, type Logger } from "../../base/index.ts";
import type { Json } from "../../events/index.ts";
import type { InitializedClient } from "../client-info.ts";
import {
  type ClientNotificationMethod,
  encodeError,
  parseEnvelope,
  type RequestId,
  type RpcErrorBody,
} from "../protocol/index.ts";
import type { Connection, ConnectionHandler } from "../transports/index.ts";
import type { NodeRelay } from "./node-relay.ts";

/** What became of a call. */
export type LinkOutcome =
  | { readonly kind: "result"; readonly result: Json }
  | { readonly kind: "refused"; readonly body: RpcErrorBody }
  | { readonly kind: "lost"; readonly reason: string };

/** A notification as it came. */
export interface LinkNotification {
  readonly text: string;
  readonly method: string;
  readonly params: Json | undefined;
}

/** A request of the node's. */
export interface LinkQuestion {
  readonly id: RequestId;
  readonly method: string;
  readonly params: Json | undefined;
}

/** Who hears a link. None of these may throw. */
export interface LinkHearer {
  told(link: NodeLink, message: LinkNotification): void;
  asked(link: NodeLink, question: LinkQuestion): void;
  lost(link: NodeLink, reason: string): void;
}

/** What a link is made of. */
export interface LinkParts {
  readonly url: string;
  readonly relay: NodeRelay;
  readonly client: InitializedClient;
  readonly hearer: LinkHearer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Says that what is asked over a connection is never handed on. */
export const RELAYED: ClientNotificationMethod = "node/relayed";

type Settled = (outcome: LinkOutcome) => void;

/** Opens a link, within the relay's time. Rejects with `connection_failed`, or the node's refusal. */
export async function openNodeLink(parts: LinkParts): Promise<NodeLink> {
  const { url, relay, clock } = parts;
  const { connectMs } = relay.limits;
  const attempt = new AbortController();
  const link = new NodeLink(parts);
  const late = Promise.withResolvers<never>();
  const timer = clock.setTimer(connectMs, () => {
    const failure = fault("connection_failed", `the node at ${url} did not answer within ${connectMs} ms`, {
      retryable: true,
      data: { url, connectMs },
    });
    attempt.abort(failure);
    late.reject(failure);
  });
  try {
    await Promise.race([begin(link, parts, attempt.signal), late.promise]);
    return link;
  } catch (error) {
    link.close("the attempt to reach the node was given up");
    throw error;
  } finally {
    timer.cancel();
  }
}

async function begin(link: NodeLink, { url, relay, client, clock }: LinkParts, signal: AbortSignal): Promise<void> {
  await relay.dial({ url, signal, clock, acceptor: (connection) => link.opened(connection) });
  const { name, version, isExperimental: experimentalApi, optedOut } = client;
  const outcome = await link.request("initialize", {
    clientInfo: { name, title: null, version },
    capabilities: { experimentalApi, optOutNotificationMethods: [...optedOut] },
  });
  if (outcome.kind === "result") return link.notify(RELAYED);
  const reason = outcome.kind === "refused" ? outcome.body.message : outcome.reason;
  throw fault("connection_failed", `the node at ${url} did not let us begin: ${reason}`, {
    retryable: outcome.kind === "lost",
    data: { url },
  });
}

export class NodeLink implements ConnectionHandler {
  readonly url: string;
  readonly #parts: LinkParts;
  readonly #calls = new Map<number, Settled>();
  /** Texts that came while the link was held. */
  readonly #kept: string[] = [];
  #connection: Connection | null = null;
  #nextId = 1;
  #holds = 0;
  /** Why it is over, once that came. */
  #endReason: string | null = null;
  #isOver = false;
  #isGivenUp = false;

  constructor(parts: LinkParts) {
    this.#parts = parts;
    this.url = parts.url;
  }

  /** Calls that wait for their outcome. */
  get callCount(): number {
    return this.#calls.size;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The connection is there. One that comes too late is closed. */
  opened(connection: Connection): ConnectionHandler {
    this.#connection = connection;
    if (this.#isGivenUp) connection.close("too late");
    return this;
  }

  /** Sends a request; `settled` is called at once when its outcome is there. */
  call(method: string, params: unknown, settled: Settled): void {
    if (this.#isOver || this.#connection === null) {
      settled({ kind: "lost", reason: this.#endReason ?? "the link is not open" });
      return;
    }
    const id = this.#nextId;
    this.#nextId += 1;
    this.#calls.set(id, settled);
    // What can't be sent is settled by the end of the connection, which follows.
    this.#connection.send(`{"id":${id},"method":${JSON.stringify(method)},"params":${JSON.stringify(params ?? null)}}`);
  }

  /** As `call`, as a promise. */
  request(method: string, params: unknown): Promise<LinkOutcome> {
    return new Promise((resolve) => this.call(method, params, resolve));
  }

  notify(method: ClientNotificationMethod): void {
    this.#connection?.send(JSON.stringify({ method }));
  }

  /** Answers a request of the node's. */
  answer(id: RequestId, result: Json): void {
    this.#connection?.send(`{"id":${idText(id)},"result":${JSON.stringify(result)}}`);
  }

  refuse(id: RequestId, body: RpcErrorBody): void {
    this.#connection?.send(encodeError(id, body));
  }

  /** Hands on nothing until it is released. Calls may overlap. */
  hold(): () => void {
    this.#holds += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holds -= 1;
      this.#goOn();
    };
  }

  close(reason: string): void {
    this.#isGivenUp = true;
    this.#connection?.close(reason);
  }

  received(text: string): void {
    this.#kept.push(text);
    this.#goOn();
  }

  closed(reason: string): void {
    this.#endReason ??= reason;
    this.#goOn();
  }

  #goOn(): void {
    while (this.#holds === 0) {
      const text = this.#kept.shift();
      if (text !== undefined) this.#take(text);
      else break;
    }
    if (this.#holds > 0 || this.#kept.length > 0 || this.#endReason === null || this.#isOver) return;
    this.#isOver = true;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const settled of calls) settled({ kind: "lost", reason: this.#endReason });
    this.#parts.hearer.lost(this, this.#endReason);
  }

  #take(text: string): void {
    const { hearer, logger } = this.#parts;
    const envelope = parseEnvelope(text);
    switch (envelope?.kind) {
      case "notification":
        hearer.told(this, { text, method: envelope.method, params: envelope.params });
        break;
      case "request":
        hearer.asked(this, envelope);
        break;
      case "response":
        this.#settle(envelope.id, { kind: "result", result: envelope.result });
        break;
      case "error":
        this.#settle(envelope.id, { kind: "refused", body: envelope.error });
        break;
      case undefined:
        logger.warn({ url: this.url, chars: text.length }, "dropped a message of a node that is no message");
        break;
    }
  }

  #settle(id: string | number, outcome: LinkOutcome): void {
    const settled = typeof id === "number" ? this.#calls.get(id) : undefined;
    if (settled === undefined || typeof id !== "number") return;
    this.#calls.delete(id);
    settled(outcome);
  }
}

function idText(id: RequestId): string {
  return typeof id === "string" ? JSON.stringify(id) : String(id);
}
