/**
 * openRuntime: the one place that builds a runtime's parts, joins them, and closes them again in the
 * order that loses nothing: threads first (they interrupt and flush), then feeds, then the store.
 *
 * What was opened is closed when opening fails half-way. Nothing is written anywhere by opening.
 */
import {
  createThreadManager,
  echoAgent,
  type ForkThreadParams,
  type ManagerEvent,
  type ResumeOptions,
  type ReviewOptions,
  type ReviewTarget,
  type RuntimeObserver,
  type ShutdownOptions,
  type ShutdownReport,
  shutdownTimeoutMs,
  type Signal,
  type StartedReview,
  type StartThreadParams,
  type ThreadHandle,
  type ThreadManager,
  type TurnOptions,
} from "../actors/index.ts";
import { type Clock, fault, type Logger, requireNode, silentLogger, systemClock, withinTime } from "../base/index.ts";
import type { ResponseItem, Thread } from "../events/index.ts";
import type {
  ListItemsParams,
  ListItemsResult,
  ListThreadsParams,
  ListThreadsResult,
  ListTurnsParams,
  ListTurnsResult,
  SearchThreadsParams,
  SearchThreadsResult,
  StoredThread,
  ThreadMetadataPatch,
  ThreadStore,
} from "../store/index.ts";
import { createFeedHub, type FeedHub, type RuntimeFeedOptions } from "../streams/index.ts";
import type { StateDb } from "../projections/index.ts";
import { lifecycleEventOf } from "./lifecycle-events.ts";
import { requireReached } from "./log-end.ts";
import type { Runtime, RuntimeFeed } from "./runtime.ts";
import { openStateDb } from "./state-db.ts";
import { RuntimeObservers } from "./runtime-observers.ts";
import { checkRuntimeOptions, type RuntimeOptions } from "./runtime-options.ts";
import {
  openThreadFeed,
  type RuntimeThread,
  type ThreadFeed,
  type ThreadFeedOptions,
  toRuntimeThread,
} from "./runtime-thread.ts";

/**
 * Opens a runtime on a home or on a store. `invalid_argument` for options that can't work,
 * `home_unusable` or `permission_denied` for a home that can't.
 */
export async function openRuntime(options: RuntimeOptions): Promise<Runtime> {
  requireNode();
  checkRuntimeOptions(options);
  const { stateDb } = options;
  const ownStateDb = stateDb === true ? await openOwnStateDb(options) : null;
  try {
    const store = options.store ?? (await openHome(options, ownStateDb ?? (stateDb === true ? undefined : stateDb)));
    return new StoreRuntime({ store, isOwnStore: options.store === undefined, ownStateDb, options });
  } catch (error) {
    await ownStateDb?.close();
    throw error;
  }
}

async function openOwnStateDb({ home = "", clock, ids, logger }: RuntimeOptions): Promise<StateDb> {
  return await openStateDb({
    home,
    ...(clock === undefined ? {} : { clock }),
    ...(ids === undefined ? {} : { ids }),
    ...(logger === undefined ? {} : { logger }),
  });
}

/** Loaded when a home is opened: a runtime on another store needs none of it. */
async function openHome(options: RuntimeOptions, stateDb: StateDb | undefined): Promise<ThreadStore> {
  const { openLocalThreadStore } = await import("../store/local/index.ts");
  const { home = "", durability, clock, ids, logger } = options;
  return await openLocalThreadStore({
    home,
    ...(stateDb === undefined ? {} : { stateDb }),
    ...(durability === undefined ? {} : { durability }),
    ...(clock === undefined ? {} : { clock }),
    ...(ids === undefined ? {} : { ids }),
    ...(logger === undefined ? {} : { logger }),
  });
}

interface RuntimeParts {
  readonly store: ThreadStore;
  /** Whether the runtime opened the store, and so closes it. */
  readonly isOwnStore: boolean;
  /** The state DB that the runtime opened, and so closes; null where there is none, or another's. */
  readonly ownStateDb: StateDb | null;
  readonly options: RuntimeOptions;
}

class StoreRuntime implements Runtime {
  readonly store: ThreadStore;
  readonly manager: ThreadManager;
  readonly #isOwnStore: boolean;
  readonly #ownStateDb: StateDb | null;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #hub: FeedHub<Signal>;
  readonly #observers: RuntimeObservers;
  /** One RuntimeThread a handle, so that the same thread is the same object. */
  readonly #threads = new WeakMap<ThreadHandle, RuntimeThread>();
  #closing: Promise<ShutdownReport> | undefined;

  constructor({ store, isOwnStore, ownStateDb, options }: RuntimeParts) {
    const { agent = echoAgent(), clock, ids, logger, cwd, model, originator, idleUnloadMs } = options;
    this.store = store;
    this.#isOwnStore = isOwnStore;
    this.#ownStateDb = ownStateDb;
    this.#clock = clock ?? systemClock;
    this.#logger = logger ?? silentLogger;
    const hub = createFeedHub<Signal>({
      store,
      ...(clock === undefined ? {} : { clock }),
      ...(logger === undefined ? {} : { logger }),
    });
    this.#hub = hub;
    const observers = new RuntimeObservers(this.#logger);
    this.#observers = observers;
    this.manager = createThreadManager({
      store,
      agent,
      onEvent: (event) => {
        observers.tell(event);
        publish(hub, event);
      },
      hasSubscribers: (threadId) => hub.hasSubscribers(threadId) || observers.keepLoaded(threadId),
      defaults: {
        ...(cwd === undefined ? {} : { cwd }),
        ...(model === undefined ? {} : { model }),
        ...(originator === undefined ? {} : { originator }),
      },
      ...(clock === undefined ? {} : { clock }),
      ...(ids === undefined ? {} : { ids }),
      ...(logger === undefined ? {} : { logger }),
      ...(idleUnloadMs === undefined ? {} : { idleUnloadMs }),
    });
  }

  async startThread(params?: StartThreadParams): Promise<RuntimeThread> {
    return this.#handOut(await this.manager.start(params));
  }

  async resumeThread(threadId: string, overrides?: ResumeOptions): Promise<RuntimeThread> {
    return this.#handOut(await this.manager.resume(threadId, overrides));
  }

  async resumeThreadByPath(rolloutPath: string, overrides?: TurnOptions): Promise<RuntimeThread> {
    return this.#handOut(await this.manager.resumeByPath(rolloutPath, overrides));
  }

  async resumeThreadFromHistory(items: readonly ResponseItem[], params?: StartThreadParams): Promise<RuntimeThread> {
    return this.#handOut(await this.manager.resumeFromHistory(items, params));
  }

  async forkThread(threadId: string, params?: ForkThreadParams): Promise<RuntimeThread> {
    return this.#handOut(await this.manager.fork(threadId, params));
  }

  thread(threadId: string): RuntimeThread | undefined {
    const handle = this.manager.get(threadId);
    return handle === undefined ? undefined : this.#handOut(handle);
  }

  listLoaded(): readonly string[] {
    return this.manager.listLoaded();
  }

  async listThreads(params?: ListThreadsParams): Promise<ListThreadsResult> {
    return await this.#openStore().listThreads(params);
  }

  async searchThreads(params: SearchThreadsParams): Promise<SearchThreadsResult> {
    return await this.#openStore().searchThreads(params);
  }

  async readThread(threadId: string, options?: { readonly includeTurns?: boolean }): Promise<Thread> {
    return await this.manager.read(threadId, options);
  }

  async listTurns(params: ListTurnsParams): Promise<ListTurnsResult> {
    return await this.#openStore().listTurns(params);
  }

  async listItems(params: ListItemsParams): Promise<ListItemsResult> {
    return await this.#openStore().listItems(params);
  }

  async updateMetadata(threadId: string, patch: ThreadMetadataPatch): Promise<StoredThread> {
    return await this.manager.updateMetadata(threadId, patch);
  }

  async archiveThread(threadId: string): Promise<void> {
    await this.manager.archive(threadId);
  }

  async unarchiveThread(threadId: string): Promise<StoredThread> {
    return await this.manager.unarchive(threadId);
  }

  async deleteThread(threadId: string): Promise<void> {
    await this.manager.delete(threadId);
  }

  async review(threadId: string, target: ReviewTarget, options?: ReviewOptions): Promise<StartedReview> {
    return await this.manager.review(threadId, target, options);
  }

  async threadEvents(threadId: string, options?: ThreadFeedOptions): Promise<ThreadFeed> {
    const feed = openThreadFeed(this.#hub, threadId, options);
    const { id } = await this.manager.read(threadId);
    const { from = 0 } = options ?? {};
    if (from !== "end" && from > 0) await requireReached(this, id, from);
    return feed;
  }

  events(options?: RuntimeFeedOptions): RuntimeFeed {
    return this.#hub.openRuntimeFeed(options);
  }

  observe(observer: RuntimeObserver): () => void {
    this.#openStore();
    return this.#observers.add(observer);
  }

  async close(options?: ShutdownOptions): Promise<ShutdownReport> {
    const timeoutMs = shutdownTimeoutMs(options);
    this.#closing ??= this.#close(timeoutMs);
    return await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number): Promise<ShutdownReport> {
    const begunMs = this.#clock.monotonicMs();
    const report = await this.manager.shutdown({ timeoutMs });
    // The feeds end after the threads, so that a subscriber still hears how they ended.
    this.#hub.close();
    if (!this.#isOwnStore) return report;
    const leftMs = Math.max(0, timeoutMs - (this.#clock.monotonicMs() - begunMs));
    if (await this.#closeStore(leftMs)) return report;
    return { ...report, unfinished: [...report.unfinished, { call: "store.close", threadId: null }] };
  }

  /** Says whether the store was closed in time; one that goes on closing is left behind. Rejects with its fault. */
  async #closeStore(leftMs: number): Promise<boolean> {
    const closing = this.#closeParts();
    if (await withinTime(closing, this.#clock, leftMs)) {
      await closing;
      return true;
    }
    closing.catch((error: unknown) => this.#logger.error({ error }, "a store that was left behind failed to close"));
    return false;
  }

  /** The state DB after the store, which writes to it until it is closed. */
  async #closeParts(): Promise<void> {
    try {
      await this.store.close();
    } finally {
      await this.#ownStateDb?.close();
    }
  }

  #handOut(handle: ThreadHandle): RuntimeThread {
    const known = this.#threads.get(handle);
    if (known !== undefined) return known;
    const thread = toRuntimeThread(handle, this.#hub);
    this.#threads.set(handle, thread);
    return thread;
  }

  #openStore(): ThreadStore {
    if (this.#closing !== undefined) throw fault("runtime_closed", "the runtime was closed");
    return this.store;
  }
}

/** Hands what the threads say to the feeds: signals to the thread's own, starts and ends to the runtime's. */
function publish(hub: FeedHub<Signal>, event: ManagerEvent): void {
  if (event.type === "signal") hub.publishSignal(event.threadId, event.signal);
  const lifecycle = lifecycleEventOf(event);
  if (lifecycle !== undefined) hub.publishLifecycle(lifecycle);
}
