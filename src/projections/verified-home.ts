/**
 * A home as a verification of its projections goes through it: the files of each thread, files that no row
 * knows, rows whose file is not there, and files in quarantine. One walk and the rows' own list; no log is
 * read but the heads of files without rows.
 */
import { type Logger } from "../base/index.ts";
import {
  createRolloutAccess,
  type HomePaths,
  nodeFileSystem,
  readHead,
  type RolloutEntry,
  walkHome,
} from "../store/local/index.ts";
import { pathInHome } from "./file-fold.ts";
import type { FileRow } from "./rollout-store.ts";
import type { Tables } from "./tables.ts";

/** A thread's files. */
export interface ThreadFiles {
  /** Null for a file that, by its row, holds no thread. */
  readonly threadId: string | null;
  readonly entries: readonly RolloutEntry[];
}

/** What there is to verify. */
export interface VerifiedHome {
  readonly threads: readonly ThreadFiles[];
  /** Files without a row, with the thread that they hold. */
  readonly strays: readonly { readonly entry: RolloutEntry; readonly threadId: string | null }[];
  readonly quarantined: readonly { readonly path: string; readonly code: string; readonly reason: string }[];
  /** Rows without a file. */
  readonly gone: readonly FileRow[];
  readonly filesTotal: number;
  readonly bytesTotal: number;
}

/** What looking needs. */
export interface VerifiedHomeContext {
  readonly paths: HomePaths;
  readonly logger: Logger;
  readonly read: <Value>(work: (tables: Tables) => Value) => Value;
  /** Only this thread. */
  readonly threadId?: string | undefined;
}

/** Looks. */
export async function lookAtHome(context: VerifiedHomeContext): Promise<VerifiedHome> {
  const { paths, read, threadId: only } = context;
  const walked = await walkHome(nodeFileSystem, paths);
  const entries = new Map(walked.map((entry) => [pathInHome(paths, entry.path), entry]));
  const known = read(({ rollouts }) => ({ rows: rollouts.files(), quarantined: rollouts.quarantined() }));
  const byThread = new Map<string, RolloutEntry[]>();
  const threads: ThreadFiles[] = [];
  const gone: FileRow[] = [];
  for (const row of known.rows) {
    const entry = entries.get(row.path);
    entries.delete(row.path);
    if (entry === undefined) gone.push(row);
    else if (row.threadId === null) threads.push({ threadId: null, entries: [entry] });
    else byThread.set(row.threadId, [...(byThread.get(row.threadId) ?? []), entry]);
  }
  for (const { path } of known.quarantined) entries.delete(path);
  // What is missing of a thread is said as such; the rest of it can't be compared then.
  for (const { threadId } of gone) byThread.delete(threadId ?? "");
  for (const [threadId, files] of byThread) threads.push({ threadId, entries: files });
  const strays: { entry: RolloutEntry; threadId: string | null }[] = [];
  for (const entry of entries.values()) strays.push({ entry, threadId: await threadIn(context, entry) });
  const isWanted = ({ threadId }: { readonly threadId: string | null }): boolean =>
    only === undefined || threadId === only;
  const wanted = threads.filter(isWanted);
  return {
    threads: wanted,
    strays: strays.filter(isWanted),
    quarantined: known.quarantined.filter(({ path }) => only === undefined || path.includes(only)),
    gone: gone.filter(isWanted),
    ...(await sizeOf(wanted)),
  };
}

async function sizeOf(
  threads: readonly ThreadFiles[],
): Promise<{ readonly filesTotal: number; readonly bytesTotal: number }> {
  let [filesTotal, bytesTotal] = [0, 0];
  for (const { entries } of threads) {
    filesTotal += entries.length;
    for (const { path } of entries) bytesTotal += (await nodeFileSystem.stat(path))?.size ?? 0;
  }
  return { filesTotal, bytesTotal };
}

/** The thread that a file holds; null where it holds none, or can't be read. */
async function threadIn({ logger }: VerifiedHomeContext, { path }: RolloutEntry): Promise<string | null> {
  const access = createRolloutAccess(nodeFileSystem, () => undefined);
  try {
    const head = await access.open(path, (rollout) => readHead(nodeFileSystem, rollout));
    return head?.meta.id.toLowerCase() ?? null;
  } catch (error) {
    logger.debug({ error, path }, "a file without rows can't be read");
    return null;
  }
}
