/**
 * The ThreadManager over a store and an agent, which come in once, here; there is no per-thread store.
 * What happens inside a thread is its own.
 *
 * Invariants
 *   G1  One actor a thread id: concurrent calls about one id are done one after another.
 *   G2  What is told (onEvent) about a thread lies between its thread_loaded and its thread_unloaded.
 *   G3  A call that fails leaves no writer, and no file that wasn't there before; a shutdown waits for it.
 */
import { rejection } from "../base/index.ts";
import type { ResponseItem, Thread } from "../events/index.ts";
import {
  type CreateThreadParams,
  type StoredThread,
  type ThreadMetadataPatch,
  toThread,
  validateMetadataPatch,
} from "../store/index.ts";
import type { TurnSettings } from "./agent.ts";
import { checkCallOptions } from "./call-options.ts";
import { CallsInFlight } from "./calls-in-flight.ts";
import { forkEndItems, forkMetadata, forkPointOf, type ForkThreadParams, readForkSource } from "./fork-thread.ts";
import type { LiveThread } from "./live-thread.ts";
import { checkResponseItems, checkSettings } from "./live-thread-handle.ts";
import { environmentOf, newMetadata, tellSafely, type ThreadManagerOptions } from "./manager-options.ts";
import { recordInBatches } from "./record-items.ts";
import { checkReviewTarget } from "./review-turn.ts";
import { type ShutdownOptions, type ShutdownReport, shutdownThreads, shutdownTimeoutMs } from "./shutdown-threads.ts";
import type { ThreadEnvironment } from "./thread-environment.ts";
import type { ReviewTarget, ThreadHandle, ThreadSnapshot, TurnOptions } from "./thread-handle.ts";
import { readStoredTurns } from "./stored-turns.ts";
import { ThreadLoader } from "./thread-loader.ts";
import type {
  ResumeOptions,
  ReviewOptions,
  StartedReview,
  StartThreadParams,
  ThreadManager,
} from "./thread-manager.ts";
import { isUsable, requireThreadId, ThreadRegistry } from "./thread-registry.ts";

/** Makes a manager over a store and an agent. */
export function createThreadManager(options: ThreadManagerOptions): ThreadManager {
  return new RegistryThreadManager(options);
}

class RegistryThreadManager implements ThreadManager {
  readonly #options: ThreadManagerOptions;
  readonly #environment: ThreadEnvironment;
  readonly #registry: ThreadRegistry;
  readonly #calls = new CallsInFlight();
  readonly #loader: ThreadLoader;
  #shutdown: Promise<ShutdownReport> | null = null;

  constructor(options: ThreadManagerOptions) {
    this.#options = options;
    this.#environment = environmentOf(options, (thread, reason) => {
      if (!this.#registry.drop(thread)) return;
      tellSafely(options, { type: "thread_unloaded", threadId: thread.id, reason });
    });
    this.#registry = new ThreadRegistry(options.store, this.#environment.logger);
    this.#loader = new ThreadLoader({
      environment: this.#environment,
      registry: this.#registry,
      calls: this.#calls,
      loaded: (threadId) => tellSafely(options, { type: "thread_loaded", threadId }),
    });
  }

  async start(params: StartThreadParams = {}): Promise<ThreadHandle> {
    const { create, settings } = this.#newThread(params);
    const call = (): Promise<ThreadHandle> => this.#loader.create(create, settings);
    return await this.#calls.run("start", create.threadId ?? null, call);
  }

  async resume(threadId: string, overrides: ResumeOptions = {}): Promise<ThreadHandle> {
    const id = requireThreadId(threadId);
    checkCallOptions("resume", overrides);
    const { excludeTurns, ...asked } = overrides;
    const isOutlineEnough = isFlagSet("excludeTurns", excludeTurns);
    const settings = checkSettings(asked);
    return await this.#guarded("resume", id, async () => {
      const loaded = await this.#loader.usable(id);
      if (loaded === undefined) {
        const origin = { type: "stored", params: { threadId: id }, excludeTurns: isOutlineEnough } as const;
        return await this.#loader.load(origin, settings);
      }
      if (!isOutlineEnough) await loaded.thread.log.readWhole();
      return loaded.handle;
    });
  }

  async resumeByPath(rolloutPath: string, overrides: TurnOptions = {}): Promise<ThreadHandle> {
    const settings = checkSettings(overrides);
    return await this.#calls.run("resumeByPath", null, async () => {
      const stored = await this.#environment.store.readThreadByRolloutPath({ rolloutPath });
      return await this.#loader.guarded(stored.id, () => this.#loadByPath(stored, rolloutPath, settings));
    });
  }

  async resumeFromHistory(items: readonly ResponseItem[], params: StartThreadParams = {}): Promise<ThreadHandle> {
    if (!Array.isArray(items)) throw rejection("invalid_argument", "history must be a list of response items");
    checkResponseItems(items);
    const { create, settings } = this.#newThread(params);
    return await this.#calls.run("resumeFromHistory", create.threadId ?? null, () =>
      this.#loader.create(create, settings, {
        initialize: async (thread) => {
          await thread.guard(() => thread.log.materialize());
          for (const batch of recordInBatches(items)) await thread.append(batch);
        },
      }),
    );
  }

  async fork(threadId: string, params: ForkThreadParams = {}): Promise<ThreadHandle> {
    const sourceId = requireThreadId(threadId);
    checkCallOptions("fork", params);
    const { model, effort, instructions, cwd, tools, beforeTurnId } = params;
    const settings = checkSettings(withoutUndefined({ model, effort, instructions, cwd, tools }));
    const excludeTurns = isFlagSet("excludeTurns", params.excludeTurns);
    const ownId = params.threadId === undefined ? {} : { threadId: requireThreadId(params.threadId) };
    return await this.#calls.run("fork", sourceId, async () => {
      const live = this.#registry.find(sourceId)?.thread;
      const source =
        live !== undefined && isUsable(live)
          ? live.conversation
          : await readForkSource(this.#environment.store, sourceId, beforeTurnId);
      const fork = forkPointOf(sourceId, source, beforeTurnId);
      const create = { ...ownId, metadata: forkMetadata(source, params), fork };
      const initialize = async (thread: LiveThread): Promise<void> => {
        const ending = forkEndItems(thread.conversation);
        if (ending.length > 0) await thread.append(ending);
      };
      const inherited = withoutUndefined({ tools: live?.settings().tools });
      return await this.#loader.create(create, { ...inherited, ...settings }, { initialize, excludeTurns });
    });
  }

  async rollback(threadId: string, numTurns: number): Promise<ThreadSnapshot> {
    return await this.#require(threadId).rollback(numTurns);
  }

  async revert(threadId: string, beforeTurnId: string): Promise<ThreadSnapshot> {
    return await this.#require(threadId).revert(beforeTurnId);
  }

  async review(threadId: string, target: ReviewTarget, options: ReviewOptions = {}): Promise<StartedReview> {
    checkCallOptions("review", options);
    const { delivery = "inline" } = options;
    if (delivery !== "inline" && delivery !== "detached") {
      throw rejection("invalid_argument", "delivery must be inline or detached");
    }
    if (delivery === "inline") {
      const handle = this.#require(threadId);
      return { turn: await handle.review(target), reviewThreadId: handle.id };
    }
    checkReviewTarget(target);
    return await this.#calls.run("review", requireThreadId(threadId), async () => {
      const fork = await this.fork(threadId);
      try {
        return { turn: await fork.review(target), reviewThreadId: fork.id };
      } catch (error) {
        await this.#loader.discard(fork.id);
        throw error;
      }
    });
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
    await this.#guarded("remove", id, () => this.#registry.require(id).thread.unload("closed"));
  }

  async archive(threadId: string): Promise<void> {
    const id = requireThreadId(threadId);
    const { store } = this.#environment;
    await this.#guarded("archive", id, async () => {
      const { archived } = await store.readThread({ threadId: id });
      if (archived) throw rejection("thread_archived", `thread ${id} is archived already`, { threadId: id });
      await this.#registry.find(id)?.thread.unload("archived");
      await store.archiveThread(id);
    });
  }

  async unarchive(threadId: string): Promise<StoredThread> {
    const id = requireThreadId(threadId);
    return await this.#guarded("unarchive", id, async () => {
      const stored = await this.#environment.store.unarchiveThread(id);
      this.#registry.find(id)?.thread.moved(stored);
      return stored;
    });
  }

  async delete(threadId: string): Promise<void> {
    const id = requireThreadId(threadId);
    const { store } = this.#environment;
    await this.#guarded("delete", id, async () => {
      const live = this.#registry.find(id)?.thread;
      const isStored = live === undefined || live.conversation.nextOrdinal > 0;
      if (isStored) await store.readThread({ threadId: id });
      await live?.unload("deleted");
      if (isStored) await store.deleteThread(id);
    });
  }

  async updateMetadata(threadId: string, patch: ThreadMetadataPatch): Promise<StoredThread> {
    const id = requireThreadId(threadId);
    validateMetadataPatch(patch);
    return await this.#calls.run("updateMetadata", id, async () => {
      const handle = this.get(id);
      if (handle !== undefined) return await handle.updateMetadata(patch);
      return await this.#environment.store.updateThreadMetadata({ threadId: id, patch });
    });
  }

  async read(threadId: string, options: { readonly includeTurns?: boolean } = {}): Promise<Thread> {
    const id = requireThreadId(threadId);
    checkCallOptions("read", options);
    const { includeTurns = false } = options;
    return await this.#calls.run("read", id, async () => {
      const loaded = this.#registry.find(id);
      if (loaded !== undefined && isUsable(loaded.thread)) {
        if (includeTurns) await loaded.thread.log.readWhole();
        const { thread } = loaded.handle.snapshot();
        return includeTurns ? thread : { ...thread, turns: [] };
      }
      const { store } = this.#environment;
      const stored = await store.readThread({ threadId: id });
      if (!includeTurns) return toThread(stored);
      return toThread(stored, { turns: await readStoredTurns(store, id) });
    });
  }

  async shutdown(options?: ShutdownOptions): Promise<ShutdownReport> {
    const timeoutMs = shutdownTimeoutMs(options);
    this.#shutdown ??= this.#shutDown(timeoutMs);
    return await this.#shutdown;
  }

  async #shutDown(timeoutMs: number): Promise<ShutdownReport> {
    const { clock } = this.#environment;
    this.#calls.close();
    try {
      return await shutdownThreads({ threads: this.#registry.all(), calls: this.#calls, clock }, timeoutMs);
    } finally {
      this.#registry.close();
    }
  }

  async #loadByPath(stored: StoredThread, rolloutPath: string, settings: Partial<TurnSettings>): Promise<ThreadHandle> {
    const { id } = stored;
    const loaded = await this.#loader.usable(id);
    if (loaded === undefined) {
      return await this.#loader.load({ type: "stored", params: { threadId: id, rolloutPath } }, settings);
    }
    const activePath = loaded.thread.log.stored.path;
    if (activePath === stored.path) return loaded.handle;
    throw rejection("invalid_argument", `thread ${id} is loaded from ${String(activePath)}, not from ${rolloutPath}`, {
      threadId: id,
      requestedPath: rolloutPath,
      activePath,
    });
  }

  #newThread(params: StartThreadParams): {
    readonly create: CreateThreadParams;
    readonly settings: Partial<TurnSettings>;
  } {
    checkCallOptions("start", params);
    const { threadId, model, effort, instructions, tools, ...own } = params;
    const metadata = newMetadata(this.#options, withoutUndefined(own));
    const settings = checkSettings({
      ...withoutUndefined({ model, effort, tools, instructions: instructions ?? metadata.baseInstructions }),
      cwd: metadata.cwd,
    });
    const ownId = threadId === undefined ? {} : { threadId: requireThreadId(threadId) };
    return { create: { ...ownId, metadata }, settings };
  }

  #require(threadId: string): ThreadHandle {
    this.#calls.requireOpen();
    return this.#registry.require(requireThreadId(threadId)).handle;
  }

  /** A call about one thread: a shutdown waits for it, and so do later calls about the same thread. */
  async #guarded<Answer>(name: string, threadId: string, call: () => Promise<Answer>): Promise<Answer> {
    return await this.#calls.run(name, threadId, () => this.#loader.guarded(threadId, call));
  }
}

/** Default false. `invalid_argument` unless it is true, false or left out. */
function isFlagSet(name: string, flag: unknown): boolean {
  if (flag !== undefined && typeof flag !== "boolean") {
    throw rejection("invalid_argument", `${name} must be true or false`, { member: name });
  }
  return flag ?? false;
}

/** Members that are undefined say nothing, and must not hide a default. */
function withoutUndefined<Shape extends object>(
  shape: Shape,
): { [Key in keyof Shape]?: Exclude<Shape[Key], undefined> } {
  const defined = Object.entries(shape).filter(([, value]) => value !== undefined);
  return Object.fromEntries(defined) as { [Key in keyof Shape]?: Exclude<Shape[Key], undefined> };
}
