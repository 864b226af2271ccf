/**
 * Loads threads into the registry, and takes back what failed half-way: a thread that nobody was told of
 * leaves no writer, and no file that wasn't there before. What is still being loaded when its manager
 * shuts down counts as failed.
 */
import { isSkeinError } from "../base/index.ts";
import type { CreateThreadParams } from "../store/index.ts";
import type { TurnSettings } from "./agent.ts";
import type { CallsInFlight } from "./calls-in-flight.ts";
import { LiveThread } from "./live-thread.ts";
import type { ThreadEnvironment } from "./thread-environment.ts";
import { ThreadGate } from "./thread-gate.ts";
import type { ThreadHandle } from "./thread-handle.ts";
import type { ThreadOrigin } from "./thread-log.ts";
import { isUsable, type LoadedThread, type ThreadRegistry } from "./thread-registry.ts";

/** What loading needs of its manager. */
export interface ThreadLoaderParts {
  readonly environment: ThreadEnvironment;
  readonly registry: ThreadRegistry;
  readonly calls: CallsInFlight;
  /** Tells that a thread is loaded. Never throws. */
  readonly loaded: (threadId: string) => void;
}

/** What belongs to a thread's making, behind its opening. */
export type Initialize = (thread: LiveThread) => Promise<void>;

/** How a new thread is loaded. */
export interface CreateOptions {
  readonly initialize?: Initialize;
  /** As in ResumeOptions. */
  readonly excludeTurns?: boolean | undefined;
}

export class ThreadLoader {
  readonly #parts: ThreadLoaderParts;
  readonly #gate = new ThreadGate();

  constructor(parts: ThreadLoaderParts) {
    this.#parts = parts;
  }

  /** Runs a call about a thread when those before it about the same thread are done. */
  async guarded<Answer>(threadId: string, call: () => Promise<Answer>): Promise<Answer> {
    const { calls } = this.#parts;
    calls.requireOpen();
    return await this.#gate.run(threadId, async () => {
      calls.requireOpen();
      return await call();
    });
  }

  /** Makes a thread in the store, loads it, and does what belongs to its making; undone when that fails. */
  async create(
    create: CreateThreadParams,
    settings: Partial<TurnSettings>,
    options: CreateOptions = {},
  ): Promise<ThreadHandle> {
    const { initialize, excludeTurns = false } = options;
    const { environment, calls } = this.#parts;
    calls.requireOpen();
    const opened = await environment.store.createThread(create);
    const { writer } = opened;
    const { threadId } = writer;
    const origin = { type: "new", params: { ...create, threadId }, opened, excludeTurns } as const;
    try {
      return await this.guarded(threadId, () => this.load(origin, settings, initialize));
    } catch (error) {
      await environment.store.discardThread(writer);
      await this.#deleteQuietly(threadId);
      throw error;
    }
  }

  /** Loads a thread. Rejects after it is closed and forgotten again. */
  async load(origin: ThreadOrigin, settings: Partial<TurnSettings>, initialize?: Initialize): Promise<ThreadHandle> {
    const { environment, registry, calls, loaded } = this.#parts;
    const { thread, handle } = registry.add(new LiveThread(environment, origin, settings));
    try {
      await thread.start();
      await initialize?.(thread);
      calls.requireOpen();
    } catch (error) {
      registry.drop(thread);
      await this.#unloadQuietly(thread, "closed");
      throw error;
    }
    loaded(thread.id);
    thread.announce();
    return handle;
  }

  /** The loaded thread, once a closing of it is over. */
  async usable(threadId: string): Promise<LoadedThread | undefined> {
    const { registry } = this.#parts;
    const loaded = registry.find(threadId);
    if (loaded === undefined || isUsable(loaded.thread)) return loaded;
    await this.#unloadQuietly(loaded.thread, "closed");
    registry.drop(loaded.thread);
    return undefined;
  }

  /** Removes a thread that was made for something that then failed: its caller was not told of it. */
  async discard(threadId: string): Promise<void> {
    const loaded = this.#parts.registry.find(threadId);
    if (loaded !== undefined) await this.#unloadQuietly(loaded.thread, "deleted");
    await this.#deleteQuietly(threadId);
  }

  async #deleteQuietly(threadId: string): Promise<void> {
    const { store, logger } = this.#parts.environment;
    try {
      await store.deleteThread(threadId);
    } catch (error) {
      if (isSkeinError(error, "thread_not_found")) return;
      logger.warn({ error, threadId }, "a thread that failed to initialise could not be deleted");
    }
  }

  async #unloadQuietly(thread: LiveThread, reason: "closed" | "deleted"): Promise<void> {
    const { logger } = this.#parts.environment;
    try {
      await thread.unload(reason);
    } catch (error) {
      logger.warn({ error, threadId: thread.id }, "a thread could not be flushed as it closed");
    }
  }
}
