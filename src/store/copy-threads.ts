/**
 * Copying threads from one store into another one, over two LogTransfers: read, written as a whole, read back and
 * compared by digest. What is there already with the same bytes is passed over, so a run that was ended, however, is
 * gone on with by the same call.
 *
 * Invariants
 *   M1  A thread that is there is never overwritten, but for one in a place that only exports use, by the same log
 *       with more at its end, or with another name.
 *   M2  `copied` and `grown` are told after the thread was read back with the digest it was sent with.
 *   M3  What goes wrong with one thread is told with it, and the others go on; what would go wrong with each of them
 *       (a full disk, a lost connection, a bug) ends the run.
 */
import { type ErrorCode, fault, isSkeinError, rejection, type SkeinError } from "../base/index.ts";
import { compareLogs, createLogMeter, digestOf, type LogDigest, type LogRelation } from "./log-digest.ts";
import type { IncomingThread, LogTransfer, TransferThread } from "./log-transfer.ts";

/** How far a copy is. */
export interface CopyProgress {
  readonly threadsDone: number;
  readonly threadsTotal: number;
  /** Bytes of logs that were read to be written or compared. */
  readonly bytesDone: number;
  /** Null where the source doesn't know. */
  readonly bytesTotal: number | null;
}

/**
 * What became of a thread. `copied`: it is there now. `grown`: what was there was its beginning, and was replaced.
 * `renamed`: only its name or its place changed. `same`: it was there. `ahead`: it is there, with more at its end.
 * `conflict`: another log is there under its id, or the id was deleted there. `failed`: see the error.
 */
export type CopyOutcome = "copied" | "grown" | "renamed" | "same" | "ahead" | "conflict" | "failed";

/** One thread of a copy. */
export interface CopiedThread {
  readonly threadId: string;
  readonly outcome: CopyOutcome;
  /** The thread as its source tells it; null where it has none of that id. */
  readonly thread: TransferThread | null;
  /** What its source's log is; null for a conflict or a failure. */
  readonly digest: LogDigest | null;
  /** Why it was not copied, for a conflict or a failure. */
  readonly error: SkeinError | null;
}

/** What to copy, and who is told. */
export interface CopyThreadsOptions {
  readonly from: LogTransfer;
  readonly to: LogTransfer;
  /** Only these, by their whole ids. Default: all. */
  readonly threadIds?: readonly string[];
  /** Only archived ones, or only those that are not. Default: both. */
  readonly archived?: boolean;
  /** What a thread's log must be, where that was written down; else nothing is stored of it: `digest_mismatch`. */
  readonly expected?: (threadId: string) => LogDigest | undefined;
  /** Replace a thread that is there and is the beginning of what comes, or has another name. Needs a place with `replaceLog`. Default false. */
  readonly replaces?: boolean;
  /** Told each thread when it is done with, a few at a time and in no order. Rejecting ends the copy. */
  readonly onThread?: (thread: CopiedThread) => void | Promise<void>;
  readonly onProgress?: (progress: CopyProgress) => void;
  /** Ends the copy: nothing is left of a thread that is on its way, and the next copy goes on. */
  readonly signal?: AbortSignal;
}

/** How many threads came to what. */
export type CopyCounts = Readonly<Record<CopyOutcome, number>>;

/** What a copy did. */
export interface CopyReport {
  readonly counts: CopyCounts;
  /** Lines and bytes that were written. */
  readonly lineCount: number;
  readonly byteCount: number;
}

/** Threads on their way at once: their waits for disks and servers overlap. */
const CONCURRENCY_MAX = 4;

/** Faults that the next thread would meet as well. */
const ENDING_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "aborted",
  "connection_failed",
  "connection_lost",
  "disk_full",
  "home_unusable",
  "runtime_closed",
  "too_many_open_files",
]);

/** Copies threads. Rejects with the signal's reason, or with what ended the copy (M3). */
export async function copyThreads(options: CopyThreadsOptions): Promise<CopyReport> {
  if (options.replaces === true && options.to.replaceLog === undefined) {
    throw rejection("unsupported", `threads in ${options.to.place} can't be replaced; copy without \`replaces\``);
  }
  const copying = new Copying(options);
  await copying.count();
  await copying.run();
  return copying.report();
}

type Wanted = { readonly threadId: string; readonly thread: TransferThread | undefined };

/** One copy on its way. */
class Copying {
  readonly #options: CopyThreadsOptions;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  readonly #counts: Record<CopyOutcome, number> = {
    copied: 0,
    grown: 0,
    renamed: 0,
    same: 0,
    ahead: 0,
    conflict: 0,
    failed: 0,
  };
  #threadsTotal = 0;
  #bytesTotal: number | null = 0;
  #threadsDone = 0;
  #bytesDone = 0;
  #lineCount = 0;
  #byteCount = 0;

  constructor(options: CopyThreadsOptions) {
    this.#options = options;
    const { signal } = options;
    this.#signal = signal === undefined ? this.#ended.signal : AbortSignal.any([signal, this.#ended.signal]);
  }

  /** Looks how much there is, for the progress. */
  async count(): Promise<void> {
    for await (const { thread } of this.#wanted()) {
      this.#threadsTotal += 1;
      if (thread === undefined || this.#bytesTotal === null) continue;
      this.#bytesTotal = thread.sizeHint === null ? null : this.#bytesTotal + thread.sizeHint;
    }
    this.#tell();
  }

  async run(): Promise<void> {
    const wanted = this.#wanted();
    const work = async (): Promise<void> => {
      for (let next = await wanted.next(); next.done !== true; next = await wanted.next()) {
        await this.#take(next.value);
      }
    };
    const workers = Array.from({ length: CONCURRENCY_MAX }, async () => {
      try {
        await work();
      } catch (error) {
        this.#ended.abort(error);
        throw error;
      }
    });
    const ends = await Promise.allSettled(workers);
    this.#options.signal?.throwIfAborted();
    // The first that failed ended the others.
    if (ends.some(({ status }) => status === "rejected")) throw this.#ended.signal.reason;
  }

  report(): CopyReport {
    return { counts: { ...this.#counts }, lineCount: this.#lineCount, byteCount: this.#byteCount };
  }

  async *#wanted(): AsyncGenerator<Wanted, void, undefined> {
    const { from, threadIds, archived } = this.#options;
    if (threadIds !== undefined) {
      for (const threadId of new Set(threadIds)) {
        this.#signal.throwIfAborted();
        yield { threadId, thread: await from.thread(threadId) };
      }
      return;
    }
    let after: string | null = null;
    for (;;) {
      this.#signal.throwIfAborted();
      const page: readonly TransferThread[] = await from.threads(after);
      for (const thread of page) {
        if (archived === undefined || thread.archived === archived) yield { threadId: thread.threadId, thread };
        after = thread.threadId;
      }
      if (page.length === 0) return;
    }
  }

  async #take({ threadId, thread }: Wanted): Promise<void> {
    this.#signal.throwIfAborted();
    const copied = await this.#copy(threadId, thread);
    this.#counts[copied.outcome] += 1;
    this.#threadsDone += 1;
    if (copied.digest !== null && ["copied", "grown", "renamed"].includes(copied.outcome)) {
      this.#lineCount += copied.digest.lineCount;
      this.#byteCount += copied.digest.byteCount;
    }
    await this.#options.onThread?.(copied);
    this.#tell();
  }

  async #copy(threadId: string, thread: TransferThread | undefined): Promise<CopiedThread> {
    const none = { threadId, thread: thread ?? null, digest: null };
    try {
      if (thread === undefined) {
        const message = `there is no thread ${threadId} in ${this.#options.from.place}`;
        return { ...none, outcome: "failed", error: rejection("thread_not_found", message, { threadId }) };
      }
      const there = await this.#options.to.thread(threadId);
      return there === undefined ? await this.#write(thread, "copied") : await this.#settle(thread, there);
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!isSkeinError(error) || ENDING_CODES.has(error.code)) throw error;
      return { ...none, outcome: error.code === "thread_exists" ? "conflict" : "failed", error };
    }
  }

  /** What to do about a thread that is there already. */
  async #settle(thread: TransferThread, there: TransferThread): Promise<CopiedThread> {
    const { from, to, replaces = false } = this.#options;
    const { threadId } = thread;
    const meter = createLogMeter();
    const relation = await compareLogs(this.#passing(from.readLog(threadId), meter), to.readLog(threadId));
    if (relation === "longer" && replaces) return this.#write(thread, "grown");
    if (relation === "longer" || relation === "different") throw conflictOf(threadId, to.place, relation);
    if (relation === "same" && replaces && !isCalledAlike(thread, there)) return this.#write(thread, "renamed");
    const digest = relation === "same" ? meter.end() : await digestOf(this.#passing(from.readLog(threadId)));
    this.#checkExpected(threadId, digest);
    return { threadId, thread, digest, error: null, outcome: relation === "same" ? "same" : "ahead" };
  }

  async #write(thread: TransferThread, outcome: "copied" | "grown" | "renamed"): Promise<CopiedThread> {
    const { from, to } = this.#options;
    const { threadId, archived, name } = thread;
    const sent: { digest?: LogDigest } = {};
    const lines = this.#measured(from.readLog(threadId), (digest) => {
      this.#checkExpected(threadId, digest);
      sent.digest = digest;
    });
    const incoming: IncomingThread = { threadId, archived, name, lines };
    await (outcome === "copied" ? to.writeLog(incoming) : to.replaceLog?.(incoming));
    const back = await digestOf(to.readLog(threadId));
    if (sent.digest?.sha256 !== back.sha256) throw mismatch(threadId, back, { ...sent, place: to.place });
    return { threadId, thread, digest: back, error: null, outcome };
  }

  #checkExpected(threadId: string, digest: LogDigest): void {
    const expected = this.#options.expected?.(threadId);
    if (expected === undefined || expected.sha256 === digest.sha256) return;
    throw mismatch(threadId, digest, { digest: expected, place: this.#options.from.place });
  }

  /** The lines, measured at their end; throws when the copy is ended in between. */
  async *#measured(
    lines: AsyncIterable<Uint8Array>,
    measured: (digest: LogDigest) => void,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const meter = createLogMeter();
    yield* this.#passing(lines, meter);
    measured(meter.end());
  }

  async *#passing(
    lines: AsyncIterable<Uint8Array>,
    meter?: ReturnType<typeof createLogMeter>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const part of lines) {
      this.#signal.throwIfAborted();
      meter?.take(part);
      this.#bytesDone += part.byteLength;
      this.#tell();
      yield part;
    }
  }

  #tell(): void {
    const { onProgress } = this.#options;
    const [threadsDone, threadsTotal] = [this.#threadsDone, this.#threadsTotal];
    const [bytesDone, bytesTotal] = [this.#bytesDone, this.#bytesTotal];
    onProgress?.({ threadsDone, threadsTotal: Math.max(threadsTotal, threadsDone), bytesDone, bytesTotal });
  }
}

function isCalledAlike(one: TransferThread, other: TransferThread): boolean {
  return (one.name ?? null) === (other.name ?? null) && one.archived === other.archived;
}

function conflictOf(threadId: string, place: string, relation: LogRelation): SkeinError {
  const what =
    relation === "longer"
      ? "an older state of it is there; delete that one, or take this thread to another place"
      : "another log is there under this id; nothing was overwritten, take this thread to another place";
  return rejection("thread_exists", `thread ${threadId} was not copied to ${place}: ${what}`, { threadId, place });
}

function mismatch(
  threadId: string,
  actual: LogDigest,
  expected: { readonly digest?: LogDigest; readonly place: string },
): SkeinError {
  const { digest, place } = expected;
  const message = `thread ${threadId} in ${place} is not what it was written down as: ${actual.lineCount} lines, ${digest?.lineCount ?? 0} expected`;
  return fault("digest_mismatch", `${message}; copy it again from where it came from`, {
    data: {
      threadId,
      place,
      expectedSha256: digest?.sha256 ?? null,
      actualSha256: actual.sha256,
      expectedLines: digest?.lineCount ?? null,
      actualLines: actual.lineCount,
    },
  });
}
