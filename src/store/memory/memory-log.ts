/**
 * One thread's log in memory: the very lines a rollout file would hold, and what is folded from them.
 * Nothing that a caller handed in or was handed out is kept; every read decodes the lines again.
 */
import {
  beginsTurn,
  decodeLine,
  epochMsOf,
  type RecordMarks,
  type RolloutItem,
  type RolloutRecord,
  type SessionMeta,
  type ThreadMetadata,
  threadMetadataFold,
  type Turn,
  turnsFold,
  turnsOf,
} from "../../events/index.ts";
import { createAppliedKeys, type AppliedKeys } from "../applied-keys.ts";
import { type Batch, encodeBatch } from "../batch-encoder.ts";
import { releasedLine } from "../line-seal.ts";

/** The log of one thread. */
export class MemoryLog {
  readonly keys: AppliedKeys = createAppliedKeys();
  readonly #lines: string[] = [];
  #metadata: ThreadMetadata = threadMetadataFold.initial();

  /** Ordinal of the next record. */
  get length(): number {
    return this.#lines.length;
  }

  /** What the lines say of the thread. Don't hand it out: it is the fold's own state. */
  get metadata(): ThreadMetadata {
    return this.#metadata;
  }

  /** Appends a batch, all or nothing; answers its first ordinal. */
  append(batch: Batch): number {
    const first = this.length;
    // Encoded before anything is kept: an item that can't be leaves no half of its batch.
    const text = encodeBatch(batch);
    for (const line of text.split("\n")) {
      if (line !== "") this.#push(line);
    }
    if (batch.key !== undefined) {
      this.keys.set(batch.key, { firstOrdinal: first, nextOrdinal: this.length });
    }
    return first;
  }

  /** The records of [from, end), each call's own copies. */
  read(from = 0, end = this.length): RolloutRecord[] {
    return this.#lines.slice(from, end).map((line, index) => decodeLine(line, from + index));
  }

  /** The thread's own first session_meta. */
  firstMeta(): SessionMeta | undefined {
    const item = this.read(0, 1)[0]?.item;
    return item?.type === "session_meta" ? item.payload : undefined;
  }

  /** The turns as stored, nothing running. */
  turns(): readonly Turn[] {
    let state = turnsFold.initial();
    for (const record of this.read()) state = turnsFold.step(state, record);
    return turnsOf(state, { live: false });
  }

  /** Time of the newest record up to a moment, and never before the thread's creation. */
  updatedAtMs(asOfMs: number | null): number {
    const { updatedAtMs } = this.#metadata;
    return asOfMs === null || updatedAtMs <= asOfMs ? updatedAtMs : this.#newestMs(asOfMs, () => true);
  }

  /** The same of the newest record that begins a turn. */
  recencyAtMs(asOfMs: number | null): number {
    const { recencyAtMs } = this.#metadata;
    return asOfMs === null || recencyAtMs <= asOfMs ? recencyAtMs : this.#newestMs(asOfMs, beginsTurn);
  }

  #newestMs(asOfMs: number, isCounted: (item: RolloutItem) => boolean): number {
    const { createdAtMs } = this.#metadata;
    for (const { item, timestamp } of this.read().reverse()) {
      const atMs = isCounted(item) ? epochMsOf(timestamp) : null;
      if (atMs !== null && atMs <= asOfMs) return Math.max(atMs, createdAtMs);
    }
    return createdAtMs;
  }

  /** Takes over the lines of a source before `end`. A batch that the cut halves is whole without its marks. */
  copyFrom(source: MemoryLog, end: number): void {
    const lines = source.#lines.slice(0, end);
    const halved = new Set(halvedOrdinals(source.read(0, end)));
    for (const [ordinal, line] of lines.entries()) {
      this.#push(halved.has(ordinal) ? released(line) : line);
    }
  }

  #push(line: string): void {
    this.#metadata = threadMetadataFold.step(this.#metadata, decodeLine(line, this.length));
    this.#lines.push(line);
  }
}

/** The ordinals at the end of `records` whose batch has lines beyond them. */
function halvedOrdinals(records: readonly RolloutRecord[]): readonly number[] {
  const more = moreOf(records.at(-1)?.marks);
  if (more === 0) return [];
  const halved: number[] = [];
  for (const [index, record] of records.toReversed().entries()) {
    if (moreOf(record.marks) !== more + index) break;
    halved.push(record.ordinal);
  }
  return halved;
}

function moreOf(marks: RecordMarks | undefined): number {
  return marks?.more ?? 0;
}

function released(line: string): string {
  return Buffer.from(releasedLine(Buffer.from(line)))
    .toString()
    .trimEnd();
}
