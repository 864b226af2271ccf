/**
 * What waits to be put of one thread, in the order it was asked for, and how much of it there is. What was taken counts
 * until it is settled, so that the bound holds for all that a writer keeps in memory.
 */
import { fault, LIMITS, SkeinError } from "../../base/index.ts";
import type { Batch } from "../batch-encoder.ts";
import type { AppendResult } from "../thread-store.ts";
import type { PutBudget } from "./group-committer.ts";

/** Something on its way: a batch, or (without one) a wish that what came before is there. */
export interface Entry {
  readonly batch: Batch | null;
  /** Whole lines, each with its newline. */
  readonly lines: readonly Uint8Array[];
  readonly bytes: number;
  /** Stores the thread where it isn't. */
  readonly materialises: boolean;
  readonly expectedOrdinal: number | undefined;
  resolve(answer: AppendResult): void;
  reject(error: SkeinError): void;
}

/** An append that no statement can carry: the server's messages end at 1 GiB. */
const APPEND_BYTES_MAX = 512 * 1024 * 1024;
const NEWLINE = 0x0a;

export class EntryQueue {
  readonly #threadId: string;
  #waiting: Entry[] = [];
  #bytes = 0;

  constructor(threadId: string) {
    this.#threadId = threadId;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  push(entry: Entry): void {
    this.#bytes += entry.bytes;
    this.#waiting.push(entry);
  }

  /** Entries within the budget; the first one whatever it is. */
  take({ lines, bytes }: PutBudget): readonly Entry[] {
    let [count, size, end] = [0, 0, 0];
    for (const entry of this.#waiting) {
      count += entry.lines.length;
      size += entry.bytes;
      if (end > 0 && (count > lines || size > bytes)) break;
      end += 1;
    }
    return this.#waiting.splice(0, end);
  }

  takeAll(): readonly Entry[] {
    return this.#waiting.splice(0);
  }

  /** Entries that were taken and go on waiting. */
  putBack(entries: readonly Entry[]): void {
    this.#waiting.unshift(...entries);
  }

  /** The entry was answered or refused. */
  settled(entry: Entry): void {
    this.#bytes -= entry.bytes;
  }

  /** Bounds what waits. A single append over the bound is let through when nothing else waits. */
  refuseWhenFull(bytes: number): void {
    const threadId = this.#threadId;
    if (bytes > APPEND_BYTES_MAX) {
      throw fault(
        "rollout_too_large",
        `an append to PostgreSQL holds ${APPEND_BYTES_MAX} bytes at most, not ${bytes}`,
        {
          data: { threadId, bytes, bytesMax: APPEND_BYTES_MAX },
        },
      );
    }
    const queuedBytes = this.#bytes;
    if (queuedBytes === 0 || queuedBytes + bytes <= LIMITS.commitQueueBytesMax) return;
    throw new SkeinError("mailbox_full", `too much waits to be written to thread ${threadId}`, {
      kind: "rejection",
      retryable: true,
      data: { queuedBytes, commitQueueBytesMax: LIMITS.commitQueueBytesMax },
    });
  }
}

/** Cuts text that was encoded into its lines. */
export function linesOf(bytes: Buffer): readonly Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let from = 0; from < bytes.byteLength;) {
    const end = bytes.indexOf(NEWLINE, from) + 1;
    lines.push(bytes.subarray(from, end));
    from = end;
  }
  return lines;
}
