/**
 * Lists and search by the rows that this node keeps of the logs. The rows are brought up to the logs first (unless
 * asked not to), and one page costs a page. Only a thread that has changed since the walk began is looked up in its
 * log: when its newest record up to then was written, the rows don't say.
 */
import { fault, type SkeinError } from "../../base/index.ts";
import { beginsTurn } from "../../events/index.ts";
import { mapBounded } from "../bounded-map.ts";
import { listAsOfMs, pageThreads } from "../list-page.ts";
import type { LogIndex } from "../log-index.ts";
import type {
  ListThreadsParams,
  ListThreadsResult,
  SearchThreadsParams,
  SearchThreadsResult,
  StoredThread,
} from "../thread-store.ts";
import type { PostgresContext } from "./postgres-context.ts";
import { newestMs } from "./thread-reader.ts";

const CONCURRENCY_MAX = 4;

/** One page of the threads. `state_db_required`, `invalid_cursor`. */
export async function listByRows(context: PostgresContext, params: ListThreadsParams): Promise<ListThreadsResult> {
  const { lineClock, writers } = context;
  const rows = requireRows(context);
  const asOfMs = listAsOfMs(params, () => lineClock.freeze());
  // What was stamped before that moment and is still on its way is waited for: it belongs to the order.
  if (asOfMs !== null) await Promise.all(writers.all().map((writer) => writer.whenWritten()));
  const scope = await rows.refresh({ isDbOnly: params.useStateDbOnly === true });
  const candidates = await rows.list(params, asOfMs);
  const isByRecency = params.sortKey === "recency_at";
  const newer = await mapBounded(candidates.newer, CONCURRENCY_MAX, (thread) =>
    asOf(context, thread, { asOfMs: asOfMs ?? 0, isByRecency }),
  );
  // By id, the last one counts: a row as of then goes before the same row as of now. The newest only tells the time,
  // whatever the filters say of it: where it is not a candidate, it goes in as one of the other list.
  const newest = candidates.newest === null ? [] : [{ ...candidates.newest, archived: params.archived !== true }];
  const byId = new Map([...newest, ...candidates.rows, ...newer].map((row) => [row.id, row]));
  const page = pageThreads(byId.values(), params, asOfMs);
  const now = new Map([...candidates.rows, ...candidates.newer].map((row) => [row.id, row]));
  return { ...page, data: page.data.map((row) => now.get(row.id) ?? row), ...scope };
}

/** A page of what was found. `state_db_required`, `invalid_cursor`. */
export async function searchByRows(
  context: PostgresContext,
  params: SearchThreadsParams,
): Promise<SearchThreadsResult> {
  const rows = requireRows(context);
  const scope = await rows.refresh({ isDbOnly: false });
  return { ...(await rows.search(params)), ...scope };
}

/** The thread with the time it is sorted by as it was at a moment. */
async function asOf(
  context: PostgresContext,
  thread: StoredThread,
  { asOfMs, isByRecency }: { readonly asOfMs: number; readonly isByRecency: boolean },
): Promise<StoredThread> {
  const isCounted = isByRecency ? beginsTurn : (): boolean => true;
  const atMs = await newestMs(context, thread.id, { asOfMs, isCounted: ({ item }) => isCounted(item) });
  const keyMs = Math.max(atMs ?? 0, thread.createdAtMs);
  return isByRecency ? { ...thread, recencyAtMs: keyMs } : { ...thread, updatedAtMs: keyMs };
}

function requireRows({ rows, settings }: PostgresContext): LogIndex {
  const index = rows();
  if (index !== null) return index;
  throw needsRows(settings.schema);
}

function needsRows(schema: string): SkeinError {
  return fault(
    "state_db_required",
    "lists and search go by rows that a node keeps of the logs, and this store was opened without: open it with openPostgresThreadStore",
    { data: { schema } },
  );
}
