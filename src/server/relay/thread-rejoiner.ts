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
import { needsJoin, relayedThreadId } from "./relayed-methods.ts";
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
  /** Threads that are to be taken up. */
  readonly #waiting = new Map<string, LostThread>();
  /** Their ids in the order they were lost; some may have been taken up out of turn. */
  readonly #order: string[] = [];
  readonly #running = new Map<string, Promise<void>>();
  /** How many are being worked off. */
  #workers = 0;

  constructor(parts: RejoinerParts) {
    this.#parts = parts;
  }

  /** The thread's owner is gone. */
  add(threadId: string, activeTurnId: string | null): void {
    if (this.#stop.signal.aborted) return;
    const known = this.#waiting.get(threadId)?.activeTurnId ?? null;
    this.#waiting.set(threadId, { threadId, activeTurnId: activeTurnId ?? known });
    this.#order.push(threadId);
    const { rejoinsAtOnce } = this.#parts.context.relay?.limits ?? RELAY_LIMITS;
    if (this.#workers < rejoinsAtOnce) void this.#work();
  }

  /**
   * Resolves when the client is subscribed to the thread again, or was told that it can't be; at once where nothing
   * is due. What a turn tells that begins before is missed. Never rejects.
   */
  async settle(threadId: string): Promise<void> {
    const lost = this.#waiting.get(threadId);
    if (lost === undefined) return await this.#running.get(threadId);
    this.#waiting.delete(threadId);
    const before = this.#running.get(threadId);
    const mine = before === undefined ? this.#rejoin(lost) : before.then(() => this.#rejoin(lost));
    this.#running.set(threadId, mine);
    await mine;
    if (this.#running.get(threadId) === mine) this.#running.delete(threadId);
  }

  /** As `settle`, where this request needs it; undefined where nothing is due. */
  settleFor(method: string, params: unknown): Promise<void> | undefined {
    if (!needsJoin(method)) return undefined;
    const threadId = relayedThreadId(method, params);
    const isDue = threadId !== null && (this.#waiting.has(threadId) || this.#running.has(threadId));
    return isDue ? this.settle(threadId) : undefined;
  }

  /** The client is gone. */
  close(): void {
    this.#waiting.clear();
    this.#order.length = 0;
    this.#stop.abort(new Error("the client left"));
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    this.#workers += 1;
    for (let threadId = this.#order.shift(); threadId !== undefined; threadId = this.#order.shift()) {
      const next = threadId;
      await this.#parts.queues.run(next, () => this.settle(next));
    }
    this.#workers -= 1;
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
