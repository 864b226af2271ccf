/**
 * What a list needs to know of each rollout, from its head and its tail alone; the whole log is only
 * folded for the threads that are shown. Remembered for each file as long as it has the same size and
 * time of change.
 */
import { basename } from "node:path";

import { faultFromSystem, isSkeinError, LIMITS, type Logger, type SkeinError } from "../../base/index.ts";
import { type ThreadMetadata, threadMetadataFold } from "../../events/index.ts";
import { readMetadata } from "./fold-rollout.ts";
import type { FileStat, FileSystem } from "./file-system.ts";
import type { RolloutEntry } from "./home-walk.ts";
import { readHead } from "./rollout-head.ts";
import { notARollout, type ReadableRollout, type RolloutAccess } from "./rollout-access.ts";
import { localTimeMs, parseRolloutName } from "./rollout-path.ts";
import { newestRecordMs } from "./rollout-tail.ts";

/** One rollout as lists know it. */
export interface RolloutFacts {
  readonly entry: RolloutEntry;
  readonly size: number;
  /** Exact in what the head says (id, cwd, source, provider, times); the rest is as of the first record. */
  readonly metadata: ThreadMetadata;
}

/** Reads facts, and remembers them. */
export interface RolloutFactsReader {
  /** Undefined when the file is gone or is no rollout; that it may not be read is logged, not thrown. */
  read(entry: RolloutEntry, unread?: UnreadFiles): Promise<RolloutFacts | undefined>;
  /** The metadata of the whole log; undefined as in `read`. */
  readWhole(entry: RolloutEntry, unread?: UnreadFiles): Promise<ThreadMetadata | undefined>;
  /** Why `read` gives nothing for a file that is there. */
  whyUnread(entry: RolloutEntry): Promise<SkeinError>;
  /** Time of the newest record up to a moment; null when none is known, undefined when the file is not there any more. */
  readUpdatedMs(entry: RolloutEntry, asOfMs: number): Promise<number | null | undefined>;
  /** The same of the newest record that begins a turn. */
  readRecencyMs(entry: RolloutEntry, asOfMs: number): Promise<number | null | undefined>;
}

/** Where the files are put down that are there, but can't be read: what they hold is not known. */
export type UnreadFiles = Set<string>;

/** What the reader needs. */
export interface RolloutFactsContext {
  readonly files: FileSystem;
  readonly access: RolloutAccess;
  readonly logger: Logger;
}

interface Known {
  /** A file that was removed may leave its inode, its size and its time to the next; never its name, which says whose log it is. */
  readonly name: string;
  readonly size: number;
  readonly modifiedNs: bigint;
  readonly end: number;
  readonly head: ThreadMetadata | undefined;
  whole: ThreadMetadata | undefined;
  /** Time of the newest record that begins a turn, null when there is none; undefined until it was asked for. */
  recencyMs: number | null | undefined;
}

/** Makes a reader that remembers LIMITS.loadedThreadsMax rollouts, the first seen forgotten first. */
export function createRolloutFacts({ files, access, logger }: RolloutFactsContext): RolloutFactsReader {
  const known = new KnownRollouts();

  const look = async (rollout: ReadableRollout): Promise<Known> => {
    const { stat, end, path } = rollout;
    const before = known.get(stat, path);
    if (before?.end === end) return before;
    const { size, modifiedNs } = stat;
    const head = await readFirst(files, rollout);
    const found = { name: basename(path), size, modifiedNs, end, head, whole: undefined, recencyMs: undefined };
    return known.set(stat.inode, found);
  };

  /** What is remembered of a file as it is now; "gone" where there is none. */
  const recall = async (path: string): Promise<Known | "gone" | undefined> => {
    const stat = await files.stat(path);
    if (stat === undefined) return "gone";
    const before = known.get(stat, path);
    return before?.end === before?.size ? before : undefined;
  };

  const open = async <Value>(
    entry: RolloutEntry,
    use: (rollout: ReadableRollout) => Promise<Value | undefined>,
    unread?: UnreadFiles,
  ): Promise<Value | undefined> => {
    try {
      return await access.open(entry.path, use);
    } catch (error) {
      if (!isLeftOut(error, unread !== undefined)) throw error;
      // What is no rollout holds no thread; of what can't be read nobody knows.
      if (!isSkeinError(error, "rollout_unreadable") || error.retryable) unread?.add(entry.path);
      logger.warn({ error, path: entry.path }, "left a file out of the list: it can't be read");
      return undefined;
    }
  };

  const foldWhole = async (rollout: ReadableRollout): Promise<ThreadMetadata | undefined> => {
    const facts = await look(rollout);
    if (facts.head === undefined) return undefined;
    facts.whole ??= withFileTimes(await readMetadata(files, rollout), rollout);
    return facts.whole;
  };

  const openUnlessGone = async (
    entry: RolloutEntry,
    use: (rollout: ReadableRollout) => Promise<number | null>,
  ): Promise<number | null | undefined> => {
    const found = await open(entry, use);
    if (found !== undefined) return found;
    return (await files.stat(entry.path)) === undefined ? undefined : null;
  };

  return {
    async read(entry, unread) {
      const before = await recall(entry.path);
      if (before === "gone") return undefined;
      const facts = before ?? (await open(entry, look, unread));
      if (facts?.head === undefined) return undefined;
      return { entry, size: facts.size, metadata: facts.head };
    },
    readWhole: (entry, unread) => open(entry, foldWhole, unread),
    whyUnread: ({ path }) => whyUnread({ files, access }, path),
    readUpdatedMs: (entry, asOfMs) => openUnlessGone(entry, (rollout) => newestRecordMs(files, rollout, { asOfMs })),
    async readRecencyMs(entry, asOfMs) {
      const before = await recall(entry.path);
      if (before === "gone") return undefined;
      const recencyMs = before?.recencyMs;
      if (recencyMs === null) return null;
      if (recencyMs !== undefined && recencyMs <= asOfMs) return recencyMs;
      return openUnlessGone(entry, async (rollout) =>
        recencyAsOf(files, rollout, { facts: await look(rollout), asOfMs }),
      );
    },
  };
}

async function whyUnread(
  { files, access }: Pick<RolloutFactsContext, "files" | "access">,
  path: string,
): Promise<SkeinError> {
  try {
    await access.open(path, (rollout) => readHead(files, rollout));
  } catch (error) {
    return faultFromSystem(error, `read ${path}`, { path });
  }
  return notARollout(path, "it does not start with a session_meta");
}

/** What was found in files, by their inodes; what has another size or time of change since is not known. */
class KnownRollouts {
  readonly #known = new Map<string, Known>();

  get(stat: FileStat, path: string): Known | undefined {
    const facts = this.#known.get(stat.inode);
    const isSame = facts?.size === stat.size && facts.modifiedNs === stat.modifiedNs && facts.name === basename(path);
    return isSame ? facts : undefined;
  }

  set(inode: string, facts: Known): Known {
    this.#known.delete(inode);
    this.#known.set(inode, facts);
    if (this.#known.size > LIMITS.loadedThreadsMax) {
      const oldest = this.#known.keys().next();
      if (oldest.done !== true) this.#known.delete(oldest.value);
    }
    return facts;
  }
}

/** What the head says, with the time of the newest record; undefined when it is no rollout's. */
async function readFirst(files: FileSystem, rollout: ReadableRollout): Promise<ThreadMetadata | undefined> {
  const head = await readHead(files, rollout);
  if (head === undefined) return undefined;
  const first = threadMetadataFold.step(threadMetadataFold.initial(), head.record);
  const updatedAtMs = Math.max((await newestRecordMs(files, rollout)) ?? first.updatedAtMs, first.createdAtMs);
  return withFileTimes({ ...first, updatedAtMs }, rollout);
}

/** Time of the newest record up to a moment that begins a turn; the newest of all is remembered. */
async function recencyAsOf(
  files: FileSystem,
  rollout: ReadableRollout,
  { facts, asOfMs }: { readonly facts: Known; readonly asOfMs: number },
): Promise<number | null> {
  if (facts.recencyMs === undefined) facts.recencyMs = await newestRecordMs(files, rollout, { isOfTurns: true });
  if (facts.recencyMs === null || facts.recencyMs <= asOfMs) return facts.recencyMs;
  return newestRecordMs(files, rollout, { asOfMs, isOfTurns: true });
}

/**
 * Whether a list goes on without a file. That this process has no descriptors left just now says nothing of the file;
 * one that the disk doesn't give is left out only where it is put down.
 */
function isLeftOut(error: unknown, isPutDown: boolean): error is SkeinError {
  if (isSkeinError(error, "rollout_unreadable") || isSkeinError(error, "permission_denied")) return true;
  return isPutDown && isSkeinError(error, "io_error");
}

/** Where a log says nothing of its times, the file's name and time of change do. */
export function withFileTimes(
  metadata: ThreadMetadata,
  file: { readonly path: string; readonly stat: Pick<FileStat, "modifiedNs"> },
): ThreadMetadata {
  if (metadata.createdAtMs > 0) return metadata;
  const modifiedMs = Number(file.stat.modifiedNs / 1_000_000n);
  const fileName = file.path.slice(file.path.lastIndexOf("/") + 1);
  const named = localTimeMs(parseRolloutName(fileName)?.localTime ?? "");
  const createdAtMs = named ?? modifiedMs;
  const recencyAtMs = Math.max(metadata.recencyAtMs, createdAtMs);
  return { ...metadata, createdAtMs, updatedAtMs: metadata.updatedAtMs || modifiedMs, recencyAtMs };
}
