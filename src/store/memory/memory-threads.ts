/**
 * The threads of a memory store and who may write to them. Every method takes effect at once or throws
 * and changes nothing; every record that comes to be is told (S8).
 *
 * A thread whose log is empty is only created: it has an open writer and waits for its first record.
 * When that writer goes, so does the thread.
 */
import { type Clock, fault, type IdSource, rejection } from "../../base/index.ts";
import type { AppendableItem, SessionMeta } from "../../events/index.ts";
import type { AnswerScope } from "../answer-scope.ts";
import { requireThreadId } from "../call-check.ts";
import { createLineClock, type LineClock } from "../line-clock.ts";
import { listAsOfMs, type ThreadRow } from "../list-page.ts";
import { sessionMetaForPatch } from "../metadata-patch.ts";
import { newSessionMeta } from "../new-session-meta.ts";
import type { StoreEvents } from "../store-events.ts";
import { storedThreadFrom } from "../stored-thread.ts";
import type {
  AppendItemsParams,
  AppendResult,
  CreateThreadParams,
  ForkPoint,
  ListThreadsParams,
  StoredThread,
  ThreadMetadataPatch,
  ThreadWriter,
} from "../thread-store.ts";
import { fencedByEpoch, writerClosed } from "../writer-faults.ts";
import { MemoryLog } from "./memory-log.ts";

/** One thread. */
export interface MemoryThread {
  readonly id: string;
  readonly log: MemoryLog;
  /** The first record, until it is in the log. */
  readonly meta: SessionMeta;
  isArchived: boolean;
  /** As the user set or cleared it; undefined: never, then the log's own word counts. */
  name: string | null | undefined;
  /** Epoch of the writer that may write; null when none is open. */
  openEpoch: number | null;
}

/** A thread as a list looks at it. */
export interface MemoryThreadRow extends ThreadRow {
  readonly thread: MemoryThread;
}

interface OpenedWriter {
  readonly writer: ThreadWriter;
  readonly nextOrdinal: number;
}

/** All threads of one store. */
export class MemoryThreads {
  readonly #threads = new Map<string, MemoryThread>();
  readonly #clock: Clock;
  readonly #lineClock: LineClock;
  readonly #ids: IdSource;
  readonly #events: StoreEvents;
  #lastEpoch = 0;

  constructor(clock: Clock, ids: IdSource, events: StoreEvents) {
    this.#clock = clock;
    this.#lineClock = createLineClock(clock);
    this.#ids = ids;
    this.#events = events;
  }

  create({ threadId, metadata, fork }: CreateThreadParams): OpenedWriter {
    const id = threadId === undefined ? this.#ids.next() : requireThreadId(threadId);
    if (this.#threads.has(id)) {
      throw rejection("thread_exists", `thread ${id} exists already`, { threadId: id });
    }
    const source = fork === undefined ? undefined : this.#requireForkSource(fork);
    const createdAtMs = this.#clock.nowMs();
    const forkedFromId = source?.id ?? null;
    const meta = newSessionMeta({ threadId: id, createdAtMs, forkedFromId }, metadata);
    const log = new MemoryLog();
    const thread: MemoryThread = {
      id,
      log,
      // A copy: the caller may go on to change what it passed in.
      meta: structuredClone(meta),
      isArchived: false,
      name: undefined,
      openEpoch: null,
    };
    this.#threads.set(id, thread);
    if (source !== undefined && fork !== undefined) {
      this.#materialise(thread, () => log.copyFrom(source.log, fork.endOrdinal));
    }
    return this.#open(thread);
  }

  resume(threadId: string): OpenedWriter {
    return this.#open(this.requireStored(threadId));
  }

  append(
    { writer, expectedOrdinal, idempotencyKey }: AppendItemsParams,
    items: readonly AppendableItem[],
  ): Omit<AppendResult, "durability"> {
    const thread = this.requireOpen(writer);
    const { log } = thread;
    const applied = idempotencyKey === undefined ? undefined : log.keys.get(idempotencyKey);
    if (applied !== undefined) return { ...applied, duplicate: true };
    const actualOrdinal = nextOrdinalOf(thread);
    if (expectedOrdinal !== undefined && expectedOrdinal !== actualOrdinal) {
      throw fault(
        "ordinal_conflict",
        `thread ${thread.id} goes on at ordinal ${actualOrdinal}, not at ${expectedOrdinal}`,
        { data: { threadId: thread.id, expectedOrdinal, actualOrdinal } },
      );
    }
    this.#materialise(thread);
    const firstOrdinal = log.append({ items, timestamp: this.#timestamp(), key: idempotencyKey });
    this.#tellFrom(thread, firstOrdinal);
    return { firstOrdinal, nextOrdinal: log.length, duplicate: false };
  }

  persist(writer: ThreadWriter): void {
    this.#materialise(this.requireOpen(writer));
  }

  patch(thread: MemoryThread, patch: ThreadMetadataPatch): void {
    this.#materialise(thread);
    const first = thread.log.firstMeta() ?? thread.meta;
    const line = sessionMetaForPatch(first, thread.log.metadata, patch);
    if (line !== null) {
      const timestamp = this.#timestamp();
      this.#tellFrom(thread, thread.log.append({ items: [line], timestamp, key: undefined }));
    }
    if (patch.name === undefined) return;
    thread.name = patch.name;
    this.#events.tell({ type: "name_updated", threadId: thread.id, name: patch.name });
  }

  move(threadId: string, toArchive: boolean): MemoryThread {
    const thread = this.requireStored(threadId);
    if (thread.isArchived === toArchive) {
      const [code, state] = toArchive
        ? (["thread_archived", "archived already"] as const)
        : (["thread_not_archived", "not archived"] as const);
      throw rejection(code, `thread ${thread.id} is ${state}`, { threadId: thread.id });
    }
    thread.isArchived = toArchive;
    this.#events.tell({ type: toArchive ? "archived" : "unarchived", threadId: thread.id });
    return thread;
  }

  delete(threadId: string): void {
    const { id } = this.requireStored(threadId);
    this.#threads.delete(id);
    this.#events.tell({ type: "deleted", threadId: id });
  }

  /** Closes a writer, and forgets a thread that was only created. Dead writers change nothing. */
  release(writer: ThreadWriter): void {
    const thread = this.#threads.get(writer.threadId);
    if (thread === undefined || thread.openEpoch !== writer.epoch) return;
    thread.openEpoch = null;
    if (thread.log.length === 0) this.#threads.delete(thread.id);
  }

  clear(): void {
    this.#threads.clear();
  }

  /** The thread with this id, stored or only created. */
  require(threadId: string): MemoryThread {
    const id = requireThreadId(threadId);
    const thread = this.#threads.get(id);
    if (thread === undefined) throw notFound(id);
    return thread;
  }

  /** The thread with this id, when there is anything stored of it. */
  requireStored(threadId: string): MemoryThread {
    const thread = this.require(threadId);
    if (thread.log.length === 0) throw notFound(thread.id);
    return thread;
  }

  /** The thread this writer may write to (S4). */
  requireOpen({ threadId, epoch }: ThreadWriter): MemoryThread {
    const thread = this.#threads.get(threadId);
    if (thread === undefined) throw writerClosed(threadId, "nothing is stored of its thread");
    if (thread.openEpoch === epoch) return thread;
    if (thread.openEpoch !== null && epoch < thread.openEpoch) {
      throw fencedByEpoch(threadId, epoch, thread.openEpoch);
    }
    throw writerClosed(threadId, "it was shut down, discarded, or never opened");
  }

  /** What an answer given now says of itself. */
  scope(): AnswerScope {
    return { isComplete: true, asOfMs: this.#clock.nowMs() };
  }

  /** The moment a list sees its keys as of; null when they don't change. */
  asOfMs(params: ListThreadsParams): number | null {
    return listAsOfMs(params, () => this.#lineClock.freeze());
  }

  /** Every stored thread as a list looks at it, the times that change as of the walk's beginning. */
  *rows(asOfMs: number | null): Generator<MemoryThreadRow> {
    for (const thread of this.#threads.values()) {
      if (thread.log.length === 0) continue;
      const { log } = thread;
      yield {
        ...storedOf(thread),
        thread,
        updatedAtMs: log.updatedAtMs(asOfMs),
        recencyAtMs: log.recencyAtMs(asOfMs),
      };
    }
  }

  /** The thread as a reader sees it: the reader's own copy. */
  view(thread: MemoryThread): StoredThread {
    return structuredClone(storedOf(thread));
  }

  #open(thread: MemoryThread): OpenedWriter {
    this.#lastEpoch += 1;
    thread.openEpoch = this.#lastEpoch;
    const writer = Object.freeze({ threadId: thread.id, epoch: this.#lastEpoch });
    return { writer, nextOrdinal: nextOrdinalOf(thread) };
  }

  /** Stores the first record, and what `fill` puts behind it, unless there is one already. */
  #materialise(thread: MemoryThread, fill: () => void = () => {}): void {
    if (thread.log.length > 0) return;
    const first: AppendableItem = { type: "session_meta", payload: thread.meta };
    thread.log.append({ items: [first], timestamp: this.#timestamp(), key: undefined });
    fill();
    this.#events.tell({ type: "created", threadId: thread.id });
    this.#tellFrom(thread, 0);
  }

  #tellFrom(thread: MemoryThread, firstOrdinal: number): void {
    if (!this.#events.hasListeners()) return;
    const records = thread.log.read(firstOrdinal);
    this.#events.tell({ type: "appended", threadId: thread.id, records });
  }

  #requireForkSource({ threadId, endOrdinal }: ForkPoint): MemoryThread {
    const source = this.requireStored(threadId);
    const { length } = source.log;
    if (Number.isSafeInteger(endOrdinal) && endOrdinal >= 0 && endOrdinal <= length) return source;
    throw rejection("invalid_argument", `a fork of thread ${source.id} ends at an ordinal of 0 to ${length}`, {
      threadId: source.id,
      nextOrdinal: length,
    });
  }

  #timestamp(): string {
    return this.#lineClock.now();
  }
}

function nextOrdinalOf({ log }: MemoryThread): number {
  // The session_meta comes before whatever is appended first.
  return Math.max(log.length, 1);
}

/** What is stored, as the fold's own objects: to be looked at, not to be handed out. */
function storedOf({ isArchived: archived, name, log }: MemoryThread): StoredThread {
  return storedThreadFrom({ metadata: log.metadata, path: null, archived, name });
}

function notFound(threadId: string): Error {
  return rejection("thread_not_found", `thread not found: ${threadId}`, { threadId });
}
