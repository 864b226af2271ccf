/**
 * The memory adapter of ThreadStore: complete, exact, and gone with its handle. It holds the lines a
 * rollout file would hold, so what it gives back is what a file would give; and it keeps a journal of
 * every call, so a test can prove what was (not) touched.
 *
 * A call takes effect when it is made and is answered a microtask later; calls in flight are therefore
 * applied in the order of their calls. Nothing here waits, fails, or is durable.
 */
import {
  type Clock,
  createIdSource,
  fault,
  type IdSource,
  type Logger,
  rejection,
  silentLogger,
  systemClock,
} from "../../base/index.ts";
import { checkAppend } from "../append-check.ts";
import { checkCall, checkCreate, checkList, checkListener, checkWriter, isWriter } from "../call-check.ts";
import { historyRange } from "../history-range.ts";
import { pageThreads } from "../list-page.ts";
import { validateMetadataPatch } from "../metadata-patch.ts";
import { createStoreEvents } from "../store-events.ts";
import { descendantsOf } from "../thread-lineage.ts";
import type {
  AppendItemsParams,
  AppendResult,
  CreateThreadParams,
  HistoryPage,
  ListItemsParams,
  ListItemsResult,
  ListThreadsParams,
  ListThreadsResult,
  ListTurnsParams,
  ListTurnsResult,
  LoadHistoryParams,
  OpenedThread,
  ReadThreadParams,
  ResumeThreadParams,
  SearchThreadsParams,
  SearchThreadsResult,
  StoredThread,
  StoreEvent,
  ThreadStore,
  ThreadStoreCapabilities,
  ThreadWriter,
  UpdateThreadMetadataParams,
} from "../thread-store.ts";
import { createSnippetFinder } from "../snippet-finder.ts";
import { type ThreadWindow, windowOf } from "../thread-window.ts";
import { pageItems, pageTurns } from "../turn-page.ts";
import { type CallJournal, createCallJournal, type StoreCall, type StoreMethod } from "./call-journal.ts";
import { MemoryThreads } from "./memory-threads.ts";
import { messagesOf } from "./message-search.ts";

/** What a memory store is made with. */
export interface MemoryThreadStoreOptions {
  /** Times of records and journal entries. Default: the machine's clock. */
  readonly clock?: Clock;
  /** Ids of new threads. Default: UUIDv7 over `clock`. */
  readonly ids?: IdSource;
  /** Calls the journal keeps, the newest; 0 for none. Default LIMITS.journalCallsMax. */
  readonly journalCallsMax?: number;
  /** Hears of listeners that throw. Default: silent. */
  readonly logger?: Logger;
}

/** A ThreadStore that can be asked what was asked of it. */
export interface MemoryThreadStore extends ThreadStore {
  /** The calls since the start or the last clearing, in order: the newest `journalCallsMax` of them. */
  readonly journal: readonly StoreCall[];
  clearJournal(): void;
}

/** Makes an empty store. */
export function createMemoryThreadStore(options: MemoryThreadStoreOptions = {}): MemoryThreadStore {
  return new MemoryStore(options);
}

const CAPABILITIES: ThreadStoreCapabilities = Object.freeze({
  durability: "memory",
  paths: false,
  search: true,
  reopen: false,
});

class MemoryStore implements MemoryThreadStore {
  readonly kind = "memory";
  readonly capabilities = CAPABILITIES;
  readonly #journal: CallJournal;
  readonly #events;
  readonly #threads: MemoryThreads;
  #isClosed = false;

  constructor(options: MemoryThreadStoreOptions) {
    const { clock = systemClock, ids, logger = silentLogger } = options;
    this.#journal = createCallJournal(clock, options.journalCallsMax);
    this.#events = createStoreEvents(logger);
    this.#threads = new MemoryThreads(clock, ids ?? createIdSource(clock), this.#events);
  }

  get journal(): readonly StoreCall[] {
    return this.#journal.calls;
  }

  clearJournal(): void {
    this.#journal.clear();
  }

  async createThread(params: CreateThreadParams): Promise<OpenedThread> {
    return this.#call("createThread", params, () => {
      checkCreate(params);
      return opened(this.#threads.create(params));
    });
  }

  async resumeThread(params: ResumeThreadParams): Promise<OpenedThread> {
    return this.#call("resumeThread", params, () => {
      checkCall("resumeThread", params);
      if (params.rolloutPath !== undefined) throw withoutPaths();
      return opened(this.#threads.resume(params.threadId));
    });
  }

  async appendItems(params: AppendItemsParams): Promise<AppendResult> {
    return this.#call("appendItems", params, () => {
      const items = checkAppend(params);
      return { ...this.#threads.append(params, items), durability: "memory" };
    });
  }

  async persistThread(writer: ThreadWriter): Promise<void> {
    this.#call("persistThread", writer, () => {
      checkWriter(writer);
      this.#threads.persist(writer);
    });
  }

  async flushThread(writer: ThreadWriter): Promise<void> {
    this.#call("flushThread", writer, () => {
      checkWriter(writer);
      this.#threads.requireOpen(writer);
    });
  }

  async shutdownThread(writer: ThreadWriter): Promise<void> {
    this.#journal.record("shutdownThread", writer, () => {
      checkWriter(writer);
      this.#threads.release(writer);
    });
  }

  async discardThread(writer: ThreadWriter): Promise<void> {
    this.#journal.record("discardThread", writer, () => {
      if (isWriter(writer)) this.#threads.release(writer);
    });
  }

  async loadHistory(params: LoadHistoryParams): Promise<HistoryPage> {
    return this.#call("loadHistory", params, () => {
      checkCall("loadHistory", params);
      const { log } = this.#threads.requireStored(params.threadId);
      const { from, limit } = historyRange(params);
      const records = log.read(from, from + limit);
      const nextOrdinal = from + records.length;
      return { records, nextOrdinal, isEnd: nextOrdinal >= log.length };
    });
  }

  async loadWindow(threadId: string): Promise<ThreadWindow | null> {
    return this.#call("loadWindow", { threadId }, () => windowOf(this.#threads.requireStored(threadId).log.read()));
  }

  async readThread(params: ReadThreadParams): Promise<StoredThread> {
    return this.#call("readThread", params, () => {
      checkCall("readThread", params);
      const thread = this.#threads.requireStored(params.threadId);
      const stored = this.#threads.view(thread);
      return params.includeHistory === true ? { ...stored, history: thread.log.read() } : stored;
    });
  }

  async readThreadByRolloutPath(params: { readonly rolloutPath: string }): Promise<StoredThread> {
    return this.#call("readThreadByRolloutPath", params, () => {
      checkCall("readThreadByRolloutPath", params);
      throw withoutPaths();
    });
  }

  async listThreads(wished: ListThreadsParams = {}): Promise<ListThreadsResult> {
    return this.#call("listThreads", wished, () => {
      const params = checkList(wished);
      const asOfMs = this.#threads.asOfMs(params);
      const page = pageThreads(descendantsOf(this.#threads.rows(asOfMs), params), params, asOfMs);
      const data = page.data.map((row) => this.#threads.view(row.thread));
      return { ...page, data, ...this.#threads.scope() };
    });
  }

  async searchThreads(params: SearchThreadsParams): Promise<SearchThreadsResult> {
    return this.#call("searchThreads", params, () => {
      checkCall("searchThreads", params);
      const { query, archived, limit, cursor } = params;
      const find = createSnippetFinder(query);
      const order = {
        sortKey: "updated_at" as const,
        ...(limit === undefined ? {} : { limit }),
        ...(cursor === undefined ? {} : { cursor }),
      };
      const asOfMs = this.#threads.asOfMs(order);
      const found = [...this.#threads.rows(asOfMs)].flatMap((row) => {
        if (archived !== undefined && row.archived !== archived) return [];
        // Not the preview: it is the first message also where that was rolled back.
        const snippet = find([row.name, ...messagesOf(row.thread.log.turns())]);
        // The page is of both lists; it takes rows that say they are in one.
        return snippet === null ? [] : [{ ...row, archived: false, snippet }];
      });
      const { data, nextCursor } = pageThreads(found, order, asOfMs);
      const shown = data.map((row) => ({
        thread: this.#threads.view(row.thread),
        snippet: row.snippet,
      }));
      return { data: shown, nextCursor, ...this.#threads.scope() };
    });
  }

  async listTurns(params: ListTurnsParams): Promise<ListTurnsResult> {
    return this.#call("listTurns", params, () => {
      checkCall("listTurns", params);
      return pageTurns(this.#threads.requireStored(params.threadId).log.turns(), params);
    });
  }

  async listItems(params: ListItemsParams): Promise<ListItemsResult> {
    return this.#call("listItems", params, () => {
      checkCall("listItems", params);
      return pageItems(this.#threads.requireStored(params.threadId).log.turns(), params);
    });
  }

  async updateThreadMetadata(params: UpdateThreadMetadataParams): Promise<StoredThread> {
    return this.#call("updateThreadMetadata", params, () => {
      checkCall("updateThreadMetadata", params);
      const thread = this.#threads.require(params.threadId);
      this.#threads.patch(thread, validateMetadataPatch(params.patch));
      return this.#threads.view(thread);
    });
  }

  async archiveThread(threadId: string): Promise<void> {
    this.#call("archiveThread", { threadId }, () => void this.#threads.move(threadId, true));
  }

  async unarchiveThread(threadId: string): Promise<StoredThread> {
    return this.#call("unarchiveThread", { threadId }, () => this.#threads.view(this.#threads.move(threadId, false)));
  }

  async deleteThread(threadId: string): Promise<void> {
    this.#call("deleteThread", { threadId }, () => this.#threads.delete(threadId));
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    return this.#call("subscribe", undefined, () => {
      checkListener(listener);
      return this.#events.subscribe(listener);
    });
  }

  async close(): Promise<void> {
    this.#journal.record("close", undefined, () => {
      this.#isClosed = true;
      this.#events.clear();
      this.#threads.clear();
    });
  }

  #call<Answer>(method: StoreMethod, params: unknown, run: () => Answer): Answer {
    return this.#journal.record(method, params, () => {
      if (this.#isClosed) throw fault("runtime_closed", "the store is closed");
      return run();
    });
  }
}

function opened(thread: { readonly writer: ThreadWriter; readonly nextOrdinal: number }): OpenedThread {
  return { ...thread, path: null, tornBytes: 0 };
}

function withoutPaths(): Error {
  return rejection("unsupported", "a memory store has no rollout files");
}
