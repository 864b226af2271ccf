/**
 * Reads the lines of a thread, a fork's through its chain of sources: its own session_meta, the lines it refers to,
 * and its own from there on.
 *
 * No transaction is held open over several pages. A source that is deleted meanwhile has given its lines to its forks
 * in one step: what is then missing on the way is found on another one, so a reader that misses lines looks for the
 * way again.
 */
import { fault, LIMITS } from "../../base/index.ts";
import { decodeLine, decodeLineBytes, type RolloutRecord } from "../../events/index.ts";
import { type AppliedKeys, createAppliedKeys } from "../applied-keys.ts";
import type { LogLine } from "../log-source.ts";
import type { Queryable } from "./postgres-database.ts";
import { sqlStateOf } from "./postgres-fault.ts";
import { STATE } from "./schema.ts";
import type { Statements } from "./statements.ts";
import { threadNotFound } from "./thread-faults.ts";
import type { WrittenLine } from "./told-marks.ts";

/** A stretch of a thread's log that stands in one thread's rows; in the log it is `shift` ordinals farther on. */
export interface LogSegment {
  readonly threadId: string;
  readonly from: number;
  readonly end: number;
  readonly shift: number;
}

/** A thread and its sources, the nearest first. */
export interface LogChain {
  readonly threadId: string;
  readonly nextOrdinal: number;
  readonly links: readonly ChainLink[];
  /** The newest line of its own rows; absent where there is none. */
  readonly newest: WrittenLine | undefined;
}

interface ChainLink {
  readonly threadId: string;
  readonly referenceEnd: number;
}

/** Which lines. */
export interface LinesWanted {
  readonly threadId: string;
  readonly from: number;
  /** Default: where the log ends. */
  readonly end?: number;
}

/** A part of a log: lines as text, or as bytes where they are no UTF-8. */
type RawLine = { readonly ordinal: number } & ({ readonly text: string } | { readonly bytes: Uint8Array });

interface ChainRow {
  readonly [column: string]: unknown;
  readonly thread_id: string;
  readonly next_ordinal: number;
  readonly state: number;
  readonly reference_end: number;
  readonly newest_ordinal: number | null;
  readonly newest_append_id: string | null;
}

/** Lines and bytes of one answer of the server. */
const PART_LINES_MAX = 2_000;
const PART_BYTES_MAX = 4 * 1024 * 1024;
/** How often the way is looked for again. */
const LOOKS_MAX = 4;

export class LogReader {
  readonly #source: Queryable;
  readonly #statements: Statements;
  readonly #isInTransaction: boolean;

  /** In a transaction lines are read as bytes: a text that can't be made of one would end the transaction. */
  constructor(source: Queryable, statements: Statements, { isInTransaction = false } = {}) {
    this.#source = source;
    this.#statements = statements;
    this.#isInTransaction = isInTransaction;
  }

  /** The way to a thread's lines. `thread_not_found`. */
  async chain(threadId: string, source: Queryable = this.#source): Promise<LogChain> {
    const rows = await source.query<ChainRow>(this.#statements.chain, [threadId]);
    const [own] = rows;
    if (own === undefined || own.state === STATE.deleted) throw threadNotFound(threadId);
    const links = rows.map((row) => ({ threadId: row.thread_id, referenceEnd: row.reference_end }));
    const { next_ordinal: nextOrdinal, newest_ordinal: ordinal, newest_append_id: appendId } = own;
    const newest = ordinal === null || appendId === null ? undefined : { ordinal, appendId };
    return { threadId, nextOrdinal, links, newest };
  }

  /** The lines of [from, end) in parts of a bounded size; fewer where the log ends before. `thread_not_found`, `rollout_unreadable`. */
  async *lines(wanted: LinesWanted): AsyncGenerator<readonly LogLine[], void, undefined> {
    const { threadId } = wanted;
    for await (const part of this.#raw(wanted)) {
      yield part.map((line) => ({
        threadId,
        ordinal: line.ordinal,
        bytes: "text" in line ? Buffer.from(line.text) : line.bytes,
      }));
    }
  }

  /** The same as records. */
  async *records(wanted: LinesWanted): AsyncGenerator<readonly RolloutRecord[], void, undefined> {
    for await (const part of this.#raw(wanted)) yield part.map(recordOf);
  }

  /** The same, with how long the lines are. */
  async *sizedRecords(
    wanted: LinesWanted,
  ): AsyncGenerator<{ readonly records: readonly RolloutRecord[]; readonly bytes: number }, void, undefined> {
    for await (const part of this.#raw(wanted)) {
      const bytes = part.reduce((sum, line) => sum + ("text" in line ? line.text.length : line.bytes.byteLength), 0);
      yield { records: part.map(recordOf), bytes };
    }
  }

  /** The records of [from, end), all at once. */
  async recordsOf(wanted: LinesWanted): Promise<readonly RolloutRecord[]> {
    const records: RolloutRecord[] = [];
    for await (const part of this.records(wanted)) records.push(...part);
    return records;
  }

  /** The newest keys of a thread's own lines. */
  async keys(threadId: string): Promise<AppliedKeys> {
    interface KeyRow {
      readonly [column: string]: unknown;
      readonly ordinal: number;
      readonly key: string;
      readonly key_from: number;
    }
    const rows = await this.#source.query<KeyRow>(this.#statements.keys, [threadId, LIMITS.idempotencyKeysMax]);
    const keys = createAppliedKeys();
    for (const { ordinal, key, key_from: firstOrdinal } of rows.toReversed()) {
      const text: unknown = JSON.parse(key);
      if (typeof text === "string") keys.set(text, { firstOrdinal, nextOrdinal: ordinal + 1 });
    }
    return keys;
  }

  async *#raw({ threadId, from, end: wantedEnd }: LinesWanted): AsyncGenerator<readonly RawLine[], void, undefined> {
    let ordinal = from;
    for (let looks = 1; ; looks += 1) {
      const chain = await this.chain(threadId);
      const end = Math.min(wantedEnd ?? chain.nextOrdinal, chain.nextOrdinal);
      const begun = ordinal;
      for await (const part of this.#along(segmentsOf(chain, ordinal, end))) {
        const first = part[0]?.ordinal;
        if (first !== ordinal) break;
        yield part;
        ordinal += part.length;
      }
      if (ordinal >= end) return;
      if (ordinal > begun) looks = 1;
      if (looks >= LOOKS_MAX) throw missing(threadId, ordinal);
    }
  }

  /** Lines of the segments, until one is missing. */
  async *#along(segments: readonly LogSegment[]): AsyncGenerator<readonly RawLine[], void, undefined> {
    for (const { threadId, from, end, shift } of segments) {
      for (let at = from; at < end;) {
        const part = await this.#part(threadId, at, end);
        if (part.some((line, index) => line.ordinal !== at + index) || part.length === 0) return;
        yield shift === 0 ? part : part.map((line) => ({ ...line, ordinal: line.ordinal + shift }));
        at += part.length;
      }
    }
  }

  async #part(threadId: string, from: number, end: number): Promise<readonly RawLine[]> {
    const values = [threadId, from, end, PART_LINES_MAX, PART_BYTES_MAX];
    try {
      // As text they come in half the bytes that bytea has on the wire.
      if (!this.#isInTransaction) {
        return await this.#source.query<{ ordinal: number; text: string }>(this.#statements.texts, values);
      }
    } catch (error) {
      if (sqlStateOf(error)?.startsWith("22") !== true) throw error;
    }
    const rows = await this.#source.query<{ ordinal: number; body: Buffer }>(this.#statements.lines, values);
    return rows.map(({ ordinal, body }) => ({ ordinal, bytes: body }));
  }
}

/** Where the lines of [from, end) stand, in their order. */
export function segmentsOf({ links }: Pick<LogChain, "links">, from: number, end: number): readonly LogSegment[] {
  const segments: LogSegment[] = [];
  const add = (segment: LogSegment): void => {
    if (segment.from < segment.end) segments.push(segment);
  };
  const walk = (level: number, part: { readonly from: number; readonly end: number }): void => {
    const link = links[level];
    if (link === undefined) return;
    const { threadId, referenceEnd } = link;
    const shift = level;
    if (referenceEnd === 0) {
      add({ threadId, ...part, shift });
      return;
    }
    add({ threadId, from: part.from, end: Math.min(part.end, 1), shift });
    const referred = { from: Math.max(part.from, 1) - 1, end: Math.min(part.end, referenceEnd + 1) - 1 };
    if (referred.from < referred.end) walk(level + 1, referred);
    add({ threadId, from: Math.max(part.from, referenceEnd + 1), end: part.end, shift });
  };
  walk(0, { from, end });
  return segments;
}

function recordOf(line: RawLine): RolloutRecord {
  return "text" in line ? decodeLine(line.text, line.ordinal) : decodeLineBytes(line.bytes, line.ordinal);
}

function missing(threadId: string, ordinal: number): Error {
  return fault("rollout_unreadable", `thread ${threadId} has no line ${ordinal}, and more behind it`, {
    data: { threadId, ordinal },
  });
}
