/**
 * What a list needs to know of each rollout, from its head and its tail alone; the whole log is only
 * folded for the threads that are shown. Remembered for each file as long as it has the same size and
 * time of change.
 */
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
  /** Undefined when the file is gone or is no rollout; that it can't be read is logged, not thrown. */
  read(entry: RolloutEntry): Promise<RolloutFacts | undefined>;
  /** The metadata of the whole log; undefined as in `read`. */
  readWhole(entry: RolloutEntry): Promise<ThreadMetadata | undefined>;
  /** Why `read` gives nothing for a file that is there. */
  whyUnread(entry: RolloutEntry): Promise<SkeinError>;
  /** Time of the newest record up to a moment; undefined when there is none. */
  readUpdatedMs(entry: RolloutEntry, asOfMs: number): Promise<number | undefined>;
}

/** What the reader needs. */
export interface RolloutFactsContext {
  readonly files: FileSystem;
  readonly access: RolloutAccess;
  readonly logger: Logger;
}

interface Known {
  readonly size: number;
  readonly modifiedNs: bigint;
  readonly end: number;
  readonly head: ThreadMetadata | undefined;
  whole: ThreadMetadata | undefined;
}

/** Makes a reader that remembers LIMITS.loadedThreadsMax rollouts, the first seen forgotten first. */
export function createRolloutFacts({ files, access, logger }: RolloutFactsContext): RolloutFactsReader {
  const known = new Map<string, Known>();

  const remember = (inode: string, facts: Known): Known => {
    known.delete(inode);
    known.set(inode, facts);
    if (known.size > LIMITS.loadedThreadsMax) {
      const oldest = known.keys().next();
      if (oldest.done !== true) known.delete(oldest.value);
    }
    return facts;
  };

  const look = async (rollout: ReadableRollout): Promise<Known> => {
    const { stat, end } = rollout;
    const before = known.get(stat.inode);
    if (before !== undefined && isSame(before, stat) && before.end === end) return before;
    const head = await readHead(files, rollout);
    const { size, modifiedNs } = stat;
    if (head === undefined) return remember(stat.inode, { size, modifiedNs, end, head: undefined, whole: undefined });
    const first = threadMetadataFold.step(threadMetadataFold.initial(), head.record);
    const updatedAtMs = Math.max((await newestRecordMs(files, rollout)) ?? first.updatedAtMs, first.createdAtMs);
    const metadata = withFileTimes({ ...first, updatedAtMs }, rollout);
    return remember(stat.inode, { size, modifiedNs, end, head: metadata, whole: undefined });
  };

  const open = async <Value>(
    entry: RolloutEntry,
    use: (rollout: ReadableRollout) => Promise<Value | undefined>,
  ): Promise<Value | undefined> => {
    try {
      return await access.open(entry.path, use);
    } catch (error) {
      // A file that nobody can read is no thread's. That this process can't just now says nothing of the file.
      if (!isSkeinError(error, "rollout_unreadable") && !isSkeinError(error, "permission_denied")) throw error;
      logger.warn({ error, path: entry.path }, "left a file out of the list: it can't be read");
      return undefined;
    }
  };

  return {
    async read(entry) {
      const stat = await files.stat(entry.path);
      if (stat === undefined) return undefined;
      const before = known.get(stat.inode);
      const isKnown = before !== undefined && isSame(before, stat) && before.end === before.size;
      const facts = isKnown ? before : await open(entry, look);
      if (facts?.head === undefined) return undefined;
      return { entry, size: facts.size, metadata: facts.head };
    },
    readWhole: (entry) =>
      open(entry, async (rollout) => {
        const facts = await look(rollout);
        if (facts.head === undefined) return undefined;
        facts.whole ??= withFileTimes(await readMetadata(files, rollout), rollout);
        return facts.whole;
      }),
    async whyUnread({ path }) {
      try {
        await access.open(path, (rollout) => readHead(files, rollout));
      } catch (error) {
        return faultFromSystem(error, `read ${path}`, { path });
      }
      return notARollout(path, "it does not start with a session_meta");
    },
    readUpdatedMs: (entry, asOfMs) =>
      open(entry, async (rollout) => (await newestRecordMs(files, rollout, asOfMs)) ?? undefined),
  };
}

/** Where a log says nothing of its times, the file's name and time of change do. */
export function withFileTimes(metadata: ThreadMetadata, rollout: ReadableRollout): ThreadMetadata {
  if (metadata.createdAtMs > 0) return metadata;
  const modifiedMs = Number(rollout.stat.modifiedNs / 1_000_000n);
  const fileName = rollout.path.slice(rollout.path.lastIndexOf("/") + 1);
  const named = localTimeMs(parseRolloutName(fileName)?.localTime ?? "");
  const createdAtMs = named ?? modifiedMs;
  return { ...metadata, createdAtMs, updatedAtMs: metadata.updatedAtMs || modifiedMs };
}

function isSame(known: Known, stat: FileStat): boolean {
  return known.size === stat.size && known.modifiedNs === stat.modifiedNs;
}
