/**
 * What a node's rows are held to: each log folded once, from its first line to its last, its texts indexed with its
 * rows. Not a test.
 */
import { decodeLineBytes } from "../../src/events/index.ts";
import { MIGRATIONS } from "../../src/projections/schema.ts";
import { migrate } from "../../src/projections/migrations.ts";
import { RolloutFold } from "../../src/projections/rollout-fold.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { createTableSet, makeCurrent } from "../../src/projections/table-set.ts";
import { type Tables, tablesOf } from "../../src/projections/tables.ts";
import { withTextIndex } from "../../src/projections/text-index.ts";
import { searchTexts } from "../../src/projections/text-search.ts";
import type { LogIndex, LogThread, ThreadLogSource } from "../../src/store/index.ts";
import { dumpRows, type RowDump } from "./row-dump.ts";
import type { ScriptedLogSource } from "./scripted-log-source.ts";

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
  return withWholeRows(logs, ({ sql }) => dumpRows(sql.db, sql.generation));
}

/** What a search finds: each thread with its snippet, in the order of the answer. */
export type Found = readonly (readonly [threadId: string, snippet: string])[];

/** What each query finds in rows of these logs whose texts were indexed with their rows. */
export function foundInWhole(logs: readonly WholeLog[], queries: readonly string[]): readonly Found[] {
  return withWholeRows(logs, (tables) => queries.map((query) => foundOf(searchTexts(tables, { query }))));
}

/** What each query finds in a node's rows. */
export async function foundIn(rows: LogIndex, queries: readonly string[]): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const query of queries) found.push(foundOf(await rows.search({ query })));
  return found;
}

function foundOf({ data }: Awaited<ReturnType<LogIndex["search"]>>): Found {
  return data.map(({ thread, snippet }) => [thread.id, snippet] as const);
}

function withWholeRows<Value>(logs: readonly WholeLog[], work: (tables: Tables) => Value): Value {
  const db = openConnection(":memory:", { mode: "read-write" });
  try {
    migrate(db, MIGRATIONS);
    const generation = createTableSet(db, { state: "building", madeAtMs: 0 });
    makeCurrent(db, generation);
    const tables = tablesOf(db, generation, null);
    const { sql, rollouts, threads } = tables;
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
    return work(tables);
  } finally {
    db.close();
  }
}
