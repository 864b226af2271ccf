/**
 * Lists and search by the state DB's rows. The rows are brought up to the files first (unless asked not to),
 * and one page costs a page. Only a thread that has changed since the walk began is looked up in its file:
 * when its newest record up to then was written, the rows don't say.
 */
import type { LineClock } from "../line-clock.ts";
import { listAsOfMs, pageThreads } from "../list-page.ts";
import type { ThreadIndex } from "../thread-index.ts";
import type {
  ListThreadsParams,
  ListThreadsResult,
  SearchThreadsParams,
  SearchThreadsResult,
  StoredThread,
} from "../thread-store.ts";
import { mapBounded } from "../bounded-map.ts";
import type { RolloutEntry } from "./home-walk.ts";
import type { RolloutFactsReader } from "./rollout-facts.ts";
import type { RolloutLookup } from "./rollout-lookup.ts";
import type { WriterRegistry } from "./writer-registry.ts";

/** What an indexed list needs. */
export interface IndexedListContext {
  readonly rows: ThreadIndex;
  readonly facts: RolloutFactsReader;
  readonly lookup: RolloutLookup;
  readonly lineClock: LineClock;
  readonly writers: WriterRegistry;
}

const CONCURRENCY_MAX = 16;

/** One page of the home's threads. */
export async function listByRows(context: IndexedListContext, params: ListThreadsParams): Promise<ListThreadsResult> {
  const { rows, lineClock, writers, facts, lookup } = context;
  const asOfMs = listAsOfMs(params, () => lineClock.freeze());
  // What was stamped before that moment and is still on its way is waited for: it belongs to the order.
  if (asOfMs !== null) await Promise.all(writers.all().map((writer) => writer.whenWritten()));
  const scope = await rows.refresh({ isDbOnly: params.useStateDbOnly === true });
  const candidates = await rows.list(params, asOfMs);
  const looked = await mapBounded(candidates.newer, CONCURRENCY_MAX, (thread) =>
    asOf(facts, thread, { asOfMs: asOfMs ?? 0, isByRecency: params.sortKey === "recency_at" }),
  );
  const newer = looked.filter((thread) => thread !== undefined);
  // By id, the last one counts: a row as of then goes before the same row as of now. The newest only tells the time,
  // whatever the filters say of it: where it is not a candidate, it goes in as one of the other list.
  const newest = candidates.newest === null ? [] : [{ ...candidates.newest, archived: params.archived !== true }];
  const byId = new Map([...newest, ...candidates.rows, ...newer].map((row) => [row.id, row]));
  const page = pageThreads(byId.values(), params, asOfMs);
  const now = new Map([...candidates.rows, ...candidates.newer].map((row) => [row.id, row]));
  const data = page.data.map((row) => now.get(row.id) ?? row);
  // As a list by files does: what is read next is what was listed, also where several files hold a thread.
  if (params.useStateDbOnly !== true) for (const thread of data) lookup.remember(thread.id, entryOf(thread));
  return { ...page, data, ...scope };
}

/** A page of what was found. */
export async function searchByRows(rows: ThreadIndex, params: SearchThreadsParams): Promise<SearchThreadsResult> {
  const scope = await rows.refresh({ isDbOnly: false });
  return { ...(await rows.search(params)), ...scope };
}

/**
 * The thread with the time it is sorted by as it was at a moment (see listAsOfMs). Undefined when its file went away
 * since the rows were read: it is not in this list any more, and by the time of its making it might come twice.
 */
async function asOf(
  facts: RolloutFactsReader,
  thread: StoredThread,
  { asOfMs, isByRecency }: { readonly asOfMs: number; readonly isByRecency: boolean },
): Promise<StoredThread | undefined> {
  const entry = entryOf(thread);
  if (isByRecency) {
    const recencyAtMs = await facts.readRecencyMs(entry, asOfMs);
    if (recencyAtMs === undefined) return undefined;
    return { ...thread, recencyAtMs: Math.max(recencyAtMs ?? 0, thread.createdAtMs) };
  }
  const updatedAtMs = await facts.readUpdatedMs(entry, asOfMs);
  if (updatedAtMs === undefined) return undefined;
  return { ...thread, updatedAtMs: Math.max(updatedAtMs ?? 0, thread.createdAtMs) };
}

function entryOf({ path, archived }: StoredThread): RolloutEntry {
  const known = path ?? "";
  return { path: known, name: known.slice(known.lastIndexOf("/") + 1), archived };
}
