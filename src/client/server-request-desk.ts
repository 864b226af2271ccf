/**
 * Answers the server's requests (approvals, questions to the person, tool calls) by the handlers that are
 * registered. A request is answered once; one that was settled elsewhere, or whose connection is lost, is no longer
 * waited for, and its handler is told by its signal.
 */
import { fault, type Logger, rejection } from "../base/index.ts";
import type { Json } from "../events/index.ts";
import {
  RPC_CODES,
  type RequestId,
  SERVER_REQUESTS,
  type ServerRequestMethod,
  type ServerRequestParams,
  type ServerRequestResult,
} from "../server/protocol/index.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import type { Conversation } from "./conversation.ts";

/** What a handler is told beside the params. */
export interface ServerRequestContext {
  /** Aborted when the answer is of no use any more: another client answered, the turn ended, the connection was lost. */
  readonly signal: AbortSignal;
}

/** Answers one kind of the server's requests. What it throws is told to the server as a refusal. */
export type ServerRequestHandler<M extends ServerRequestMethod> = (
  params: ServerRequestParams<M>,
  context: ServerRequestContext,
) => ServerRequestResult<M> | Promise<ServerRequestResult<M>>;

type HandleOne<M extends ServerRequestMethod> = M extends unknown
  ? (registering: (method: M, handler: ServerRequestHandler<M>) => () => void) => void
  : never;

/**
 * Registers the handler of one kind of the server's requests; answers how to remove it. One signature for each kind,
 * and not a generic one: so that `"accept"` in a handler's answer is a decision, and not any text.
 */
export type HandleServerRequests =
  HandleOne<ServerRequestMethod> extends (registering: infer Registering) => void ? Registering : never;

/** What is done with requests that nobody handles: refused at once, or left to the thread's other clients. */
export type UnhandledRequests = "refuse" | "ignore";

interface OpenRequest {
  readonly conversation: Conversation;
  readonly id: RequestId;
  readonly controller: AbortController;
}

type AnyHandler = (params: never, context: ServerRequestContext) => unknown;

export class ServerRequestDesk {
  readonly #handlers = new Map<string, AnyHandler>();
  readonly #open = new Map<RequestId, OpenRequest>();
  readonly #unhandled: UnhandledRequests;
  readonly #logger: Logger;

  constructor(unhandled: UnhandledRequests, logger: Logger) {
    this.#unhandled = unhandled;
    this.#logger = logger;
  }

  /** Registers the one handler of a method; answers how to remove it. */
  handle<M extends ServerRequestMethod>(method: M, handler: ServerRequestHandler<M>): () => void {
    if (!Object.hasOwn(SERVER_REQUESTS, method)) {
      throw rejection("invalid_argument", "the server never sends such a request", { method });
    }
    if (this.#handlers.has(method)) {
      throw rejection("invalid_argument", `${method} has a handler already: remove it before you set another`, {
        method,
      });
    }
    this.#handlers.set(method, handler);
    return () => {
      if (this.#handlers.get(method) === handler) this.#handlers.delete(method);
    };
  }

  /** The server asks. */
  asked(
    conversation: Conversation,
    id: RequestId,
    { method, params }: { readonly method: string; readonly params: Json | undefined },
  ): void {
    const handler = this.#handlers.get(method);
    if (handler === undefined) {
      if (this.#unhandled === "ignore" && Object.hasOwn(SERVER_REQUESTS, method)) return;
      conversation.refuse(id, { code: RPC_CODES.methodNotFound, message: `this client does not handle ${method}` });
      return;
    }
    if (this.#open.size >= CLIENT_LIMITS.serverRequestsMax) {
      conversation.refuse(id, { code: RPC_CODES.overloaded, message: "Client overloaded; retry later." });
      return;
    }
    // A client that resumes a thread is asked again what is still open: it is being answered already.
    if (this.#open.has(id)) return;
    const open = { conversation, id, controller: new AbortController() };
    this.#open.set(id, open);
    const { signal } = open.controller;
    void this.#answer(open, async () => await handler(params as never, { signal }));
  }

  /** A request was settled: the server says so to all whom it asked. */
  settled(id: RequestId): void {
    this.#end(id, "the request was settled elsewhere");
  }

  /** A connection is over: no answer will reach the server, which asks again who comes back. */
  lost(conversation: Conversation): void {
    for (const [id, open] of this.#open)
      if (open.conversation === conversation) this.#end(id, "the connection was lost");
  }

  #end(id: RequestId, reason: string): void {
    const open = this.#open.get(id);
    this.#open.delete(id);
    open?.controller.abort(fault("aborted", reason));
  }

  /** Never rejects. */
  async #answer(open: OpenRequest, run: () => Promise<unknown>): Promise<void> {
    const { conversation, id } = open;
    let reply: () => void;
    try {
      const resultText = JSON.stringify((await run()) ?? null);
      reply = () => conversation.answer(id, resultText);
    } catch (error) {
      this.#logger.warn({ error }, "a handler of a server's request failed");
      const message = error instanceof Error ? error.message : String(error);
      reply = () => conversation.refuse(id, { code: RPC_CODES.internalError, message });
    }
    // One that was settled meanwhile needs no answer. Another server counts its requests from 0 again.
    if (this.#open.get(id) !== open) return;
    this.#open.delete(id);
    reply();
  }
}
