/**
 * What the stores of a simulation acknowledged, thread by thread: the ground truth that every later look at the
 * disk is held against. It hears of each call at the storage port, from all processes, and of what was taken
 * from the disk by its own lies, which nobody can be held to.
 */
import type { RolloutItem, RolloutRecord } from "../../src/events/index.ts";
import type { AppendResult } from "../../src/store/index.ts";
import { UncertainFact } from "./uncertain-fact.ts";

/** A batch that was asked for. */
export interface AskedBatch {
  readonly process: string;
  readonly lines: readonly string[];
  /** Its first ordinal, once it was acknowledged. */
  firstOrdinal: number | null;
}

/** Where a thread is, as far as anybody was told. */
export type ThreadPlace = "unstored" | "live" | "archived" | "deleted";

/** What is known of one thread. */
export interface ThreadTruth {
  readonly threadId: string;
  /** Acknowledged records by their ordinals, as canonical lines. */
  readonly records: Map<number, string>;
  readonly batches: AskedBatch[];
  readonly place: UncertainFact<ThreadPlace>;
  readonly name: UncertainFact<string | null>;
}

/** A record without its time and its marks. */
export function canonicalLine(item: RolloutItem): string {
  return JSON.stringify([item.type, "payload" in item ? item.payload : null]);
}

/** What does not hold. */
export class BrokenInvariant extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

export class Acknowledgements {
  readonly threads = new Map<string, ThreadTruth>();
  /** Things that were acknowledged. */
  count = 0;
  readonly #broken: (failure: BrokenInvariant) => void;

  /** `broken` is told what does not hold: thrown, it would be taken for an error of the store. */
  constructor(broken: (failure: BrokenInvariant) => void) {
    this.#broken = broken;
  }

  thread(threadId: string): ThreadTruth {
    const known = this.threads.get(threadId);
    if (known !== undefined) return known;
    const truth: ThreadTruth = {
      threadId,
      records: new Map(),
      batches: [],
      place: new UncertainFact<ThreadPlace>("unstored"),
      name: new UncertainFact<string | null>(null),
    };
    this.threads.set(threadId, truth);
    return truth;
  }

  /** Threads that are stored, as far as anybody was told. */
  stored(): readonly string[] {
    return [...this.threads.values()]
      .filter(({ place }) => place.value === "live" || place.value === "archived")
      .map(({ threadId }) => threadId);
  }

  asked(process: string, threadId: string, items: readonly RolloutItem[]): AskedBatch {
    const batch: AskedBatch = { process, lines: items.map(canonicalLine), firstOrdinal: null };
    this.thread(threadId).batches.push(batch);
    return batch;
  }

  appended(threadId: string, batch: AskedBatch, { firstOrdinal }: AppendResult): void {
    const { records, place } = this.thread(threadId);
    batch.firstOrdinal = firstOrdinal;
    this.count += 1;
    if (place.isSure && place.value === "unstored") place.value = "live";
    for (const [index, line] of batch.lines.entries()) {
      const ordinal = firstOrdinal + index;
      const before = records.get(ordinal);
      if (before !== undefined) {
        const message = `record ${ordinal} of ${threadId} was acknowledged twice: ${short(before)} and ${short(line)}`;
        this.#broken(new BrokenInvariant("sim.fenced", message));
      }
      records.set(ordinal, line);
    }
  }

  /** A fork begins with what its source had; its own first record is its session_meta. */
  forked(threadId: string, fork: { readonly threadId: string; readonly endOrdinal: number }): void {
    const source = this.thread(fork.threadId);
    const { records } = this.thread(threadId);
    for (const [ordinal, line] of source.records) if (ordinal < fork.endOrdinal) records.set(ordinal + 1, line);
    this.count += 1;
  }

  /** A turn's id was told: its start was acknowledged before. */
  handedOut(threadId: string, turnId: string): void {
    for (const line of this.thread(threadId).records.values()) if (line.includes(turnId)) return;
    this.#broken(new BrokenInvariant("sim.acknowledged", `turn ${turnId} of ${threadId} was told and is not recorded`));
  }

  processGone(process: string): void {
    for (const { place, name } of this.threads.values()) {
      place.processGone(process);
      name.processGone(process);
    }
  }

  /** After a power cut, of a thread that the disk was not bound to keep: what is there must be a beginning of it. */
  forgive(threadId: string, found: readonly RolloutRecord[] | undefined): void {
    const truth = this.thread(threadId);
    truth.place.doubt();
    const length = found?.length ?? 0;
    for (const ordinal of truth.records.keys()) if (ordinal >= length) truth.records.delete(ordinal);
    for (const batch of truth.batches) {
      if (batch.firstOrdinal !== null && batch.firstOrdinal + batch.lines.length > length) batch.firstOrdinal = null;
    }
  }
}

/** The beginning of a line, for a message. */
export function short(line: string | undefined): string {
  return line === undefined ? "nothing" : line.slice(0, 160);
}
