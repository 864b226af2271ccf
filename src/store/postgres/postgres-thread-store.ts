/**
 * The store on PostgreSQL: threads as rows of lines, which several nodes share. A thread has one live writer among
 * them; everyone reads. A handle is a node: it has a lease, and the threads that it writes to.
 *
 * What the server acknowledged stands there byte for byte as a rollout line; lists and search go by rows that each
 * node keeps of the logs (LogIndex), which may be thrown away.
 */
import { fault, isSkeinError, rejection, type SkeinError, withinTime } from "../../base/index.ts";
import { checkAppend } from "../append-check.ts";
import {
  checkCall,
  checkCreate,
  checkList,
  checkListener,
  checkWriter,
  isWriter,
  requireThreadId,
} from "../call-check.ts";
import type { LogIndex } from "../log-index.ts";
import type { ThreadLogSource } from "../log-source.ts";
import type { LogTransfer } from "../log-transfer.ts";
import { validateMetadataPatch } from "../metadata-patch.ts";
import type * as port from "../thread-store.ts";
import type { ThreadWindow } from "../thread-window.ts";
import { writerClosed } from "../writer-faults.ts";
import { schemaPlaceOf } from "./database-url.ts";
import type { PostgresDurability } from "./durability-probe.ts";
import { openFork } from "./fork-maker.ts";
import { checkCheckpoint, type LogCheckpoint, readCheckpoint } from "./log-checkpoint.ts";
import { listByRows, searchByRows } from "./indexed-list.ts";
import { updateMetadata } from "./metadata-updater.ts";
import type { OpenedDatabase, PostgresContext } from "./postgres-context.ts";
import { attempt } from "./postgres-database.ts";
import { createLogTransfer } from "./postgres-log-transfer.ts";
import { moveThread, removeThread } from "./thread-removal.ts";
import { readHistoryPage, readItemPage, readThread, readTurnPage, readWindow } from "./thread-reader.ts";
import { requireRow } from "./thread-rows.ts";
import type { PostgresWriter } from "./thread-writer.ts";
import { fenceOpenWriter, openNew, openStored, releaseThread } from "./writer-opening.ts";

/** The store on PostgreSQL, and what else its handle can do. */
export interface PostgresStore extends port.ThreadStore {
  readonly kind: "postgres";
  /** This node's id. */
  readonly nodeId: string;
  /** What the server promises for what it acknowledges, as it was seen last: at the newest connection, or the renewal of the lease. */
  readonly durability: PostgresDurability;
  /** The logs, to be followed. */
  readonly source: ThreadLogSource;
  /** How whole threads leave the store and come into it. */
  readonly transfer: LogTransfer;
  /** The rows beside the logs; null where the store was opened without. */
  readonly rows: LogIndex | null;
  /** Which record stands at this ordinal, to be told from another one later. `thread_not_found`, `history_truncated`. */
  checkpointOf(threadId: string, ordinal: number): Promise<LogCheckpoint>;
  /** Throws `history_truncated` where the log has another record there by now, or none: the server lost history. `thread_not_found`. */
  checkCheckpoint(checkpoint: LogCheckpoint): Promise<void>;
}

/** Longest that a close waits for what was accepted, milliseconds; past it the server is given up. */
const CLOSE_MS_MAX = 10_000;
/** What comes behind that still has so long, each. */
const CLOSE_STEP_MS = 1_000;

export class PostgresThreadStore implements PostgresStore {
  readonly kind = "postgres";
  readonly capabilities: port.ThreadStoreCapabilities;
  readonly source: ThreadLogSource;
  readonly transfer: LogTransfer;
  readonly #opened: OpenedDatabase;
  readonly #context: PostgresContext;
  readonly #calls = new Set<Promise<unknown>>();
  #closing: Promise<void> | null = null;

  constructor(opened: OpenedDatabase) {
    this.#opened = opened;
    this.#context = opened.context;
    this.source = opened.source;
    const { database, statements, settings } = opened.context;
    const place = schemaPlaceOf(settings.url, settings.schema);
    this.transfer = createLogTransfer({ database, statements, schema: settings.schema, place });
    const durability = opened.context.durability();
    this.capabilities = Object.freeze({ durability, paths: false, search: this.rows !== null, reopen: true });
  }

  get nodeId(): string {
    return this.#context.lease.nodeId;
  }

  get durability(): PostgresDurability {
    return this.#opened.durability();
  }

  get rows(): LogIndex | null {
    return this.#context.rows();
  }

  async createThread(params: port.CreateThreadParams): Promise<port.OpenedThread> {
    const context = this.#open();
    checkCreate(params);
    const { fork } = params;
    const threadId = params.threadId === undefined ? context.settings.ids.next() : requireThreadId(params.threadId);
    return this.#locked(`create thread ${threadId}`, threadId, async () => {
      this.#open();
      return fork === undefined ? openNew(context, threadId, params) : openFork(context, threadId, { ...params, fork });
    });
  }

  async resumeThread(params: port.ResumeThreadParams): Promise<port.OpenedThread> {
    const context = this.#open();
    checkCall("resumeThread", params);
    if (params.rolloutPath !== undefined) throw withoutPaths();
    const threadId = requireThreadId(params.threadId);
    return this.#locked(`resume thread ${threadId}`, threadId, async () => {
      this.#open();
      await fenceOpenWriter(context, threadId);
      return openStored(context, threadId);
    });
  }

  // Not async: on this way a second promise for each append is a good part of the work.
  appendItems(params: port.AppendItemsParams): Promise<port.AppendResult> {
    try {
      const { writers } = this.#open();
      const items = checkAppend(params);
      const writer = writers.require(params.writer);
      return writer.append({ items, expectedOrdinal: params.expectedOrdinal, key: params.idempotencyKey });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async persistThread(writer: port.ThreadWriter): Promise<void> {
    await this.#require(writer).materialise();
  }

  async flushThread(writer: port.ThreadWriter): Promise<void> {
    await this.#require(writer).flush();
  }

  async shutdownThread(name: port.ThreadWriter): Promise<void> {
    checkWriter(name);
    const writer = this.#context.writers.find(name);
    if (writer === undefined) return;
    try {
      await writer.shutdown();
    } finally {
      await this.#letGo(writer);
    }
  }

  async discardThread(name: port.ThreadWriter): Promise<void> {
    const writer = isWriter(name) ? this.#context.writers.find(name) : undefined;
    if (writer === undefined) return;
    await writer.release(writerClosed(name.threadId, "it was discarded"));
    await this.#letGo(writer);
  }

  async loadHistory(params: port.LoadHistoryParams): Promise<port.HistoryPage> {
    const context = this.#open();
    checkCall("loadHistory", params);
    return this.#run("read a history", () => readHistoryPage(context, params));
  }

  async loadWindow(id: string): Promise<ThreadWindow | null> {
    const context = this.#open();
    const threadId = requireThreadId(id);
    return this.#run("read a window", () => readWindow(context, threadId));
  }

  async readThread(params: port.ReadThreadParams): Promise<port.StoredThread> {
    const context = this.#open();
    checkCall("readThread", params);
    const threadId = requireThreadId(params.threadId);
    return this.#run("read a thread", () => readThread(context, threadId, params.includeHistory));
  }

  async readThreadByRolloutPath(
    params: Parameters<port.ThreadStore["readThreadByRolloutPath"]>[0],
  ): Promise<port.StoredThread> {
    this.#open();
    checkCall("readThreadByRolloutPath", params);
    throw withoutPaths();
  }

  async listThreads(params: port.ListThreadsParams = {}): Promise<port.ListThreadsResult> {
    const context = this.#open();
    const wished = checkList(params);
    return this.#run("list threads", () => listByRows(context, wished));
  }

  async searchThreads(params: port.SearchThreadsParams): Promise<port.SearchThreadsResult> {
    const context = this.#open();
    checkCall("searchThreads", params);
    return this.#run("search", () => searchByRows(context, params));
  }

  async listTurns(params: port.ListTurnsParams): Promise<port.ListTurnsResult> {
    const context = this.#open();
    checkCall("listTurns", params);
    return this.#run("read turns", () => readTurnPage(context, params));
  }

  async listItems(params: port.ListItemsParams): Promise<port.ListItemsResult> {
    const context = this.#open();
    checkCall("listItems", params);
    return this.#run("read items", () => readItemPage(context, params));
  }

  async updateThreadMetadata(params: port.UpdateThreadMetadataParams): Promise<port.StoredThread> {
    const context = this.#open();
    checkCall("updateThreadMetadata", params);
    const threadId = requireThreadId(params.threadId);
    const patch = validateMetadataPatch(params.patch);
    return this.#changing(threadId, "change the metadata of", () => updateMetadata(context, threadId, patch));
  }

  async archiveThread(id: string): Promise<void> {
    const threadId = requireThreadId(id);
    const context = this.#open();
    await this.#changing(threadId, "archive", () => moveThread(context, threadId, true));
  }

  async unarchiveThread(id: string): Promise<port.StoredThread> {
    const threadId = requireThreadId(id);
    const context = this.#open();
    return this.#changing(threadId, "unarchive", async () => {
      await moveThread(context, threadId, false);
      return readThread(context, threadId);
    });
  }

  async deleteThread(id: string): Promise<void> {
    const threadId = requireThreadId(id);
    const context = this.#open();
    await this.#changing(threadId, "delete", () => removeThread(context, threadId));
  }

  async checkpointOf(id: string, ordinal: number): Promise<LogCheckpoint> {
    const context = this.#open();
    const threadId = requireThreadId(id);
    return this.#run("read a checkpoint", () => readCheckpoint(context, threadId, ordinal));
  }

  async checkCheckpoint(checkpoint: LogCheckpoint): Promise<void> {
    const context = this.#open();
    await this.#run("check a checkpoint", () => checkCheckpoint(context, checkpoint));
  }

  subscribe(listener: (event: port.StoreEvent) => void): () => void {
    checkListener(listener);
    return this.#context.events.subscribe(listener);
  }

  async close(): Promise<void> {
    this.#closing ??= this.#shutdownAll();
    await this.#closing;
  }

  async #shutdownAll(): Promise<void> {
    const { writers, lease, committer, wakeUps, database, settings } = this.#context;
    const { teller, rows } = this.#opened;
    const ends = Promise.allSettled(writers.all().map((writer) => writer.shutdown()));
    const untilMs = settings.timers.monotonicMs() + CLOSE_MS_MAX;
    const within = (work: Promise<unknown>): Promise<boolean> =>
      withinTime(work, settings.timers, Math.max(untilMs - settings.timers.monotonicMs(), CLOSE_STEP_MS));
    await within(ends);
    for (const writer of writers.all()) {
      writer.kill(writerClosed(writer.threadId, "the store was closed"));
      writers.remove(writer);
    }
    await within(Promise.allSettled(this.#calls));
    // With the node's row go all its leases.
    await within(lease.close());
    await within(wakeUps.close());
    if (rows() !== null) await within(rows()?.close() ?? Promise.resolve());
    committer.close();
    await database.close();
    await within(teller.close());
    for (const end of await ends) if (end.status === "rejected") throw end.reason;
  }

  #open(): PostgresContext {
    if (this.#closing === null) return this.#context;
    throw fault("runtime_closed", "the store was closed; open it again");
  }

  #require(writer: port.ThreadWriter): PostgresWriter {
    const { writers } = this.#open();
    checkWriter(writer);
    return writers.require(writer);
  }

  /** A call: what fails in it is told in Skein's words, and a close waits for it. */
  async #run<Value>(attempted: string, work: () => Promise<Value>): Promise<Value> {
    const call = attempt(attempted, work);
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  /** A call that has the thread to itself. */
  #locked<Value>(attempted: string, threadId: string, work: () => Promise<Value>): Promise<Value> {
    return this.#run(attempted, () => this.#context.lock.run(threadId, work));
  }

  /** Runs a change of a thread's row, after what its writer was writing is written. */
  async #changing<Value>(threadId: string, what: string, work: () => Promise<Value>): Promise<Value> {
    this.#open();
    return this.#locked(`${what} thread ${threadId}`, threadId, async () => {
      const { database, statements, writers } = this.#open();
      const writer = writers.get(threadId);
      if (writer !== undefined && what !== "change the metadata of") {
        await writer.whenIdle();
        await requireRow(database, threadId, { statements });
      }
      return work();
    });
  }

  /** Gives a writer's thread back. A server that can't be reached is told by the lease, when that is over. */
  async #letGo(writer: PostgresWriter): Promise<void> {
    const { writers, settings, lease } = this.#context;
    writers.remove(writer);
    try {
      await releaseThread(this.#context, writer);
    } catch (error) {
      if (isSkeinError(error, "runtime_closed")) return;
      lease.owe(writer.threadId, writer.epoch);
      settings.logger.warn({ error, threadId: writer.threadId }, "a thread could not be given back; it is tried again");
    }
  }
}

function withoutPaths(): SkeinError {
  return rejection("unsupported", "a store on PostgreSQL has no rollout files: name threads by their ids");
}
