/**
 * ClientSession: one connected client. It reads messages, checks them in the peer's order (envelope, method and
 * params, initialised, experimental gate), lets the handler answer, and writes the answer. What it may have under
 * way is bounded; past the bound a request is answered with "overloaded" and nothing is done.
 *
 * Invariants
 *   E1  Every request with a usable id is answered exactly once, while the client is there.
 *   E2  Requests about one thread are handled in the order they came; others overtake each other.
 *   E3  Whatever a client sends, the session goes on: what can't be read is dropped without an answer.
 */
import { isSkeinError } from "../base/index.ts";
import type { Json } from "../events/index.ts";
import { checkClientInfo, type InitializedClient, welcomeOf } from "./client-info.ts";
import { type HandledMethod, handlers } from "./handlers/index.ts";
import {
  encodeError,
  encodeNotification,
  encodeResult,
  type Envelope,
  isRequestMethod,
  type NotificationMethod,
  type NotificationParams,
  parseEnvelope,
  parseParams,
  REQUESTS,
  type RequestId,
  type RequestParams,
  type RequestResult,
  type RpcErrorBody,
  unknownMethodText,
  UNSERVED_METHODS,
} from "./protocol/index.ts";
import { LoopShare } from "./loop-share.ts";
import { RELAYED } from "./relay/node-link.ts";
import { type RelayHost, SessionRelay } from "./relay/session-relay.ts";
import { ThreadRejoiner } from "./relay/thread-rejoiner.ts";
import { type Answer, RequestCall } from "./request-call.ts";
import type { RequestLoad } from "./request-load.ts";
import { invalidRequest, notServed, overloaded, toRpcErrorBody } from "./rpc-error.ts";
import type { ServerClient } from "./server-client.ts";
import type { ServerContext } from "./server-context.ts";
import { SERVER_LIMITS } from "./server-limits.ts";
import type { ThreadQueues } from "./thread-queues.ts";
import type { Connection, ConnectionHandler } from "./transports/index.ts";

interface Request {
  readonly id: RequestId;
  readonly method: string;
  readonly params: Json | undefined;
}

/** What all sessions of a server share. */
export interface SessionHost {
  readonly context: ServerContext;
  readonly queues: ThreadQueues;
  readonly load: RequestLoad;
  /** A client is gone. */
  left(session: ClientSession, reason: string): void;
}

/** Requests that are nothing but their answer: what a client asked before it left isn't read for nobody. */
const READS: ReadonlySet<HandledMethod> = new Set<HandledMethod>([
  "thread/read",
  "thread/turns/list",
  "thread/turns/items/list",
  "thread/items/list",
  "thread/list",
  "thread/search",
  "thread/loaded/list",
  "getConversationSummary",
]);

export class ClientSession implements ConnectionHandler, ServerClient {
  readonly #server: SessionHost;
  readonly #connection: Connection;
  readonly #share: LoopShare;
  #client: InitializedClient | null;
  #relay: SessionRelay | null = null;
  #rejoiner: ThreadRejoiner | null = null;
  #inFlight = 0;
  #isClosed = false;

  /** `client`: as it was greeted already; null where it was not. */
  constructor(server: SessionHost, connection: Connection, client: InitializedClient | null) {
    this.#server = server;
    this.#connection = connection;
    this.#share = new LoopShare(server.context.clock);
    this.#client = client;
    if (client !== null) this.#begin(client);
  }

  /** For log lines. */
  get name(): string {
    return this.#connection.name;
  }

  /** The client as it introduced itself. */
  get client(): InitializedClient | null {
    return this.#client;
  }

  wants(method: string): boolean {
    return this.#client !== null && !this.#client.optedOut.has(method);
  }

  send(text: string): void {
    this.#connection.send(text);
  }

  /** Tells this client alone. */
  notify<Method extends NotificationMethod>(method: Method, params: NotificationParams<Method>): void {
    if (this.wants(method)) this.send(encodeNotification(method, params));
  }

  threadTaken(threadId: string): void {
    this.#rejoiner?.add(threadId, null);
  }

  close(reason: string): void {
    this.#connection.close(reason);
  }

  received(text: string): void {
    const envelope = parseEnvelope(text);
    if (envelope === null) {
      const { logger } = this.#server.context;
      logger.warn(
        { client: this.name, bytes: text.length },
        "dropped a message that is no request, answer or notification",
      );
      return;
    }
    this.#take(envelope);
  }

  closed(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#rejoiner?.close();
    this.#server.left(this, reason);
    this.#closeWhenAnswered();
  }

  /** A client whose input ended may still read: it gets the answers of what it asked. */
  #closeWhenAnswered(): void {
    if (!this.#isClosed || this.#inFlight > 0) return;
    this.#relay?.close();
    this.#connection.close("the client left");
  }

  #take(envelope: Envelope): void {
    const { questions } = this.#server.context;
    switch (envelope.kind) {
      case "request":
        void this.#request(envelope);
        break;
      case "response":
        if (this.#relay?.answered(envelope.id, envelope.result) === true) break;
        questions.answered(this, envelope.id, envelope.result);
        break;
      case "error":
        if (this.#relay?.refused(envelope.id, envelope.error) === true) break;
        questions.refused(this, envelope.id, envelope.error.message);
        break;
      case "notification":
        // `initialized` changes nothing, as in the peer; unknown ones are passed over.
        if (envelope.method === RELAYED && this.#client !== null) this.#begin(this.#client, true);
        break;
    }
  }

  /** Answers one request. Never rejects. */
  async #request(request: Request): Promise<void> {
    const { load } = this.#server;
    if (this.#inFlight >= SERVER_LIMITS.requestsPerClientMax || !load.take()) {
      this.#refuse(request.id, overloaded());
      return;
    }
    this.#inFlight += 1;
    try {
      await this.#check(request);
    } catch (error) {
      this.#refuse(request.id, this.#errorBody(error, request));
    } finally {
      this.#inFlight -= 1;
      this.#closeWhenAnswered();
      load.give();
    }
  }

  async #check({ id, method, params }: Request): Promise<void> {
    if (!isRequestMethod(method)) {
      if (!UNSERVED_METHODS.has(method)) throw invalidRequest(`Invalid request: ${unknownMethodText(method)}`);
      this.#requireClient();
      throw notServed(method);
    }
    const parsed = parseParams(method, params);
    if (!parsed.ok) throw invalidRequest(`Invalid request: ${parsed.message}`);
    if (method === "initialize") {
      this.#initialize(id, parsed.params as RequestParams<"initialize">);
      return;
    }
    const checked = parsed.params as RequestParams<typeof method>;
    this.#checkGate(method, checked, this.#requireClient());
    await this.#queue(method, checked, id);
  }

  /** In the thread's queue where the method has one. */
  async #queue<Method extends HandledMethod>(
    method: Method,
    params: RequestParams<Method>,
    id: RequestId,
  ): Promise<void> {
    // Methods without params have none to look into.
    const threadId = (params as { readonly threadId?: unknown } | null | undefined)?.threadId;
    if (REQUESTS[method].queue === "thread" && typeof threadId === "string") {
      await this.#server.queues.run(threadId, () => this.#handle(method, params, id));
    } else {
      await this.#handle(method, params, id);
    }
  }

  async #handle<Method extends HandledMethod>(
    method: Method,
    params: RequestParams<Method>,
    id: RequestId,
  ): Promise<void> {
    const turn = this.#share.turn();
    if (turn !== undefined) await turn;
    if (this.#isClosed && READS.has(method)) return;
    const call = new RequestCall(this, this.#server.context);
    try {
      const here = (): Promise<Answer<RequestResult<Method>>> => handlers[method](params, call);
      const settled = this.#relay === null ? this.#rejoiner?.settleFor(method, params) : undefined;
      if (settled !== undefined) await settled;
      const answer = await (this.#relay?.answer({ method, params, call, here }) ?? here());
      this.send(encodeResult(id, answer.result));
      this.#follow(answer, method);
    } catch (error) {
      this.#refuse(id, this.#errorBody(error, { method, params }));
    } finally {
      await call.finish();
    }
  }

  /** What follows an answer. It was given, so what goes wrong here is only logged. */
  #follow({ after }: Answer<unknown>, method: string): void {
    try {
      after?.();
    } catch (error) {
      this.#server.context.logger.error({ error, method, client: this.name }, "what follows an answer failed");
    }
  }

  #initialize(id: RequestId, params: RequestParams<"initialize">): void {
    if (this.#client !== null) throw invalidRequest("Already initialized");
    const { context } = this.#server;
    const client = checkClientInfo(params);
    this.#client = client;
    this.#begin(client);
    context.originator ??= client.name;
    const { originator } = context;
    this.send(encodeResult(id, welcomeOf(client, { originator, home: context.settings.home ?? "" })));
  }

  /** What another node hands on is answered here, or refused: it never goes round. */
  #begin(client: InitializedClient, isRelayed = false): void {
    const { context, queues } = this.#server;
    const { relay } = context;
    this.#relay?.close();
    this.#relay = null;
    if (relay !== null && !isRelayed) {
      const lost = (threadId: string, activeTurnId: string | null): void => this.#rejoiner?.add(threadId, activeTurnId);
      const { name } = this;
      const host: RelayHost = {
        name,
        client,
        lost,
        settle: async (threadId) => await this.#rejoiner?.settle(threadId),
        send: (text) => this.send(text),
        notify: (...told) => this.notify(...told),
      };
      this.#relay = new SessionRelay({ relay, context, host });
    }
    const { isExperimental } = client;
    this.#rejoiner = new ThreadRejoiner({ context, queues, client: this, isExperimental, relay: this.#relay });
  }

  #requireClient(): InitializedClient {
    if (this.#client === null) throw invalidRequest("Not initialized");
    return this.#client;
  }

  #checkGate<Method extends HandledMethod>(
    method: Method,
    params: RequestParams<Method>,
    client: InitializedClient,
  ): void {
    if (client.isExperimental) return;
    const { experimental, experimentalFields = [] } = REQUESTS[method];
    if (experimental === true) throw invalidRequest(`${method} requires experimentalApi capability`);
    for (const field of experimentalFields) {
      if (field.isUsed(params)) throw invalidRequest(`${field.path} requires experimentalApi capability`);
    }
  }

  #refuse(id: RequestId, error: RpcErrorBody): void {
    this.send(encodeError(id, error));
  }

  #errorBody(error: unknown, { method, params }: { readonly method: string; readonly params: unknown }): RpcErrorBody {
    const threadId = (params as { readonly threadId?: unknown } | null | undefined)?.threadId;
    const body = toRpcErrorBody(error, method, typeof threadId === "string" ? threadId : null);
    const { logger } = this.#server.context;
    const isFault = isSkeinError(error) ? error.kind === "fault" : body.message.startsWith("internal error:");
    if (isFault) logger.error({ error, method, client: this.name }, "a request failed");
    return body;
  }
}
