/**
 * One put of a group: the lines of many threads in one statement, and what became of each thread's part. A put has an
 * id, so that it can be made again when its answer was lost: what had landed is found by the id and not written twice.
 * What is done about errors is group-committer.ts.
 */
import type { SkeinError } from "../../base/index.ts";
import { writerClosed } from "../writer-faults.ts";
import { type OwnerColumns, ownedElsewhere, takenAway } from "./owner-faults.ts";
import type { Queryable } from "./postgres-database.ts";
import { STATE } from "./schema.ts";
import type { Statements } from "./statements.ts";
import { fenced, ordinalConflict, threadExists } from "./thread-faults.ts";

/** One line, and the key it is the last line of. */
export interface PutLine {
  readonly bytes: Uint8Array;
  readonly key: { readonly text: string; readonly firstOrdinal: number } | null;
}

/** A thread's part. */
export interface ThreadPut {
  readonly threadId: string;
  /** Ordinal of its first line; 0 makes the thread. */
  readonly expected: number;
  readonly epoch: number;
  readonly lines: readonly PutLine[];
}

/** The session of a put. */
export interface SeenSession {
  /** Whether the server waits for its disk. */
  readonly isFsync: boolean;
  readonly mark: string | null;
}

/** Who puts. */
export interface Putting {
  readonly statements: Statements;
  readonly appendId: string;
  readonly nodeId: string;
  readonly incarnation: string;
  /** Told in what the put was committed. */
  readonly noteSession: (seen: SeenSession) => void;
}

/** What became of a part: null when it is there, else why not. */
export type PutOutcome = SkeinError | null;

/** Writes the parts, each whole or not at all. In the order of `puts`; ids must not come twice. */
export async function putGroup(
  connection: Queryable,
  puts: readonly ThreadPut[],
  putting: Putting,
): Promise<readonly PutOutcome[]> {
  const { statements, appendId, nodeId, incarnation } = putting;
  // Rows are locked in the order of ids, so that two nodes that want the same ones wait for each other in one direction.
  const sorted = puts.toSorted((a, b) => (a.threadId < b.threadId ? -1 : 1));
  const hasNew = sorted.some(({ expected }) => expected === 0);
  const values = [...valuesOf(sorted, appendId), ...(hasNew ? [nodeId, incarnation] : [])];
  const rows = await connection.query<{ thread_id: string; fsync: string; mark: string | null }>(
    hasNew ? statements.putNew : statements.put,
    values,
  );
  const [first] = rows;
  if (first !== undefined) putting.noteSession({ isFsync: first.fsync === "on", mark: first.mark });
  const done = new Set(rows.map((row) => row.thread_id));
  const losers = puts.filter(({ threadId }) => !done.has(threadId));
  const why = losers.length === 0 ? new Map<string, PutOutcome>() : await diagnose(connection, losers, putting);
  return puts.map(({ threadId }) => why.get(threadId) ?? null);
}

/** Which of the threads' rows nobody holds just now. */
export async function freeThreads(
  connection: Queryable,
  threadIds: readonly string[],
  statements: Statements,
): Promise<ReadonlySet<string>> {
  const rows = await connection.query<{ thread_id: string }>(statements.free, [arrayText(threadIds)]);
  return new Set(rows.map((row) => row.thread_id));
}

function valuesOf(puts: readonly ThreadPut[], appendId: string): readonly unknown[] {
  const lines = { thread: [] as number[], ordinal: [] as number[], at: [] as number[], size: [] as number[] };
  const keys: (string | null)[] = [];
  const keysFrom: (number | null)[] = [];
  const bodies: Uint8Array[] = [];
  let at = 1;
  for (const [index, put] of puts.entries()) {
    for (const [n, { bytes, key }] of put.lines.entries()) {
      lines.thread.push(index + 1);
      lines.ordinal.push(put.expected + n);
      lines.at.push(at);
      lines.size.push(bytes.byteLength);
      keys.push(key === null ? null : JSON.stringify(key.text));
      keysFrom.push(key?.firstOrdinal ?? null);
      bodies.push(bytes);
      at += bytes.byteLength;
    }
  }
  return [
    arrayText(puts.map(({ threadId }) => threadId)),
    arrayText(puts.map(({ expected }) => expected)),
    arrayText(puts.map(({ epoch }) => epoch)),
    arrayText(puts.map((put) => put.lines.length)),
    appendId,
    arrayText(lines.thread),
    arrayText(lines.ordinal),
    arrayText(lines.at),
    arrayText(lines.size),
    keys,
    arrayText(keysFrom.map((from) => from ?? "NULL")),
    Buffer.concat(bodies),
  ];
}

/** An array as the server reads it: of numbers, ids and NULL, which need no quotes. */
function arrayText(values: readonly (string | number)[]): string {
  return `{${values.join(",")}}`;
}

interface LoserRow extends OwnerColumns {
  readonly [column: string]: unknown;
  readonly i: number;
  readonly thread_id: string | null;
  readonly next_ordinal: number | null;
  readonly epoch: number | null;
  readonly state: number | null;
  readonly landed_id: string | null;
}

/** Why parts were left out; those that landed before are missing here. */
async function diagnose(
  connection: Queryable,
  losers: readonly ThreadPut[],
  { statements, appendId, nodeId }: Putting,
): Promise<Map<string, PutOutcome>> {
  const rows = await connection.query<LoserRow>(statements.losers, [
    arrayText(losers.map(({ threadId }) => threadId)),
    arrayText(losers.map(({ expected }) => expected)),
  ]);
  const why = new Map<string, PutOutcome>();
  for (const row of rows) {
    const put = losers[row.i - 1];
    if (put === undefined || row.landed_id === appendId) continue;
    why.set(put.threadId, refusalOf(put, row, nodeId));
  }
  return why;
}

function refusalOf(put: ThreadPut, row: LoserRow, nodeId: string): SkeinError {
  const { threadId, epoch, expected } = put;
  if (expected === 0 && row.state !== STATE.deleted) {
    // Another node made a thread with this id, or its owner is asked.
    return threadExists(threadId);
  }
  if (row.epoch === null || row.state === STATE.deleted) return writerClosed(threadId, "the thread was deleted");
  if (row.epoch !== epoch) {
    const isOthers = row.owner_node !== null && row.owner_node !== nodeId && row.is_alive;
    return isOthers ? takenAway(threadId, row) : fenced(threadId, epoch, row.epoch);
  }
  if (row.next_ordinal !== expected) return ordinalConflict(threadId, expected, row.next_ordinal ?? 0);
  // Between the two looks the row became as it should be; nobody but this handle's own put could have done that.
  return row.owner_node === null ? fenced(threadId, epoch, row.epoch) : ownedElsewhere(threadId, row);
}
