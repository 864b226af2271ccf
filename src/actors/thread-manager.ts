/**
 * ThreadManager: the registry of loaded threads and the one way to them. It starts, resumes, forks,
 * finds and unloads; what happens inside a thread is asked of its handle. What it promises of them
 * stands in registry-thread-manager.ts.
 */
import type { ResponseItem, Thread } from "../events/index.ts";
import type { NewThreadMetadata, StoredThread, ThreadMetadataPatch } from "../store/index.ts";
import type { DynamicTool } from "./agent.ts";
import type { ForkThreadParams } from "./fork-thread.ts";
import type { ShutdownOptions, ShutdownReport } from "./shutdown-threads.ts";
import type { ReviewTarget, StartedTurn, ThreadHandle, ThreadSnapshot, TurnOptions } from "./thread-handle.ts";

/** A new thread: its metadata and the settings of its turns, each with the manager's default. */
export interface StartThreadParams extends Partial<NewThreadMetadata> {
  /** Default: a new UUIDv7. `thread_exists` when it is taken. */
  readonly threadId?: string;
  readonly model?: string;
  readonly effort?: string | null;
  /** Given to the agent with every turn. Default: `baseInstructions`. */
  readonly instructions?: string;
  /** As in TurnSettings. */
  readonly tools?: readonly DynamicTool[];
}

/** How a stored thread is loaded: with which settings of its next turn, and with how much of its turns. */
export interface ResumeOptions extends TurnOptions {
  /**
   * Don't read what only old turns' items are in: where the store knows the thread's window (loadWindow), the
   * log is read from there on. A snapshot then lists the turns before the window without items
   * (`itemsView: "notLoaded"`) and the others in full. All else is as without it; what turns out to need the
   * whole log (a rollback past the compaction the window begins with) reads it then. Default false.
   */
  readonly excludeTurns?: boolean;
}

/** A review that was started. */
export interface StartedReview {
  readonly turn: StartedTurn;
  /** The thread it runs in: the thread itself, or a fork of it. */
  readonly reviewThreadId: string;
}

/** How a review is run. */
export interface ReviewOptions {
  /** In the thread itself, which must be loaded, or in a fork of it. Default inline. */
  readonly delivery?: "inline" | "detached";
}

/** The registry of loaded threads. See the file's head. */
export interface ThreadManager {
  /** Makes and loads a thread. Nothing is stored before its first turn (or materialize). */
  start(params?: StartThreadParams): Promise<ThreadHandle>;
  /**
   * Loads a stored thread, archived or not. A loaded one is returned as it is, and `overrides` are ignored; one
   * that was loaded without its old turns' items gets them, unless they are left out here too.
   */
  resume(threadId: string, overrides?: ResumeOptions): Promise<ThreadHandle>;
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
  review(threadId: string, target: ReviewTarget, options?: ReviewOptions): Promise<StartedReview>;
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
  /** The thread as it is now: live where it is loaded, else as stored. Turns have all their items. */
  read(threadId: string, options?: { readonly includeTurns?: boolean }): Promise<Thread>;
  /**
   * Unloads everything, within a bounded time. Calls under way end first, or are refused with
   * `runtime_closed` and undone; later ones are refused. Idempotent; `invalid_argument` changes nothing.
   */
  shutdown(options?: ShutdownOptions): Promise<ShutdownReport>;
}
