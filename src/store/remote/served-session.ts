/**
 * A client's session as the server keeps it: which writers it owns, and in which order its calls begin. It stands
 * while its client holds it or shows signs of life, and some time longer, for connections that are made anew.
 *
 * Invariants
 *   R1  Calls of a session begin in the order of their numbers, each when the one it names has begun; a call whose
 *       turn is over is refused, never begun late.
 *   R2  A call may write only as a writer that its own session opened and did not let go.
 */
import { type Clock, fault, rejection } from "../../base/index.ts";
import type { ThreadStore, ThreadWriter } from "../thread-store.ts";
import { writerClosed, writerLetGo } from "../writer-faults.ts";
import type { CallPlace } from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import { SessionCreations, writerName } from "./session-creations.ts";

/** Longest that a call waits for one before it that may never come, milliseconds. */
const TURN_WAIT_MAX_MS = 5_000;
/** Calls of a session that wait for their turn. */
const WAITING_MAX = 10_000;
/** Writers of a session. */
const WRITERS_MAX = 200_000;
/** Writers that its client let go, the newest of which are known: by their names it is told that it did so itself. */
const LET_GO_MAX = 1_000;

/** What a session is made with. */
export interface ServedSessionOptions {
  readonly id: string;
  readonly clientName: string;
  readonly clock: Clock;
  readonly store: ThreadStore;
}

interface Waiting {
  readonly after: bigint;
  readonly wake: () => void;
}

/** See the file's head. */
export class ServedSession {
  readonly id: string;
  readonly clientName: string;
  readonly creations = new SessionCreations();
  readonly #clock: Clock;
  readonly #store: ThreadStore;
  /** Epochs by thread. */
  readonly #writers = new Map<string, Set<number>>();
  #writerCount = 0;
  readonly #letGo = new Set<string>();
  readonly #waiting = new Set<Waiting>();
  #begun = 0n;
  #holders = 0;
  #wasHeld = false;
  #seenMs: number;
  #isOver = false;

  constructor({ id, clientName, clock, store }: ServedSessionOptions) {
    this.id = id;
    this.clientName = clientName;
    this.#clock = clock;
    this.#store = store;
    this.#seenMs = clock.monotonicMs();
  }

  /** It was ended: it owns nothing any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get isHeld(): boolean {
    return this.#holders > 0;
  }

  /** Milliseconds since the client's last sign of life. */
  get silentMs(): number {
    return this.#clock.monotonicMs() - this.#seenMs;
  }

  /** Whether its client keeps others from its threads: it holds the session and shows signs of life. */
  isAwake(silentMaxMs: number): boolean {
    return !this.#isOver && (this.isHeld || !this.#wasHeld) && this.silentMs <= silentMaxMs;
  }

  /** The client was heard. */
  touch(): void {
    this.#seenMs = this.#clock.monotonicMs();
  }

  /** The client's connection stands, until the returned function is called. */
  hold(): () => void {
    this.#holders += 1;
    this.#wasHeld = true;
    this.touch();
    return () => {
      this.#holders -= 1;
    };
  }

  /** Begins a call when it is its turn (R1). What `run` does before it waits for anything is done in order. */
  async begin<Answer>(place: CallPlace, signal: AbortSignal, run: () => Promise<Answer>): Promise<Answer> {
    this.touch();
    if (place.after > this.#begun) await this.#turn(place.after, signal);
    signal.throwIfAborted();
    if (this.#isOver) throw sessionOver(this.id);
    if (place.number <= this.#begun) {
      throw fault("aborted", "the call came when later ones of its session had begun: make it again", {
        retryable: true,
      });
    }
    this.#begun = place.number;
    const answer = run();
    for (const waiting of this.#waiting) if (waiting.after <= this.#begun) waiting.wake();
    return answer;
  }

  async #turn(after: bigint, signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= WAITING_MAX) {
      throw fault("server_overloaded", `${WAITING_MAX} calls of this session wait for their turn`, { retryable: true });
    }
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(waiting);
        timer.cancel();
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const waiting: Waiting = { after, wake };
      const timer = this.#clock.setTimer(TURN_WAIT_MAX_MS, wake);
      signal.addEventListener("abort", wake, { once: true });
      this.#waiting.add(waiting);
    });
  }

  /** The session owns this writer from now on. */
  own({ threadId, epoch }: ThreadWriter): void {
    const epochs = this.#writers.get(threadId) ?? new Set();
    this.#writers.set(threadId, epochs);
    if (!epochs.has(epoch)) this.#writerCount += 1;
    epochs.add(epoch);
    this.#letGo.delete(writerName({ threadId, epoch }));
  }

  owns({ threadId, epoch }: ThreadWriter): boolean {
    return this.#writers.get(threadId)?.has(epoch) === true;
  }

  /** Throws `too_many_threads` where no more writers fit. */
  requireRoom(): void {
    if (this.#writerCount < WRITERS_MAX) return;
    throw fault("too_many_threads", `a session has ${WRITERS_MAX} open writers at most`, {
      data: { writersMax: WRITERS_MAX },
    });
  }

  /** Throws `writer_closed` unless it is the session's own (R2): retryable when it wasn't its client that let it go. */
  requireOwn(writer: ThreadWriter): void {
    if (this.owns(writer)) return;
    const { threadId } = writer;
    if (this.#letGo.has(writerName(writer))) throw writerClosed(threadId, "its client let it go; resume the thread");
    throw writerLetGo(threadId, "the server was started again, or this client was silent for too long");
  }

  /** The session doesn't own it any more; true when it has no other writer of the thread. */
  disown({ threadId, epoch }: ThreadWriter): boolean {
    const epochs = this.#writers.get(threadId);
    if (epochs?.delete(epoch) !== true) return false;
    this.#writerCount -= 1;
    this.creations.forget({ threadId, epoch });
    this.#letGo.add(writerName({ threadId, epoch }));
    for (const oldest of this.#letGo) {
      if (this.#letGo.size <= LET_GO_MAX) break;
      this.#letGo.delete(oldest);
    }
    if (epochs.size === 0) this.#writers.delete(threadId);
    return epochs.size === 0;
  }

  /** Forgets the writers of a thread that another session took over, or that is gone. */
  disownThread(threadId: string): void {
    const epochs = this.#writers.get(threadId) ?? new Set();
    this.#writerCount -= epochs.size;
    for (const epoch of epochs) this.creations.forget({ threadId, epoch });
    this.#writers.delete(threadId);
  }

  /** Ends it: shuts down its writers. Idempotent. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const { wake } of this.#waiting) wake();
    const writers = [...this.#writers].flatMap(([threadId, epochs]) =>
      [...epochs].map((epoch): ThreadWriter => ({ threadId, epoch })),
    );
    this.#writers.clear();
    this.#writerCount = 0;
    await Promise.all(writers.map((writer) => this.release(writer)));
  }

  /** Shuts down a writer, so that its thread comes free. */
  async release(writer: ThreadWriter): Promise<void> {
    try {
      await this.#store.shutdownThread(writer);
    } catch {
      // What it could not flush was not acknowledged; the thread must come free all the same.
      await this.#store.discardThread(writer);
    }
  }
}

/** The session is not known, or over: nothing was begun. The client opens another one. */
export function sessionOver(sessionId: string): Error {
  return fault("connection_lost", "the server let go of this client's session: it was silent for too long", {
    retryable: true,
    data: { sessionId, isSessionOver: true },
  });
}

/** A writer's call that names no session. */
export function sessionNeeded(): Error {
  return rejection("invalid_argument", "a call that changes something names its session: call OpenSession first");
}
