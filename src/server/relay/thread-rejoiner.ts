/**
 * Subscribes a client again to threads whose owner is gone: here, where this node can own them now, or at whoever
 * does. The client is told of nothing but what it waits for: how the turn ended that was lost with the owner, and
 * what the thread does now. A thread that can't be had within the relay's time is told as closed.
 */
import { isSkeinError } from "../../base/index.ts";
import type { Turn } from "../../events/index.ts";
import { handlers } from "../handlers/index.ts";
import type { RequestResult } from "../protocol/index.ts";
import { type Answer, RequestCall } from "../request-call.ts";
import type { ServerClient } from "../server-client.ts";
import type { ServerContext } from "../server-context.ts";
import type { ThreadQueues } from "../thread-queues.ts";
import { RELAY_LIMITS } from "./relay-limits.ts";
import type { SessionRelay } from "./session-relay.ts";

/** What a rejoiner works for. */
export interface RejoinerParts {
  readonly context: ServerContext;
  readonly queues: ThreadQueues;
  readonly client: ServerClient;
  readonly isExperimental: boolean;
  /** Null: only this node is tried. */
  readonly relay: SessionRelay | null;
}

/** A thread whose owner is gone. */
interface LostThread {
  readonly threadId: string;
  /** The turn whose end the client has not been told; null where there is none. */
  readonly activeTurnId: string | null;
}

type Resumed = Answer<RequestResult<"thread/resume">>;

/** Turns looked through for the one that was lost: it is one of the newest. */
const TURNS_LOOKED_AT = 20;

export class ThreadRejoiner {
  readonly #parts: RejoinerParts;
  readonly #stop = new AbortController();
  readonly #waiting: LostThread[] = [];
  #running = 0;

  constructor(parts: RejoinerParts) {
    this.#parts = parts;
  }

  /** The thread's owner is gone. */
  add(threadId: string, activeTurnId: string | null): void {
    if (this.#stop.signal.aborted) return;
    this.#waiting.push({ threadId, activeTurnId });
    const { rejoinsAtOnce } = this.#parts.context.relay?.limits ?? RELAY_LIMITS;
    if (this.#running < rejoinsAtOnce) void this.#work();
  }

  /** The client is gone. */
  close(): void {
    this.#waiting.length = 0;
    this.#stop.abort(new Error("the client left"));
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    this.#running += 1;
    for (let lost = this.#waiting.shift(); lost !== undefined; lost = this.#waiting.shift()) {
      const next = lost;
      // Before what the client asks of the thread now.
      await this.#parts.queues.run(next.threadId, () => this.#rejoin(next));
    }
    this.#running -= 1;
  }

  async #rejoin({ threadId, activeTurnId }: LostThread): Promise<void> {
    const { context, client } = this.#parts;
    const call = new RequestCall(client, context);
    try {
      const { result, after } = await this.#resume(threadId, call);
      const { status } = result.thread;
      client.notify("thread/status/changed", { threadId, status });
      if (activeTurnId !== null && status.type !== "active") await this.#tellEnd(threadId, activeTurnId);
      after?.();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      context.logger.warn({ error, threadId, client: client.name }, "a thread could not be subscribed to again");
      client.notify("thread/status/changed", { threadId, status: { type: "notLoaded" } });
      client.notify("thread/closed", { threadId });
    } finally {
      await call.finish();
    }
  }

  async #resume(threadId: string, call: RequestCall): Promise<Resumed> {
    const { isExperimental, relay } = this.#parts;
    const method = "thread/resume";
    const params = isExperimental ? { threadId, excludeTurns: true } : { threadId };
    const here = (): Promise<Resumed> => handlers[method](params, call);
    return await (relay === null ? here() : relay.answer({ method, params, call, here, signal: this.#stop.signal }));
  }

  /** How the turn ended, as it is stored: a turn without an end was interrupted with its owner. */
  async #tellEnd(threadId: string, turnId: string): Promise<void> {
    const turn = await this.#storedTurn(threadId, turnId);
    if (turn === undefined) return;
    this.#parts.client.notify("turn/completed", {
      threadId,
      turn: { ...turn, items: [], itemsView: "notLoaded" },
    });
  }

  async #storedTurn(threadId: string, turnId: string): Promise<Turn | undefined> {
    const { context } = this.#parts;
    const page = { threadId, limit: TURNS_LOOKED_AT, sortDirection: "desc", itemsView: "notLoaded" } as const;
    try {
      const { data } = await context.threads.kept.listTurns(page);
      return data.find(({ id }) => id === turnId);
    } catch (error) {
      if (!isSkeinError(error)) throw error;
      context.logger.warn({ error, threadId, turnId }, "the end of a lost turn could not be read");
      return undefined;
    }
  }
}
