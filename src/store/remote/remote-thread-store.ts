/**
 * The remote adapter of ThreadStore: a client of a served store. Calls begin on the server in the order they were made
 * here, and a listener is told what happens in the served store, by whatever client. Its writers are its own: they are
 * let go when it is closed, and free for others when its connection is lost or it shows no sign of life.
 *
 * A call that was sent when the connection was lost is made again only where that is safe: reads, what opens a writer,
 * an append with an idempotency key, what lets go. Else `connection_lost` says that it may or may not have been done.
 */
import { createIdSource, fault, isSkeinError, rejection, requireNode, withinTime } from "../../base/index.ts";
import { checkAppend } from "../append-check.ts";
import { checkCall, checkListener, checkWriter, isWriter, requireThreadId } from "../call-check.ts";
import { type StoreDurability, toStoreDurability } from "../durability.ts";
import { validateMetadataPatch } from "../metadata-patch.ts";
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
import type { ThreadWindow } from "../thread-window.ts";
import type { OpenSessionResponse } from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import { AppendBatcher } from "./append-batcher.ts";
import { CallsUnderWay } from "./calls-under-way.ts";
import { RemoteChanges } from "./remote-changes.ts";
import { RemoteCreations } from "./remote-creations.ts";
import { type FollowedRecords, type FollowOptions, followThread } from "./remote-follow.ts";
import { closed, RemoteLink } from "./remote-link.ts";
import { RemoteListening } from "./remote-listening.ts";
import { type CheckedRemoteOptions, checkRemoteOptions, type RemoteThreadStoreOptions } from "./remote-options.ts";
import { RemoteReads } from "./remote-reads.ts";
import { RemoteSession } from "./remote-session.ts";
import { toJsonBytes } from "./wire-parts.ts";
import { toWirePatch } from "./wire-requests.ts";
import { fromWireThread } from "./wire-threads.ts";
import { durabilityOf, fromWireOpened, toWireWriter } from "./wire-writers.ts";

/** Longest that a close waits for the server, and for calls under way, milliseconds. */
const CLOSING_MAX_MS = 5_000;
/** What stands around the items of an append, bytes. */
const APPEND_ROOM_BYTES = 64 * 1024;

/** A store on another machine. Beside the port it has what only a wire needs: the feed of one thread. */
export interface RemoteThreadStore extends ThreadStore {
  /** The served store's, as the server told it with its last sign of life. */
  readonly durability: StoreDurability;
  /**
   * The records of a thread from an ordinal on: those that are there, then those that come, by whatever client. Each
   * iteration is a feed of its own, asks for no more than it is read, and goes on at its place after a lost connection.
   * It ends when the thread is deleted or the signal is aborted. `thread_not_found`, `history_truncated` where the log
   * is shorter than that ordinal, `connection_lost` when the server stays away.
   */
  follow(threadId: string, options?: FollowOptions): AsyncIterable<FollowedRecords>;
}

/** Opens a store on another machine. `connection_failed` where no thread store answers, `permission_denied` without its token. */
export async function openRemoteThreadStore(options: RemoteThreadStoreOptions): Promise<RemoteThreadStore> {
  requireNode();
  const checked = checkRemoteOptions(options);
  const link = new RemoteLink(checked);
  const { clock, logger, clientName } = checked;
  const session = new RemoteSession({ link, clock, logger, clientName });
  try {
    const opened = await session.open();
    return new RemoteClient(checked, { link, session, opened });
  } catch (error) {
    link.close();
    if (!isSkeinError(error) || error.code === "permission_denied") throw error;
    const { url } = checked;
    const message = `no thread store answers at ${url}: start one there with \`skein serve-store\` (${error.message})`;
    throw fault("connection_failed", message, { retryable: error.retryable, data: { url }, cause: error });
  }
}

interface RemoteParts {
  readonly link: RemoteLink;
  readonly session: RemoteSession;
  readonly opened: OpenSessionResponse;
}

class RemoteClient implements RemoteThreadStore {
  readonly kind = "remote";
  readonly capabilities: ThreadStoreCapabilities;
  readonly #options: CheckedRemoteOptions;
  readonly #link: RemoteLink;
  readonly #session: RemoteSession;
  readonly #reads: RemoteReads;
  readonly #listening: RemoteListening;
  readonly #calls = new CallsUnderWay();
  readonly #changes: RemoteChanges;
  readonly #creations: RemoteCreations;
  readonly #appends: AppendBatcher;
  readonly #appendBytesMax: number;
  #closing: Promise<void> | null = null;

  constructor(options: CheckedRemoteOptions, { link, session, opened }: RemoteParts) {
    const { clock, logger } = options;
    this.#options = options;
    this.#link = link;
    this.#session = session;
    this.#reads = new RemoteReads(link);
    const loadHistory = (params: LoadHistoryParams): Promise<HistoryPage> => this.#reads.loadHistory(params);
    this.#listening = new RemoteListening({ link, clock, logger, loadHistory });
    this.#changes = new RemoteChanges({ link, session, listening: this.#listening, calls: this.#calls });
    this.#creations = new RemoteCreations({ link, changes: this.#changes, ids: createIdSource(clock) });
    this.#appends = new AppendBatcher(link.client);
    this.#appendBytesMax = Number(opened.messageBytesMax) - APPEND_ROOM_BYTES;
    const { durability = "memory", search = false, reopen = false } = opened.capabilities ?? {};
    this.capabilities = Object.freeze({ durability: durabilityOf(durability), paths: false, search, reopen });
  }

  get durability(): StoreDurability {
    return this.#session.durability ?? toStoreDurability(this.capabilities.durability, 0);
  }

  async createThread(params: CreateThreadParams): Promise<OpenedThread> {
    this.#requireOpen();
    return this.#creations.make(params);
  }

  async resumeThread(params: ResumeThreadParams): Promise<OpenedThread> {
    this.#requireOpen();
    checkCall("resumeThread", params);
    if (params.rolloutPath !== undefined) throw withoutPaths();
    const threadId = requireThreadId(params.threadId);
    const { opened } = await this.#changes.make({
      threadId,
      isRepeatable: true,
      make: (place, options) => this.#link.client.resumeThread({ threadId, place }, options),
    });
    return fromWireOpened(opened);
  }

  async appendItems(params: AppendItemsParams): Promise<AppendResult> {
    this.#requireOpen();
    const items = checkAppend(params).map(({ type, payload }) => toJsonBytes({ type, payload }));
    const { writer, expectedOrdinal, idempotencyKey } = params;
    this.#requireFits(items);
    const request = {
      writer: toWireWriter(writer),
      items,
      ...(expectedOrdinal === undefined ? {} : { expectedOrdinal: BigInt(expectedOrdinal) }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    };
    const { firstOrdinal, nextOrdinal, durability, duplicate } = await this.#changes.make({
      threadId: writer.threadId,
      isRepeatable: idempotencyKey !== undefined,
      make: (place, options) => this.#appends.append({ ...request, place }, options),
    });
    return {
      firstOrdinal: Number(firstOrdinal),
      nextOrdinal: Number(nextOrdinal),
      durability: durabilityOf(durability),
      duplicate,
    };
  }

  async persistThread(writer: ThreadWriter): Promise<void> {
    this.#requireOpen();
    checkWriter(writer);
    const request = { writer: toWireWriter(writer) };
    await this.#changes.make({
      threadId: writer.threadId,
      isRepeatable: true,
      make: (place, options) => this.#link.client.persistThread({ ...request, place }, options),
    });
  }

  async flushThread(writer: ThreadWriter): Promise<void> {
    this.#requireOpen();
    checkWriter(writer);
    const request = { writer: toWireWriter(writer) };
    await this.#changes.make({
      threadId: writer.threadId,
      isRepeatable: true,
      isBarrier: true,
      make: (place, options) => this.#link.client.flushThread({ ...request, place }, options),
    });
  }

  async shutdownThread(writer: ThreadWriter): Promise<void> {
    checkWriter(writer);
    if (this.#closing !== null) return this.#closing;
    const request = { writer: toWireWriter(writer) };
    await this.#changes.make({
      threadId: writer.threadId,
      isRepeatable: true,
      isBarrier: true,
      make: (place, options) => this.#link.client.shutdownThread({ ...request, place }, options),
    });
  }

  async discardThread(writer: ThreadWriter): Promise<void> {
    if (!isWriter(writer)) return;
    if (this.#closing !== null) return this.#closing;
    const request = { writer: toWireWriter(writer) };
    try {
      await this.#changes.make({
        threadId: writer.threadId,
        isRepeatable: true,
        isBrief: true,
        isBarrier: true,
        make: (place, options) => this.#link.client.discardThread({ ...request, place }, options),
      });
    } catch (error) {
      // The server lets go of it by itself when this client stays away.
      this.#options.logger.warn({ error, threadId: writer.threadId }, "a writer could not be discarded");
    }
  }

  async loadHistory(params: LoadHistoryParams): Promise<HistoryPage> {
    return this.#read(() => this.#reads.loadHistory(params));
  }

  async loadWindow(threadId: string): Promise<ThreadWindow | null> {
    return this.#read(() => this.#reads.loadWindow(threadId));
  }

  async readThread(params: ReadThreadParams): Promise<StoredThread> {
    return this.#read(() => this.#reads.readThread(params));
  }

  async readThreadByRolloutPath(params: { readonly rolloutPath: string }): Promise<StoredThread> {
    this.#requireOpen();
    checkCall("readThreadByRolloutPath", params);
    throw withoutPaths();
  }

  async listThreads(params: ListThreadsParams = {}): Promise<ListThreadsResult> {
    return this.#read(() => this.#reads.listThreads(params));
  }

  async searchThreads(params: SearchThreadsParams): Promise<SearchThreadsResult> {
    return this.#read(() => this.#reads.searchThreads(params));
  }

  async listTurns(params: ListTurnsParams): Promise<ListTurnsResult> {
    return this.#read(() => this.#reads.listTurns(params));
  }

  async listItems(params: ListItemsParams): Promise<ListItemsResult> {
    return this.#read(() => this.#reads.listItems(params));
  }

  async updateThreadMetadata(params: UpdateThreadMetadataParams): Promise<StoredThread> {
    this.#requireOpen();
    checkCall("updateThreadMetadata", params);
    const threadId = requireThreadId(params.threadId);
    const request = { threadId, patch: toWirePatch(validateMetadataPatch(params.patch)) };
    const { thread } = await this.#changes.make({
      threadId,
      isRepeatable: false,
      make: (place, options) => this.#link.client.updateThreadMetadata({ ...request, place }, options),
    });
    return fromWireThread(thread);
  }

  async archiveThread(id: string): Promise<void> {
    this.#requireOpen();
    const threadId = requireThreadId(id);
    await this.#changes.make({
      threadId,
      isRepeatable: false,
      make: (place, options) => this.#link.client.archiveThread({ threadId, place }, options),
    });
  }

  async unarchiveThread(id: string): Promise<StoredThread> {
    this.#requireOpen();
    const threadId = requireThreadId(id);
    const { thread } = await this.#changes.make({
      threadId,
      isRepeatable: false,
      make: (place, options) => this.#link.client.unarchiveThread({ threadId, place }, options),
    });
    return fromWireThread(thread);
  }

  async deleteThread(id: string): Promise<void> {
    this.#requireOpen();
    const threadId = requireThreadId(id);
    await this.#changes.make({
      threadId,
      isRepeatable: false,
      make: (place, options) => this.#link.client.deleteThread({ threadId, place }, options),
    });
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.#requireOpen();
    checkListener(listener);
    return this.#listening.subscribe(listener);
  }

  follow(threadId: string, options: FollowOptions = {}): AsyncIterable<FollowedRecords> {
    this.#requireOpen();
    return followThread(this.#link, requireThreadId(threadId), options);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { clock, logger } = this.#options;
    this.#session.close();
    this.#changes.close();
    const place = this.#session.nextPlace();
    const isLeft = this.#link.client.closeSession({ place }, { timeoutMs: CLOSING_MAX_MS });
    try {
      await isLeft;
    } catch (error) {
      logger.debug({ error }, "the server could not be told of the close; it finds out by itself");
    }
    await withinTime(this.#calls.whenSettled(), clock, CLOSING_MAX_MS);
    this.#listening.close();
    this.#link.close();
    await this.#calls.whenSettled();
  }

  #requireOpen(): void {
    if (this.#closing !== null) throw closed();
    this.#calls.requireRoom();
  }

  /** Whether the items go into one message. */
  #requireFits(items: readonly Uint8Array[]): void {
    const bytes = items.reduce((sum, item) => sum + item.length + 8, 0);
    if (bytes <= this.#appendBytesMax) return;
    throw rejection("invalid_argument", `the items are ${bytes} bytes, more than one message holds: append fewer`, {
      bytes,
      bytesMax: this.#appendBytesMax,
    });
  }

  async #read<Answer>(read: () => Promise<Answer>): Promise<Answer> {
    this.#requireOpen();
    return this.#calls.follow(undefined, read());
  }
}

function withoutPaths(): Error {
  return rejection("unsupported", "a remote store has no rollout files here: name threads by their ids");
}
