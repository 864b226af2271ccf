/**
 * The open writers of a store handle, one a thread, and who may use them: a ThreadWriter names one by its epoch, and
 * is refused once that is no longer the open one.
 */
import type { ThreadWriter } from "../thread-store.ts";
import { fencedByEpoch, writerClosed } from "../writer-faults.ts";
import type { PostgresWriter } from "./thread-writer.ts";

/** See the file's head. */
export class WriterRegistry {
  readonly #open = new Map<string, PostgresWriter>();
  #lastNewEpoch = 0;

  /**
   * An epoch for the writer of a thread that isn't stored yet, which no row remembers: greater than any such one of
   * this handle, so that two writers that followed each other on an id are told apart.
   */
  nextNewEpoch(epochMin: number): number {
    this.#lastNewEpoch = this.newEpochMin(epochMin);
    return this.#lastNewEpoch;
  }

  /** Above every epoch that was given so. */
  newEpochMin(epochMin: number): number {
    return Math.max(this.#lastNewEpoch + 1, epochMin);
  }

  get(threadId: string): PostgresWriter | undefined {
    return this.#open.get(threadId);
  }

  all(): readonly PostgresWriter[] {
    return [...this.#open.values()];
  }

  /** The writer a name stands for, if it is still the open one. */
  find({ threadId, epoch }: ThreadWriter): PostgresWriter | undefined {
    const writer = this.#open.get(threadId);
    return writer?.epoch === epoch ? writer : undefined;
  }

  /** The writer a name stands for. `writer_closed`, `writer_fenced`. */
  require(name: ThreadWriter): PostgresWriter {
    const writer = this.find(name);
    if (writer !== undefined) return writer;
    const newer = this.#open.get(name.threadId);
    if (newer === undefined || newer.epoch < name.epoch) {
      throw writerClosed(name.threadId, "it was let go, or never opened here");
    }
    throw fencedByEpoch(name.threadId, name.epoch, newer.epoch);
  }

  add(writer: PostgresWriter): void {
    this.#open.set(writer.threadId, writer);
  }

  /** Forgets a writer, unless another one has taken its place. */
  remove(writer: PostgresWriter): void {
    if (this.#open.get(writer.threadId) === writer) this.#open.delete(writer.threadId);
  }
}
