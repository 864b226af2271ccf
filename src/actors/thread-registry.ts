/**
 * The loaded threads of a manager: root actors in a Map, found by id, fed with what the store says.
 * A thread is here from before it opens until it is closed, so that no record of it is missed.
 */
import { canonicalThreadId, fault, LIMITS, type Logger, rejection } from "../base/index.ts";
import type { StoreEvent, ThreadStore } from "../store/index.ts";
import type { LiveThread } from "./live-thread.ts";
import { LiveThreadHandle } from "./live-thread-handle.ts";
import type { ThreadHandle } from "./thread-handle.ts";

/** A thread and the one handle that all callers get. */
export interface LoadedThread {
  readonly thread: LiveThread;
  readonly handle: ThreadHandle;
}

export class ThreadRegistry {
  readonly #threads = new Map<string, LoadedThread>();
  readonly #store: ThreadStore;
  readonly #logger: Logger;
  readonly #unsubscribe: () => void;

  constructor(store: ThreadStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
    this.#unsubscribe = store.subscribe((event) => this.#take(event));
  }

  /** Takes a thread in before it opens. `too_many_threads` past LIMITS.loadedThreadsMax. */
  add(thread: LiveThread): LoadedThread {
    if (this.#threads.size >= LIMITS.loadedThreadsMax) {
      throw fault("too_many_threads", `${this.#threads.size} threads are loaded; unload some first`, {
        retryable: true,
        data: { loaded: this.#threads.size, loadedMax: LIMITS.loadedThreadsMax },
      });
    }
    const loaded = { thread, handle: new LiveThreadHandle(thread) };
    this.#threads.set(thread.id, loaded);
    return loaded;
  }

  /** Forgets a thread, unless another one has taken its place. Says whether it was there. */
  drop(thread: { readonly id: string }): boolean {
    if (this.#threads.get(thread.id)?.thread !== thread) return false;
    return this.#threads.delete(thread.id);
  }

  find(threadId: string): LoadedThread | undefined {
    return this.#threads.get(threadId);
  }

  /** The loaded thread that takes commands. `thread_not_loaded`. */
  require(threadId: string): LoadedThread {
    const loaded = this.#threads.get(threadId);
    if (loaded === undefined || !isUsable(loaded.thread)) {
      throw rejection("thread_not_loaded", `thread not loaded: ${threadId}`, { threadId });
    }
    return loaded;
  }

  all(): readonly LiveThread[] {
    return Array.from(this.#threads.values(), ({ thread }) => thread);
  }

  /** Listens no more. */
  close(): void {
    this.#unsubscribe();
  }

  #take(event: StoreEvent): void {
    const thread = this.#threads.get(event.threadId)?.thread;
    if (thread === undefined) return;
    if (event.type === "archived" || event.type === "unarchived") void this.#follow(thread);
    else if (event.type === "deleted") void this.#unloadDeleted(thread);
    else thread.take(event);
  }

  /** Another caller of the store moved the file. */
  async #follow(thread: LiveThread): Promise<void> {
    try {
      thread.moved(await this.#store.readThread({ threadId: thread.id }));
    } catch (error) {
      this.#logger.warn({ error, threadId: thread.id }, "could not follow a thread that was moved");
    }
  }

  async #unloadDeleted(thread: LiveThread): Promise<void> {
    try {
      await thread.unload("deleted");
    } catch (error) {
      this.#logger.warn({ error, threadId: thread.id }, "could not unload a thread that was deleted");
    }
  }
}

/** Whether a thread is, or will again be, open for commands. */
export function isUsable(thread: LiveThread): boolean {
  if (thread.state === "closing" || thread.state === "closed") return false;
  return thread.wasOpen();
}

/** The id in its canonical form. `invalid_thread_id`. */
export function requireThreadId(text: string): string {
  const given: unknown = text;
  if (typeof given !== "string") throw rejection("invalid_thread_id", `a thread id is text, not ${typeof given}`);
  const id = canonicalThreadId(given);
  if (id !== undefined) return id;
  throw rejection("invalid_thread_id", `invalid thread id: ${given}`, { threadId: given });
}
