/**
 * The books of the PostgreSQL crash test: every append that any node began, and where it was acknowledged, compared
 * with what the server holds in the end. The laws:
 *   - an append that was acknowledged is there: whole, at its ordinal, with what was in it;
 *   - no append is there twice, and one that was not acknowledged is there whole or not at all;
 *   - a thread's ordinals have no gap, and nothing is there that no one asked for.
 */
import type { RolloutRecord } from "../../src/events/index.ts";
import type { ThreadStore } from "../../src/store/index.ts";
import { placeOf } from "./crash-reports.ts";
import { digestOf, messageOf, type NodeReport } from "./pg-reports.ts";

/** What was compared, and what was wrong. */
export interface LedgerCheck {
  /** Appends that were acknowledged, all of which were looked for. */
  readonly acknowledged: number;
  /** Appends that were begun and never acknowledged, and are there. */
  readonly landedUnheard: number;
  /** How many records each thread has. */
  readonly lengths: ReadonlyMap<string, number>;
  /** Acknowledged appends that are not there as they were acknowledged. */
  readonly lost: number;
  /** Appends that are there more than once. */
  readonly doubled: number;
  /** Whatever else breaks a law: half appends, gaps, strangers. */
  readonly broken: number;
  /** Some of what is wrong, in words. */
  readonly examples: readonly string[];
}

interface BatchBook {
  readonly threadId: string;
  readonly count: number;
  readonly digest: string;
  /** Undefined as long as it was not acknowledged. */
  firstOrdinal: number | undefined;
}

interface FoundBatch {
  readonly ordinal: number;
  readonly count: number;
  readonly digest: string;
}

const EXAMPLES_MAX = 8;

/** The books of one schema. */
export class PgLedger {
  readonly #batches = new Map<string, BatchBook>();
  readonly #threads = new Set<string>();
  #acknowledged = 0;

  /** Appends that were acknowledged so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The thread of an append that was begun. */
  threadOf(batch: string): string | undefined {
    return this.#batches.get(batch)?.threadId;
  }

  /** Takes one line of a node. */
  take(report: NodeReport): void {
    if (report.say === "begin") {
      const { threadId, batch, count, digest } = report;
      if (this.#batches.has(batch)) throw new Error(`${batch} was begun before`);
      this.#batches.set(batch, { threadId, count, digest, firstOrdinal: undefined });
      this.#threads.add(threadId);
    } else if (report.say === "done") {
      const book = this.#batches.get(report.batch);
      if (book === undefined) throw new Error(`${report.batch} was acknowledged and never begun`);
      if (book.firstOrdinal !== undefined) throw new Error(`${report.batch} was acknowledged twice`);
      book.firstOrdinal = report.firstOrdinal;
      this.#acknowledged += 1;
    }
  }

  /** Reads every thread of the books and compares. */
  async check(store: ThreadStore): Promise<LedgerCheck> {
    const found = new Map<string, FoundBatch>();
    const doubled = new Set<string>();
    const faults: string[] = [];
    const lengths = new Map<string, number>();
    for (const threadId of this.#threads) {
      const log = await readThread(store, threadId);
      lengths.set(threadId, log.length);
      if (log.some(({ ordinal }, index) => ordinal !== index)) faults.push(`${threadId} has a gap in its ordinals`);
      for (const { name, ...batch } of batchesOf(log, (fault) => faults.push(`${threadId}: ${fault}`))) {
        if (found.has(name)) doubled.add(name);
        found.set(name, batch);
        if (this.#batches.get(name)?.threadId !== threadId)
          faults.push(`${threadId}: ${name} was never asked for here`);
      }
    }
    const lost: string[] = [];
    let landedUnheard = 0;
    for (const [name, { count, digest, firstOrdinal }] of this.#batches) {
      const there = found.get(name);
      const isSame = there?.count === count && there.digest === digest;
      if (firstOrdinal === undefined) {
        if (there !== undefined) landedUnheard += 1;
        if (there !== undefined && !isSame) faults.push(`${name} is there, and not as it was asked for`);
      } else if (!isSame || there.ordinal !== firstOrdinal) {
        lost.push(`${name} was acknowledged at ${firstOrdinal} and is at ${there?.ordinal ?? "no place"}`);
      }
    }
    const examples = [...lost, ...[...doubled].map((name) => `${name} is there twice`), ...faults];
    return {
      acknowledged: this.#acknowledged,
      landedUnheard,
      lengths,
      lost: lost.length,
      doubled: doubled.size,
      broken: faults.length,
      examples: examples.slice(0, EXAMPLES_MAX),
    };
  }
}

async function readThread(store: ThreadStore, threadId: string): Promise<readonly RolloutRecord[]> {
  const log: RolloutRecord[] = [];
  for (let from = 0; ;) {
    const page = await store.loadHistory({ threadId, from });
    log.push(...page.records);
    if (page.isEnd || page.records.length === 0) return log;
    from = page.nextOrdinal;
  }
}

/** The batches of a log, each in one piece. */
function batchesOf(
  log: readonly RolloutRecord[],
  complain: (fault: string) => void,
): readonly (FoundBatch & { readonly name: string })[] {
  const batches: (FoundBatch & { readonly name: string })[] = [];
  for (let at = 0; at < log.length;) {
    const place = log[at] === undefined ? undefined : placeOf(log[at] as RolloutRecord);
    if (place === undefined) {
      if (at > 0) complain(`record ${at} is of no append`);
      at += 1;
      continue;
    }
    const piece = log.slice(at, at + place.count);
    const isWhole = piece.every((record, index) => {
      const found = placeOf(record);
      return found?.batch === place.batch && found.index === index;
    });
    if (!isWhole || piece.length < place.count) complain(`${place.batch} is half there, at ${at}`);
    const digest = digestOf(piece.flatMap(({ item }) => messageOf(item) ?? []));
    batches.push({ name: place.batch, ordinal: at, count: place.count, digest });
    at += isWhole ? place.count : 1;
  }
  return batches;
}
