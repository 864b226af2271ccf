/**
 * SessionRelay: hands one client's requests on to the nodes that own its threads, and brings back what these tell.
 * A thread whose owner is gone is taken up again: here, once its lease has run out, or at whoever has it then; the
 * client sees one slow answer, and the end of the turn that was lost.
 *
 * Invariants
 *   H1  A request is answered by one node. One that may have been done is never asked again, unless that does no harm.
 *   H2  What a node tells behind its answer reaches the client behind that answer, in the node's order.
 *   H3  A client hears of another node's threads only where it is subscribed to them.
 *   H4  What waits is bounded: in time (takeoverMs), in links, and in threads. A client that is gone leaves no link.
 *   H5  A client that was subscribed to a thread is subscribed again before a turn of it begins on its behalf.
 */
import { fault, isSkeinError, type SkeinError, sleep, type Timer } from "../../base/index.ts";
import type { Json } from "../../events/index.ts";
import type { InitializedClient } from "../client-info.ts";
import type { HandledMethod } from "../handlers/index.ts";
import type {
  NotificationMethod,
  NotificationParams,
  RequestId,
  RequestParams,
  RequestResult,
  RpcErrorBody,
} from "../protocol/index.ts";
import type { Answer, RequestCall } from "../request-call.ts";
import { overloaded, RpcError } from "../rpc-error.ts";
import type { ServerContext } from "../server-context.ts";
import { activeTurnIn, JoinedThreads } from "./joined-threads.ts";
import {
  type LinkHearer,
  type LinkNotification,
  type LinkOutcome,
  type LinkQuestion,
  type NodeLink,
  openNodeLink,
} from "./node-link.ts";
import type { NodeRelay } from "./node-relay.ts";
import { isRepeatable, needsJoin, ownerUrlOf, relayedThreadId } from "./relayed-methods.ts";
import { memberOf, RelayedQuestions, threadIdOf } from "./relayed-questions.ts";

/** What a relay needs of the client's session. */
export interface RelayHost {
  readonly name: string;
  readonly client: InitializedClient;
  send(text: string): void;
  notify<Method extends NotificationMethod>(method: Method, params: NotificationParams<Method>): void;
  /** The thread's owner is gone, or this node is no longer it: the client is to be subscribed to it again. */
  lost(threadId: string, activeTurnId: string | null): void;
  /** Resolves when that was done or given up; at once where nothing is due. */
  settle(threadId: string): Promise<void>;
}

/** What a relay is made of. */
export interface SessionRelayParts {
  readonly relay: NodeRelay;
  readonly context: ServerContext;
  readonly host: RelayHost;
}

/** A request, and how it is answered where this node owns the thread. */
export interface Relayable<Method extends HandledMethod> {
  readonly method: Method;
  readonly params: RequestParams<Method>;
  readonly call: RequestCall;
  readonly here: () => Promise<Answer<RequestResult<Method>>>;
  /** Ends waiting. */
  readonly signal?: AbortSignal;
}

/** Nothing was done, for this reason; trying again may help. */
class NotYet extends Error {
  readonly reason: SkeinError;

  constructor(reason: SkeinError) {
    super(reason.message);
    this.reason = reason;
  }
}

export class SessionRelay implements LinkHearer {
  readonly #parts: SessionRelayParts;
  /** By address, also while they are being opened. */
  readonly #links = new Map<string, LinkEntry>();
  readonly #joined = new JoinedThreads();
  readonly #questions: RelayedQuestions;
  #isClosed = false;

  constructor(parts: SessionRelayParts) {
    this.#parts = parts;
    this.#questions = new RelayedQuestions(() => parts.context.questions.takeId());
  }

  /** Whether the client follows this thread at another node. */
  hasJoined(threadId: string): boolean {
    return this.#joined.get(threadId) !== undefined;
  }

  /** Answers a request: here, or by the node that owns its thread. Rejects as the one that answers does. */
  async answer<Method extends HandledMethod>(asked: Relayable<Method>): Promise<Answer<RequestResult<Method>>> {
    const threadId = relayedThreadId(asked.method, asked.params);
    if (threadId === null) return await asked.here();
    const { clock } = this.#parts.context;
    const { takeoverMs, retryMs, retryMsMax } = this.#parts.relay.limits;
    const beganMs = clock.monotonicMs();
    for (let delayMs = retryMs; ; delayMs = Math.min(retryMsMax, delayMs * 2)) {
      try {
        return await this.#attempt(asked, threadId);
      } catch (error) {
        if (!(error instanceof NotYet)) throw error;
        const waitedMs = Math.round(clock.monotonicMs() - beganMs);
        if (waitedMs + delayMs > takeoverMs || this.#isClosed) throw outOfReach(error.reason, threadId, waitedMs);
        await sleep(clock, delayMs, asked.signal);
      }
    }
  }

  /** A client's answer to a request. False where no other node has asked it. */
  answered(id: RequestId, result: Json): boolean {
    return this.#questions.answered(id, result);
  }

  /** As `answered`, for a client that can't or won't. */
  refused(id: RequestId, body: RpcErrorBody): boolean {
    return this.#questions.refused(id, body);
  }

  /** The client is gone. Idempotent. */
  close(): void {
    this.#isClosed = true;
    const entries = [...this.#links.values()];
    this.#links.clear();
    for (const { opening, idle } of entries) {
      idle?.cancel();
      // One that never opened has nothing to close.
      opening.then((link) => link.close("the client left")).catch(() => undefined);
    }
  }

  // What links tell (LinkHearer).

  told(link: NodeLink, message: LinkNotification): void {
    const { host } = this.#parts;
    const { method, params, text } = message;
    if (!this.#joined.told(link, message)) return;
    const threadId = threadIdOf(params);
    const joined = threadId === null ? undefined : this.#joined.get(threadId);
    if (method === "thread/closed" && joined !== undefined) {
      // It failed there, or another node has it: one that is followed is not unloaded for being idle.
      this.#joined.leave(joined.threadId, link);
      host.lost(joined.threadId, joined.activeTurnId);
    } else if (method === "serverRequest/resolved" && threadId !== null) {
      this.#settled(link, threadId, memberOf(params, "requestId"));
    } else host.send(text);
  }

  #settled(link: NodeLink, threadId: string, requestId: unknown): void {
    if (typeof requestId !== "number" && typeof requestId !== "string") return;
    const ownId = this.#questions.settled(link, requestId);
    if (ownId !== undefined) this.#parts.host.notify("serverRequest/resolved", { threadId, requestId: ownId });
  }

  asked(link: NodeLink, question: LinkQuestion): void {
    this.#parts.host.send(this.#questions.asked(link, question));
  }

  lost(link: NodeLink, reason: string): void {
    const { context, host } = this.#parts;
    const entry = this.#links.get(link.url);
    // There may be a newer one to the same node.
    if (entry?.link === link) {
      entry.idle?.cancel();
      this.#links.delete(link.url);
    }
    for (const settled of this.#questions.lost(link)) host.notify("serverRequest/resolved", settled);
    const threads = this.#joined.of(link);
    for (const { threadId } of threads) this.#joined.leave(threadId, link);
    if (this.#isClosed) return;
    context.logger.info({ client: host.name, url: link.url, reason, threads: threads.length }, "a node is gone");
    for (const { threadId, activeTurnId } of threads) host.lost(threadId, activeTurnId);
  }

  async #attempt<Method extends HandledMethod>(
    asked: Relayable<Method>,
    threadId: string,
  ): Promise<Answer<RequestResult<Method>>> {
    if (needsJoin(asked.method)) await this.#parts.host.settle(threadId);
    const joined = this.#joined.get(threadId);
    if (joined !== undefined) return await this.#forward(joined.link, asked, threadId);
    try {
      return await asked.here();
    } catch (error) {
      const url = ownerUrlOf(error);
      if (url === null) throw error;
      const link = await this.#link(url);
      if (needsJoin(asked.method)) await this.#join(link, threadId);
      return await this.#forward(link, asked, threadId);
    }
  }

  /** Subscribes the client to the thread at its owner. */
  async #join(link: NodeLink, threadId: string): Promise<void> {
    const { isExperimental } = this.#parts.host.client;
    // Only an experimental client may leave out the turns.
    const params = isExperimental ? { threadId, excludeTurns: true } : { threadId };
    this.#enter(threadId, link);
    const outcome = await link.request("thread/resume", params);
    if (outcome.kind === "result") return;
    this.#joined.leave(threadId, link);
    throw this.#refusal(outcome, { link, threadId, method: "thread/resume" });
  }

  async #forward<Method extends HandledMethod>(
    link: NodeLink,
    { method, params, call }: Relayable<Method>,
    threadId: string,
  ): Promise<Answer<RequestResult<Method>>> {
    if (method === "thread/resume") this.#enter(threadId, link);
    let release = (): void => {};
    const outcome = await new Promise<LinkOutcome>((resolve) => {
      link.call(method, params, (settled) => {
        // Before anything that is behind the answer (H2).
        if (settled.kind !== "lost") release = link.hold();
        resolve(settled);
      });
    });
    this.#closeWhenIdle(link);
    if (outcome.kind === "result") {
      call.afterAnswer(release);
      this.#granted(link, threadId, { method, result: outcome.result });
      // The node holds its answers to the same definition.
      return { result: outcome.result as unknown as RequestResult<Method> };
    }
    if (method === "thread/resume") this.#joined.leave(threadId, link);
    const refusal = this.#refusal(outcome, { link, threadId, method });
    // There may be a next try over this link before there is an answer.
    if (refusal instanceof NotYet) release();
    else call.afterAnswer(release);
    throw refusal;
  }

  #granted(
    link: NodeLink,
    threadId: string,
    { method, result }: { readonly method: string; readonly result: Json },
  ): void {
    if (method === "thread/unsubscribe") this.#joined.leave(threadId, link);
    const copyId = method === "review/start" ? memberOf(result, "reviewThreadId") : undefined;
    if (typeof copyId === "string") this.#enter(copyId, link);
    const joined = this.#joined.get(typeof copyId === "string" ? copyId : threadId);
    const turnId = activeTurnIn(method, result);
    if (joined?.link === link && turnId !== undefined) joined.activeTurnId = turnId;
  }

  #enter(threadId: string, link: NodeLink): void {
    const { threadsPerClientMax } = this.#parts.relay.limits;
    if (!this.hasJoined(threadId) && this.#joined.size >= threadsPerClientMax) throw new RpcError(overloaded());
    this.#joined.enter(threadId, link);
  }

  /** What a call that was not granted is refused with; NotYet where nothing was done and the owner is another one. */
  #refusal(outcome: Exclude<LinkOutcome, { readonly kind: "result" }>, call: LinkCall): Error {
    const { link, threadId, method } = call;
    if (outcome.kind === "lost") {
      const failure = unanswered(outcome.reason, call);
      return isRepeatable(method) ? new NotYet(failure) : failure;
    }
    const { body } = outcome;
    if (memberOf(body.data, "skeinCode") !== "thread_owned_elsewhere") return new RpcError(body);
    const joined = this.#joined.get(threadId);
    this.#joined.leave(threadId, link);
    // Who was subscribed is subscribed wherever the thread is now, before the next try.
    if (joined?.link === link) this.#parts.host.lost(threadId, joined.activeTurnId);
    return new NotYet(fault("thread_owned_elsewhere", body.message, { retryable: true, data: { threadId } }));
  }

  /** The link to this node, opened where there is none. */
  async #link(url: string): Promise<NodeLink> {
    const entry = this.#links.get(url) ?? this.#open(url);
    try {
      const link = await entry.opening;
      if (link.isOver) throw unreached(url);
      entry.link = link;
      return link;
    } catch (error) {
      if (this.#links.get(url) === entry) this.#links.delete(url);
      throw isSkeinError(error) && error.retryable ? new NotYet(error) : error;
    }
  }

  #open(url: string): LinkEntry {
    const { relay, context, host } = this.#parts;
    if (this.#isClosed) throw fault("aborted", "the client left before its request could be handed on");
    if (this.#links.size >= relay.limits.linksPerClientMax) throw new RpcError(overloaded());
    const { clock, logger } = context;
    const opening = openNodeLink({ url, relay, client: host.client, hearer: this, clock, logger });
    const entry: LinkEntry = { opening, link: null, idle: null };
    this.#links.set(url, entry);
    return entry;
  }

  /** A link that nothing is asked over, and no thread is followed over, is closed after a while. */
  #closeWhenIdle(link: NodeLink): void {
    const entry = this.#links.get(link.url);
    if (entry === undefined) return;
    entry.idle?.cancel();
    entry.idle = this.#parts.context.clock.setTimer(this.#parts.relay.limits.idleMs, () => {
      const isUsed = link.callCount > 0 || this.#joined.of(link).length > 0;
      if (isUsed || this.#links.get(link.url) !== entry) return;
      this.#links.delete(link.url);
      link.close("nothing is asked any more");
    });
  }
}

/** A call that another node did not grant. */
interface LinkCall {
  readonly link: NodeLink;
  readonly threadId: string;
  readonly method: string;
}

/** A link, and when it is closed for want of use. */
interface LinkEntry {
  readonly opening: Promise<NodeLink>;
  /** Once it is open. */
  link: NodeLink | null;
  idle: Timer | null;
}

/** The link was lost as soon as it was open. */
function unreached(url: string): SkeinError {
  return fault("connection_failed", `the node at ${url} closed the connection`, { retryable: true, data: { url } });
}

/** The node may have done it, or not: only who asked knows if asking again is right. */
function unanswered(reason: string, { link, threadId, method }: LinkCall): SkeinError {
  const message = `the node that owns thread ${threadId} was lost before it answered ${method} (${reason}): see what it did, then ask again`;
  return fault("connection_lost", message, { retryable: true, data: { threadId, method, url: link.url } });
}

/** The time is over: its owner can't be reached, and its lease has not run out. */
function outOfReach(reason: SkeinError, threadId: string, waitedMs: number): SkeinError {
  const message = `thread ${threadId} is owned by a node that could not be reached for ${waitedMs} ms (${reason.message}): ask again`;
  return fault("thread_owned_elsewhere", message, {
    retryable: true,
    data: { ...reason.data, threadId, waitedMs },
    cause: reason,
  });
}
