/**
 * The logs of a schema, to be followed by rows that are kept elsewhere: the feed, and the threads one by one for a
 * sweep.
 */
import { isSkeinError } from "../../base/index.ts";
import { requireThreadId } from "../call-check.ts";
import type { LogChanges, LogLine, LogLinesParams, LogThread, ThreadLogSource } from "../log-source.ts";
import {
  FEED_BEGIN,
  type FeedEntry,
  type FeedPage,
  isHeldBack,
  readFeed,
  readFeedCursor,
  readFeedEnd,
  writeFeedCursor,
} from "./feed-reader.ts";
import type { LogReader } from "./log-reader.ts";
import { attempt, type Queryable } from "./postgres-database.ts";
import type { Statements } from "./statements.ts";
import { findRow, logThreadOf, type ThreadRow } from "./thread-rows.ts";
import type { WakeUps } from "./wake-ups.ts";

/** What the source reads with. */
export interface LogSourceOptions {
  readonly database: Queryable;
  readonly statements: Statements;
  readonly reader: LogReader;
  readonly wakeUps: Pick<WakeUps, "onWake">;
  /** Names the place. */
  readonly place: string;
  /** Names the history that cursors are of by now. */
  readonly history: () => string;
}

const THREADS_A_PAGE = 1_000;

/** Makes the source of a store handle. */
export function createLogSource(options: LogSourceOptions): ThreadLogSource {
  const { database, statements, reader, wakeUps, place, history } = options;
  const now = async (): Promise<string> => writeFeedCursor(await readFeedEnd(database, statements), history());
  return {
    place,
    now: () => attempt("look where the feed ends", now),
    changes: (cursor) => attempt("read the feed", () => readChanges(options, cursor, now)),
    threads: (after) =>
      attempt("read the threads", async () => {
        const rows = await database.query<ThreadRow>(statements.threadsBehind, [after, THREADS_A_PAGE]);
        return rows.map(logThreadOf);
      }),
    thread: (threadId) =>
      attempt("look for a thread", async () => {
        const row = await findRow(database, requireThreadId(threadId), { statements });
        return row === undefined ? undefined : logThreadOf(row);
      }),
    lines: (params) => readLines(reader, params),
    onWake: (wake) => wakeUps.onWake(wake),
  };
}

async function* readLines(
  reader: LogReader,
  { threadId, from, end }: LogLinesParams,
): AsyncGenerator<readonly LogLine[], void, undefined> {
  const lines = reader.lines({ threadId: requireThreadId(threadId), from, end });
  try {
    for (;;) {
      const part = await attempt("read a log", () => lines.next());
      if (part.done === true) return;
      yield part.value;
    }
  } finally {
    await lines.return();
  }
}

async function readChanges(
  { database, statements, history }: LogSourceOptions,
  cursor: string | null,
  now: () => Promise<string>,
): Promise<LogChanges> {
  const behind = cursor === null ? FEED_BEGIN : placeOf(cursor, history());
  if (behind === null) return { lines: [], threads: [], cursor: await now(), isEnd: false, isReset: true };
  // Asked before: of what was there then and isn't held back, the page has everything, whatever ends meanwhile.
  const wasHeldBack = await isHeldBack(database, statements, behind);
  const { entries, isEnd, deleted } = cutAtRebirth(await readFeed(database, statements, behind));
  const last = entries.at(-1) ?? behind;
  const ids = [...new Set(entries.map(({ threadId }) => threadId))];
  const rows = ids.length === 0 ? [] : await database.query<ThreadRow>(statements.threads, [ids]);
  const threads = rows.map(logThreadOf).map((thread) => (deleted.has(thread.threadId) ? gone(thread) : thread));
  const changes: LogChanges = {
    lines: entries.flatMap(lineOf),
    threads,
    cursor: writeFeedCursor(last, history()),
    isEnd,
    isReset: false,
  };
  return isEnd && wasHeldBack ? { ...changes, isHeldBack: true } : changes;
}

function placeOf(cursor: string, history: string): ReturnType<typeof readFeedCursor> {
  try {
    return readFeedCursor(cursor, history);
  } catch (error) {
    if (!isSkeinError(error, "invalid_cursor")) throw error;
    return null;
  }
}

/**
 * A thread may be deleted and made anew with its id. Who follows must see it gone before it sees the new one's lines,
 * so the page ends in front of them, and says of the thread that it is deleted whatever it is by now.
 */
function cutAtRebirth(page: FeedPage): FeedPage & { readonly deleted: ReadonlySet<string> } {
  const deleted = new Set<string>();
  for (const [index, { threadId, told }] of page.entries.entries()) {
    if (told.type === "change" && told.kind === "deleted") deleted.add(threadId);
    else if (deleted.has(threadId)) return { entries: page.entries.slice(0, index), isEnd: false, deleted };
  }
  return { ...page, deleted };
}

function gone({ threadId }: LogThread): LogThread {
  return { threadId, nextOrdinal: 0, archived: false, deleted: true, name: undefined };
}

function lineOf({ threadId, told }: FeedEntry): readonly LogLine[] {
  return told.type === "line" ? [{ threadId, ordinal: told.ordinal, bytes: told.bytes }] : [];
}
