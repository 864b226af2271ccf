/**
 * Who waits for a thread to go on. One listener at the served store wakes those who follow the thread that an event is
 * of; a watch holds no events, only that there was one. What other processes write may come without an event, so
 * nobody sleeps longer than POLL_MS: the log says what is there, a wake-up only when to look.
 */
import { type Clock, fault } from "../../base/index.ts";
import type { StoreEvent, ThreadStore } from "../thread-store.ts";

/** Longest time between two looks at a thread's log, milliseconds. */
const POLL_MS = 1_000;
/** Watches of a server: many more than connections, little enough to be held. */
const WATCHES_MAX = 100_000;

/** One follower's watch on its thread. */
export interface ThreadWatch {
  /** The thread was deleted since the watch began; one with its id that is made later is another thread. */
  readonly isDeleted: boolean;
  /** The served store lost records of the thread since the watch began. */
  readonly isTruncated: boolean;
  /** What happens from now on wakes. Tells whether something but appends was told since the last time. */
  rest(): { readonly hasChanged: boolean };
  /** Resolves when something was told since `rest`, when it is time to look, or when the signal is aborted. */
  wait(signal: AbortSignal): Promise<void>;
  /** Ends the watch. Idempotent. */
  leave(): void;
}

/** What watches are made with. */
export interface ThreadWatchesOptions {
  readonly store: ThreadStore;
  readonly clock: Clock;
}

/** See the file's head. */
export class ThreadWatches {
  readonly #options: ThreadWatchesOptions;
  readonly #watches = new Map<string, Set<Watch>>();
  #count = 0;
  #unsubscribe: (() => void) | null = null;

  constructor(options: ThreadWatchesOptions) {
    this.#options = options;
  }

  /** Watches a thread from now on. `server_overloaded` where too many do. */
  watch(threadId: string): ThreadWatch {
    if (this.#count >= WATCHES_MAX) {
      const data = { watchesMax: WATCHES_MAX };
      throw fault("server_overloaded", `${WATCHES_MAX} clients follow threads of this server`, {
        retryable: true,
        data,
      });
    }
    const watch = new Watch(this.#options.clock, () => this.#leave(threadId, watch));
    this.#unsubscribe ??= this.#options.store.subscribe((event) => this.#hear(event));
    const watches = this.#watches.get(threadId) ?? new Set();
    this.#watches.set(threadId, watches.add(watch));
    this.#count += 1;
    return watch;
  }

  #hear(event: StoreEvent): void {
    for (const watch of this.#watches.get(event.threadId) ?? []) watch.hear(event.type);
  }

  #leave(threadId: string, watch: Watch): void {
    const watches = this.#watches.get(threadId);
    if (watches?.delete(watch) !== true) return;
    if (watches.size === 0) this.#watches.delete(threadId);
    this.#count -= 1;
    if (this.#count > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = null;
  }
}

class Watch implements ThreadWatch {
  readonly #clock: Clock;
  readonly leave: () => void;
  #isDeleted = false;
  #isTruncated = false;
  #isWoken = false;
  #hasChanged = false;
  #wake: (() => void) | null = null;

  constructor(clock: Clock, leave: () => void) {
    this.#clock = clock;
    this.leave = leave;
  }

  get isDeleted(): boolean {
    return this.#isDeleted;
  }

  get isTruncated(): boolean {
    return this.#isTruncated;
  }

  hear(type: StoreEvent["type"]): void {
    this.#isWoken = true;
    if (type === "deleted") this.#isDeleted = true;
    if (type === "truncated") this.#isTruncated = true;
    if (type !== "appended") this.#hasChanged = true;
    this.#wake?.();
  }

  rest(): { readonly hasChanged: boolean } {
    const hasChanged = this.#hasChanged;
    this.#isWoken = false;
    this.#hasChanged = false;
    return { hasChanged };
  }

  async wait(signal: AbortSignal): Promise<void> {
    if (this.#isWoken || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#wake = null;
        timer.cancel();
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = this.#clock.setTimer(POLL_MS, wake);
      signal.addEventListener("abort", wake, { once: true });
      this.#wake = wake;
    });
  }
}
