/**
 * ThreadManager: the registry of loaded threads and the one way to them. It starts, resumes, forks,
 * finds and unloads; what happens inside a thread is asked of its handle. Store and agent come in once,
 * here; there is no per-thread store.
 *
 * Invariants
 *   G1  One actor a thread id: concurrent calls about one id are done one after another.
 *   G2  What is told (onEvent) about a thread lies between its thread_loaded and its thread_unloaded.
 *   G3  A thread that failed to initialise leaves no writer, and no file that wasn't there before.
 */
import { fault, isSkeinError, rejection } from "../base/index.ts";
import type { ResponseItem, Thread } from "../events/index.ts";
import {
  type CreateThreadParams,
  type NewThreadMetadata,
  type StoredThread,
  type ThreadMetadataPatch,
  type ThreadWriter,
  toThread,
} from "../store/index.ts";
import type { TurnSettings } from "./agent.ts";
import { visibleTurns } from "./conversation.ts";
import { forkEndItems, forkMetadata, forkPointOf, type ForkThreadParams, readConversation } from "./fork-thread.ts";
import { LiveThread } from "./live-thread.ts";
import { checkResponseItems, checkSettings } from "./live-thread-handle.ts";
import { environmentOf, newMetadata, tellSafely, type ThreadManagerOptions } from "./manager-options.ts";
import { shutdownThreads, type ShutdownReport } from "./shutdown-threads.ts";
import type { ThreadEnvironment } from "./thread-environment.ts";
import { ThreadGate } from "./thread-gate.ts";
import type { ReviewTarget, StartedTurn, ThreadHandle, ThreadSnapshot, TurnOptions } from "./thread-handle.ts";
import type { ThreadOrigin } from "./thread-log.ts";
import { isUsable, requireThreadId, ThreadRegistry } from "./thread-registry.ts";
import { checkReviewTarget } from "./review-turn.ts";
import { recordInBatches } from "./record-items.ts";

/** A new thread: its metadata and the settings of its turns, each with the manager's default. */
export interface StartThreadParams extends Partial<NewThreadMetadata> {
  /** Default: a new UUIDv7. `thread_exists` when it is taken. */
  readonly threadId?: string;
  readonly model?: string;
  readonly effort?: string | null;
  /** Given to the agent with every turn. Default: `baseInstructions`. */
  readonly instructions?: string;
}

/** A review that was started. */
export interface StartedReview {
  readonly turn: StartedTurn;
  /** The thread it runs in: the thread itself, or a fork of it. */
  readonly reviewThreadId: string;
}

/** The registry of loaded threads. See the file's head. */
export interface ThreadManager {
  /** Makes and loads a thread. Nothing is stored before its first turn (or materialize). */
  start(params?: StartThreadParams): Promise<ThreadHandle>;
  /** Loads a stored thread, archived or not. A loaded one is returned as it is, and `overrides` are ignored. */
  resume(threadId: string, overrides?: TurnOptions): Promise<ThreadHandle>;
  /** Loads exactly this file. `unsupported` where threads have none, `invalid_argument` when the thread is loaded from another. */
  resumeByPath(rolloutPath: string, overrides?: TurnOptions): Promise<ThreadHandle>;
  /** Makes a new thread that knows this history; it is stored at once, and has no turns. */
  resumeFromHistory(items: readonly ResponseItem[], params?: StartThreadParams): Promise<ThreadHandle>;
  /** Copies a thread, loaded or not, whole or before a turn. A turn that still runs is interrupted in the copy alone. */
  fork(threadId: string, params?: ForkThreadParams): Promise<ThreadHandle>;
  /** As ThreadHandle.rollback. `thread_not_loaded`. */
  rollback(threadId: string, numTurns: number): Promise<ThreadSnapshot>;
  /** As ThreadHandle.revert. `thread_not_loaded`. */
  revert(threadId: string, beforeTurnId: string): Promise<ThreadSnapshot>;
  /** Default inline: in the thread itself, which must be loaded. Detached: in a fork of it. */
  review(
    threadId: string,
    target: ReviewTarget,
    options?: { readonly delivery?: "inline" | "detached" },
  ): Promise<StartedReview>;
  /** The handle of a loaded thread. */
  get(threadId: string): ThreadHandle | undefined;
  /** Ids of the loaded threads, ascending. */
  listLoaded(): readonly string[];
  /** Unloads. `thread_not_loaded`. */
  remove(threadId: string): Promise<void>;
  /** Interrupts a running turn, unloads, and archives. `thread_not_found` (also before the first record), `thread_archived`. */
  archive(threadId: string): Promise<void>;
  /** A loaded thread stays loaded and goes on in the moved file. */
  unarchive(threadId: string): Promise<StoredThread>;
  /** Unloads and removes the log for good. A thread that was never stored is just unloaded. */
  delete(threadId: string): Promise<void>;
  updateMetadata(threadId: string, patch: ThreadMetadataPatch): Promise<StoredThread>;
  /** The thread as it is now: live where it is loaded, else as stored. */
  read(threadId: string, options?: { readonly includeTurns?: boolean }): Promise<Thread>;
  /** Unloads everything, within a bounded time (default 10 s). Later calls are refused with `runtime_closed`. */
  shutdown(options?: { readonly timeoutMs?: number }): Promise<ShutdownReport>;
}

/** Makes a manager over a store and an agent. */
export function createThreadManager(options: ThreadManagerOptions): ThreadManager {
  return new RegistryThreadManager(options);
}

const SHUTDOWN_TIMEOUT_MS = 10_000;

class RegistryThreadManager implements ThreadManager {
  readonly #options: ThreadManagerOptions;
  readonly #environment: ThreadEnvironment;
  readonly #registry: ThreadRegistry;
  readonly #gate = new ThreadGate();
  #shutdown: Promise<ShutdownReport> | null = null;

  constructor(options: ThreadManagerOptions) {
    this.#options = options;
    this.#environment = environmentOf(options, (thread, reason) => {
      if (!this.#registry.drop(thread)) return;
      tellSafely(options, { type: "thread_unloaded", threadId: thread.id, reason });
    });
    this.#registry = new ThreadRegistry(options.store, this.#environment.logger);
  }

  async start(params: StartThreadParams = {}): Promise<ThreadHandle> {
    const { create, settings } = this.#newThread(params);
    return await this.#create(create, settings);
  }

  async resume(threadId: string, overrides: TurnOptions = {}): Promise<ThreadHandle> {
    const id = requireThreadId(threadId);
    const settings = checkSettings(overrides);
    return await this.#guarded(id, async () => {
      const loaded = await this.#usable(id);
      return loaded?.handle ?? (await this.#load({ type: "stored", params: { threadId: id } }, settings));
    });
  }

  async resumeByPath(rolloutPath: string, overrides: TurnOptions = {}): Promise<ThreadHandle> {
    const settings = checkSettings(overrides);
    this.#requireRunning();
    const stored = await this.#environment.store.readThreadByRolloutPath({ rolloutPath });
    return await this.#guarded(stored.id, async () => {
      const loaded = await this.#usable(stored.id);
      if (loaded === undefined) {
        const params = { threadId: stored.id, rolloutPath };
        return await this.#load({ type: "stored", params }, settings);
      }
      const activePath = loaded.thread.log.stored.path;
      if (activePath === stored.path) return loaded.handle;
      throw rejection(
        "invalid_argument",
        `thread ${stored.id} is loaded from ${String(activePath)}, not from ${rolloutPath}`,
        { threadId: stored.id, requestedPath: rolloutPath, activePath },
      );
    });
  }

  async resumeFromHistory(items: readonly ResponseItem[], params: StartThreadParams = {}): Promise<ThreadHandle> {
    if (!Array.isArray(items)) throw rejection("invalid_argument", "history must be a list of response items");
    checkResponseItems(items);
    const { create, settings } = this.#newThread(params);
    return await this.#create(create, settings, async (thread) => {
      await thread.guard(() => thread.log.materialize());
      for (const batch of recordInBatches(items)) await thread.append(batch);
    });
  }

  async fork(threadId: string, params: ForkThreadParams = {}): Promise<ThreadHandle> {
    const sourceId = requireThreadId(threadId);
    const { model, effort, instructions } = params;
    const settings = checkSettings(withoutUndefined({ model, effort, instructions, cwd: params.cwd }));
    const ownId = params.threadId === undefined ? {} : { threadId: requireThreadId(params.threadId) };
    this.#requireRunning();
    const live = this.#registry.find(sourceId)?.thread;
    const source =
      live !== undefined && isUsable(live)
        ? live.conversation
        : await readConversation(this.#environment.store, sourceId);
    const fork = forkPointOf(sourceId, source, params.beforeTurnId);
    const create = { ...ownId, metadata: forkMetadata(source, params), fork };
    return await this.#create(create, settings, async (thread) => {
      const ending = forkEndItems(thread.conversation);
      if (ending.length > 0) await thread.append(ending);
    });
  }

  async rollback(threadId: string, numTurns: number): Promise<ThreadSnapshot> {
    return await this.#require(threadId).rollback(numTurns);
  }

  async revert(threadId: string, beforeTurnId: string): Promise<ThreadSnapshot> {
    return await this.#require(threadId).revert(beforeTurnId);
  }

  async review(
    threadId: string,
    target: ReviewTarget,
    { delivery = "inline" }: { readonly delivery?: "inline" | "detached" } = {},
  ): Promise<StartedReview> {
    if (delivery === "inline") {
      const handle = this.#require(threadId);
      return { turn: await handle.review(target), reviewThreadId: handle.id };
    }
    checkReviewTarget(target);
    const fork = await this.fork(threadId);
    return { turn: await fork.review(target), reviewThreadId: fork.id };
  }

  get(threadId: string): ThreadHandle | undefined {
    const loaded = this.#registry.find(requireThreadId(threadId));
    return loaded !== undefined && isUsable(loaded.thread) ? loaded.handle : undefined;
  }

  listLoaded(): readonly string[] {
    const usable = this.#registry.all().filter(isUsable);
    return usable.map((thread) => thread.id).sort((a, b) => (a < b ? -1 : 1));
  }

  async remove(threadId: string): Promise<void> {
    const id = requireThreadId(threadId);
    await this.#guarded(id, () => this.#registry.require(id).thread.unload("closed"));
  }

  async archive(threadId: string): Promise<void> {
    const id = requireThreadId(threadId);
    const { store } = this.#environment;
    await this.#guarded(id, async () => {
      const { archived } = await store.readThread({ threadId: id });
      if (archived) throw rejection("thread_archived", `thread ${id} is archived already`, { threadId: id });
      await this.#registry.find(id)?.thread.unload("archived");
      await store.archiveThread(id);
    });
  }

  async unarchive(threadId: string): Promise<StoredThread> {
    const id = requireThreadId(threadId);
    return await this.#guarded(id, async () => {
      const stored = await this.#environment.store.unarchiveThread(id);
      this.#registry.find(id)?.thread.moved(stored);
      return stored;
    });
  }

  async delete(threadId: string): Promise<void> {
    const id = requireThreadId(threadId);
    const { store } = this.#environment;
    await this.#guarded(id, async () => {
      const live = this.#registry.find(id)?.thread;
      const isStored = live === undefined || live.conversation.nextOrdinal > 0;
      if (isStored) await store.readThread({ threadId: id });
      await live?.unload("deleted");
      if (isStored) await store.deleteThread(id);
    });
  }

  async updateMetadata(threadId: string, patch: ThreadMetadataPatch): Promise<StoredThread> {
    const id = requireThreadId(threadId);
    this.#requireRunning();
    const handle = this.get(id);
    if (handle !== undefined) return await handle.updateMetadata(patch);
    return await this.#environment.store.updateThreadMetadata({ threadId: id, patch });
  }

  async read(threadId: string, { includeTurns = false }: { readonly includeTurns?: boolean } = {}): Promise<Thread> {
    const id = requireThreadId(threadId);
    this.#requireRunning();
    const handle = this.get(id);
    if (handle !== undefined) {
      const { thread } = handle.snapshot();
      return includeTurns ? thread : { ...thread, turns: [] };
    }
    const { store } = this.#environment;
    const stored = await store.readThread({ threadId: id });
    if (!includeTurns) return toThread(stored);
    return toThread(stored, { turns: visibleTurns(await readConversation(store, id), null) });
  }

  shutdown({ timeoutMs = SHUTDOWN_TIMEOUT_MS }: { readonly timeoutMs?: number } = {}): Promise<ShutdownReport> {
    this.#shutdown ??= shutdownThreads(this.#registry.all(), this.#environment.clock, timeoutMs).finally(() => {
      this.#registry.close();
    });
    return this.#shutdown;
  }

  #newThread(params: StartThreadParams): {
    readonly create: CreateThreadParams;
    readonly settings: Partial<TurnSettings>;
  } {
    const { threadId, model, effort, instructions, ...own } = params;
    const metadata = newMetadata(this.#options, withoutUndefined(own));
    const settings = checkSettings({
      ...withoutUndefined({ model, effort, instructions: instructions ?? metadata.baseInstructions }),
      cwd: metadata.cwd,
    });
    const ownId = threadId === undefined ? {} : { threadId: requireThreadId(threadId) };
    return { create: { ...ownId, metadata }, settings };
  }

  /** Makes a thread in the store, loads it, and does what belongs to its making; undone when that fails (G3). */
  async #create(
    create: CreateThreadParams,
    settings: Partial<TurnSettings>,
    initialize?: (thread: LiveThread) => Promise<void>,
  ): Promise<ThreadHandle> {
    this.#requireRunning();
    const opened = await this.#environment.store.createThread(create);
    const { threadId } = opened.writer;
    const origin = { type: "new", params: { ...create, threadId }, opened } as const;
    try {
      return await this.#guarded(threadId, () => this.#load(origin, settings, initialize));
    } catch (error) {
      await this.#undo(opened.writer);
      throw error;
    }
  }

  async #load(
    origin: ThreadOrigin,
    settings: Partial<TurnSettings>,
    initialize?: (thread: LiveThread) => Promise<void>,
  ): Promise<ThreadHandle> {
    const { threadId } = origin.params;
    const { thread, handle } = this.#registry.add(new LiveThread(this.#environment, origin, settings));
    try {
      await thread.start();
      await initialize?.(thread);
    } catch (error) {
      this.#registry.drop(thread);
      await this.#unloadQuietly(thread);
      throw error;
    }
    tellSafely(this.#options, { type: "thread_loaded", threadId });
    thread.announce();
    return handle;
  }

  /** A thread whose making failed half-way: nobody was told of it, so nothing of it stays. */
  async #undo(writer: ThreadWriter): Promise<void> {
    const { store, logger } = this.#environment;
    const { threadId } = writer;
    await store.discardThread(writer);
    try {
      await store.deleteThread(threadId);
    } catch (error) {
      if (isSkeinError(error, "thread_not_found")) return;
      logger.warn({ error, threadId }, "a thread that failed to initialise could not be deleted");
    }
  }

  async #unloadQuietly(thread: LiveThread): Promise<void> {
    try {
      await thread.unload("closed");
    } catch (error) {
      this.#environment.logger.warn({ error, threadId: thread.id }, "a thread could not be flushed as it closed");
    }
  }

  /** The loaded thread, once a closing of it is over. */
  async #usable(threadId: string): Promise<ReturnType<ThreadRegistry["find"]>> {
    const loaded = this.#registry.find(threadId);
    if (loaded === undefined || isUsable(loaded.thread)) return loaded;
    await this.#unloadQuietly(loaded.thread);
    this.#registry.drop(loaded.thread);
    return undefined;
  }

  #require(threadId: string): ThreadHandle {
    this.#requireRunning();
    return this.#registry.require(requireThreadId(threadId)).handle;
  }

  async #guarded<Answer>(threadId: string, call: () => Promise<Answer>): Promise<Answer> {
    this.#requireRunning();
    return await this.#gate.run(threadId, async () => {
      this.#requireRunning();
      return await call();
    });
  }

  #requireRunning(): void {
    if (this.#shutdown !== null) throw fault("runtime_closed", "the manager was shut down");
  }
}

/** Members that are undefined say nothing, and must not hide a default. */
function withoutUndefined<Shape extends object>(
  shape: Shape,
): { [Key in keyof Shape]?: Exclude<Shape[Key], undefined> } {
  const defined = Object.entries(shape).filter(([, value]) => value !== undefined);
  return Object.fromEntries(defined) as { [Key in keyof Shape]?: Exclude<Shape[Key], undefined> };
}
