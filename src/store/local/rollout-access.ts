/**
 * A rollout opened for reading, with the end up to which it may be believed: what the thread's writer
 * in this process has acknowledged, or, without one, what stands there in whole records and batches.
 */
import { fault, rejection, type SkeinError } from "../../base/index.ts";
import { diskFault } from "./disk-fault.ts";
import { type FileStat, type FileSystem, isMissing } from "./file-system.ts";
import type { OffsetIndex } from "./offset-index.ts";
import { inspectTail } from "./rollout-tail.ts";

/** A file open for reading. */
export interface ReadableRollout {
  readonly fd: number;
  readonly path: string;
  readonly stat: FileStat;
  /** Records are the bytes [0, end). */
  readonly end: number;
  /** Bytes behind `end` that will be cut; 0 where a writer knows better. */
  readonly tornBytes: number;
  readonly lacksNewline: boolean;
  /** Where records begin, if a writer has noted it. */
  readonly index: OffsetIndex | undefined;
}

/** What a writer of this process has acknowledged of a file. */
export interface WrittenEnd {
  readonly end: number;
  readonly lacksNewline: boolean;
  readonly index: OffsetIndex;
}

/** Opens rollouts for reading. */
export interface RolloutAccess {
  /** Undefined when there is no file at the path. `rollout_unreadable` when it is none. */
  open<Value>(path: string, use: (rollout: ReadableRollout) => Promise<Value>): Promise<Value | undefined>;
}

/** Makes the access; `writtenEnd` asks the writers of this process by the file's inode. */
export function createRolloutAccess(
  files: FileSystem,
  writtenEnd: (inode: string, fileBytes: number) => WrittenEnd | undefined,
): RolloutAccess {
  return {
    async open(path, use) {
      let fd: number;
      try {
        fd = await files.open(path, "read");
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw diskFault(error, `open ${path}`, { path });
      }
      try {
        const stat = files.fstat(fd);
        if (stat.kind !== "file") throw notARollout(path, "it is not a file");
        const written = writtenEnd(stat.inode, stat.size);
        if (written !== undefined) {
          return await use({ fd, path, stat, tornBytes: 0, ...written });
        }
        const tail = await inspectTail(files, fd, stat.size);
        return await use({ fd, path, stat, ...tail, index: undefined });
      } catch (error) {
        throw diskFault(error, `read ${path}`, { path });
      } finally {
        await files.close(fd);
      }
    },
  };
}

/** The fault for a file that holds no thread. */
export function notARollout(path: string, why: string): SkeinError {
  return fault("rollout_unreadable", `${path} is no rollout: ${why}`, { data: { path } });
}

/** The rejection for an id that no file holds. */
export function threadNotFound(threadId: string): SkeinError {
  return rejection("thread_not_found", `thread not found: ${threadId}`, { threadId });
}
