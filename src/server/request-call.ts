/**
 * One request under way: who asked, and what must wait for its answer. Handlers are thin functions from checked
 * params to a result; what they start is told behind their answer when they hold it back here first.
 */
import { nextLoopTurn } from "../base/index.ts";
import type { ServerClient } from "./server-client.ts";
import type { RequestMethod, RequestParams, RequestResult } from "./protocol/index.ts";
import type { ServerContext } from "./server-context.ts";

/** What a handler answers. */
export interface Answer<Result> {
  readonly result: Result;
  /** Runs right after the answer was written, before what was held back is told. Must not throw. */
  readonly after?: () => void;
}

/** Answers one method. What it throws becomes the error answer. */
export type Handler<Method extends RequestMethod> = (
  params: RequestParams<Method>,
  call: RequestCall,
) => Promise<Answer<RequestResult<Method>>>;

/** One handler for each of these methods. */
export type HandlersOf<Method extends RequestMethod> = { readonly [Name in Method]: Handler<Name> };

export class RequestCall {
  readonly session: ServerClient;
  readonly server: ServerContext;
  readonly #releases: (() => void)[] = [];

  constructor(session: ServerClient, server: ServerContext) {
    this.session = session;
    this.server = server;
  }

  /** What is told about the thread from now on follows the answer. */
  hold(threadId: string): void {
    this.afterAnswer(this.server.channels.hold(threadId));
  }

  /** Runs when what was held back leaves, also behind a refusal. Must not throw. */
  afterAnswer(release: () => void): void {
    this.#releases.push(release);
  }

  /**
   * The answer was written. What was held back leaves in a later turn of the event loop, so that it is not in one
   * write with the answer: there are clients that begin to listen only when they have read that.
   */
  async finish(): Promise<void> {
    if (this.#releases.length === 0) return;
    await nextLoopTurn();
    for (const release of this.#releases) release();
    this.#releases.length = 0;
  }
}
