/**
 * The local store's reads of one thread: metadata, history, turns and items, straight from its file.
 * They need no writer and change nothing. With a state DB, what its rows know is not read again, once they were
 * brought up to where the file ends.
 */
import { isAbsolute, join } from "node:path";

import { fault, isSkeinError } from "../../base/index.ts";
import type { RolloutRecord, SessionMeta, Turn } from "../../events/index.ts";
import { requireThreadId } from "../call-check.ts";
import { historyRange } from "../history-range.ts";
import { pageItemsByRows, pageTurnsByRows } from "../indexed-turns.ts";
import { storedThreadFrom } from "../stored-thread.ts";
import type {
  HistoryPage,
  ListItemsParams,
  ListItemsResult,
  ListTurnsParams,
  ListTurnsResult,
  LoadHistoryParams,
  StoredThread,
} from "../thread-store.ts";
import type { IndexedThread } from "../thread-index.ts";
import type { ThreadWindow } from "../thread-window.ts";
import { windowFromRows } from "../window-from-rows.ts";
import { pageItems, pageTurns } from "../turn-page.ts";
import type { FileSystem } from "./file-system.ts";
import { readMetadata, readTurns } from "./fold-rollout.ts";
import { windowOfFork } from "./fork-window.ts";
import type { LogPlace } from "./offset-index.ts";
import { historyHint, readHistory } from "./history-reader.ts";
import { indexedLogOf } from "./indexed-turns.ts";
import { type LocalContext, withThread } from "./local-context.ts";
import { notARollout, type ReadableRollout } from "./rollout-access.ts";
import { withFileTimes } from "./rollout-facts.ts";
import { readHead } from "./rollout-head.ts";

/** Forks that were made and not yet loaded. */
const FORK_WINDOWS_MAX = 64;

/** A page of a thread's records. */
export async function readHistoryPage(context: LocalContext, params: LoadHistoryParams): Promise<HistoryPage> {
  const range = historyRange(params);
  return withThread(context, requireThreadId(params.threadId), (rollout) => readHistory(context.files, rollout, range));
}

/** A thread by id. */
export async function readThread(
  context: LocalContext,
  threadId: string,
  includeHistory: boolean,
): Promise<StoredThread> {
  return withThread(context, threadId, async (rollout, entry) =>
    byRowsElseByFile(
      context,
      { rollout, ...entry },
      {
        byRows: async ({ thread }) =>
          includeHistory ? { ...thread, history: await readAll(context, rollout) } : thread,
        byFile: () => readStored(context, { rollout, archived: entry.archived, includeHistory }),
      },
    ),
  );
}

/** A thread by its file; a relative path is one in the home. `rollout_unreadable`. */
export async function readThreadByPath(
  context: LocalContext,
  rolloutPath: string,
  includeHistory: boolean,
): Promise<StoredThread> {
  const { access, paths } = context;
  const path = rolloutPathOf(context, rolloutPath);
  const archived = path.startsWith(`${paths.archived}/`);
  const stored = await access.open(path, (rollout) => readStored(context, { rollout, archived, includeHistory }));
  if (stored === undefined) {
    throw fault("rollout_unreadable", `there is no file at ${path}`, { data: { path } });
  }
  return stored;
}

/** A rollout path as given from outside, made absolute. */
export function rolloutPathOf({ paths }: LocalContext, rolloutPath: string): string {
  return isAbsolute(rolloutPath) ? rolloutPath : join(paths.home, rolloutPath);
}

/** A page of a thread's turns. */
export async function readTurnPage(context: LocalContext, params: ListTurnsParams): Promise<ListTurnsResult> {
  return withThread(context, requireThreadId(params.threadId), async (rollout, entry) =>
    byRowsElseByFile(
      context,
      { rollout, ...entry },
      {
        byRows: ({ turns }) => pageTurnsByRows(indexedLogOf({ files: context.files, rollout, turns }), params),
        byFile: async () => pageTurns(await readTurnsOfThread(context, rollout), params),
      },
    ),
  );
}

/** A page of a thread's items. */
export async function readItemPage(context: LocalContext, params: ListItemsParams): Promise<ListItemsResult> {
  return withThread(context, requireThreadId(params.threadId), async (rollout, entry) =>
    byRowsElseByFile(
      context,
      { rollout, ...entry },
      {
        byRows: ({ turns }) => pageItemsByRows(indexedLogOf({ files: context.files, rollout, turns }), params),
        byFile: async () => pageItems(await readTurnsOfThread(context, rollout), params),
      },
    ),
  );
}

/** All turns by the file. `rollout_unreadable` for one that has become no thread's since it was found. */
async function readTurnsOfThread({ files }: LocalContext, rollout: ReadableRollout): Promise<readonly Turn[]> {
  await requireHead(files, rollout);
  return readTurns(files, rollout);
}

async function requireHead(files: FileSystem, rollout: ReadableRollout): Promise<void> {
  if (rollout.end === 0) throw notARollout(rollout.path, "it is empty");
  if ((await readHead(files, rollout)) !== undefined) return;
  throw notARollout(rollout.path, "it does not start with a session_meta");
}

/** Where a thread's log may be read from, by the rows. Null without a state DB, or where they know no such place. */
export async function readWindow(context: LocalContext, threadId: string): Promise<ThreadWindow | null> {
  const made = context.forkWindows.get(threadId);
  context.forkWindows.delete(threadId);
  return withThread(context, threadId, async (rollout, entry) => {
    if (made !== undefined && made.inode === rollout.stat.inode && made.end === rollout.end) return made.window;
    return byRowsElseByFile(
      context,
      { rollout, ...entry },
      {
        byRows: async (indexed) => windowOf(rollout, indexed),
        byFile: async () => null,
      },
    );
  });
}

/** The window by rows, with the hint for its first record. */
function windowOf(rollout: ReadableRollout, indexed: IndexedThread): ThreadWindow | null {
  const window = windowFromRows(indexed);
  if (window === null) return null;
  const place = windowBegin(indexed, window);
  return place === undefined ? window : { ...window, hint: historyHint(rollout, place) };
}

/** Where the window's first record begins, as far as the rows know. */
function windowBegin({ turns }: IndexedThread, { place }: ThreadWindow): LogPlace | undefined {
  const { nextOrdinal: ordinal } = place;
  const [first] = turns.range({ direction: "asc", limit: 1, behind: ordinal, isInclusive: true });
  return typeof first?.startOffset === "number" ? { ordinal, offset: first.startOffset } : undefined;
}

/**
 * Keeps the window of a fork of a whole log, told from its source's rows (fork-window.ts): the fork's own are
 * still to be folded. `shiftBytes`: how much farther in the fork's file the source's records stand.
 */
export async function keepForkWindow(
  context: LocalContext,
  source: { readonly rollout: ReadableRollout; readonly archived: boolean; readonly threadId: string },
  fork: {
    readonly meta: SessionMeta;
    readonly endOrdinal: number;
    readonly inode: string;
    /** Its length. */
    readonly end: number;
    readonly shiftBytes: number;
  },
): Promise<void> {
  const indexed = await readIndexed(context, source.rollout, source);
  const window = indexed?.nextOrdinal === fork.endOrdinal ? windowFromRows(indexed) : null;
  if (indexed === undefined || window === null) return;
  const shifted = windowOfFork(window, { meta: fork.meta, source: indexed.metadata });
  const begin = windowBegin(indexed, window);
  if (shifted === null || begin === undefined || source.rollout.lacksNewline) return;
  const place = { ordinal: begin.ordinal + 1, offset: begin.offset + fork.shiftBytes };
  const hint = historyHint({ stat: { inode: fork.inode } }, place);
  if (context.forkWindows.size >= FORK_WINDOWS_MAX) context.forkWindows.clear();
  const { inode, end } = fork;
  context.forkWindows.set(fork.meta.id, { window: { ...shifted, hint }, inode, end });
}

/** Two ways to the same answer. */
interface Ways<Value> {
  readonly byRows: (indexed: IndexedThread) => Promise<Value>;
  readonly byFile: () => Promise<Value>;
}

/** Answers by the rows where they know the thread; by the file too where rows moved, went or stayed locked meanwhile. */
async function byRowsElseByFile<Value>(
  context: LocalContext,
  source: { readonly rollout: ReadableRollout; readonly archived: boolean; readonly threadId: string },
  { byRows, byFile }: Ways<Value>,
): Promise<Value> {
  try {
    const indexed = await readIndexed(context, source.rollout, source);
    if (indexed !== undefined) return await byRows(indexed);
  } catch (error) {
    if (!isSkeinError(error, "state_db_busy")) throw error;
    context.settings.logger.debug({ error, threadId: source.threadId }, "a thread is read by its file");
  }
  return byFile();
}

/** What the rows say of an open rollout, if they can be brought up to it; without a state DB nothing. */
async function readIndexed(
  { rows }: LocalContext,
  rollout: ReadableRollout,
  { archived, threadId }: { readonly archived: boolean; readonly threadId: string },
): Promise<IndexedThread | undefined> {
  const { path, stat, end } = rollout;
  return rows?.read({ threadId, path, archived, inode: stat.inode, end, modifiedNs: stat.modifiedNs });
}

interface StoredRead {
  readonly rollout: ReadableRollout;
  readonly archived: boolean;
  readonly includeHistory: boolean;
}

async function readStored(context: LocalContext, read: StoredRead): Promise<StoredThread> {
  const { rollout, archived, includeHistory } = read;
  const { files, index } = context;
  await requireHead(files, rollout);
  const metadata = withFileTimes(await readMetadata(files, rollout), rollout);
  const name = (await index.names()).get(metadata.id);
  const stored = storedThreadFrom({ metadata, path: rollout.path, archived, name });
  return includeHistory ? { ...stored, history: await readAll(context, rollout) } : stored;
}

async function readAll({ files }: LocalContext, rollout: ReadableRollout): Promise<readonly RolloutRecord[]> {
  const pages: (readonly RolloutRecord[])[] = [];
  let page: HistoryPage = { records: [], nextOrdinal: 0, isEnd: false };
  while (!page.isEnd) {
    const { nextOrdinal, hint } = page;
    page = await readHistory(files, rollout, {
      ...historyRange({ from: nextOrdinal }),
      hint,
    });
    pages.push(page.records);
  }
  return pages.flat();
}
