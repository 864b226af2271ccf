/**
 * ThreadStore: the storage port. A store keeps threads as logs of records, and answers reads; it
 * knows nothing of agents, turns running, or subscribers over a wire. Adapters: memory/ and local/.
 * All of them pass the same suite (src/testing).
 *
 * Invariants
 *   S1  Ordinals of a thread are 0-based and gap-free; record 0 is its session_meta. (append.ordinals)
 *   S2  An append is atomic and in order: all of its items become records, one after another, or none.
 *       (append.atomic, append.concurrent, append.reads-back)
 *   S3  What an append acknowledged is in every later read, with the durability it was acknowledged at.
 *       (append.durability, lifecycle.flush, lifecycle.close-reopened)
 *   S4  One writer a thread and store: a writer that was shut down, discarded, or replaced by a newer
 *       one can't append any more (`writer_fenced` / `writer_closed`).
 *       (lifecycle.fenced, lifecycle.epochs, lifecycle.replaced)
 *   S5  An idempotency key that was already applied gives the first answer again, and writes nothing. A
 *       writer knows the thread's newest LIMITS.idempotencyKeysMax keys; of those that were applied before it
 *       was opened, it is sure of the ones in the log's newest LIMITS.idempotencyTailBytesMax bytes.
 *       (append.idempotent, append.idempotent-bounds, append.idempotent-long)
 *   S6  Reads never change anything, and need no writer. (history.reads-change-nothing)
 *   S7  What a user set (name, git, memory mode) is in the log or the index: it survives reopening.
 *       (metadata.patches-reopened, metadata.git-stays-cleared)
 *   S8  Events of `subscribe` come after durability, in ordinal order per thread, each once.
 *       (append.told, feed.told)
 */
import type {
  AppendableItem,
  ItemsView,
  MemoryMode,
  RolloutRecord,
  SessionSource,
  ThreadItem,
  Turn,
} from "../events/index.ts";
import type { AnswerScope } from "./answer-scope.ts";
import type { Durability, StoreDurability } from "./durability.ts";
import type { ThreadWindow } from "./thread-window.ts";

/** What an adapter can do beyond the laws every store keeps. */
export interface ThreadStoreCapabilities {
  /** The strongest durability an append is acknowledged with. */
  readonly durability: Durability;
  /** Threads have rollout files: `path` is set and readThreadByRolloutPath works. */
  readonly paths: boolean;
  /** searchThreads works on this handle. */
  readonly search: boolean;
  /** Threads outlive the handle and can be opened by another one. */
  readonly reopen: boolean;
}

/** Names the right to append to one thread; dead after shutdown, discard, or a newer writer (S4). */
export interface ThreadWriter {
  readonly threadId: string;
  /** Grows with each writer of the thread in this store. */
  readonly epoch: number;
}

/** The git triple as set by the user or found at creation. */
export interface GitFields {
  readonly sha: string | null;
  readonly branch: string | null;
  readonly originUrl: string | null;
}

/** A thread's own metadata at creation. */
export interface NewThreadMetadata {
  readonly cwd: string;
  /** Absent: the one that the home's other programs would name, where the store has a home (docs/decisions/0001). */
  readonly modelProvider?: string;
  /** Default "enabled". */
  readonly memoryMode?: MemoryMode;
  /** Default "vscode", what Codex's app-server writes, so that its default lists show the thread. */
  readonly source?: SessionSource;
  readonly threadSource?: string | null;
  /** Who made the thread: the client's name. Default "skein". */
  readonly originator?: string;
  readonly baseInstructions?: string;
  readonly git?: GitFields | null;
  readonly agentNickname?: string | null;
  readonly agentRole?: string | null;
}

/** Where a fork cuts its source: records with ordinal < endOrdinal are copied. */
export interface ForkPoint {
  readonly threadId: string;
  readonly endOrdinal: number;
}

/** A thread to make. */
export interface CreateThreadParams {
  /** Default: a new UUIDv7. Taken ids are refused with `thread_exists`. */
  readonly threadId?: string;
  readonly metadata: NewThreadMetadata;
  /** Copy this prefix of another thread behind the own session_meta. The thread is materialised at once. */
  readonly fork?: ForkPoint;
}

/** A thread to write to again. */
export interface ResumeThreadParams {
  readonly threadId: string;
  /** Resume exactly this file (local store only). It must hold `threadId`. */
  readonly rolloutPath?: string;
}

/** An open writer and where the log stands. */
export interface OpenedThread {
  readonly writer: ThreadWriter;
  /** Ordinal the next record will get. */
  readonly nextOrdinal: number;
  /** Absolute rollout path, also before the file exists; null where there are no files. */
  readonly path: string | null;
  /** Bytes of a torn tail that will be cut (and kept aside) before the first append; 0 when clean. */
  readonly tornBytes: number;
  /** The provider that a new thread's first record will name, where it will name one. Absent for a thread that is stored. */
  readonly modelProvider?: string;
}

/** What is appended to a thread, by whom, and on what condition. */
export interface AppendItemsParams {
  readonly writer: ThreadWriter;
  /**
   * 1 to LIMITS.appendItemsMax items. None is `unknown` or `unreadable`: a log with such lines can't be copied into
   * another store by appending what was read of it.
   */
  readonly items: readonly AppendableItem[];
  /** Refuse with `ordinal_conflict` (data: expectedOrdinal, actualOrdinal) unless the next ordinal is this. */
  readonly expectedOrdinal?: number;
  /**
   * Appends with a key that was applied before are answered, not written, again (S5): whatever their items
   * are, for they are not compared. A key is remembered for a bounded time: among the thread's newest
   * LIMITS.idempotencyKeysMax keys, and after the thread was resumed or the store reopened, as long as no more
   * than LIMITS.idempotencyTailBytesMax bytes were recorded behind it. Later it is written as a new one.
   */
  readonly idempotencyKey?: string;
}

/** The answer of an append: it is durable as said. */
export interface AppendResult {
  readonly firstOrdinal: number;
  /** The ordinal after the last record of this append. */
  readonly nextOrdinal: number;
  readonly durability: Durability;
  /** The idempotency key was known; nothing was written now. */
  readonly duplicate: boolean;
}

/** Which records of a thread. */
export interface LoadHistoryParams {
  readonly threadId: string;
  /** First ordinal wanted. Default 0. At or past the end gives an empty page. */
  readonly from?: number;
  /** Records at most, 1 or more. Default and bound: LIMITS.historyPageRecordsMax. */
  readonly limit?: number;
  /** `hint` of the page before: makes the next page cheap. Checked before it is believed. */
  readonly hint?: string;
}

/** Records of a thread, and where to go on. */
export interface HistoryPage {
  /** In ordinal order, without gaps, beginning at `from`. */
  readonly records: readonly RolloutRecord[];
  /** Pass as `from` for the next page. */
  readonly nextOrdinal: number;
  /** Nothing was recorded behind this page when it was read. */
  readonly isEnd: boolean;
  readonly hint?: string;
}

/** A thread as stored: folded from its log (and the name index), no live state. */
export interface StoredThread {
  readonly id: string;
  readonly path: string | null;
  readonly archived: boolean;
  readonly name: string | null;
  /** First user message, whole, without the client's preamble; "" when there is none. */
  readonly preview: string;
  readonly cwd: string;
  /** "unknown" where the log names none. */
  readonly modelProvider: string;
  /** Model of the newest turn_context; null before the first turn. */
  readonly model: string | null;
  readonly cliVersion: string;
  readonly originator: string;
  readonly source: SessionSource;
  readonly threadSource: string | null;
  readonly agentNickname: string | null;
  readonly agentRole: string | null;
  readonly memoryMode: MemoryMode;
  readonly git: GitFields | null;
  readonly forkedFromId: string | null;
  /** The thread that spawned this one, from its source. */
  readonly parentThreadId: string | null;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** Milliseconds since the epoch: the newest record's time. */
  readonly updatedAtMs: number;
  /**
   * Milliseconds since the epoch: when its newest turn was begun (the newest user_message or task_started / turn_started
   * event in the log, rolled back or not). `createdAtMs` for a thread without turns, and never before it.
   */
  readonly recencyAtMs: number;
  /** Present when asked for (`includeHistory`). */
  readonly history?: readonly RolloutRecord[];
}

/** A thread to read. */
export interface ReadThreadParams {
  readonly threadId: string;
  /** Default false. */
  readonly includeHistory?: boolean;
}

/** The time by which threads are ordered; the id breaks ties. */
export type SortKey = "created_at" | "updated_at" | "recency_at";
/** `asc`: oldest first. `desc`: newest first. */
export type SortDirection = "asc" | "desc";

/** Which threads, in which order. Filters are joined by "and". */
export interface ListThreadsParams {
  /** Opaque: `nextCursor` or `backwardsCursor` of an earlier page with the same filters. */
  readonly cursor?: string;
  /** 1 or more; LIMITS.pageSizeMax at most are given. Default LIMITS.pageSizeDefault. */
  readonly limit?: number;
  /** Default created_at. */
  readonly sortKey?: SortKey;
  /** Default desc. */
  readonly sortDirection?: SortDirection;
  /** Default false: only live ones. True: only archived ones. */
  readonly archived?: boolean;
  /** Only these providers; absent means all, an empty list matches nothing. */
  readonly modelProviders?: readonly string[];
  /** Only threads whose source is one of these words (`subagent` for every sub-agent); absent means all. */
  readonly sources?: readonly string[];
  /** Only these working folders, compared as written; absent means all, an empty list matches nothing. */
  readonly cwds?: readonly string[];
  /** Substring of the name or the preview, case-insensitive. Empty means no filter. */
  readonly searchTerm?: string;
  /** Only threads that this one spawned: whose `parentThreadId` it is. */
  readonly parentThreadId?: string;
  /** Only threads below this one by their chains of `parentThreadId`, which go through archived threads and end at ones that are gone. */
  readonly ancestorThreadId?: string;
  /** Answer at once from the rows a state DB has, without looking at the files first. Default false. Files without one: `state_db_required`. */
  readonly useStateDbOnly?: boolean;
}

/** A page of threads. */
export interface ListThreadsResult extends AnswerScope {
  readonly data: readonly StoredThread[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
  /** Lists what came before this page in the opposite direction; null on an empty page. */
  readonly backwardsCursor: string | null;
}

/** What is searched for, and where. */
export interface SearchThreadsParams {
  /** Taken literally, whatever its case and however short; blank is refused. */
  readonly query: string;
  readonly cursor?: string;
  readonly limit?: number;
  /** Default: both. */
  readonly archived?: boolean;
}

/** A page of what was found. */
export interface SearchThreadsResult extends AnswerScope {
  /** Newest (`updatedAtMs`, id) first. `snippet` is the text around the first match, `…` where it was cut. */
  readonly data: readonly { readonly thread: StoredThread; readonly snippet: string }[];
  readonly nextCursor: string | null;
}

/** Which turns of a thread, in which order, with how much of their items. */
export interface ListTurnsParams {
  readonly threadId: string;
  /** `nextCursor` or `backwardsCursor` of an earlier page; names a turn, so a rolled-back one is refused. */
  readonly cursor?: string;
  /** As in ListThreadsParams. */
  readonly limit?: number;
  /** Default desc: newest first. */
  readonly sortDirection?: SortDirection;
  /** Default summary. */
  readonly itemsView?: ItemsView;
}

/** A page of turns. */
export interface ListTurnsResult {
  readonly data: readonly Turn[];
  readonly nextCursor: string | null;
  readonly backwardsCursor: string | null;
}

/** Which items of a thread, in which order. */
export interface ListItemsParams {
  readonly threadId: string;
  /** Only this turn's items; absent means all turns. */
  readonly turnId?: string;
  readonly cursor?: string;
  readonly limit?: number;
  /** Default asc: oldest first. */
  readonly sortDirection?: SortDirection;
}

/** A page of items, each with its turn. */
export interface ListItemsResult {
  readonly data: readonly { readonly turnId: string; readonly item: ThreadItem }[];
  readonly nextCursor: string | null;
  readonly backwardsCursor: string | null;
}

/** One field of a patch: absent keeps it, null clears it, a value sets it. */
export interface GitPatch {
  readonly sha?: string | null;
  readonly branch?: string | null;
  readonly originUrl?: string | null;
}

/** What of a thread's metadata is set, cleared or kept. At least one field. */
export interface ThreadMetadataPatch {
  /** Null clears the name. Trimmed; blank is refused. */
  readonly name?: string | null;
  readonly memoryMode?: MemoryMode;
  /** At least one field. */
  readonly git?: GitPatch;
}

/** A thread, and how its metadata changes. */
export interface UpdateThreadMetadataParams {
  readonly threadId: string;
  /** At least one field. */
  readonly patch: ThreadMetadataPatch;
}

/** What happened in this store handle, told after it is durable (S8). `truncated`: a server that failed over lost records that were told or read. */
export type StoreEvent =
  | { readonly type: "created"; readonly threadId: string }
  | {
      readonly type: "appended";
      readonly threadId: string;
      /** In ordinal order. */
      readonly records: readonly RolloutRecord[];
    }
  | { readonly type: "name_updated"; readonly threadId: string; readonly name: string | null }
  | { readonly type: "archived" | "unarchived" | "deleted"; readonly threadId: string }
  | { readonly type: "truncated"; readonly threadId: string; readonly nextOrdinal: number };

/** The storage port. Every method rejects with a SkeinError; see the codes at each. */
export interface ThreadStore {
  /** Adapter name for messages: "memory", "local". */
  readonly kind: string;
  readonly capabilities: ThreadStoreCapabilities;
  /** As it was seen last, where that can change under an open handle. Absent: as `capabilities` say, on one machine. */
  readonly durability?: StoreDurability;

  /** Opens a writer for a new thread. Nothing is stored until the first append or persistThread (lazy). `thread_exists`, `thread_not_found` (fork source). */
  createThread(params: CreateThreadParams): Promise<OpenedThread>;
  /** Opens a writer on a stored thread, archived or not; fences an earlier writer of this store. `thread_not_found`, `rollout_unreadable`. */
  resumeThread(params: ResumeThreadParams): Promise<OpenedThread>;
  /** Appends atomically; materialises the thread first where it isn't. `ordinal_conflict`, `writer_fenced`, `writer_closed` (retryable: the store let the writer go and did nothing; resume), `invalid_argument`, io faults. */
  appendItems(params: AppendItemsParams): Promise<AppendResult>;
  /** Materialises: the session_meta is stored durably, the thread is listed from now on. Idempotent. */
  persistThread(writer: ThreadWriter): Promise<void>;
  /** Resolves when all that was appended before is as durable as the store can make it (fsync), whatever its default. */
  flushThread(writer: ThreadWriter): Promise<void>;
  /** Flushes and releases the writer. Idempotent. A thread never materialised leaves no trace. */
  shutdownThread(writer: ThreadWriter): Promise<void>;
  /** Releases the writer whatever state it is in; drops what was not yet accepted. Never rejects, idempotent. */
  discardThread(writer: ThreadWriter): Promise<void>;

  /** A page of records. `thread_not_found`, `rollout_unreadable`. */
  loadHistory(params: LoadHistoryParams): Promise<HistoryPage>;
  /** Where reading may begin for who wants no old turns' items; null: at the start. `thread_not_found`, `rollout_unreadable`. */
  loadWindow(threadId: string): Promise<ThreadWindow | null>;
  /** `thread_not_found`, `rollout_unreadable`. */
  readThread(params: ReadThreadParams): Promise<StoredThread>;
  /** Stores without files: `unsupported`. */
  readThreadByRolloutPath(params: {
    readonly rolloutPath: string;
    readonly includeHistory?: boolean;
  }): Promise<StoredThread>;
  /** Every materialised thread exactly once over all pages, also under writes. `invalid_cursor`, `invalid_thread_id`. */
  listThreads(params?: ListThreadsParams): Promise<ListThreadsResult>;
  /** Full text over names, and messages of turns that were not rolled back. Stores without an index: `state_db_required`. */
  searchThreads(params: SearchThreadsParams): Promise<SearchThreadsResult>;
  /** A page of turns as stored; a turn that is still open is shown as interrupted. `invalid_cursor` when its turn was rolled back. */
  listTurns(params: ListTurnsParams): Promise<ListTurnsResult>;
  listItems(params: ListItemsParams): Promise<ListItemsResult>;

  /** The one metadata write. Works loaded, unloaded and archived; materialises. Returns the thread as it is now. */
  updateThreadMetadata(params: UpdateThreadMetadataParams): Promise<StoredThread>;
  /** An open writer stays usable. `thread_not_found` (also when never materialised), `thread_archived`. */
  archiveThread(threadId: string): Promise<void>;
  /** `thread_not_archived`, `thread_not_found`. An open writer follows the move. */
  unarchiveThread(threadId: string): Promise<StoredThread>;
  /** Removes the log for good; an open writer is closed. Forks keep their own copy. `thread_not_found`. */
  deleteThread(threadId: string): Promise<void>;

  /** Tells what happens through this handle from now on. A listener must not throw; one that does harms neither the call nor the others. Returns the unsubscribe. */
  subscribe(listener: (event: StoreEvent) => void): () => void;
  /** Shuts every writer down and releases everything. Idempotent. */
  close(): Promise<void>;
}
