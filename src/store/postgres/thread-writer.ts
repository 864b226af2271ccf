/**
 * The writer of a thread: takes appends, gives them ordinals in the order of arrival, and has them put by the group
 * commit. It knows records and the order of calls; the statement and its retries are group-committer.ts.
 *
 * Invariants
 *   W1  Ordinals are given when a put is made, and only to what is in it; a put that fails takes all that waits behind
 *       it in this thread with it: nothing is written that was asked for after something that is missing.
 *   W2  An append is answered after the server has committed it.
 *   W3  Once refused, always refused: a writer that was let go or fenced never writes again.
 *   W4  Before the first append there is no row; the session_meta goes in front of it, in the same put.
 *   W5  After a put whose fate isn't known the writer asks the log where it ends before it puts again, and tells what
 *       it finds there that wasn't told.
 */
import { isSkeinError, type SkeinError } from "../../base/index.ts";
import type { RolloutRecord, SessionMeta } from "../../events/index.ts";
import type { AppliedKeys } from "../applied-keys.ts";
import { encodeBatch, recordsOf } from "../batch-encoder.ts";
import type { AppendResult } from "../thread-store.ts";
import { writerClosed } from "../writer-faults.ts";
import { type Entry, EntryQueue, linesOf } from "./entry-queue.ts";
import type { GroupMember, PutBudget } from "./group-committer.ts";
import type { PutLine, PutOutcome, ThreadPut } from "./group-put.ts";
import { ordinalConflict } from "./thread-faults.ts";
import type { ThreadWriterOptions, WriterAppend } from "./writer-options.ts";

/** After these the thread is no longer this writer's. */
const FINAL_CODES: ReadonlySet<string> = new Set([
  "writer_fenced",
  "writer_closed",
  "thread_exists",
  "thread_owned_elsewhere",
]);
/** After these the writer doesn't know where the log ends. */
const UNSURE_CODES: ReadonlySet<string> = new Set([
  "connection_lost",
  "ordinal_conflict",
  "timed_out",
  "runtime_closed",
]);

export class PostgresWriter implements GroupMember {
  readonly threadId: string;
  readonly epoch: number;
  readonly #options: ThreadWriterOptions;
  readonly #appending = new Map<string, Promise<AppendResult>>();
  #keys: AppliedKeys;
  #newMeta: SessionMeta | null;
  #metaRecord: RolloutRecord | null = null;
  readonly #queue: EntryQueue;
  #inFlight: readonly Entry[] = [];
  #nextOrdinal: number;
  /** Ordinal behind everything that was accepted, written or not. */
  #acceptedOrdinal: number;
  #refusal: SkeinError | null = null;
  #isUnsure = false;
  #surveying = false;
  #idle: (() => void)[] = [];

  constructor(options: ThreadWriterOptions) {
    this.#options = options;
    this.threadId = options.threadId;
    this.epoch = options.epoch;
    this.#queue = new EntryQueue(options.threadId);
    this.#newMeta = options.newMeta;
    this.#nextOrdinal = options.nextOrdinal;
    this.#acceptedOrdinal = options.nextOrdinal;
    this.#keys = options.keys;
  }

  /** Ordinal the next record will get; 1 for a thread whose session_meta is still to be written. */
  get nextOrdinal(): number {
    return this.#nextOrdinal;
  }

  /** The first record of a thread that isn't stored yet. */
  get newMeta(): SessionMeta | null {
    return this.#newMeta;
  }

  /** Something was put, and whether it landed isn't known. */
  get isUnsure(): boolean {
    return this.#isUnsure;
  }

  /** Why nothing can be appended any more, or null. */
  get refusal(): SkeinError | null {
    return this.#refusal;
  }

  get hasWaiting(): boolean {
    return !this.#queue.isEmpty && !this.#surveying;
  }

  get isIdle(): boolean {
    return this.#queue.isEmpty && this.#inFlight.length === 0;
  }

  /** Appends a batch. See ThreadStore.appendItems for the codes. */
  append(append: WriterAppend): Promise<AppendResult> {
    const { key } = append;
    const known = key === undefined ? undefined : this.#answerOf(key);
    return known ?? this.#accept(append);
  }

  /** Stores the thread, with the session_meta alone where nothing was appended. */
  async materialise(): Promise<void> {
    this.#refuse();
    if (this.#newMeta !== null) await this.#barrier(true);
  }

  /** Resolves when everything appended before is committed. */
  async flush(): Promise<void> {
    this.#refuse();
    if (!this.isIdle) await this.#barrier(false);
  }

  /** Resolves when what was accepted before this call is written or was refused; its fate is its caller's to hear. */
  async whenWritten(): Promise<void> {
    if (this.isIdle) return;
    try {
      await this.#barrier(false);
    } catch (error) {
      if (!isSkeinError(error)) throw error;
    }
  }

  /** Resolves when nothing waits and nothing is on its way. */
  async whenIdle(): Promise<void> {
    while (!this.isIdle) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Takes no more and puts what waits. Idempotent. */
  async shutdown(): Promise<void> {
    if (this.#refusal === null) {
      const drained = this.isIdle ? null : this.#barrier(false);
      const refusal = writerClosed(this.threadId, "it was shut down");
      this.#refusal = refusal;
      try {
        await drained;
      } catch (error) {
        // A discard, or a newer writer, let go what waited. Whose appends those were hears it.
        if (error !== this.#refusal) throw error;
      }
    }
    await this.whenIdle();
  }

  /** Refuses what waits and what comes; resolves behind the put that runs. Never rejects. */
  async release(why: SkeinError): Promise<void> {
    this.kill(why);
    await this.whenIdle();
  }

  /** Refuses what waits and what comes. */
  kill(why: SkeinError): void {
    this.#refusal ??= why;
    this.#reject(this.#queue.takeAll(), this.#refusal);
  }

  take(budget: PutBudget): ThreadPut | null {
    if (this.#isUnsure) {
      void this.#survey();
      return null;
    }
    const entries = this.#queue.take(budget);
    const isNew = this.#newMeta !== null && entries.some((entry) => entry.materialises);
    if (entries.length > 0 && !isNew && entries.every((entry) => entry.batch === null)) {
      this.#settleEmpty(entries);
      return this.hasWaiting ? this.take(budget) : null;
    }
    if (entries.length === 0) return null;
    this.#inFlight = entries;
    const lines: PutLine[] = isNew ? [{ bytes: this.#metaLine(), key: null }] : [];
    let ordinal = isNew ? 1 : this.#nextOrdinal;
    for (const { batch, lines: own } of entries) {
      const key = batch?.key;
      for (const [n, bytes] of own.entries()) {
        const isKeyed = key !== undefined && n === own.length - 1;
        lines.push({ bytes, key: isKeyed ? { text: key, firstOrdinal: ordinal } : null });
      }
      ordinal += own.length;
    }
    return { threadId: this.threadId, expected: isNew ? 0 : this.#nextOrdinal, epoch: this.epoch, lines };
  }

  settle(outcome: PutOutcome): void {
    const entries = this.#inFlight;
    this.#inFlight = [];
    if (outcome === null) this.#acknowledge(entries);
    else this.#fail(entries, outcome);
    this.#wakeIdle();
  }

  /** The answer of a key that is known, or is on its way. */
  #answerOf(key: string): Promise<AppendResult> | undefined {
    const applied = this.#keys.get(key);
    const { durability } = this.#options;
    if (applied !== undefined) return Promise.resolve({ ...applied, durability: durability(), duplicate: true });
    return this.#appending.get(key)?.then((answer) => ({ ...answer, duplicate: true }));
  }

  #accept({ items, expectedOrdinal, key }: WriterAppend): Promise<AppendResult> {
    this.#refuse();
    const actualOrdinal = this.#acceptedOrdinal;
    if (expectedOrdinal !== undefined && expectedOrdinal !== actualOrdinal && !this.#isUnsure) {
      throw ordinalConflict(this.threadId, expectedOrdinal, actualOrdinal);
    }
    const batch = { items, key, timestamp: this.#options.lineClock.now() };
    const bytes = Buffer.from(encodeBatch(batch));
    this.#queue.refuseWhenFull(bytes.byteLength);
    this.#acceptedOrdinal += items.length;
    const answer = new Promise<AppendResult>((resolve, reject) => {
      const lines = linesOf(bytes);
      this.#enqueue({ batch, lines, bytes: bytes.byteLength, materialises: true, expectedOrdinal, resolve, reject });
    });
    if (key !== undefined) this.#appending.set(key, answer);
    return answer;
  }

  /** An entry without a batch: resolves when what came before it is written. */
  #barrier(materialises: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const wish = { batch: null, lines: [], bytes: 0, expectedOrdinal: undefined };
      this.#enqueue({ ...wish, materialises, resolve: () => resolve(), reject });
    });
  }

  #enqueue(entry: Entry): void {
    this.#queue.push(entry);
    // While a put of this thread is on its way, or its end is looked for, the next one is asked for behind that.
    if (this.#inFlight.length === 0 && !this.#surveying) this.#options.committer.schedule(this);
  }

  #metaLine(): Uint8Array {
    const payload = this.#newMeta;
    if (payload === null) throw new TypeError("the thread is stored");
    const timestamp = this.#options.lineClock.now();
    const item = { type: "session_meta" as const, payload };
    this.#metaRecord = { ordinal: 0, timestamp, item };
    return Buffer.from(encodeBatch({ items: [item], timestamp, key: undefined }));
  }

  /** The entries are committed: gives them their ordinals, tells the listeners, answers the callers. */
  #acknowledge(entries: readonly Entry[]): void {
    const { durability, events } = this.#options;
    const isCreated = this.#metaRecord !== null && this.#newMeta !== null;
    const told: RolloutRecord[] = isCreated && this.#metaRecord !== null ? [this.#metaRecord] : [];
    if (isCreated) this.#newMeta = null;
    const isHeard = events.hasListeners();
    const answers: AppendResult[] = [];
    for (const { batch } of entries) {
      const firstOrdinal = this.#nextOrdinal;
      this.#nextOrdinal += batch?.items.length ?? 0;
      answers.push({ firstOrdinal, nextOrdinal: this.#nextOrdinal, durability: durability(), duplicate: false });
      if (batch === null) continue;
      if (batch.key !== undefined) {
        this.#keys.set(batch.key, { firstOrdinal, nextOrdinal: this.#nextOrdinal });
        this.#appending.delete(batch.key);
      }
      if (isHeard) told.push(...recordsOf(batch, firstOrdinal));
    }
    if (isCreated) events.tell({ type: "created", threadId: this.threadId });
    if (isHeard && told.length > 0) events.tell({ type: "appended", threadId: this.threadId, records: told });
    this.#answer(entries, answers);
    if (!this.#queue.isEmpty) this.#options.committer.schedule(this);
  }

  /** Wishes with nothing to write before them. */
  #settleEmpty(entries: readonly Entry[]): void {
    const { durability } = this.#options;
    const at = {
      firstOrdinal: this.#nextOrdinal,
      nextOrdinal: this.#nextOrdinal,
      durability: durability(),
      duplicate: false,
    };
    this.#answer(
      entries,
      entries.map(() => at),
    );
    this.#wakeIdle();
  }

  #answer(entries: readonly Entry[], answers: readonly AppendResult[]): void {
    for (const [index, entry] of entries.entries()) {
      const answer = answers[index];
      this.#queue.settled(entry);
      if (answer !== undefined) entry.resolve(answer);
    }
  }

  /** Final faults end the writer; after others it goes on, without all that waited (W1). */
  #fail(entries: readonly Entry[], failure: SkeinError): void {
    if (FINAL_CODES.has(failure.code)) this.#refusal ??= failure;
    if (UNSURE_CODES.has(failure.code)) this.#isUnsure = true;
    this.#reject([...entries, ...this.#queue.takeAll()], failure);
  }

  #reject(entries: readonly Entry[], failure: SkeinError): void {
    for (const entry of entries) {
      this.#queue.settled(entry);
      if (entry.batch !== null) {
        this.#acceptedOrdinal -= entry.batch.items.length;
        if (entry.batch.key !== undefined) this.#appending.delete(entry.batch.key);
      }
      entry.reject(failure);
    }
    this.#wakeIdle();
  }

  /** Asks the log where it ends, and what of this writer's landed after all (W5). */
  async #survey(): Promise<void> {
    if (this.#surveying) return;
    this.#surveying = true;
    try {
      const end = await this.#options.log.readEnd(this.threadId, this.epoch);
      if (end > (this.#newMeta === null ? this.#nextOrdinal : 0)) await this.#takeOver(end);
      this.#isUnsure = false;
      this.#sift();
    } catch (error) {
      const failure = isSkeinError(error) ? error : writerClosed(this.threadId, "its log could not be read");
      if (FINAL_CODES.has(failure.code)) this.#refusal ??= failure;
      this.#reject(this.#queue.takeAll(), failure);
    } finally {
      this.#surveying = false;
      if (!this.#queue.isEmpty) this.#options.committer.schedule(this);
      this.#wakeIdle();
    }
  }

  /** What landed without being acknowledged is part of the log all the same. */
  async #takeOver(end: number): Promise<void> {
    const { log, events } = this.#options;
    const from = this.#newMeta === null ? this.#nextOrdinal : 0;
    const [records, keys] = [await log.readRecords(this.threadId, from, end), await log.readKeys(this.threadId)];
    this.#keys = keys;
    this.#newMeta = null;
    this.#nextOrdinal = end;
    if (from === 0) events.tell({ type: "created", threadId: this.threadId });
    if (events.hasListeners()) events.tell({ type: "appended", threadId: this.threadId, records });
  }

  /** Of what was asked for while the end wasn't known: what has landed is answered, what expected another end is refused. */
  #sift(): void {
    const kept: Entry[] = [];
    this.#acceptedOrdinal = this.#nextOrdinal;
    for (const entry of this.#queue.takeAll()) {
      const { batch, expectedOrdinal } = entry;
      const applied = batch?.key === undefined ? undefined : this.#keys.get(batch.key);
      const actualOrdinal = this.#acceptedOrdinal;
      // Counted as accepted, for those that take it back.
      this.#acceptedOrdinal += batch?.items.length ?? 0;
      if (applied !== undefined) {
        this.#acceptedOrdinal = actualOrdinal;
        if (batch?.key !== undefined) this.#appending.delete(batch.key);
        this.#answer([entry], [{ ...applied, durability: this.#options.durability(), duplicate: true }]);
      } else if (expectedOrdinal !== undefined && expectedOrdinal !== actualOrdinal) {
        this.#reject([entry], ordinalConflict(this.threadId, expectedOrdinal, actualOrdinal));
      } else kept.push(entry);
    }
    this.#queue.putBack(kept);
  }

  #refuse(): void {
    if (this.#refusal !== null) throw this.#refusal;
  }

  #wakeIdle(): void {
    if (!this.isIdle) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}
