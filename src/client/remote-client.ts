/**
 * RemoteClient: joins the keeper of the connection with what uses it: requests, notifications, answers to the server,
 * feeds. After a reconnection it first introduces itself and subscribes to its threads again; then requests go on.
 * What came before that is never sent again.
 */
import { assert, type Clock, fault, isSkeinError, type Logger, rejection, withinTime } from "../base/index.ts";
import type { Json } from "../events/index.ts";
import type {
  NotificationMethod,
  NotificationParams,
  RequestMethod,
  RequestResult,
  ServerRequestMethod,
} from "../server/protocol/index.ts";
import type { EventFeed, Missed } from "../streams/index.ts";
import { type RequestOptions, requestWithin } from "./bounded-request.ts";
import { Broadcast } from "./broadcast.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import { type ClientNotification, serverNotification } from "./client-notification.ts";
import type { ClientStatus } from "./client-status.ts";
import { ConnectionKeeper } from "./connection-keeper.ts";
import type { Conversation, ConversationHearer } from "./conversation.ts";
import { openConversation, type Opened, type ServerIdentity } from "./handshake.ts";
import type { CheckedClientOptions } from "./client-options.ts";
import { RemoteFeeds, type ThreadEventsOptions } from "./remote-feeds.ts";
import type { RequestInput } from "./request-input.ts";
import { ServerRequestDesk, type ServerRequestHandler } from "./server-request-desk.ts";
import type { SkeinClient } from "./skein-client.ts";
import type { ThreadEvent } from "./thread-events-source.ts";
import { ThreadSubscriptions } from "./thread-subscriptions.ts";

type AnyNotificationHandler = (params: never) => unknown;

export class RemoteClient implements SkeinClient {
  readonly #options: CheckedClientOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #keeper: ConnectionKeeper;
  readonly #desk: ServerRequestDesk;
  readonly #feeds: RemoteFeeds;
  readonly #threads = new ThreadSubscriptions();
  readonly #statusChanges: Broadcast<ClientStatus>;
  readonly #notifications: Broadcast<Exclude<ClientNotification, Missed>>;
  readonly #handlers = new Map<string, Set<AnyNotificationHandler>>();
  #server: ServerIdentity | undefined;
  /** Which address is due, counted on and on. */
  #dialIndex = 0;
  /** The last conversation that was begun: when it is over, the next address is due. */
  #latest: Conversation | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: CheckedClientOptions) {
    const { clock, logger, reconnect, fillRandom } = options;
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger;
    this.#desk = new ServerRequestDesk(options.unhandledRequests, logger);
    this.#feeds = new RemoteFeeds({ clock, logger, progressed: () => this.#keeper.progressed() });
    this.#statusChanges = new Broadcast({ logger, first: () => this.#keeper.status });
    this.#notifications = new Broadcast({ logger });
    this.#keeper = new ConnectionKeeper({
      open: (signal) => this.#open(signal),
      settings: reconnect,
      clock,
      fillRandom,
      joined: (conversation) => this.#feeds.connected(conversation),
      changed: (status) => this.#statusChanged(status),
    });
  }

  get server(): ServerIdentity {
    if (this.#server === undefined) throw fault("connection_lost", "the client has not connected yet");
    return this.#server;
  }

  get status(): ClientStatus {
    return this.#keeper.status;
  }

  get statusChanges(): EventFeed<ClientStatus | Missed> {
    return this.#statusChanges.feed;
  }

  get notifications(): EventFeed<ClientNotification> {
    return this.#notifications.feed;
  }

  /** Connects for the first time. */
  async start(): Promise<void> {
    await this.#keeper.start();
  }

  async request<M extends RequestMethod>(
    method: M,
    params: RequestInput<M>,
    options?: RequestOptions,
  ): Promise<RequestResult<M>> {
    // The server holds its answers to the same definition.
    return (await this.#request(method, params, options)) as unknown as RequestResult<M>;
  }

  async requestOther(method: string, params: Json, options?: RequestOptions): Promise<Json> {
    return await this.#request(method, params, options);
  }

  on<M extends NotificationMethod>(method: M, handler: (params: NotificationParams<M>) => void): () => void {
    const handlers = this.#handlers.get(method) ?? new Set();
    this.#handlers.set(method, handlers.add(handler));
    return () => {
      handlers.delete(handler);
      if (handlers.size === 0 && this.#handlers.get(method) === handlers) this.#handlers.delete(method);
    };
  }

  handle<M extends ServerRequestMethod>(method: M, handler: ServerRequestHandler<M>): () => void {
    return this.#desk.handle(method, handler);
  }

  threadEvents(threadId: string, options: ThreadEventsOptions = {}): EventFeed<ThreadEvent> {
    return this.#feeds.open(threadId, options);
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    // What feeds acknowledge goes out first. A server that does not answer is not waited for long.
    await withinTime(this.#feeds.close(null), this.#clock, CLIENT_LIMITS.closeMs);
    const conversation = this.#keeper.close();
    conversation?.close("the client was closed");
    await conversation?.over;
  }

  async #request(method: string, params: unknown, options: RequestOptions = {}): Promise<Json> {
    const { signal, timeoutMs = this.#options.requestTimeoutMs } = options;
    const answered = (result: Json): void => {
      this.#keeper.progressed();
      this.#threads.answered(method, params, result);
    };
    const paramsText = encodeParams(method, params);
    return await requestWithin(this.#keeper, this.#clock, { method, paramsText, timeoutMs, signal, answered });
  }

  async #open(signal: AbortSignal): Promise<Conversation> {
    const { conversation, server } = await this.#dialNodes(signal);
    const isFirst = this.#server === undefined;
    this.#server = server;
    if (isFirst) return conversation;
    this.#notifications.tell({ type: "reconnected" });
    if (this.#options.resubscribe) await this.#subscribeAgain(conversation);
    return conversation;
  }

  /** Tries each address once, beginning with the one that is due. Rejects with a failure that may pass, if one may. */
  async #dialNodes(signal: AbortSignal): Promise<Opened> {
    const { dials, initialize, connectTimeoutMs: timeoutMs } = this.#options;
    const hearerOf = (conversation: () => Conversation | undefined): ConversationHearer => this.#hearerOf(conversation);
    const parts = { initialize, hearerOf, timeoutMs, clock: this.#clock, logger: this.#logger };
    const failures: unknown[] = [];
    while (failures.length < dials.length && !signal.aborted) {
      const dial = dials[this.#dialIndex % dials.length];
      assert(dial !== undefined, "a client has an address");
      try {
        const opened = await openConversation({ ...parts, dial }, signal);
        this.#latest = opened.conversation;
        return opened;
      } catch (error) {
        failures.push(error);
        this.#dialIndex += 1;
      }
    }
    throw failures.find((failure) => isSkeinError(failure) && failure.retryable) ?? failures.at(-1) ?? signal.reason;
  }

  #hearerOf(current: () => Conversation | undefined): ConversationHearer {
    return {
      notified: (method, params) => this.#notified(method, params),
      asked: (id, method, params) => {
        const conversation = current();
        if (conversation !== undefined) this.#desk.asked(conversation, id, { method, params });
      },
      closed: (failure) => {
        const conversation = current();
        if (conversation === undefined) return;
        this.#logger.info({ reason: failure.message }, "the connection is over");
        if (conversation === this.#latest) this.#dialIndex += 1;
        this.#desk.lost(conversation);
        this.#feeds.lost(conversation);
        this.#keeper.lost(conversation, failure);
      },
    };
  }

  #notified(method: string, params: Json | undefined): void {
    const known = serverNotification(method, params);
    if (known === undefined) return this.#notifications.tell({ type: "other", method, params });
    if (this.#feeds.take(known)) return;
    if (known.method === "serverRequest/resolved") this.#desk.settled(known.params.requestId);
    this.#threads.notified(method, params);
    for (const handler of this.#handlers.get(method) ?? []) this.#call(handler, known.params);
    this.#notifications.tell(known);
  }

  #call(handler: AnyNotificationHandler, params: unknown): void {
    try {
      const answer = handler(params as never);
      if (answer instanceof Promise) answer.catch((error: unknown) => this.#handlerThrew(error));
    } catch (error) {
      this.#handlerThrew(error);
    }
  }

  #handlerThrew(error: unknown): void {
    this.#logger.error({ error }, "a handler of notifications threw");
  }

  /** Never rejects but when the connection is lost meanwhile. */
  async #subscribeAgain(conversation: Conversation): Promise<void> {
    const threadIds = [...this.#threads.threadIds];
    const work = async (): Promise<void> => {
      for (let threadId = threadIds.shift(); threadId !== undefined; threadId = threadIds.shift()) {
        await this.#resume(conversation, threadId);
      }
    };
    await Promise.all(Array.from({ length: CLIENT_LIMITS.resumesAtOnce }, work));
  }

  async #resume(conversation: Conversation, threadId: string): Promise<void> {
    const isExperimental = this.#options.initialize.capabilities?.experimentalApi === true;
    // Only an experimental client may leave out the turns.
    const params = isExperimental ? { threadId, excludeTurns: true } : { threadId };
    try {
      await this.#timed(conversation.request("thread/resume", params), threadId);
    } catch (error) {
      if (conversation.failure !== undefined) throw conversation.failure;
      if (!isSkeinError(error)) throw error;
      this.#logger.warn({ threadId, reason: error.message }, "a thread could not be subscribed to again");
      this.#threads.forget(threadId);
      this.#notifications.tell({ type: "unsubscribed", threadId, error });
    }
  }

  async #timed(answer: Promise<Json>, threadId: string): Promise<void> {
    const { requestTimeoutMs: timeoutMs } = this.#options;
    if (!(await withinTime(answer, this.#clock, timeoutMs))) {
      throw fault("timed_out", `thread/resume had no answer within ${timeoutMs} ms`, { data: { threadId, timeoutMs } });
    }
    await answer;
  }

  #statusChanged(status: ClientStatus): void {
    this.#logger.debug({ status: status.state }, "the connection's status changed");
    this.#statusChanges.tell(status);
    if (status.state !== "closed") return;
    void this.#feeds.close(status.failure);
    this.#notifications.end();
    this.#statusChanges.end();
  }
}

/** Before anything is sent or waited for. */
function encodeParams(method: string, params: unknown): string {
  try {
    return JSON.stringify(params ?? null);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw rejection("invalid_argument", `the params of ${method} can't be written as JSON: ${reason}`, { method });
  }
}
