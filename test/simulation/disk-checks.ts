/**
 * What must stand on a simulated disk, looked at from outside with a store that has no rows: everything that was
 * acknowledged, in order, no append half there, and nothing that a reader would stumble over.
 */
import { isSkeinError } from "../../src/base/index.ts";
import type { RolloutRecord } from "../../src/events/index.ts";
import type { ThreadStore } from "../../src/store/index.ts";
import { type FileSystem, openLocalThreadStore, verifyHome } from "../../src/store/local/index.ts";
import {
  type Acknowledgements,
  type AskedBatch,
  BrokenInvariant,
  canonicalLine,
  short,
  type ThreadTruth,
} from "./acknowledgements.ts";

/** Where to look. */
export interface LookedAt {
  readonly home: string;
  /** Without faults and without time. */
  readonly files: FileSystem;
  readonly truth: Acknowledgements;
}

/** What a power cut took that nobody can be held to. */
export interface Forgiven {
  /** Whether this thread's file may have lost its end, or be gone. */
  thread(threadId: string): boolean;
  /** Whether names of files may be as they were before. */
  readonly places: boolean;
  readonly names: boolean;
}

/** What a crash may leave; none of it was acknowledged, and readers pass it over. */
const HARMLESS: ReadonlySet<string> = new Set([
  "torn_tail",
  "incomplete_batch",
  "missing_newline",
  "empty_file",
  "no_session_meta",
  "leftover_fork",
  "dangling_index_entry",
  "bad_index_line",
]);

/** Holds the disk against what was acknowledged; answers how many records each thread has. */
export async function checkDisk(at: LookedAt, forgiven: Forgiven | null = null): Promise<ReadonlyMap<string, number>> {
  await checkFiles(at);
  const store = await openLocalThreadStore({ home: at.home, fileSystem: at.files });
  try {
    const lengths = new Map<string, number>();
    for (const thread of at.truth.threads.values()) {
      lengths.set(thread.threadId, await checkThread(store, { at, thread, forgiven }));
    }
    return lengths;
  } finally {
    await store.close();
  }
}

async function checkFiles({ home, files }: LookedAt): Promise<void> {
  for await (const { code, message, path } of verifyHome(home, { fileSystem: files })) {
    if (!HARMLESS.has(code)) throw new BrokenInvariant("sim.files-valid", `${code} in ${nameOf(path)}: ${message}`);
  }
}

async function checkThread(
  store: ThreadStore,
  { at, thread, forgiven }: { readonly at: LookedAt; readonly thread: ThreadTruth; readonly forgiven: Forgiven | null },
): Promise<number> {
  const { threadId, place, name } = thread;
  const found = await readAll(store, threadId);
  if (forgiven?.thread(threadId) === true) at.truth.forgive(threadId, found);
  if (forgiven?.places === true) place.doubt();
  if (forgiven?.names === true) name.doubt();
  if (place.isSure) await checkPlace(store, thread, found !== undefined);
  if (found === undefined) {
    // It is not where it was sure to be, or it may have been deleted.
    if (!place.isSure) thread.records.clear();
    return 0;
  }
  checkRecords(thread, found);
  checkWhole(thread, found);
  if (!name.isSure) return found.length;
  const stored = await store.readThread({ threadId });
  if (stored.name !== name.value) {
    throw new BrokenInvariant("sim.acknowledged", `${threadId} is named ${stored.name}, and was named ${name.value}`);
  }
  return found.length;
}

async function readAll(store: ThreadStore, threadId: string): Promise<readonly RolloutRecord[] | undefined> {
  const records: RolloutRecord[] = [];
  try {
    for (;;) {
      const page = await store.loadHistory({ threadId, from: records.length });
      records.push(...page.records);
      if (page.isEnd) return records;
    }
  } catch (error) {
    // A file that a crash left without its first record is no thread.
    if (isSkeinError(error, "thread_not_found") || isSkeinError(error, "rollout_unreadable")) return undefined;
    throw error;
  }
}

async function checkPlace(store: ThreadStore, { threadId, place }: ThreadTruth, isThere: boolean): Promise<void> {
  const archived = isThere && (await store.readThread({ threadId })).archived;
  const actual = !isThere ? "gone" : archived ? "archived" : "live";
  // Of one that nobody was told of, anything may be there.
  const isAsTold = place.value === "deleted" ? !isThere : place.value === "unstored" || place.value === actual;
  if (isAsTold) return;
  throw new BrokenInvariant("sim.acknowledged", `${threadId} is ${actual}, and was ${place.value}`);
}

function checkRecords({ threadId, records }: ThreadTruth, found: readonly RolloutRecord[]): void {
  for (const [index, { ordinal }] of found.entries()) {
    if (ordinal === index) continue;
    throw new BrokenInvariant("sim.order", `record ${index} of ${threadId} says that it is ${ordinal}`);
  }
  for (const [ordinal, line] of records) {
    const record = found[ordinal];
    const actual = record === undefined ? undefined : canonicalLine(record.item);
    if (actual === line) continue;
    const message = `record ${ordinal} of ${threadId} (${found.length} there) is ${short(actual)} and was ${short(line)}`;
    throw new BrokenInvariant("sim.acknowledged", message);
  }
}

/** What was asked and not acknowledged is there whole, or not at all. */
function checkWhole({ threadId, batches }: ThreadTruth, found: readonly RolloutRecord[]): void {
  const open = batches.filter(({ firstOrdinal, lines }) => firstOrdinal === null && lines.length > 1);
  if (open.length === 0) return;
  const lines = found.map(({ item }) => canonicalLine(item));
  for (const batch of open) {
    if (!isWholeOrNothing(batch, lines)) {
      throw new BrokenInvariant("sim.no-half-batch", `half an append stands in ${threadId}: ${short(batch.lines[0])}`);
    }
  }
}

function isWholeOrNothing(batch: AskedBatch, lines: readonly string[]): boolean {
  const [first] = batch.lines;
  const last = batch.lines.at(-1);
  const isHere = (at: number): boolean => batch.lines.every((line, index) => lines[at + index] === line);
  const places = lines.flatMap((line, at) => (line === first && isHere(at) ? [at] : []));
  if (places.length > 0) return true;
  // Lines such as that of a count may be said by others too; texts and turn ids are said once.
  const isOwn = (line: string | undefined): boolean => line !== undefined && /w\d+w|turn_id/.test(line);
  return ![first, last].some((line) => isOwn(line) && line !== undefined && lines.includes(line));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
