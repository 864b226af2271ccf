/**
 * `skein list`: one page of threads, as a table or as the protocol's `{data, nextCursor, backwardsCursor}`
 * with what the answer says of itself (`isComplete`, `asOfMs`).
 * It prints one page and not all of them, so that its cost does not grow with the home.
 */
import { resolve } from "node:path";

import { rejection } from "../../base/index.ts";
import { type ListThreadsParams, type SortKey, type ThreadStore, toThread } from "../../store/index.ts";
import { type CliContext, note, withProgress } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { threadTable } from "../format/thread-table.ts";
import { withHome } from "../open-home.ts";
import { storePlaceOf } from "../open-store.ts";
import { toJsonLine } from "../output.ts";
import { resolveThreadId } from "../resolve-thread-id.ts";

type ListSort = "created" | "updated" | "recency";

const SORT_KEYS = {
  created: "created_at",
  updated: "updated_at",
  recency: "recency_at",
} as const satisfies Readonly<Record<ListSort, SortKey>>;

interface ListOptions {
  readonly archived?: boolean;
  readonly limit?: number;
  readonly cursor?: string;
  readonly sort: ListSort;
  readonly asc?: boolean;
  readonly cwd?: readonly string[];
  readonly provider?: readonly string[];
  readonly source?: readonly string[];
  readonly search?: string;
  readonly parent?: string;
  readonly ancestor?: string;
  readonly dbOnly?: boolean;
}

/** Prints one page of threads. */
export async function runList(context: CliContext, options: ListOptions): Promise<ExitCode> {
  if (options.limit === 0) throw rejection("invalid_argument", "--limit must be 1 or more", { limit: 0 });
  const work = async (store: ThreadStore): Promise<ExitCode> => {
    const lineage = await lineageOf(context, store, options);
    // Where nothing was kept yet there is no state DB to ask, and nothing to miss.
    const dbOnly = options.dbOnly === true && store.capabilities.search;
    const params = { ...toParams(context, options), ...lineage, ...(dbOnly ? { useStateDbOnly: true } : {}) };
    const page = await withProgress(context, "list", () => store.listThreads(params));
    if (context.json) {
      const data = page.data.map((thread) => toThread(thread));
      await context.out.write(`${toJsonLine({ ...page, data })}\n`);
      return EXIT.ok;
    }
    await context.out.write(threadTable(page.data, context.out));
    if (page.data.length === 0) await note(context, `no threads here (${storePlaceOf(context)})`);
    if (!page.isComplete)
      await note(context, "threads may be missing here: not everything could be read (`skein doctor` says what)");
    if (page.nextCursor !== null) await note(context, `more: add --cursor ${page.nextCursor}`);
    return EXIT.ok;
  };
  return withHome(context, work, { needsStateDb: options.dbOnly === true });
}

async function lineageOf(
  context: CliContext,
  store: ThreadStore,
  { parent, ancestor }: ListOptions,
): Promise<ListThreadsParams> {
  return {
    ...(parent === undefined ? {} : { parentThreadId: await resolveThreadId(context, store, parent) }),
    ...(ancestor === undefined ? {} : { ancestorThreadId: await resolveThreadId(context, store, ancestor) }),
  };
}

function toParams(context: CliContext, options: ListOptions): ListThreadsParams {
  const { archived, limit, cursor, cwd, provider, source, search } = options;
  return {
    sortKey: SORT_KEYS[options.sort],
    sortDirection: options.asc === true ? "asc" : "desc",
    ...(archived === undefined ? {} : { archived }),
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(cwd === undefined ? {} : { cwds: cwd.map((folder) => resolve(context.cwd, folder)) }),
    ...(provider === undefined ? {} : { modelProviders: provider }),
    ...(source === undefined ? {} : { sources: source }),
    ...(search === undefined ? {} : { searchTerm: search }),
  };
}
