/**
 * Keeps one conversation with the server going: opens it, opens another when it is lost, waits longer and longer
 * between attempts, and gives up at a bound of attempts or time. Both count from the last time that the connection
 * was of use, so that a server which dies at every start is not started for ever, and one that is lost now and
 * then always comes back.
 *
 * Invariants
 *   K1  At most one conversation is open or being opened.
 *   K2  Whoever waits for a conversation is called once: with one that is open, or with why there is none.
 */
import { type Clock, fault, type FillRandom, isSkeinError, type SkeinError, sleep } from "../base/index.ts";
import { backOffMs } from "./back-off.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import type { ClientStatus } from "./client-status.ts";
import type { Conversation } from "./conversation.ts";

/** Bounds of making a lost connection again. */
export interface ReconnectSettings {
  readonly attemptsMax: number;
  readonly delayMs: number;
  readonly delayMaxMs: number;
  readonly totalMsMax: number;
}

/** What a keeper works with. */
export interface KeeperParts {
  /** Opens a conversation that is ready for requests. Rejects with a SkeinError, also when aborted. */
  readonly open: (signal: AbortSignal) => Promise<Conversation>;
  /** Null: a lost connection is the end. */
  readonly settings: ReconnectSettings | null;
  readonly clock: Clock;
  readonly fillRandom: FillRandom;
  /** There is a conversation; told before anybody who waits for one gets it. */
  readonly joined: (conversation: Conversation) => void;
  /** The status is another one. */
  readonly changed: (status: ClientStatus) => void;
}

interface Waiter {
  readonly use: (conversation: Conversation) => void;
  readonly failed: (failure: SkeinError) => void;
}

export class ConnectionKeeper {
  readonly #parts: KeeperParts;
  readonly #waiters = new Set<Waiter>();
  readonly #stop = new AbortController();
  #status: ClientStatus = { state: "connecting" };
  #current: Conversation | undefined;
  #attempts = 0;
  #lostAtMs: number | undefined;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  get status(): ClientStatus {
    return this.#status;
  }

  /** Opens the first conversation, in one attempt. */
  async start(): Promise<void> {
    try {
      this.#take(await this.#open());
    } catch (error) {
      this.#finish(asSkeinError(error));
      throw error;
    }
  }

  /** Calls `use` with the open conversation, at once or when there is one; or `failed`. Answers how to wait no more. */
  whenConnected(use: Waiter["use"], failed: Waiter["failed"]): () => void {
    if (this.#current !== undefined) use(this.#current);
    else if (this.#status.state === "closed") failed(this.#status.failure ?? closedByUs());
    else return this.#wait({ use, failed });
    return () => {};
  }

  /** The connection was of use: what follows a loss now begins anew. */
  progressed(): void {
    this.#attempts = 0;
    this.#lostAtMs = undefined;
  }

  /** This conversation is over. Those that were never the current one are known from `open`. */
  lost(conversation: Conversation, failure: SkeinError): void {
    if (this.#current !== conversation) return;
    this.#current = undefined;
    void this.#reconnect(failure);
  }

  /** Takes no more part: whoever waits is told so, and nothing is opened any more. The open conversation is answered. */
  close(): Conversation | undefined {
    const current = this.#current;
    this.#current = undefined;
    this.#finish(null);
    return current;
  }

  #wait(waiter: Waiter): () => void {
    if (this.#waiters.size >= CLIENT_LIMITS.requestsMax) {
      const { requestsMax } = CLIENT_LIMITS;
      waiter.failed(fault("connection_lost", `${requestsMax} requests wait for a connection`, { retryable: true }));
      return () => {};
    }
    this.#waiters.add(waiter);
    return () => void this.#waiters.delete(waiter);
  }

  /** Never rejects. */
  async #reconnect(failure: SkeinError): Promise<void> {
    const { settings, clock, fillRandom } = this.#parts;
    let reason = failure;
    this.#lostAtMs ??= clock.monotonicMs();
    while (!this.#stop.signal.aborted) {
      const spentMs = clock.monotonicMs() - this.#lostAtMs;
      if (settings === null || !reason.retryable) return this.#finish(reason);
      if (this.#attempts >= settings.attemptsMax || spentMs >= settings.totalMsMax) {
        return this.#finish(gaveUp(reason, this.#attempts));
      }
      const delayMs = backOffMs(this.#attempts, settings, fillRandom);
      this.#attempts += 1;
      this.#tell({ state: "reconnecting", attempt: this.#attempts, delayMs, reason });
      try {
        await sleep(clock, delayMs, this.#stop.signal);
        return this.#take(await this.#open());
      } catch (error) {
        reason = asSkeinError(error);
      }
    }
  }

  async #open(): Promise<Conversation> {
    const conversation = await this.#parts.open(this.#stop.signal);
    // It may have been lost in the moment between.
    if (conversation.failure !== undefined) throw conversation.failure;
    if (this.#stop.signal.aborted) {
      conversation.close("the client was closed");
      throw closedByUs();
    }
    return conversation;
  }

  #take(conversation: Conversation): void {
    this.#current = conversation;
    this.#parts.joined(conversation);
    this.#tell({ state: "connected" });
    for (const waiter of this.#waiters) {
      // One that is called may end the connection, or the client.
      if (this.#current !== conversation) return;
      this.#waiters.delete(waiter);
      waiter.use(conversation);
    }
  }

  #finish(failure: SkeinError | null): void {
    if (this.#status.state === "closed") return;
    this.#tell({ state: "closed", failure });
    this.#stop.abort(failure ?? closedByUs());
    for (const waiter of this.#waiters) waiter.failed(failure ?? closedByUs());
    this.#waiters.clear();
  }

  #tell(status: ClientStatus): void {
    this.#status = status;
    this.#parts.changed(status);
  }
}

/** What is told to who asks a client that was closed. */
function closedByUs(): SkeinError {
  return fault("connection_lost", "the client was closed");
}

function gaveUp(reason: SkeinError, attempts: number): SkeinError {
  return fault("connection_lost", `gave up after ${attempts} attempts to connect again: ${reason.message}`, {
    data: { ...reason.data, attempts },
    cause: reason,
  });
}

function asSkeinError(error: unknown): SkeinError {
  if (isSkeinError(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return fault("connection_failed", `the connection could not be opened: ${reason}`, { cause: error });
}
