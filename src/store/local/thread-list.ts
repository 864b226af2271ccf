/**
 * Lists without a database: every rollout's head and tail give its row, the rows give the page, and
 * only the page's threads are folded whole. Complete: every file with a readable session_meta is a
 * thread, with or without a first message. Files that are no rollouts are left out and logged; where one can't be
 * read, the answer says that it is not complete.
 */
import type { Clock, Logger } from "../../base/index.ts";
import type { LineClock } from "../line-clock.ts";
import { isListed, listAsOfMs, pageThreads, type ThreadRow } from "../list-page.ts";
import { storedThreadFrom } from "../stored-thread.ts";
import { descendantsOf } from "../thread-lineage.ts";
import type { ListThreadsParams, ListThreadsResult, SortKey, StoredThread } from "../thread-store.ts";
import { mapBounded } from "../bounded-map.ts";
import type { FileSystem } from "./file-system.ts";
import { walkHome } from "./home-walk.ts";
import type { RolloutFacts, RolloutFactsReader, UnreadFiles } from "./rollout-facts.ts";
import { oneOfEach, type RolloutLookup } from "./rollout-lookup.ts";
import type { HomePaths } from "./rollout-path.ts";
import type { SessionIndex } from "./session-index.ts";
import type { WriterRegistry } from "./writer-registry.ts";

/** What a list needs. */
export interface ThreadListContext {
  readonly files: FileSystem;
  readonly paths: HomePaths;
  readonly facts: RolloutFactsReader;
  readonly lookup: RolloutLookup;
  readonly index: SessionIndex;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly lineClock: LineClock;
  readonly writers: WriterRegistry;
}

interface ListRow extends ThreadRow {
  readonly facts: RolloutFacts;
}

/** Files looked at at once: enough to keep libuv's pool busy, few enough for the file descriptors. */
const CONCURRENCY_MAX = 16;

/** One list being made: what it needs, the names, and the files it can't read. */
interface Listing extends ThreadListContext {
  readonly names: ReadonlyMap<string, string | null>;
  readonly unread: UnreadFiles;
}

/** One page of the home's threads. */
export async function listHome(context: ThreadListContext, params: ListThreadsParams): Promise<ListThreadsResult> {
  const begunMs = context.clock.nowMs();
  const asOfMs = listAsOfMs(params, () => context.lineClock.freeze());
  // What was stamped before that moment and is still on its way is waited for: it belongs to the order.
  if (asOfMs !== null) await Promise.all(context.writers.all().map((writer) => writer.whenWritten()));
  const listing: Listing = { ...context, names: await context.index.names(), unread: new Set() };
  const below = descendantsOf(await readRows(listing), params);
  const candidates = [...below].filter((row) => isListed(row, withoutSearch(params)));
  const searched = isSearch(params) ? await withPreviews(listing, candidates) : candidates;
  const rows = asOfMs === null ? searched : await asOf(listing, searched, { asOfMs, sortKey: params.sortKey });
  const page = pageThreads(rows, params, asOfMs);
  const data = await mapBounded(page.data, CONCURRENCY_MAX, async ({ facts }) => readRow(listing, facts));
  const isComplete = listing.unread.size === 0;
  return { ...page, data: data.filter((thread) => thread !== undefined), isComplete, asOfMs: begunMs };
}

async function readRows(listing: Listing): Promise<readonly ListRow[]> {
  const { files, paths, facts, lookup, logger, unread } = listing;
  const entries = await walkHome(files, paths);
  const read = await mapBounded(entries, CONCURRENCY_MAX, (entry) => facts.read(entry, unread));
  const found = read.filter((one) => one !== undefined);
  const skipped = entries.length - found.length;
  if (skipped > 0) logger.warn({ skipped, files: entries.length }, "left files out of the list: they hold no thread");
  return oneOfEach(found, paths).map((one) => {
    lookup.remember(one.metadata.id, one.entry);
    return rowOf(one, listing);
  });
}

function rowOf(facts: RolloutFacts, { names }: Listing): ListRow {
  const { metadata, entry } = facts;
  const name = names.get(metadata.id);
  return storedRow(facts, storedThreadFrom({ metadata, path: entry.path, archived: entry.archived, name }));
}

function storedRow(facts: RolloutFacts, thread: StoredThread): ListRow {
  const { id, archived, name, preview, cwd, modelProvider, source, parentThreadId } = thread;
  const { createdAtMs, updatedAtMs, recencyAtMs } = thread;
  const times = { createdAtMs, updatedAtMs, recencyAtMs };
  return { facts, id, archived, name, preview, cwd, modelProvider, source, parentThreadId, ...times };
}

function isSearch(params: ListThreadsParams): boolean {
  return params.searchTerm !== undefined && params.searchTerm !== "";
}

function withoutSearch(params: ListThreadsParams): ListThreadsParams {
  const { searchTerm: _searchTerm, ...rest } = params;
  return rest;
}

/** A search looks at previews, and those need the log. */
async function withPreviews(listing: Listing, rows: readonly ListRow[]): Promise<readonly ListRow[]> {
  const read = await mapBounded(rows, CONCURRENCY_MAX, async (row) => {
    const thread = await readRow(listing, row.facts);
    return thread === undefined ? undefined : storedRow(row.facts, { ...thread, updatedAtMs: row.updatedAtMs });
  });
  return read.filter((row) => row !== undefined);
}

async function readRow({ facts, names, unread }: Listing, { entry }: RolloutFacts): Promise<StoredThread | undefined> {
  const metadata = await facts.readWhole(entry, unread);
  if (metadata === undefined) return undefined;
  const { path, archived } = entry;
  // A copy: the facts are kept for the next list, and the reader may change what it gets.
  return storedThreadFrom({ metadata: structuredClone(metadata), path, archived, name: names.get(metadata.id) });
}

/**
 * The rows with the time they are sorted by as it was at a moment (see listAsOfMs). One whose file went away since is
 * left out: it is not in this list any more, and by the time of its making it might come twice.
 */
async function asOf(
  { facts }: Listing,
  rows: readonly ListRow[],
  { asOfMs, sortKey }: { readonly asOfMs: number; readonly sortKey: SortKey | undefined },
): Promise<readonly ListRow[]> {
  const looked = await mapBounded(rows, CONCURRENCY_MAX, async (row) => {
    const { entry } = row.facts;
    if (sortKey === "recency_at") {
      const recencyAtMs = await facts.readRecencyMs(entry, asOfMs);
      if (recencyAtMs === undefined) return undefined;
      return { ...row, recencyAtMs: Math.max(recencyAtMs ?? 0, row.createdAtMs) };
    }
    if (row.updatedAtMs <= asOfMs) return row;
    const updatedAtMs = await facts.readUpdatedMs(entry, asOfMs);
    if (updatedAtMs === undefined) return undefined;
    return { ...row, updatedAtMs: Math.max(updatedAtMs ?? 0, row.createdAtMs) };
  });
  return looked.filter((row) => row !== undefined);
}
