/**
 * Reads of one thread: metadata, history, turns and items. They need no writer and change nothing. With rows beside
 * the logs, what those know is not read again; without, the log is folded. The thread's own row says what it is by
 * now: whether it is there, archived, and its name.
 */
import {
  decodeLine,
  epochMsOf,
  type Fold,
  type RolloutRecord,
  threadMetadataFold,
  turnsFold,
  turnsOf,
  type Turn,
} from "../../events/index.ts";
import { requireThreadId } from "../call-check.ts";
import { historyRange } from "../history-range.ts";
import { type IndexedLog, pageItemsByRows, pageTurnsByRows } from "../indexed-turns.ts";
import { storedThreadFrom } from "../stored-thread.ts";
import type { IndexedThread, IndexedTurn } from "../thread-index.ts";
import type {
  HistoryPage,
  ListItemsParams,
  ListItemsResult,
  ListTurnsParams,
  ListTurnsResult,
  LoadHistoryParams,
  StoredThread,
} from "../thread-store.ts";
import { type ThreadWindow, windowOf } from "../thread-window.ts";
import { pageItems, pageTurns } from "../turn-page.ts";
import { windowFromRows } from "../window-from-rows.ts";
import type { PostgresContext } from "./postgres-context.ts";
import { logThreadOf, nameOf, requireRow, type ThreadRow } from "./thread-rows.ts";
import { STATE } from "./schema.ts";

/** Bytes of lines after which a page of history ends, though it might hold more records. */
const HISTORY_PAGE_BYTES_MAX = 64 * 1024 * 1024;

/** A page of a thread's records. `thread_not_found`, `rollout_unreadable`. */
export async function readHistoryPage(context: PostgresContext, params: LoadHistoryParams): Promise<HistoryPage> {
  const threadId = requireThreadId(params.threadId);
  try {
    return await readPage(context, { ...params, threadId });
  } finally {
    // Who follows hears that records it has are lost before it reads on, or hears that there is no such thread.
    await context.marks.check(threadId);
  }
}

async function readPage({ reader, marks }: PostgresContext, params: LoadHistoryParams): Promise<HistoryPage> {
  const { threadId } = params;
  const { from, limit } = historyRange(params);
  const history = marks.history();
  const { nextOrdinal: end, newest } = await reader.chain(threadId);
  const records: RolloutRecord[] = [];
  let bytes = 0;
  for await (const part of reader.sizedRecords({ threadId, from, end: from + limit })) {
    records.push(...part.records);
    bytes += part.bytes;
    if (bytes >= HISTORY_PAGE_BYTES_MAX) break;
  }
  const nextOrdinal = from + records.length;
  marks.note(threadId, newest, history);
  return { records, nextOrdinal, isEnd: nextOrdinal >= end };
}

/** A thread by id. `thread_not_found`. */
export async function readThread(
  context: PostgresContext,
  threadId: string,
  includeHistory = false,
): Promise<StoredThread> {
  const { database, statements, reader } = context;
  const row = await requireRow(database, threadId, { statements });
  const indexed = await readIndexed(context, row);
  const thread = indexed?.thread ?? (await foldThread(context, row));
  const name = nameOf(row);
  const stored: StoredThread = {
    ...thread,
    path: null,
    archived: row.state === STATE.archived,
    ...(name === undefined ? {} : { name }),
  };
  return includeHistory ? { ...stored, history: await reader.recordsOf({ threadId, from: 0 }) } : stored;
}

/** A page of a thread's turns. */
export async function readTurnPage(context: PostgresContext, params: ListTurnsParams): Promise<ListTurnsResult> {
  const { row, indexed } = await readRowIndexed(context, params.threadId);
  if (indexed !== undefined) return pageTurnsByRows(indexedLog(context, row, indexed), params);
  return pageTurns(await foldTurns(context, row.thread_id), params);
}

/** A page of a thread's items. */
export async function readItemPage(context: PostgresContext, params: ListItemsParams): Promise<ListItemsResult> {
  const { row, indexed } = await readRowIndexed(context, params.threadId);
  if (indexed !== undefined) return pageItemsByRows(indexedLog(context, row, indexed), params);
  return pageItems(await foldTurns(context, row.thread_id), params);
}

/** Where a thread's log may be read from. */
export async function readWindow(context: PostgresContext, threadId: string): Promise<ThreadWindow | null> {
  const { row, indexed } = await readRowIndexed(context, threadId);
  if (indexed !== undefined) return windowFromRows(indexed);
  return windowOf(await context.reader.recordsOf({ threadId: row.thread_id, from: 0 }));
}

/**
 * When the thread's newest record up to a moment was written (`isOfTurns`: that begins a turn); null where there is none
 * but its first.
 */
export async function newestMs(
  { reader }: PostgresContext,
  threadId: string,
  { asOfMs, isCounted }: { readonly asOfMs: number; readonly isCounted: (record: RolloutRecord) => boolean },
): Promise<number | null> {
  const { nextOrdinal } = await reader.chain(threadId);
  for (let end = nextOrdinal; end > 0; end = Math.max(0, end - BACKWARD_RECORDS)) {
    const from = Math.max(0, end - BACKWARD_RECORDS);
    const records = await reader.recordsOf({ threadId, from, end });
    for (const record of records.toReversed()) {
      const atMs = isCounted(record) ? epochMsOf(record.timestamp) : null;
      if (atMs !== null && atMs <= asOfMs) return atMs;
    }
  }
  return null;
}

const BACKWARD_RECORDS = 64;

async function readRowIndexed(
  context: PostgresContext,
  id: string,
): Promise<{ readonly row: ThreadRow; readonly indexed: IndexedThread | undefined }> {
  const { database, statements } = context;
  const row = await requireRow(database, requireThreadId(id), { statements });
  return { row, indexed: await readIndexed(context, row) };
}

async function readIndexed({ rows }: PostgresContext, row: ThreadRow): Promise<IndexedThread | undefined> {
  return rows()?.read(logThreadOf(row));
}

function indexedLog(
  { reader }: PostgresContext,
  { thread_id: threadId }: ThreadRow,
  { turns }: IndexedThread,
): IndexedLog {
  return {
    turns,
    readTurn: ({ startOrdinal, endOrdinal }: IndexedTurn) =>
      reader.recordsOf({ threadId, from: startOrdinal, end: endOrdinal }),
    async readRecord([ordinal]) {
      const [record] = await reader.recordsOf({ threadId, from: ordinal, end: ordinal + 1 });
      return record ?? decodeLine("", ordinal);
    },
  };
}

async function foldThread(context: PostgresContext, row: ThreadRow): Promise<StoredThread> {
  const metadata = await foldLog(context, row.thread_id, threadMetadataFold);
  return storedThreadFrom({ metadata, path: null, archived: row.state === STATE.archived, name: nameOf(row) });
}

async function foldTurns(context: PostgresContext, threadId: string): Promise<readonly Turn[]> {
  return turnsOf(await foldLog(context, threadId, turnsFold), { live: false });
}

/** A fold's state over the whole log, part by part. */
export async function foldLog<State>({ reader }: PostgresContext, threadId: string, fold: Fold<State>): Promise<State> {
  let state = fold.initial();
  for await (const part of reader.records({ threadId, from: 0 })) {
    for (const record of part) state = fold.step(state, record);
  }
  return state;
}
