/**
 * What the tests of a node's rows share: lines of threads, rows opened over a scripted source, and what the rows
 * would be if each log were folded once as a whole. Not a test.
 */
import { onTestFinished } from "vitest";

import { type AppendableItem, decodeLineBytes, encodeLine } from "../../src/events/index.ts";
import { type LogRowsOptions, openLogRows } from "../../src/projections/index.ts";
import { MIGRATIONS } from "../../src/projections/schema.ts";
import { migrate } from "../../src/projections/migrations.ts";
import { RolloutFold } from "../../src/projections/rollout-fold.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { createTableSet, makeCurrent } from "../../src/projections/table-set.ts";
import { tablesOf } from "../../src/projections/tables.ts";
import { withTextIndex } from "../../src/projections/text-index.ts";
import type { LogIndex, LogThread, ThreadLogSource } from "../../src/store/index.ts";
import { timeAt } from "../events/log-reading.ts";
import { event, metaItem, turnItems } from "./reaching-logs.ts";
import { currentGeneration, dumpRows, type RowDump } from "./row-dump.ts";
import type { ScriptedLogSource } from "./scripted-log-source.ts";

const ENCODER = new TextEncoder();

/** The id of a test's nth thread. */
export function idOf(n: number): string {
  return `01900000-0000-7000-8000-${String(n).padStart(12, "0")}`;
}

/** Items as lines, one append of all of them where they are several. */
export function linesOf(items: readonly AppendableItem[], first = 0): readonly Uint8Array[] {
  return items.map((item, index) => {
    const more = items.length - 1 - index;
    return ENCODER.encode(encodeLine(item, timeAt(first + index), more > 0 ? { more } : {}));
  });
}

/** A thread's first lines: its meta and one turn with a message. */
export function firstLines(threadId: string, text = "hello numbat"): readonly Uint8Array[] {
  return [...linesOf([metaItem(threadId)]), ...linesOf(saidTurn("turn-1", text), 1)];
}

/** A turn in which this is said. */
export function saidTurn(turnId: string, text: string): readonly AppendableItem[] {
  const [start, ...rest] = turnItems(turnId);
  return start === undefined ? [] : [start, event("user_message", { message: text }), ...rest];
}

/** Opens rows and closes them after the test. */
export async function openRows(source: ThreadLogSource, options: Partial<LogRowsOptions> = {}): Promise<LogIndex> {
  const rows = await openLogRows({ source, path: ":memory:", ...options });
  onTestFinished(() => rows.close());
  return rows;
}

/** A source's thread as it is. */
export async function threadIn(source: ThreadLogSource, threadId: string): Promise<LogThread> {
  const thread = await source.thread(threadId);
  if (thread === undefined) throw new TypeError(`no thread ${threadId}`);
  return thread;
}

/** The ids of a list's first page, newest first. */
export async function listedIds(rows: LogIndex, archived = false): Promise<readonly string[]> {
  await rows.refresh({ isDbOnly: false });
  return (await rows.list({ archived }, null)).rows.map(({ id }) => id);
}

/** The rows in a closed file. */
export function dumpFile(path: string): RowDump {
  const db = openConnection(path, { mode: "read-only" });
  try {
    return dumpRows(db, currentGeneration(db));
  } finally {
    db.close();
  }
}

/** A thread with all its lines. */
export interface WholeLog {
  readonly thread: LogThread;
  readonly lines: readonly Uint8Array[];
}

/** All threads of a source with all their lines. */
export async function wholeLogs(source: ThreadLogSource): Promise<readonly WholeLog[]> {
  const logs: WholeLog[] = [];
  for (
    let page = await source.threads(null);
    page.length > 0;
    page = await source.threads(page.at(-1)?.threadId ?? null)
  ) {
    for (const thread of page) {
      const lines: Uint8Array[] = [];
      const wanted = { threadId: thread.threadId, from: 0, end: thread.nextOrdinal };
      if (!thread.deleted) for await (const part of source.lines(wanted)) lines.push(...part.map(({ bytes }) => bytes));
      logs.push({ thread, lines });
    }
  }
  return logs;
}

/** The rows of the source's threads, each log folded once from its first line to its last. */
export function wholeRows(source: ScriptedLogSource): RowDump {
  return rowsOf(source.logs());
}

/** The rows of these logs, each folded once from its first line to its last. */
export function rowsOf(logs: readonly WholeLog[]): RowDump {
  const db = openConnection(":memory:", { mode: "read-write" });
  try {
    migrate(db, MIGRATIONS);
    const generation = createTableSet(db, { state: "building", madeAtMs: 0 });
    makeCurrent(db, generation);
    const { sql, rollouts, threads } = tablesOf(db, generation, null);
    for (const { thread, lines } of logs) {
      if (thread.deleted || lines.length === 0) continue;
      const fold = new RolloutFold(null, { keepsItems: true });
      for (const [ordinal, bytes] of lines.entries()) {
        const start = fold.endOffset;
        fold.record(decodeLineBytes(bytes, ordinal), { start, end: start + bytes.byteLength });
      }
      const place = { path: thread.threadId, archived: thread.archived };
      const hints = { inode: "", size: 0, modifiedNs: "", tailCheck: "" };
      withTextIndex(sql, (index) => rollouts.write({ place, hints, changes: fold.take(), isWhole: true }, index));
      if (thread.name !== undefined) threads.setNames(new Map([[thread.threadId, thread.name]]));
      threads.refresh(thread.threadId);
    }
    return dumpRows(db, generation);
  } finally {
    db.close();
  }
}
