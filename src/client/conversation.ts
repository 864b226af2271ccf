/**
 * Conversation: one connection to a server from its beginning to its end, as messages that mean something: calls
 * with one outcome each, notifications, requests of the server's. It never comes back: a new connection is a new
 * conversation.
 *
 * Invariants
 *   C1  Each call is settled at most once; all that are open are settled with `connection_lost` when it is over.
 *   C2  What the server sends is handed on in its order, and synchronously: what follows an answer comes after it.
 *   C3  Nothing is handed on after `closed`, which is told once.
 */
import { type ErrorData, fault, type Logger, rejection, type SkeinError } from "../base/index.ts";
import type { Json } from "../events/index.ts";
import { encodeError, parseEnvelope, type RequestId, type RpcErrorBody } from "../server/protocol/index.ts";
import type { Connection, ConnectionHandler } from "../server/transports/index.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import { errorOfWire } from "./wire-error.ts";

/** What became of a call. */
export type Outcome = { readonly ok: true; readonly result: Json } | { readonly ok: false; readonly error: SkeinError };

/** Who hears a conversation. None of these may throw. */
export interface ConversationHearer {
  notified(method: string, params: Json | undefined): void;
  asked(id: RequestId, method: string, params: Json | undefined): void;
  closed(failure: SkeinError): void;
}

/** What a conversation is made of. */
export interface ConversationParts {
  readonly connection: Connection;
  readonly lossData: () => ErrorData;
  readonly hearer: ConversationHearer;
  readonly logger: Logger;
}

interface OpenCall {
  readonly method: string;
  readonly settled: (outcome: Outcome) => void;
}

export class Conversation implements ConnectionHandler {
  /** Resolves when it is over. */
  readonly over: Promise<void>;
  readonly #over = Promise.withResolvers<void>();
  readonly #parts: ConversationParts;
  readonly #calls = new Map<number, OpenCall>();
  #nextId = 1;
  #failure: SkeinError | undefined;

  constructor(parts: ConversationParts) {
    this.#parts = parts;
    this.over = this.#over.promise;
  }

  /** Why it is over, once it is. */
  get failure(): SkeinError | undefined {
    return this.#failure;
  }

  /**
   * Sends a request, whose params are JSON already. The answer that calls `settled` does so at once. The call can be
   * given up: then nobody is told.
   */
  call(method: string, paramsText: string, settled: (outcome: Outcome) => void): () => void {
    const refusal = this.#whyNot(method);
    if (refusal !== undefined) {
      settled({ ok: false, error: refusal });
      return () => {};
    }
    const id = this.#nextId;
    this.#nextId += 1;
    this.#calls.set(id, { method, settled });
    // What can't be sent is settled by the end of the connection, which follows.
    this.#parts.connection.send(`{"id":${id},"method":${JSON.stringify(method)},"params":${paramsText}}`);
    return () => void this.#calls.delete(id);
  }

  /** As `call`, as a promise. */
  request(method: string, params: object): Promise<Json> {
    return new Promise((resolve, reject) => {
      this.call(method, JSON.stringify(params), (outcome) => {
        if (outcome.ok) resolve(outcome.result);
        else reject(outcome.error);
      });
    });
  }

  notify(method: string): void {
    this.#parts.connection.send(JSON.stringify({ method }));
  }

  /** Answers a request of the server's, with what is JSON already. */
  answer(id: RequestId, resultText: string): void {
    const idText = typeof id === "string" ? JSON.stringify(id) : String(id);
    this.#parts.connection.send(`{"id":${idText},"result":${resultText}}`);
  }

  refuse(id: RequestId, error: RpcErrorBody): void {
    this.#parts.connection.send(encodeError(id, error));
  }

  /** Sends what is queued, and closes; `closed` follows. */
  close(reason: string): void {
    this.#parts.connection.close(reason);
  }

  received(text: string): void {
    const { hearer, logger, connection } = this.#parts;
    if (this.#failure !== undefined) return;
    const envelope = parseEnvelope(text);
    switch (envelope?.kind) {
      case "notification":
        hearer.notified(envelope.method, envelope.params);
        break;
      case "request":
        hearer.asked(envelope.id, envelope.method, envelope.params);
        break;
      case "response":
        this.#settle(envelope.id, () => ({ ok: true, result: envelope.result }));
        break;
      case "error":
        this.#settle(envelope.id, ({ method }) => ({ ok: false, error: errorOfWire(method, envelope.error) }));
        break;
      case undefined:
        logger.warn({ connection: connection.name, chars: text.length }, "dropped a message that is no message");
        break;
    }
  }

  closed(reason: string): void {
    if (this.#failure !== undefined) return;
    const { hearer, lossData } = this.#parts;
    const failure = fault("connection_lost", `the connection to the server was lost: ${reason}`, {
      retryable: true,
      data: lossData(),
    });
    this.#failure = failure;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { method, settled } of calls) settled({ ok: false, error: unanswered(method, failure) });
    hearer.closed(failure);
    this.#over.resolve();
  }

  #settle(id: string | number, outcomeOf: (call: OpenCall) => Outcome): void {
    const call = typeof id === "number" ? this.#calls.get(id) : undefined;
    // One that was given up, or never made.
    if (call === undefined || typeof id !== "number") return;
    this.#calls.delete(id);
    call.settled(outcomeOf(call));
  }

  #whyNot(method: string): SkeinError | undefined {
    if (this.#failure !== undefined) return unanswered(method, this.#failure);
    const { requestsMax } = CLIENT_LIMITS;
    if (this.#calls.size < requestsMax) return undefined;
    return rejection("mailbox_full", `${requestsMax} requests wait for their answers; wait for some of them`, {
      requestsMax,
      method,
    });
  }
}

/** The server may have done it, or not: only who asked knows if asking again is right. */
function unanswered(method: string, { message, data, retryable }: SkeinError): SkeinError {
  return fault("connection_lost", `${method} was not answered: ${message}`, { retryable, data: { ...data, method } });
}
