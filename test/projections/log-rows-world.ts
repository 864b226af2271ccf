/**
 * What the tests of a node's rows share: lines of threads, rows opened over a source, and a look at what is in them.
 * Not a test.
 */
import { onTestFinished } from "vitest";

import { type AppendableItem, encodeLine } from "../../src/events/index.ts";
import { type LogRowsOptions, openLogRows } from "../../src/projections/index.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import type { LogIndex, LogThread, ThreadLogSource } from "../../src/store/index.ts";
import { timeAt } from "../events/log-reading.ts";
import { event, metaItem, turnItems } from "./reaching-logs.ts";
import { currentGeneration, dumpRows, type RowDump } from "./row-dump.ts";

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
