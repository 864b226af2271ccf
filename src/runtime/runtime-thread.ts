/**
 * RuntimeThread: what a runtime hands out of a loaded thread. It is the thread's handle with its feed
 * and with `run`, the shortest way to a finished turn. It holds no state of its own.
 */
import type { ReviewTarget, Signal, StartedTurn, ThreadHandle, ThreadSnapshot, TurnOptions } from "../actors/index.ts";
import { rejection } from "../base/index.ts";
import type { Json, ResponseItem, Thread, ThreadStatus, Turn, UserInput } from "../events/index.ts";
import type { StoredThread, ThreadMetadataPatch } from "../store/index.ts";
import type { EventFeed, FeedEvent, FeedHub, FeedOptions } from "../streams/index.ts";

/** A feed of one thread: its records and signals. */
export type ThreadFeed = EventFeed<FeedEvent<Signal>>;

/** How a thread's feed is opened. */
export type ThreadFeedOptions = Omit<FeedOptions, "threadId">;

/** A loaded thread: its commands, and its events. */
export interface RuntimeThread extends ThreadHandle {
  /**
   * What happens in the thread: an Observable and an AsyncIterable. Records from `from` on (default 0),
   * first those in the log, then those to come, each once and in order; with `signals` the live deltas
   * too. A `from` past the end of the log is waited for; `Runtime.threadEvents` refuses it. The feed outlives the
   * loading: it goes on when the thread is unloaded and loaded again. A subscription after the runtime was closed
   * fails with `runtime_closed`.
   */
  events(options?: ThreadFeedOptions): ThreadFeed;
  /** Starts a turn and resolves with it when it has ended and that is recorded. Refused like `startTurn`. */
  run(input: readonly UserInput[] | string, options?: TurnOptions): Promise<Turn>;
}

/** Joins a handle with the feeds of its runtime. */
export function toRuntimeThread(handle: ThreadHandle, hub: FeedHub<Signal>): RuntimeThread {
  return new HandleWithFeed(handle, hub);
}

/** The feed of a thread, loaded or not. `invalid_thread_id`, `invalid_argument`. */
export function openThreadFeed(hub: FeedHub<Signal>, threadId: string, options: ThreadFeedOptions = {}): ThreadFeed {
  // Spreading null gives an empty object, and would pass what is no object at all.
  if (typeof options !== "object" || options === null || "threadId" in options) {
    throw rejection("invalid_argument", "the options of events must be an object without a threadId");
  }
  return hub.openFeed({ ...options, threadId });
}

class HandleWithFeed implements RuntimeThread {
  readonly #handle: ThreadHandle;
  readonly #hub: FeedHub<Signal>;

  constructor(handle: ThreadHandle, hub: FeedHub<Signal>) {
    this.#handle = handle;
    this.#hub = hub;
  }

  get id(): string {
    return this.#handle.id;
  }

  events(options?: ThreadFeedOptions): ThreadFeed {
    return openThreadFeed(this.#hub, this.#handle.id, options);
  }

  async run(input: readonly UserInput[] | string, options?: TurnOptions): Promise<Turn> {
    const { completed } = await this.#handle.startTurn(input, options);
    return await completed;
  }

  snapshot(): ThreadSnapshot {
    return this.#handle.snapshot();
  }

  status(): ThreadStatus {
    return this.#handle.status();
  }

  summary(): Thread {
    return this.#handle.summary();
  }

  answer(questionId: string, answer: Json): boolean {
    return this.#handle.answer(questionId, answer);
  }

  refuse(questionId: string, reason: string): boolean {
    return this.#handle.refuse(questionId, reason);
  }

  modelContext(): readonly ResponseItem[] {
    return this.#handle.modelContext();
  }

  startTurn(input: readonly UserInput[] | string, options?: TurnOptions): Promise<StartedTurn> {
    return this.#handle.startTurn(input, options);
  }

  steer(turnId: string, input: readonly UserInput[] | string): Promise<void> {
    return this.#handle.steer(turnId, input);
  }

  interrupt(turnId: string): Promise<Turn> {
    return this.#handle.interrupt(turnId);
  }

  compact(): Promise<StartedTurn> {
    return this.#handle.compact();
  }

  review(target: ReviewTarget): Promise<StartedTurn> {
    return this.#handle.review(target);
  }

  injectItems(items: readonly ResponseItem[]): Promise<void> {
    return this.#handle.injectItems(items);
  }

  rollback(numTurns: number): Promise<ThreadSnapshot> {
    return this.#handle.rollback(numTurns);
  }

  revert(beforeTurnId: string): Promise<ThreadSnapshot> {
    return this.#handle.revert(beforeTurnId);
  }

  updateMetadata(patch: ThreadMetadataPatch): Promise<StoredThread> {
    return this.#handle.updateMetadata(patch);
  }

  materialize(): Promise<void> {
    return this.#handle.materialize();
  }

  flush(): Promise<void> {
    return this.#handle.flush();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
