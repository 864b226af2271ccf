/**
 * Lists without a database: every rollout's head and tail give its row, the rows give the page, and
 * only the page's threads are folded whole. Complete: every file with a readable session_meta is a
 * thread, with or without a first message. Files that are no rollouts are left out and logged.
 */
import type { Logger } from "../../base/index.ts";
import type { LineClock } from "../line-clock.ts";
import { isListed, listAsOfMs, pageThreads, type ThreadRow } from "../list-page.ts";
import { storedThreadFrom } from "../stored-thread.ts";
import type { ListThreadsParams, ListThreadsResult, StoredThread } from "../thread-store.ts";
import { mapBounded } from "./bounded-map.ts";
import type { FileSystem } from "./file-system.ts";
import { walkHome } from "./home-walk.ts";
import type { RolloutFacts, RolloutFactsReader } from "./rollout-facts.ts";
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
  readonly lineClock: LineClock;
  readonly writers: WriterRegistry;
}

interface ListRow extends ThreadRow {
  readonly facts: RolloutFacts;
}

/** Files looked at at once: enough to keep libuv's pool busy, few enough for the file descriptors. */
const CONCURRENCY_MAX = 16;

/** One page of the home's threads. */
export async function listHome(context: ThreadListContext, params: ListThreadsParams): Promise<ListThreadsResult> {
  const asOfMs = listAsOfMs(params, () => context.lineClock.freeze());
  // What was stamped before that moment and is still on its way is waited for: it belongs to the order.
  if (asOfMs !== null) await Promise.all(context.writers.all().map((writer) => writer.whenWritten()));
  const names = await context.index.names();
  const candidates = (await readRows(context, names)).filter((row) => isListed(row, withoutSearch(params)));
  const searched = isSearch(params) ? await withPreviews(context, candidates, names) : candidates;
  const rows = asOfMs === null ? searched : await asOf(context, searched, asOfMs);
  const page = pageThreads(rows, params, asOfMs);
  const data = await mapBounded(page.data, CONCURRENCY_MAX, async ({ facts }) => readRow(context, facts, names));
  return { ...page, data: data.filter((thread) => thread !== undefined) };
}

async function readRows(context: ThreadListContext, names: Names): Promise<readonly ListRow[]> {
  const { files, paths, facts, lookup, logger } = context;
  const entries = await walkHome(files, paths);
  const read = await mapBounded(entries, CONCURRENCY_MAX, (entry) => facts.read(entry));
  const found = read.filter((one) => one !== undefined);
  const skipped = entries.length - found.length;
  if (skipped > 0) logger.warn({ skipped, files: entries.length }, "left files out of the list: they hold no thread");
  return oneOfEach(found, paths).map((one) => {
    lookup.remember(one.metadata.id, one.entry);
    return rowOf(one, names);
  });
}

type Names = ReadonlyMap<string, string | null>;

function rowOf(facts: RolloutFacts, names: Names): ListRow {
  const { metadata, entry } = facts;
  const name = names.get(metadata.id);
  return storedRow(facts, storedThreadFrom({ metadata, path: entry.path, archived: entry.archived, name }));
}

function storedRow(facts: RolloutFacts, thread: StoredThread): ListRow {
  const { id, archived, name, preview, cwd, modelProvider, source, createdAtMs, updatedAtMs } = thread;
  return { facts, id, archived, name, preview, cwd, modelProvider, source, createdAtMs, updatedAtMs };
}

function isSearch(params: ListThreadsParams): boolean {
  return params.searchTerm !== undefined && params.searchTerm !== "";
}

function withoutSearch(params: ListThreadsParams): ListThreadsParams {
  const { searchTerm: _searchTerm, ...rest } = params;
  return rest;
}

/** A search looks at previews, and those need the log. */
async function withPreviews(
  context: ThreadListContext,
  rows: readonly ListRow[],
  names: Names,
): Promise<readonly ListRow[]> {
  const read = await mapBounded(rows, CONCURRENCY_MAX, async (row) => {
    const thread = await readRow(context, row.facts, names);
    return thread === undefined ? undefined : storedRow(row.facts, { ...thread, updatedAtMs: row.updatedAtMs });
  });
  return read.filter((row) => row !== undefined);
}

async function readRow(
  { facts }: ThreadListContext,
  { entry }: RolloutFacts,
  names: Names,
): Promise<StoredThread | undefined> {
  const metadata = await facts.readWhole(entry);
  if (metadata === undefined) return undefined;
  const { path, archived } = entry;
  return storedThreadFrom({ metadata, path, archived, name: names.get(metadata.id) });
}

/** The rows with their times as they were at a moment (see listAsOfMs). */
async function asOf(
  { facts }: ThreadListContext,
  rows: readonly ListRow[],
  asOfMs: number,
): Promise<readonly ListRow[]> {
  return mapBounded(rows, CONCURRENCY_MAX, async (row) => {
    if (row.updatedAtMs <= asOfMs) return row;
    const updatedAtMs = await facts.readUpdatedMs(row.facts.entry, asOfMs);
    return { ...row, updatedAtMs: Math.max(updatedAtMs ?? 0, row.createdAtMs) };
  });
}
