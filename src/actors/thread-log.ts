/**
 * One loaded thread's hold on its log: the writer, and the conversation folded from the records the
 * store acknowledged. Records come in by one way only, the store's `appended` events; what an append
 * or another caller of the store recorded is folded exactly once and in order, and a gap is read from
 * the log.
 *
 * A thread whose turns nobody asked for is folded from its window on. Where only the whole log tells what
 * the thread is, that is read instead, then or later; nobody sees a conversation that says so of itself.
 *
 * Invariants
 *   L1  `conversation` holds the records up to nextOrdinal - 1 of the log, from 0 or from the window on,
 *       each stepped once.
 *   L2  When `append` resolves, its records are durable and folded.
 *   L3  A writer that was acquired is released, whatever becomes of the opening.
 *   L4  A writer that its store let go is opened again in its place only where the log ends with what is folded.
 */
import { fault, isSkeinError, rejection, type SkeinError } from "../base/index.ts";
import { type AppendableItem, type RolloutRecord, type ThreadMetadata, threadMetadataFold } from "../events/index.ts";
import {
  type AppendResult,
  type CreateThreadParams,
  newSessionMeta,
  type OpenedThread,
  type ResumeThreadParams,
  type StoredThread,
  storedThreadFrom,
  type StoreEvent,
  type ThreadWriter,
} from "../store/index.ts";
import {
  type Conversation,
  conversationAt,
  emptyConversation,
  needsWholeLog,
  stepConversation,
} from "./conversation.ts";
import type { ThreadEnvironment } from "./thread-environment.ts";
import { WriterHold } from "./writer-hold.ts";

/** Where a thread comes from. A new one was created in the store already: only the store knows which ids are free. */
export type ThreadOrigin = { readonly excludeTurns?: boolean } & (
  | { readonly type: "new"; readonly params: NewThreadParams; readonly opened: OpenedThread | null }
  | { readonly type: "stored"; readonly params: ResumeThreadParams }
);

type NewThreadParams = CreateThreadParams & { readonly threadId: string };

export class ThreadLog {
  readonly threadId: string;
  readonly #environment: ThreadEnvironment;
  #origin: ThreadOrigin;
  #hold: WriterHold | null = null;
  #conversation: Conversation = emptyConversation();
  /** Nobody asked for the turns before the window. */
  #excludesTurns: boolean;
  /** Who the thread is before its first record exists. */
  #unrecorded: ThreadMetadata | null = null;
  #path: string | null = null;
  #name: string | null = null;
  #isArchived = false;
  /** Records up to here were announced, perhaps before they could be folded. */
  #announcedOrdinal = 0;
  #reading: Promise<void> | null = null;

  constructor(environment: ThreadEnvironment, origin: ThreadOrigin) {
    this.#environment = environment;
    this.#origin = origin;
    this.#excludesTurns = origin.excludeTurns ?? false;
    this.threadId = origin.params.threadId;
  }

  get conversation(): Conversation {
    return this.#conversation;
  }

  /** Stands for one opening of the log: another one after each, null when the writer was let go. */
  get hold(): object | null {
    return this.#hold;
  }

  /** The thread as stored would be, from what is folded. */
  get stored(): StoredThread {
    const metadata = this.#unrecorded ?? this.#conversation.metadata;
    const name = this.#name ?? metadata.name;
    return storedThreadFrom({ metadata, path: this.#path, archived: this.#isArchived, name });
  }

  /** Opens a writer and folds the log. Rejects after releasing the writer. */
  async open(signal: AbortSignal): Promise<void> {
    const opened = await this.#openWriter();
    this.#hold = new WriterHold(opened.writer, (refusal) => this.#openInPlace(refusal));
    this.#path = opened.path;
    try {
      signal.throwIfAborted();
      if (this.#unrecorded === null) await this.#replay(signal);
    } catch (error) {
      await this.release();
      throw error;
    }
  }

  /** Appends one batch; resolves when it is durable and folded. */
  async append(items: readonly AppendableItem[]): Promise<void> {
    const { nextOrdinal } = await this.#startAppend(items);
    while (this.#conversation.nextOrdinal < nextOrdinal) await this.#catchUp();
  }

  /** Reads what was left out, if it was. Rejects as `loadHistory` does, and then nothing has changed. */
  async readWhole(): Promise<void> {
    while (this.#conversation.firstOrdinal > 0) {
      this.#reading ??= this.#readOn(LOG_START, null);
      await this.#reading;
    }
    this.#excludesTurns = false;
  }

  /** Reads the whole log if only that tells what the thread will be with these items. Rejects as `readWhole`. */
  async prepareFor(items: readonly AppendableItem[]): Promise<void> {
    const { nextOrdinal } = this.#conversation;
    const records = items.map((item, index) => ({ ordinal: nextOrdinal + index, timestamp: null, item }));
    if (needsWholeLog(stepAll(this.#conversation, records))) await this.readWhole();
  }

  /** Makes the thread visible in lists. */
  async materialize(): Promise<void> {
    await this.#requireHold().run((writer) => this.#environment.store.persistThread(writer));
    if (this.#unrecorded !== null) await this.#catchUp();
  }

  /** Syncs what was appended. */
  async flush(): Promise<void> {
    await this.#requireHold().run((writer) => this.#environment.store.flushThread(writer));
  }

  /** Flushes and releases the writer; on a fault it is released all the same. */
  async shutdown(): Promise<void> {
    const hold = this.#hold;
    if (hold === null) return;
    try {
      await this.#environment.store.shutdownThread(await hold.release());
      this.#hold = null;
    } finally {
      await this.release();
    }
  }

  /** Releases the writer whatever state it is in. Never rejects. */
  async release(): Promise<void> {
    const hold = this.#hold;
    this.#hold = null;
    if (hold === null) return;
    const { store, logger } = this.#environment;
    try {
      await store.discardThread(await hold.release());
    } catch (error) {
      // The port says that this never happens; an adapter that breaks it must not break a shutdown.
      logger.error({ error, threadId: this.threadId }, "a store failed to discard a writer");
    }
  }

  /** Takes what the store says about this thread. */
  take(event: StoreEvent): void {
    if (event.type === "appended") this.#takeRecords(event.records);
    else if (event.type === "name_updated") this.#name = event.name;
  }

  /** The file was moved. */
  moved(stored: StoredThread): void {
    this.#path = stored.path;
    this.#isArchived = stored.archived;
    // A path given at the resume is stale now; the id still finds the file.
    if (this.#origin.type === "stored") this.#origin = { type: "stored", params: { threadId: this.threadId } };
  }

  async #openWriter(): Promise<OpenedThread> {
    if (this.#origin.type === "stored") return await this.#resume(this.#origin.params);
    const { params, opened } = this.#origin;
    this.#origin = { type: "new", params, opened: null };
    if (opened === null) return await this.#openAgain(params);
    if (params.fork === undefined) this.#unrecorded = this.#metadataOf(params, opened);
    else this.#origin = { type: "stored", params: { threadId: this.threadId } };
    return opened;
  }

  /** A restart of a new thread: whether the append that failed made the log is for the store to say. */
  async #openAgain(params: NewThreadParams): Promise<OpenedThread> {
    try {
      return await this.#resume({ threadId: this.threadId });
    } catch (error) {
      if (!isSkeinError(error, "thread_not_found")) throw error;
    }
    const opened = await this.#environment.store.createThread(params);
    this.#unrecorded = this.#metadataOf(params, opened);
    return opened;
  }

  async #resume(params: ResumeThreadParams): Promise<OpenedThread> {
    const { store } = this.#environment;
    const opened = await store.resumeThread(params);
    this.#origin = { type: "stored", params };
    this.#unrecorded = null;
    try {
      const { name, archived } = await store.readThread({ threadId: this.threadId });
      this.#name = name;
      this.#isArchived = archived;
    } catch (error) {
      await store.discardThread(opened.writer);
      throw error;
    }
    return opened;
  }

  /** The thread as its first record will show it; the store may know of a provider that nobody named. */
  #metadataOf({ metadata }: CreateThreadParams, { modelProvider }: OpenedThread): ThreadMetadata {
    const createdAtMs = this.#unrecorded?.createdAtMs ?? this.#environment.clock.nowMs();
    const identity = { threadId: this.threadId, createdAtMs, forkedFromId: null };
    const payload = newSessionMeta(identity, modelProvider === undefined ? metadata : { ...metadata, modelProvider });
    const record = { ordinal: 0, timestamp: null, item: { type: "session_meta", payload } } as const;
    return threadMetadataFold.step(threadMetadataFold.initial(), record);
  }

  async #startAppend(items: readonly AppendableItem[]): Promise<AppendResult> {
    return await this.#requireHold().run((writer) => this.#environment.store.appendItems({ writer, items }));
  }

  #requireHold(): WriterHold {
    if (this.#hold === null) throw closedError(this.threadId);
    return this.#hold;
  }

  /** A writer in place of one that the store let go (L4). Rejects with the refusal where the log is another one. */
  async #openInPlace(refusal: Error): Promise<ThreadWriter> {
    const { threadId } = this;
    const { store, logger } = this.#environment;
    let opened: OpenedThread;
    try {
      opened = await this.#openWriter();
    } catch (error) {
      throw isSkeinError(error) && error.kind === "rejection" ? refusal : error;
    }
    if (this.#unrecorded === null && opened.nextOrdinal !== this.#conversation.nextOrdinal) {
      await store.discardThread(opened.writer);
      throw refusal;
    }
    logger.info({ threadId }, "the store had let the writer go; it was opened again");
    this.#path = opened.path;
    return opened.writer;
  }

  #takeRecords(records: readonly RolloutRecord[]): void {
    const first = records[0];
    const last = records.at(-1);
    if (first === undefined || last === undefined) return;
    this.#announcedOrdinal = Math.max(this.#announcedOrdinal, last.ordinal + 1);
    // Who reads now sees these too: it goes on until it has what was announced.
    if (this.#reading !== null) return;
    const isGap = first.ordinal > this.#conversation.nextOrdinal;
    const next = isGap ? null : stepAll(this.#conversation, records);
    if (next === null || needsWholeLog(next)) {
      const { logger } = this.#environment;
      const { threadId } = this;
      this.#catchUp().catch((error: unknown) => logger.error({ error, threadId }, "could not read on"));
      return;
    }
    this.#conversation = next;
    this.#recorded();
  }

  /** The thread has a log now, which says what its making said. */
  #recorded(): void {
    if (this.#unrecorded === null) return;
    this.#unrecorded = null;
    this.#origin = { type: "stored", params: { threadId: this.threadId } };
  }

  /** Reads on from what is folded, once for all who wait. */
  #catchUp(): Promise<void> {
    this.#reading ??= this.#readOn(beginAt(this.#conversation), null);
    return this.#reading;
  }

  #replay(signal: AbortSignal): Promise<void> {
    this.#reading = this.#readOn(this.#excludesTurns ? this.#window() : LOG_START, signal);
    return this.#reading;
  }

  async #window(): Promise<LogBegin> {
    const window = await this.#environment.store.loadWindow(this.threadId);
    if (window === null) return LOG_START;
    const { endOrdinal, hint } = window;
    return { conversation: conversationAt(window), endOrdinal, hint };
  }

  /** Folds the log behind a place and puts the outcome in place, in one step with the last page. */
  async #readOn(place: LogBegin | Promise<LogBegin>, signal: AbortSignal | null): Promise<void> {
    try {
      const begin = await place;
      let conversation = await this.#fold(begin, signal);
      const isShort = conversation.nextOrdinal < begin.endOrdinal;
      if (isShort || needsWholeLog(conversation)) conversation = await this.#fold(LOG_START, signal);
      this.#conversation = conversation;
      if (conversation.nextOrdinal > 0) this.#recorded();
    } finally {
      this.#reading = null;
    }
  }

  async #fold(begin: LogBegin, signal: AbortSignal | null): Promise<Conversation> {
    const { store } = this.#environment;
    const { threadId } = this;
    let { conversation, hint } = begin;
    for (;;) {
      const { nextOrdinal } = conversation;
      const asked = { threadId, from: nextOrdinal, ...(hint === undefined ? {} : { hint }) };
      const page = await store.loadHistory(asked);
      signal?.throwIfAborted();
      conversation = stepAll(conversation, page.records);
      hint = page.hint;
      const endOrdinal = page.isEnd ? Math.max(page.nextOrdinal, this.#announcedOrdinal) : Infinity;
      if (conversation.nextOrdinal >= endOrdinal) return conversation;
      // A page that doesn't go on where the one before ended never will: the store's log has a gap.
      if (conversation.nextOrdinal === nextOrdinal) throw this.#missingBehind(nextOrdinal);
    }
  }

  #missingBehind(from: number): SkeinError {
    const { threadId } = this;
    return fault("rollout_unreadable", `records of thread ${threadId} are missing behind ordinal ${from}`, {
      data: { threadId, from, announcedOrdinal: this.#announcedOrdinal },
    });
  }
}

/** Where a replay begins. */
interface LogBegin {
  readonly conversation: Conversation;
  /** The log is this long at least. */
  readonly endOrdinal: number;
  readonly hint: string | undefined;
}

function beginAt(conversation: Conversation): LogBegin {
  return { conversation, endOrdinal: conversation.nextOrdinal, hint: undefined };
}

const LOG_START: LogBegin = Object.freeze(beginAt(emptyConversation()));

/** Steps what comes next; what was stepped before is passed over (L1). */
function stepAll(from: Conversation, records: readonly RolloutRecord[]): Conversation {
  let conversation = from;
  for (const record of records) {
    if (record.ordinal === conversation.nextOrdinal) conversation = stepConversation(conversation, record);
  }
  return conversation;
}

/** What a handle answers when its thread is gone. */
export function closedError(threadId: string): SkeinError {
  return rejection("thread_closed", `thread ${threadId} is closed; resume it through the manager`, { threadId });
}

/** What those get whom a shutdown leaves behind. */
export function abandonedFault(threadId: string): SkeinError {
  const message = `thread ${threadId} was let go: the shutdown's time was over before this was done`;
  return fault("runtime_closed", message, { data: { threadId } });
}
