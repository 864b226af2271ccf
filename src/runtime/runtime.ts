/**
 * Runtime: what `openRuntime` gives. Everything a program does with threads goes through it: it starts,
 * resumes and forks them, finds the loaded ones, reads and lists the stored ones, and tells what happens
 * to all of them. What happens inside a thread is asked of the thread.
 *
 * Every method rejects with a SkeinError; after `close` with `runtime_closed`.
 */
/// <reference lib="esnext.disposable" preserve="true" />
import type {
  ForkThreadParams,
  ResumeOptions,
  ReviewOptions,
  ReviewTarget,
  RuntimeObserver,
  ShutdownOptions,
  ShutdownReport,
  StartedReview,
  StartThreadParams,
  ThreadManager,
  TurnOptions,
} from "../actors/index.ts";
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
import type { EventFeed, RuntimeFeedEvent, RuntimeFeedOptions } from "../streams/index.ts";
import type { RuntimeThread, ThreadFeed, ThreadFeedOptions } from "./runtime-thread.ts";

/** The feed over all threads. */
export type RuntimeFeed = EventFeed<RuntimeFeedEvent>;

/** Threads that live, and the store they live in. */
export interface Runtime extends AsyncDisposable {
  /** The store: for reads that the runtime has no method for. Writing past the runtime fences its threads. */
  readonly store: ThreadStore;
  /** The registry of loaded threads; its handles have no feeds. */
  readonly manager: ThreadManager;

  /** Makes and loads a thread. Nothing is stored before its first turn (or `materialize`). `thread_exists`. */
  startThread(params?: StartThreadParams): Promise<RuntimeThread>;
  /** Loads a stored thread, archived or not; a loaded one is returned as it is, and `overrides` are ignored. `thread_not_found`. */
  resumeThread(threadId: string, overrides?: ResumeOptions): Promise<RuntimeThread>;
  /** Loads exactly this rollout file. `unsupported` on a store without files. */
  resumeThreadByPath(rolloutPath: string, overrides?: TurnOptions): Promise<RuntimeThread>;
  /** Makes a thread whose model context is this history. It is stored at once, and has no turns. */
  resumeThreadFromHistory(items: readonly ResponseItem[], params?: StartThreadParams): Promise<RuntimeThread>;
  /** Makes a thread that begins with a copy of another's, whole or before a turn. `turn_not_found`. */
  forkThread(threadId: string, params?: ForkThreadParams): Promise<RuntimeThread>;
  /** The thread if it is loaded. */
  thread(threadId: string): RuntimeThread | undefined;
  /** Ids of the loaded threads, ascending. */
  listLoaded(): readonly string[];

  /** A page of stored threads; see ListThreadsParams for order and filters. `invalid_cursor`. */
  listThreads(params?: ListThreadsParams): Promise<ListThreadsResult>;
  /** Full text over names and messages. `state_db_required` on a store without an index. */
  searchThreads(params: SearchThreadsParams): Promise<SearchThreadsResult>;
  /** The thread as it is now: live where it is loaded, else as stored. Never loads it. */
  readThread(threadId: string, options?: { readonly includeTurns?: boolean }): Promise<Thread>;
  /** A page of turns as stored: a turn that still runs is shown as interrupted. `invalid_cursor`. */
  listTurns(params: ListTurnsParams): Promise<ListTurnsResult>;
  /** A page of items as stored. */
  listItems(params: ListItemsParams): Promise<ListItemsResult>;

  /** Sets or clears name, memory mode and git fields, loaded or not. */
  updateMetadata(threadId: string, patch: ThreadMetadataPatch): Promise<StoredThread>;
  /** Interrupts a running turn, unloads, and puts the thread away. `thread_archived`. */
  archiveThread(threadId: string): Promise<void>;
  /** Brings it back; a loaded one goes on in the moved file. `thread_not_archived`. */
  unarchiveThread(threadId: string): Promise<StoredThread>;
  /** Unloads and removes the log for good. Forks keep their own copy. */
  deleteThread(threadId: string): Promise<void>;
  /** A review turn in the loaded thread (`inline`, default) or in a fork of it (`detached`). */
  review(threadId: string, target: ReviewTarget, options?: ReviewOptions): Promise<StartedReview>;

  /**
   * What happens in a thread, as `RuntimeThread.events`, without loading it: its log from `from` on, then
   * what is recorded in it, by this runtime or (with `pollIntervalMs`) by other processes. A followed
   * thread that is loaded later stays loaded. `thread_not_found`, `ordinal_conflict` (`expectedOrdinal`,
   * `actualOrdinal`) for a place past the end of the log.
   */
  threadEvents(threadId: string, options?: ThreadFeedOptions): Promise<ThreadFeed>;
  /** What starts, ends and moves, over all threads, from now on: an Observable and an AsyncIterable. */
  events(options?: RuntimeFeedOptions): RuntimeFeed;
  /**
   * Tells an observer everything that threads say, synchronously and in order, from now on and until the
   * runtime is closed. Answers how to end it. `invalid_argument` for what has no `event`.
   */
  observe(observer: RuntimeObserver): () => void;

  /**
   * Interrupts what runs, flushes and unloads every thread, ends the feeds, and closes the store if the
   * runtime opened it; all of it within `timeoutMs` (default 10 s). What was not done by then is let go
   * and named, and whoever waits for it gets `runtime_closed`. Says what became of each thread.
   * Idempotent; rejects with `invalid_argument` (and closes nothing) or with why the store failed to close.
   */
  close(options?: ShutdownOptions): Promise<ShutdownReport>;
}
