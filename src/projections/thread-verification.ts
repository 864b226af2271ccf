/**
 * One thread held to its log: its files are folded anew up to where its rows say they are, and both sides are
 * compared as digests. What a log has beyond that is lag, unless its file is as the rows last saw it: then it
 * should have rows.
 */
import { createLogScanner } from "../events/index.ts";
import {
  createRolloutAccess,
  type FileStat,
  type HomePaths,
  nodeFileSystem,
  readBlocks,
  type ReadableRollout,
  type RolloutEntry,
} from "../store/local/index.ts";
import { pathInHome } from "./file-fold.ts";
import { type ProjectionVerdict, verdict } from "./projection-verdict.ts";
import type { RolloutRow } from "./rollout-store.ts";
import { differingTables, digestThread, type ThreadDigest } from "./row-digest.ts";
import type { ScratchTables } from "./scratch-tables.ts";
import type { Tables } from "./tables.ts";
import { unfoundTexts } from "./text-index-check.ts";
import type { ThreadFiles } from "./verified-home.ts";

/** What it needs. */
export interface ThreadVerificationContext {
  readonly paths: HomePaths;
  readonly scratch: ScratchTables;
  /** One transaction on the rows. */
  readonly read: <Value>(work: (tables: Tables) => Value) => Value;
  /** What the name index says of each thread now, and whether the rows have seen it so. */
  names(): Promise<{ readonly names: ReadonlyMap<string, string | null>; readonly isSeen: boolean }>;
}

/** What was found, and how much was read for it. */
export interface VerifiedThread {
  readonly verdicts: readonly ProjectionVerdict[];
  readonly records: number;
  readonly bytes: number;
}

/** One file of the thread, folded. */
interface FoldedLog {
  readonly threadId: string | null;
  readonly records: number;
  readonly bytes: number;
  readonly lagBytes: number;
  readonly lagRecords: number;
  /** The file is as its row says it was. */
  readonly isAsSeen: boolean;
  /** Why there is nothing to compare. */
  readonly problem: string | null;
}

type Rows = ReadonlyMap<string, RolloutRow>;

/** What one look at the rows gave, in one transaction. */
interface Found {
  readonly digest: ThreadDigest | null;
  readonly unfound: number;
}

/** Times that a thread is looked at again when its rows went on meanwhile. */
const TRIES_MAX = 5;

/** Verifies one thread. */
export async function verifyThread(context: ThreadVerificationContext, thread: ThreadFiles): Promise<VerifiedThread> {
  for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
    const verified = await compare(context, thread);
    if (verified !== "moved") return verified;
  }
  const message = "its rows went on each time they were looked at: look again when nobody writes it";
  return { verdicts: [verdict("behind", { ...aboutOf(context, thread), message })], records: 0, bytes: 0 };
}

async function compare(context: ThreadVerificationContext, thread: ThreadFiles): Promise<VerifiedThread | "moved"> {
  const { scratch, read } = context;
  const { threadId, entries } = thread;
  scratch.clear();
  const rows = read((tables) => rowsOf(context, tables, thread));
  const logs: FoldedLog[] = [];
  for (const entry of entries) logs.push(await foldLog(context, entry, rows));
  const { names, isSeen } = await context.names();
  if (threadId !== null) scratch.name(threadId, names.get(threadId));
  const found = read((tables): Found | "moved" => {
    if (!areSame(rows, rowsOf(context, tables, thread))) return "moved";
    if (threadId === null) return { digest: null, unfound: 0 };
    return { digest: digestThread(tables, threadId), unfound: unfoundTexts(tables, threadId) };
  });
  if (found === "moved") return "moved";
  const verdicts = judge(context, { thread, logs, found, areNamesSeen: isSeen });
  return { verdicts, records: sum(logs, (log) => log.records), bytes: sum(logs, (log) => log.bytes) };
}

interface Evidence {
  readonly thread: ThreadFiles;
  readonly logs: readonly FoldedLog[];
  readonly found: Found;
  readonly areNamesSeen: boolean;
}

function judge(context: ThreadVerificationContext, evidence: Evidence): readonly ProjectionVerdict[] {
  const { thread, logs, found, areNamesSeen } = evidence;
  const { threadId } = thread;
  const lag = { lagBytes: sum(logs, (log) => log.lagBytes), lagRecords: sum(logs, (log) => log.lagRecords) };
  const about = { ...aboutOf(context, thread), ...lag };
  const problem = logs.find((log) => log.problem !== null)?.problem ?? null;
  if (problem !== null) return [verdict("behind", { ...about, message: problem })];
  if (found.digest === null || threadId === null) {
    const held = logs.find((log) => log.threadId !== null);
    if (held === undefined) return [];
    const message = `by its row the file holds no thread, and it holds ${held.threadId}`;
    return [verdict(held.isAsSeen ? "differs" : "behind", { ...about, tables: ["rollouts"], message })];
  }
  const log = digestThread(context.scratch.tables, threadId);
  const digests = { fromLog: log.whole, fromRows: found.digest.whole };
  const tables = differingTables(log, found.digest);
  const isByName = tables.every((table) => table === "names" || table === "threads");
  const verdicts: ProjectionVerdict[] = [];
  if (tables.length > 0 && isByName && !areNamesSeen) {
    verdicts.push(verdict("behind", { ...about, ...digests, message: "the name index changed since it was read" }));
  } else if (tables.length > 0) {
    const message = `the rows are not what the log gives: ${tables.join(", ")}`;
    verdicts.push(verdict("differs", { ...about, ...digests, tables, message }));
  } else if (logs.some((one) => one.lagRecords > 0 && one.isAsSeen)) {
    const message = "the rows end before the log does, and the file has not changed since they were written";
    verdicts.push(verdict("differs", { ...about, ...digests, tables: ["rollouts"], message }));
  } else {
    const message = lag.lagRecords === 0 ? "the rows are the fold of the log" : lagText(lag);
    verdicts.push(verdict("same", { ...about, ...digests, message }));
  }
  if (found.unfound > 0) {
    const message = `${found.unfound} texts are not found by the full-text index`;
    verdicts.push(verdict("unfound", { ...about, tables: ["texts_fts"], message }));
  }
  return verdicts;
}

/** Folds one file up to where its row says it is. */
async function foldLog(context: ThreadVerificationContext, entry: RolloutEntry, rows: Rows): Promise<FoldedLog> {
  const nothing = { threadId: null, records: 0, bytes: 0, lagBytes: 0, lagRecords: 0, isAsSeen: false };
  const row = rows.get(pathInHome(context.paths, entry.path));
  const access = createRolloutAccess(nodeFileSystem, () => undefined);
  const folded = await access.open(entry.path, async (rollout): Promise<FoldedLog> => {
    if (row === undefined || row.inode !== rollout.stat.inode || row.state.endOffset > rollout.end) {
      const problem = "its file is another one than the rows have seen";
      return { ...nothing, lagBytes: rollout.end, problem };
    }
    // Where the rows know of no thread, the whole file is looked through for one.
    const end = row.threadId === null ? rollout.end : row.state.endOffset;
    const { threadId, records } = await context.scratch.fold({ rollout, entry, end, hints: row });
    const lagRecords = await countRecords(rollout, { from: end, ordinal: records });
    const lagBytes = lagRecords === 0 ? 0 : rollout.end - end;
    const { size } = rollout.stat;
    return {
      threadId,
      records,
      bytes: size,
      lagBytes,
      lagRecords,
      isAsSeen: isAsSeen(row, rollout.stat),
      problem: null,
    };
  });
  return folded ?? { ...nothing, problem: "its file went away while it was looked at" };
}

async function countRecords(
  rollout: ReadableRollout,
  { from, ordinal }: { readonly from: number; readonly ordinal: number },
): Promise<number> {
  if (from >= rollout.end) return 0;
  const scanner = createLogScanner({
    startOrdinal: ordinal,
    startOffset: from,
    needs: [{ types: new Set(), eventKinds: new Set() }],
    sink: { record: () => {} },
  });
  await readBlocks(nodeFileSystem, { ...rollout, from }, (block) => {
    scanner.push(block);
  });
  return scanner.end().nextOrdinal - ordinal;
}

function rowsOf({ paths }: ThreadVerificationContext, { rollouts }: Tables, { entries }: ThreadFiles): Rows {
  const rows = entries.map((entry) => rollouts.byPath(pathInHome(paths, entry.path)));
  return new Map(rows.flatMap((row) => (row === undefined ? [] : [[row.path, row] as const])));
}

function areSame(before: Rows, now: Rows): boolean {
  if (before.size !== now.size) return false;
  return [...before].every(([path, row]) => {
    const other = now.get(path);
    return other?.inode === row.inode && other.state.endOffset === row.state.endOffset;
  });
}

function isAsSeen(row: RolloutRow, stat: FileStat): boolean {
  if (row.size !== stat.size) return false;
  return row.modifiedNs === null || row.modifiedNs === String(stat.modifiedNs);
}

function aboutOf(
  { paths }: ThreadVerificationContext,
  { threadId, entries: [entry] }: ThreadFiles,
): { readonly threadId: string | null; readonly path: string | null } {
  return { threadId, path: entry === undefined ? null : pathInHome(paths, entry.path) };
}

function lagText({ lagBytes, lagRecords }: { readonly lagBytes: number; readonly lagRecords: number }): string {
  return `the rows are the fold of the log as far as they go; ${lagRecords} records, ${lagBytes} bytes, came after`;
}

function sum<Value>(values: readonly Value[], numberOf: (value: Value) => number): number {
  return values.reduce((total, value) => total + numberOf(value), 0);
}
