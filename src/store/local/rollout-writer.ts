/**
 * The one writer of a thread: takes appends, gives them ordinals, and commits them in groups. It knows
 * records and the order of calls; bytes, fencing and repair are rollout-file.ts.
 *
 * Invariants
 *   W1  Ordinals are given at commit, in the order of arrival, and only to what is written.
 *       (append.ordinals, append.concurrent)
 *   W2  An append is answered after its bytes are as durable as the answer says.
 *       (append.durability)
 *   W3  When a commit fails, all that waits behind it fails with it: nothing is written that was asked
 *       for after something that is missing.
 *   W4  Once refused, always refused: a writer that was let go or fenced never writes again.
 *   W5  Before the first append there is no file; it begins with the session_meta, in the same write.
 *       (lifecycle.lazy)
 */
import { fault, faultFromSystem, LIMITS, SkeinError } from "../../base/index.ts";
import { type AppendableItem, type RolloutRecord, type SessionMeta } from "../../events/index.ts";
import type { AppliedKeys } from "../applied-keys.ts";
import type { StoreEvents } from "../store-events.ts";
import type { AppendResult } from "../thread-store.ts";
import { type Batch, encodeBatch, recordsOf } from "../batch-encoder.ts";
import { isBug } from "./disk-fault.ts";
import { type CommitQueue, createCommitQueue } from "./commit-queue.ts";
import type { LineClock } from "../line-clock.ts";
import { encodeSealedLine } from "../line-seal.ts";
import type { RolloutFollower } from "../thread-index.ts";
import type { OffsetIndex } from "./offset-index.ts";
import type { RolloutFile } from "./rollout-file.ts";
import { writerClosed } from "../writer-faults.ts";
import { writerLost } from "./writer-faults.ts";

/** What a writer begins with. */
export interface RolloutWriterOptions {
  readonly threadId: string;
  readonly epoch: number;
  readonly file: RolloutFile;
  readonly durability: "fsync" | "os";
  readonly lineClock: LineClock;
  readonly events: StoreEvents;
  readonly keys: AppliedKeys;
  readonly index: OffsetIndex;
  /** The first record of a thread without a file; null where there is one. */
  readonly newMeta: SessionMeta | null;
  readonly nextOrdinal: number;
  /** Keeps the state DB's rows up to what is written; null where there is none. */
  readonly follower: RolloutFollower | null;
  /** Throws when another process has taken the thread over. Called before each commit. */
  readonly checkClaim: () => void;
  /** Gives the thread back to other processes. */
  readonly releaseClaim: () => void;
  /** Called once the file exists, before anybody is told. */
  onCreated(writer: RolloutWriter): void;
}

/** What is appended, checked before. */
export interface WriterAppend {
  readonly items: readonly AppendableItem[];
  readonly expectedOrdinal: number | undefined;
  readonly key: string | undefined;
}

/** Something on its way to the disk: a batch, or (without one) a wish that what came before is there. */
interface Entry {
  readonly batch: Batch | null;
  readonly text: string;
  readonly needsSync: boolean;
  /** Makes the file if there is none. */
  readonly materialises: boolean;
  resolve(answer: AppendResult): void;
  reject(error: SkeinError): void;
}

export class RolloutWriter {
  readonly threadId: string;
  readonly epoch: number;
  readonly file: RolloutFile;
  readonly index: OffsetIndex;
  readonly #options: RolloutWriterOptions;
  readonly #queue: CommitQueue<Entry>;
  readonly #appending = new Map<string, Promise<AppendResult>>();
  #newMeta: SessionMeta | null;
  #metaTimestamp = "";
  #metaLine = "";
  #isEnded = false;
  #nextOrdinal: number;
  /** Ordinal behind everything that was accepted, written or not. */
  #acceptedOrdinal: number;
  /** Text that waits to be written or is being written; a character is a byte or more. */
  #queuedChars = 0;
  /** The newest commit was written and not synced. */
  #hasUnsynced = false;
  /** A commit of this writer was synced, and with it all that stood before. */
  #hasSynced = false;
  #refusal: SkeinError | null = null;
  #vouchesForEnd = true;

  constructor(options: RolloutWriterOptions) {
    this.#options = options;
    this.threadId = options.threadId;
    this.epoch = options.epoch;
    this.file = options.file;
    this.index = options.index;
    this.#newMeta = options.newMeta;
    this.#nextOrdinal = options.nextOrdinal;
    this.#acceptedOrdinal = options.nextOrdinal;
    this.#queue = createCommitQueue((entries) => this.#commit(entries));
  }

  /** Ordinal the next record will get; 1 for a thread whose session_meta is still to be written. */
  get nextOrdinal(): number {
    return this.#nextOrdinal;
  }

  /** The first record of a thread that has no file yet. */
  get newMeta(): SessionMeta | null {
    return this.#newMeta;
  }

  /** Why nothing can be appended any more, or null. */
  get refusal(): SkeinError | null {
    return this.#refusal;
  }

  /**
   * Whether a file of this size ends where this writer says. Not any more once it was fenced or a sync
   * failed, nor when nothing is on its way and the file has another size: then somebody else wrote.
   */
  vouchesForEnd(fileBytes: number): boolean {
    return this.#vouchesForEnd && (!this.#queue.isIdle || fileBytes === this.file.end);
  }

  /** Appends a batch. See ThreadStore.appendItems for the codes. */
  append({ items, expectedOrdinal, key }: WriterAppend): Promise<AppendResult> {
    if (key !== undefined) {
      const applied = this.#options.keys.get(key);
      if (applied !== undefined) {
        const { durability } = this.#options;
        const answer = { ...applied, durability, duplicate: true };
        // Whoever wrote it may not have lived to sync it, or have failed to: it is durable once this writer has synced.
        return durability === "os" || this.#hasSynced ? Promise.resolve(answer) : this.flush().then(() => answer);
      }
      const appending = this.#appending.get(key);
      if (appending !== undefined) return appending.then((answer) => ({ ...answer, duplicate: true }));
    }
    this.#refuse();
    this.#options.checkClaim();
    const actualOrdinal = this.#acceptedOrdinal;
    if (expectedOrdinal !== undefined && expectedOrdinal !== actualOrdinal) {
      throw ordinalConflict(this.threadId, expectedOrdinal, actualOrdinal);
    }
    const batch = { items, key, timestamp: this.#options.lineClock.now() };
    const text = encodeBatch(batch);
    this.#refuseWhenFull(text.length);
    const answer = this.#enqueueBatch(batch, text);
    if (key !== undefined) this.#appending.set(key, answer);
    return answer;
  }

  /** Makes the file, with the session_meta alone where nothing was appended. */
  async materialise(): Promise<void> {
    this.#refuse();
    if (this.#newMeta === null) return;
    await this.#enqueueBarrier({ needsSync: false, materialises: true });
  }

  /** Resolves when everything appended before is synced. */
  async flush(): Promise<void> {
    this.#refuse();
    await this.#enqueueBarrier({ needsSync: true, materialises: false });
  }

  /** Takes no more, commits and syncs what waits, and lets the file go. Idempotent. */
  async shutdown(): Promise<void> {
    let drained: Promise<unknown> | null = null;
    if (this.#refusal === null) {
      const needsSync = this.#options.durability === "os" && this.#hasUnsynced;
      // Who has nothing on its way needs no right to the thread, and may have lost it.
      if (needsSync || !this.#queue.isIdle) drained = this.#enqueueBarrier({ needsSync, materialises: false });
      this.#refusal = writerClosed(this.threadId, "it was shut down");
    }
    try {
      await drained;
    } catch (error) {
      // A discard, or a newer writer, let go what waited. Whose appends those were hears it; the writer is gone as asked.
      if (error !== this.#refusal) throw error;
    } finally {
      await this.#queue.whenIdle();
      await this.file.close();
    }
  }

  /** Refuses what waits and what comes, and lets the file go after the commit that runs. Never rejects. */
  async release(why: SkeinError): Promise<void> {
    this.#kill(why);
    await this.#queue.whenIdle();
    await this.file.close();
  }

  /** Nobody has the writer any more: its rows and its claim are let go. Idempotent. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { follower, releaseClaim } = this.#options;
    follower?.end();
    releaseClaim();
  }

  /** Bounds what waits. A single append over the bound is let through when nothing else waits. */
  #refuseWhenFull(chars: number): void {
    const queuedChars = this.#queuedChars;
    if (queuedChars === 0 || queuedChars + chars <= LIMITS.commitQueueBytesMax) return;
    throw new SkeinError("mailbox_full", `too much waits to be written to thread ${this.threadId}`, {
      kind: "rejection",
      retryable: true,
      data: { queuedChars, commitQueueBytesMax: LIMITS.commitQueueBytesMax },
    });
  }

  /** Resolves when nothing is on its way to the disk. */
  whenIdle(): Promise<void> {
    return this.#queue.whenIdle();
  }

  /** Resolves when what was accepted before this call is written or was refused; its fate is its caller's to hear. */
  async whenWritten(): Promise<void> {
    if (this.#queue.isIdle) return;
    const wish = { needsSync: false, materialises: false };
    await this.#enqueueBarrier(wish).catch(() => {});
  }

  #refuse(): void {
    if (this.#refusal !== null) throw this.#refusal;
  }

  #enqueueBatch(batch: Batch, text: string): Promise<AppendResult> {
    this.#acceptedOrdinal += batch.items.length;
    return new Promise((resolve, reject) => {
      this.#enqueue({
        batch,
        text,
        needsSync: false,
        materialises: true,
        resolve,
        reject,
      });
    });
  }

  /** An entry without a batch: resolves when what came before it is written, and synced if it wants that. */
  #enqueueBarrier(wish: Pick<Entry, "needsSync" | "materialises">): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#enqueue({ ...wish, batch: null, text: "", resolve: () => resolve(), reject });
    });
  }

  #enqueue(entry: Entry): void {
    this.#queuedChars += entry.text.length;
    this.#queue.push(entry);
  }

  #commit(entries: readonly Entry[]): Promise<void> | undefined {
    const offset = this.file.end;
    const fail = (error: unknown): void => {
      // After a bug nobody knows what stands in the file: the writer ends.
      const failure = isBug(error)
        ? writerLost(this.threadId, "a write met a bug in Skein", error)
        : faultFromSystem(error, `append to ${this.file.path}`, { threadId: this.threadId });
      this.#fail(entries, failure);
    };
    try {
      const writing = this.#write(entries);
      if (writing !== undefined) return writing.then(() => this.#accept(entries, offset), fail);
    } catch (error) {
      fail(error);
      return undefined;
    }
    this.#accept(entries, offset);
    return undefined;
  }

  #write(entries: readonly Entry[]): Promise<void> | undefined {
    this.#options.checkClaim();
    const sync = this.#options.durability === "fsync" || entries.some((entry) => entry.needsSync);
    const [only] = entries;
    const text = entries.length === 1 && only !== undefined ? only.text : entries.map((entry) => entry.text).join("");
    if (this.#newMeta === null) {
      if (text === "" && !sync) return undefined;
      this.#hasUnsynced = !sync;
      return text === "" ? this.file.sync() : this.file.append(Buffer.from(text), sync);
    }
    if (!entries.some((entry) => entry.materialises)) return undefined;
    this.#hasUnsynced = !sync;
    this.#metaTimestamp = this.#options.lineClock.now();
    this.#metaLine = encodeSealedLine({ type: "session_meta", payload: this.#newMeta }, this.#metaTimestamp);
    return this.file.create(Buffer.from(this.#metaLine + text), sync);
  }

  /** The entries are durable: gives them their ordinals, tells the listeners, answers the callers. */
  #accept(entries: readonly Entry[], offset: number): void {
    const { durability, events, keys, follower } = this.#options;
    this.#hasSynced ||= durability === "fsync" || entries.some((entry) => entry.needsSync);
    const created = this.file.inode !== null && this.#newMeta !== null ? this.#tellCreated() : null;
    if (created === null) this.index.note(this.#nextOrdinal, offset);
    const isHeard = events.hasListeners() || follower !== null;
    const told: RolloutRecord[] = [];
    const answers: AppendResult[] = [];
    for (const { batch } of entries) {
      const firstOrdinal = this.#nextOrdinal;
      this.#nextOrdinal += batch?.items.length ?? 0;
      answers.push({ firstOrdinal, nextOrdinal: this.#nextOrdinal, durability, duplicate: false });
      if (batch === null) continue;
      if (batch.key !== undefined) {
        keys.set(batch.key, { firstOrdinal, nextOrdinal: this.#nextOrdinal });
        this.#appending.delete(batch.key);
      }
      if (isHeard) told.push(...recordsOf(batch, firstOrdinal));
    }
    if (follower !== null) this.#tellFollower(follower, entries, created === null ? told : [created, ...told]);
    if (told.length > 0) events.tell({ type: "appended", threadId: this.threadId, records: told });
    for (const [index, answer] of answers.entries()) {
      const entry = entries[index];
      if (entry === undefined) continue;
      this.#queuedChars -= entry.text.length;
      entry.resolve(answer);
    }
  }

  /** Rows follow in their own time; whoever reads them in this process has them written first, and finds what was answered. */
  #tellFollower(follower: RolloutFollower, entries: readonly Entry[], records: readonly RolloutRecord[]): void {
    const { path, inode, end } = this.file;
    if (records.length === 0 || inode === null) return;
    const isNew = records[0]?.ordinal === 0;
    const text = (isNew ? this.#metaLine : "") + entries.map((entry) => entry.text).join("");
    follower.appended({ path, inode, records, text, offset: end - Buffer.byteLength(text), end });
  }

  #tellCreated(): RolloutRecord | null {
    const payload = this.#newMeta;
    this.#newMeta = null;
    if (payload === null) return null;
    const { events } = this.#options;
    this.#options.onCreated(this);
    events.tell({ type: "created", threadId: this.threadId });
    const record = { ordinal: 0, timestamp: this.#metaTimestamp, item: { type: "session_meta" as const, payload } };
    events.tell({ type: "appended", threadId: this.threadId, records: [record] });
    return record;
  }

  /** Final faults end the writer; after others it goes on, without all that waited (W3). */
  #fail(entries: readonly Entry[], failure: SkeinError): void {
    const isFinal = FINAL_CODES.has(failure.code);
    const waiting = this.#queue.takeWaiting();
    if (isFinal) {
      this.#refusal ??= failure;
      this.#vouchesForEnd = false;
    }
    this.#reject([...entries, ...waiting], failure);
    if (isFinal) void this.file.close();
  }

  #kill(why: SkeinError): void {
    this.#refusal ??= why;
    this.#reject(this.#queue.takeWaiting(), this.#refusal);
  }

  #reject(entries: readonly Entry[], failure: SkeinError): void {
    for (const entry of entries) {
      this.#queuedChars -= entry.text.length;
      if (entry.batch !== null) {
        this.#acceptedOrdinal -= entry.batch.items.length;
        if (entry.batch.key !== undefined) this.#appending.delete(entry.batch.key);
      }
      entry.reject(failure);
    }
  }
}

/** After these the file is no longer this writer's to write. */
const FINAL_CODES: ReadonlySet<string> = new Set([
  "writer_fenced",
  "writer_closed",
  "thread_exists",
  "thread_owned_elsewhere",
]);

function ordinalConflict(threadId: string, expectedOrdinal: number, actualOrdinal: number): SkeinError {
  return fault("ordinal_conflict", `thread ${threadId} goes on at ordinal ${actualOrdinal}, not ${expectedOrdinal}`, {
    data: { threadId, expectedOrdinal, actualOrdinal },
  });
}
