/**
 * The threads a server serves: those of its runtime, and the ephemeral ones, which live in a runtime over memory
 * that is opened with the first of them. Who asks by id doesn't have to know which it is.
 */
import { rejection } from "../base/index.ts";
import type { Thread } from "../events/index.ts";
import type { Runtime, RuntimeThread } from "../runtime/index.ts";
import { ThreadQueues } from "./thread-queues.ts";

/** Opens the runtime of the ephemeral threads. */
export type OpenEphemeral = () => Promise<Runtime>;

export class ServerThreads {
  /** The runtime of all threads that are kept. */
  readonly kept: Runtime;
  /** Kept threads that are being copied to be forked as ephemeral ones, one after the other for each. */
  readonly copies = new ThreadQueues();
  readonly #openEphemeral: OpenEphemeral;
  readonly #begun = new WeakSet<RuntimeThread>();
  #opening: Promise<Runtime> | null = null;
  #ephemeral: Runtime | null = null;

  constructor(kept: Runtime, openEphemeral: OpenEphemeral) {
    this.kept = kept;
    this.#openEphemeral = openEphemeral;
  }

  /** The runtime of ephemeral threads, opened when it is needed. */
  async ephemeral(): Promise<Runtime> {
    this.#opening ??= this.#openEphemeral();
    this.#ephemeral = await this.#opening;
    return this.#ephemeral;
  }

  isEphemeral(threadId: string): boolean {
    return this.#ephemeral?.thread(threadId) !== undefined;
  }

  /** The runtime that this thread is in; the kept one for threads nobody knows. */
  runtimeOf(threadId: string): Runtime {
    return this.isEphemeral(threadId) && this.#ephemeral !== null ? this.#ephemeral : this.kept;
  }

  /** The thread if it is loaded. */
  find(threadId: string): RuntimeThread | undefined {
    return this.kept.thread(threadId) ?? this.#ephemeral?.thread(threadId);
  }

  /** The loaded thread. `thread_not_loaded`. */
  require(threadId: string): RuntimeThread {
    const thread = this.find(threadId);
    if (thread !== undefined) return thread;
    throw rejection("thread_not_loaded", `thread ${threadId} is not loaded: resume it first`, { threadId });
  }

  /** Whether no turn of it was begun here since it was loaded. From now on one was. */
  beginsFirstTurn(thread: RuntimeThread): boolean {
    if (this.#begun.has(thread)) return false;
    this.#begun.add(thread);
    return true;
  }

  /** Ids of all loaded threads, ascending. */
  listLoaded(): readonly string[] {
    const ephemeral = this.#ephemeral?.listLoaded() ?? [];
    if (ephemeral.length === 0) return this.kept.listLoaded();
    return [...this.kept.listLoaded(), ...ephemeral].sort((a, b) => (a < b ? -1 : 1));
  }

  /** A thread as clients see it: an ephemeral one says so, and has no path. */
  shown(thread: Thread): Thread {
    return this.isEphemeral(thread.id) ? { ...thread, ephemeral: true, path: null } : thread;
  }

  /** Closes what was opened here. The kept runtime is its opener's. */
  async close(): Promise<void> {
    await (await this.#opening)?.close();
  }
}
