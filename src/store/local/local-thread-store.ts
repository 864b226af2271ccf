/**
 * The local store: threads as rollout files in a home that Codex can read and write too. It needs no
 * database: lists, reads and lookups work from the files. Search does need one, and says so.
 *
 * Two processes may use one home. Each thread's writer is fenced by its file's size and identity, so
 * that the later of two writers of one thread is refused instead of mixing its records in.
 */
import { fault, type SkeinError } from "../../base/index.ts";
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
import { validateMetadataPatch } from "../metadata-patch.ts";
import type * as port from "../thread-store.ts";
import { moveToArchive, moveToSessions } from "./archive-mover.ts";
import { attempt, createLocalContext, type LocalContext, withThread } from "./local-context.ts";
import { checkHome, localSettings, type LocalThreadStoreOptions } from "./local-options.ts";
import type { ThreadWindow } from "../thread-window.ts";
import { updateMetadata } from "./metadata-updater.ts";
import type { RolloutWriter } from "./rollout-writer.ts";
import { removeThread, requireArchived, requireLive } from "./thread-removal.ts";
import { listByRows, searchByRows } from "./indexed-list.ts";
import { listHome } from "./thread-list.ts";
import {
  readHistoryPage,
  readItemPage,
  readThread,
  readThreadByPath,
  readTurnPage,
  readWindow,
  rolloutPathOf,
} from "./thread-reader.ts";
import { writerClosed } from "../writer-faults.ts";
import { fenceOpenWriter, openExisting, openFork, openNew } from "./writer-opening.ts";

/** The store over a home's files. */
export interface LocalThreadStore extends port.ThreadStore {
  readonly kind: "local";
  /** Absolute path of the home. */
  readonly home: string;
}

/**
 * Opens the store of a home. Nothing is written until a thread is stored; a home that does not exist is
 * made then. `home_unusable`, `permission_denied`, `invalid_argument`.
 */
export async function openLocalThreadStore(options: LocalThreadStoreOptions): Promise<LocalThreadStore> {
  const settings = localSettings(options);
  await checkHome(settings);
  return new FileThreadStore(createLocalContext(settings));
}

class FileThreadStore implements LocalThreadStore {
  readonly kind = "local";
  readonly home: string;
  readonly capabilities: port.ThreadStoreCapabilities;
  readonly #context: LocalContext;
  #closing: Promise<void> | null = null;

  constructor(context: LocalContext) {
    const { home, durability, stateDb } = context.settings;
    this.#context = context;
    this.home = home;
    this.capabilities = Object.freeze({ durability, paths: true, search: stateDb !== null, reopen: true });
  }

  async createThread(params: port.CreateThreadParams): Promise<port.OpenedThread> {
    const context = this.#open();
    checkCreate(params);
    const { fork } = params;
    const threadId = params.threadId === undefined ? context.settings.ids.next() : requireThreadId(params.threadId);
    return context.lock.run(threadId, () =>
      attempt(`create thread ${threadId}`, () =>
        fork === undefined ? openNew(context, threadId, params) : openFork(context, threadId, { ...params, fork }),
      ),
    );
  }

  async resumeThread(params: port.ResumeThreadParams): Promise<port.OpenedThread> {
    const context = this.#open();
    checkCall("resumeThread", params);
    const threadId = requireThreadId(params.threadId);
    return context.lock.run(threadId, () =>
      attempt(`resume thread ${threadId}`, async () => {
        await fenceOpenWriter(context, threadId);
        if (params.rolloutPath !== undefined) {
          return openExisting(context, threadId, { path: rolloutPathOf(context, params.rolloutPath) });
        }
        const { path } = await context.lookup.require(threadId);
        return openExisting(context, threadId, { path });
      }),
    );
  }

  // Not async: on this way a second promise for each append is a tenth of the work.
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
    const { writers } = this.#context;
    checkWriter(name);
    const writer = writers.find(name);
    if (writer === undefined) return;
    try {
      await writer.shutdown();
    } finally {
      writers.remove(writer);
    }
  }

  async discardThread(name: port.ThreadWriter): Promise<void> {
    const { writers } = this.#context;
    const writer = isWriter(name) ? writers.find(name) : undefined;
    if (writer === undefined) return;
    await writers.release(writer, writerClosed(name.threadId, "it was discarded"));
  }

  async loadHistory(params: port.LoadHistoryParams): Promise<port.HistoryPage> {
    const context = this.#open();
    checkCall("loadHistory", params);
    return attempt("read a history", () => readHistoryPage(context, params));
  }

  async loadWindow(id: string): Promise<ThreadWindow | null> {
    const context = this.#open();
    const threadId = requireThreadId(id);
    return attempt("read a window", () => readWindow(context, threadId));
  }

  async readThread(params: port.ReadThreadParams): Promise<port.StoredThread> {
    const context = this.#open();
    checkCall("readThread", params);
    const { threadId, includeHistory = false } = params;
    return attempt("read a thread", () => readThread(context, requireThreadId(threadId), includeHistory));
  }

  async readThreadByRolloutPath(
    params: Parameters<port.ThreadStore["readThreadByRolloutPath"]>[0],
  ): Promise<port.StoredThread> {
    const context = this.#open();
    checkCall("readThreadByRolloutPath", params);
    const { rolloutPath, includeHistory = false } = params;
    return attempt("read a rollout", () => readThreadByPath(context, rolloutPath, includeHistory));
  }

  async listThreads(params: port.ListThreadsParams = {}): Promise<port.ListThreadsResult> {
    const { logger, clock } = this.#context.settings;
    const context = { ...this.#open(), logger, clock };
    const wished = checkList(params);
    const { rows } = context;
    if (rows !== null) return attempt("list threads", () => listByRows({ ...context, rows }, wished));
    if (wished.useStateDbOnly === true) throw listNeedsStateDb(this.home);
    return attempt("list the threads of the home", () => listHome(context, wished));
  }

  async searchThreads(params: port.SearchThreadsParams): Promise<port.SearchThreadsResult> {
    const { rows } = this.#open();
    checkCall("searchThreads", params);
    if (rows === null) throw searchNeedsIndex(this.home);
    return attempt("search", () => searchByRows(rows, params));
  }

  async listTurns(params: port.ListTurnsParams): Promise<port.ListTurnsResult> {
    const context = this.#open();
    checkCall("listTurns", params);
    return attempt("read turns", () => readTurnPage(context, params));
  }

  async listItems(params: port.ListItemsParams): Promise<port.ListItemsResult> {
    const context = this.#open();
    checkCall("listItems", params);
    return attempt("read items", () => readItemPage(context, params));
  }

  async updateThreadMetadata(params: port.UpdateThreadMetadataParams): Promise<port.StoredThread> {
    const context = this.#open();
    checkCall("updateThreadMetadata", params);
    const threadId = requireThreadId(params.threadId);
    const patch = validateMetadataPatch(params.patch);
    return context.lock.run(threadId, () =>
      attempt(`change the metadata of thread ${threadId}`, () => updateMetadata(context, threadId, patch)),
    );
  }

  async archiveThread(id: string): Promise<void> {
    await this.#move(id, async (context, threadId) => {
      const entry = await requireLive(context, threadId);
      const moved = await moveToArchive({ ...context }, entry);
      this.#moved(threadId, moved);
      context.events.tell({ type: "archived", threadId });
    });
  }

  async unarchiveThread(id: string): Promise<port.StoredThread> {
    return this.#move(id, async (context, threadId) => {
      const entry = await requireArchived(context, threadId);
      const { createdAtMs } = await readThread(context, threadId, false);
      const moved = await moveToSessions({ ...context }, entry, createdAtMs);
      // Codex takes a thread's time of change from its file, and shows what came back as just changed.
      await context.files.setModifiedMs(moved.path, context.settings.clock.nowMs());
      this.#moved(threadId, moved);
      context.events.tell({ type: "unarchived", threadId });
      return readThread(context, threadId, false);
    });
  }

  async deleteThread(id: string): Promise<void> {
    await this.#move(id, async (context, threadId) => {
      await removeThread(context, threadId);
      context.events.tell({ type: "deleted", threadId });
    });
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
    const { writers, events } = this.#context;
    const ends = await Promise.allSettled(writers.all().map((writer) => writer.shutdown()));
    for (const writer of writers.all()) writers.remove(writer);
    events.clear();
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  #open(): LocalContext {
    if (this.#closing === null) return this.#context;
    throw fault("runtime_closed", "the store was closed; open it again", { data: { home: this.home } });
  }

  #require(writer: port.ThreadWriter): RolloutWriter {
    const { writers } = this.#open();
    checkWriter(writer);
    return writers.require(writer);
  }

  /** Runs a move of a thread's file, after what its writer was writing is written. */
  async #move<Value>(id: string, move: (context: LocalContext, threadId: string) => Promise<Value>): Promise<Value> {
    const context = this.#open();
    const threadId = requireThreadId(id);
    return context.lock.run(threadId, () =>
      attempt(`move or delete thread ${threadId}`, async () => {
        await context.writers.get(threadId)?.whenIdle();
        await withThread(context, threadId, () => Promise.resolve());
        return withClaim(context, threadId, () => move(context, threadId));
      }),
    );
  }

  #moved(threadId: string, entry: { path: string; name: string; archived: boolean }): void {
    const { lookup, writers } = this.#context;
    lookup.remember(threadId, entry);
    writers.get(threadId)?.file.movedTo(entry.path);
    this.#context.rows?.moved(threadId, entry);
  }
}

/** What moves or removes a thread's file is its owner's to do. `thread_owned_elsewhere`. */
async function withClaim<Value>({ rows }: LocalContext, threadId: string, work: () => Promise<Value>): Promise<Value> {
  await rows?.claims.acquire(threadId);
  try {
    return await work();
  } finally {
    rows?.claims.release(threadId);
  }
}

function listNeedsStateDb(home: string): SkeinError {
  return fault(
    "state_db_required",
    "a list from the state DB alone needs one, and this store was opened without; without useStateDbOnly it is made from the files",
    { data: { home } },
  );
}

function searchNeedsIndex(home: string): SkeinError {
  return fault(
    "state_db_required",
    "full-text search needs the state DB, and this store was opened without one; list with a search term looks at names and first messages",
    { data: { home } },
  );
}
