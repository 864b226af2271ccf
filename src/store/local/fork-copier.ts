/**
 * A fork's file: its own session_meta, then the source's bytes up to the cut. It is written under
 * a name of its own and moved when it is whole and synced, so a crash leaves no half fork (repair removes what
 * it does leave), and of two processes that fork to one id, one is refused.
 *
 * Node has no copy_file_range with offsets, and the own session_meta must come first, so the bytes pass
 * through one buffer here (docs/decisions/0007-fork-copies.md). They are not parsed: only where the cut
 * falls inside a batch, the lines of that batch are written anew, without the marks that wait for lines
 * that will never come.
 */
import { dirname } from "node:path";

import { fault, type Logger, rejection, type SkeinError, systemCode } from "../../base/index.ts";
import { isBlankLine } from "../../events/index.ts";
import { releasedLine } from "../line-seal.ts";
import { backwardLines, readExactly } from "./backward-lines.ts";
import type { DirectoryMaker } from "./directory-maker.ts";
import { moveExclusively } from "./exclusive-move.ts";
import type { FileSystem } from "./file-system.ts";
import { findRecord } from "./log-places.ts";
import type { ReadableRollout } from "./rollout-access.ts";
import { moreOf } from "./rollout-tail.ts";
import { writeAll } from "./write-all.ts";

/** A fork to be made. */
export interface ForkCopy {
  readonly directories: DirectoryMaker;
  readonly source: ReadableRollout;
  /** Records with a smaller ordinal are copied. */
  readonly endOrdinal: number;
  /** Where that record begins, if somebody knows; else it is looked for. */
  readonly endOffset?: number;
  /** The fork's own first line. */
  readonly metaLine: string;
  readonly path: string;
  readonly isSynced: boolean;
}

/** What was made. */
export interface ForkedFile {
  readonly inode: string;
  readonly size: number;
}

/** Ends the name of a fork that is still being written. */
export const FORK_SUFFIX = ".fork-tmp";

const COPY_BLOCK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/** Writes the fork. `invalid_argument` when the cut is past the source's end; nothing is left then. */
export async function copyFork(files: FileSystem, logger: Logger, fork: ForkCopy): Promise<ForkedFile> {
  const { endOrdinal, endOffset, directories } = fork;
  const cut =
    endOffset === undefined
      ? await findRecord(files, fork.source, endOrdinal)
      : { ordinal: endOrdinal, offset: endOffset };
  if (cut === undefined) {
    throw rejection("invalid_argument", `the source has no ${fork.endOrdinal} records to fork from`, {
      endOrdinal: fork.endOrdinal,
    });
  }
  const syncFolders = await directories.make(dirname(fork.path));
  const { fd, temporary } = await openTemporary(files, fork.path);
  try {
    await write(files, fd, Buffer.from(fork.metaLine));
    await copyRecords(files, { fd, source: fork.source, end: cut.offset });
    if (fork.isSynced) await files.syncData(fd);
    const { inode, size } = files.fstat(fd);
    const folders = [...syncFolders, dirname(fork.path)];
    const sync = async (): Promise<void> => (fork.isSynced ? directories.sync(folders) : undefined);
    if (!(await moveExclusively(files, { from: temporary, to: fork.path, sync }))) throw taken(fork.path);
    return { inode, size };
  } catch (error) {
    await files.unlink(temporary).catch((failure: unknown) => {
      logger.debug({ failure, temporary }, "a fork that failed left nothing to remove");
    });
    throw error;
  } finally {
    await files.close(fd);
  }
}

/** Names tried, should other processes (of another machine, with this process's number) be at the same fork. */
const NAMES_MAX = 100;

async function openTemporary(files: FileSystem, path: string): Promise<{ fd: number; temporary: string }> {
  for (let n = 0; ; n += 1) {
    const temporary = `${path}.${process.pid}-${n}${FORK_SUFFIX}`;
    try {
      return { fd: await files.open(temporary, "create"), temporary };
    } catch (error) {
      if (systemCode(error) !== "EEXIST" || n >= NAMES_MAX) throw error;
    }
  }
}

function taken(path: string): SkeinError {
  return rejection("thread_exists", `a rollout is in the way: ${path}`, { path });
}

interface Copying {
  readonly fd: number;
  readonly source: ReadableRollout;
  /** Bytes [0, end) of the source are copied. */
  readonly end: number;
}

async function copyRecords(files: FileSystem, { fd, source, end }: Copying): Promise<void> {
  if (end === 0) return;
  const opened = await openBatch(files, source.fd, end);
  await copyBytes(files, { fd, source, end: opened.offset });
  for (const line of opened.lines) await write(files, fd, releasedLine(line));
  // The source's last record may lack its newline (rollout-tail.ts).
  if (opened.lines.length > 0) return;
  const [last] = await readExactly(files, { fd: source.fd, from: end - 1, size: 1 });
  if (last !== NEWLINE) await write(files, fd, Buffer.from("\n"));
}

/** The lines at the end that wait for others: a batch the cut goes through. Most often none. */
async function openBatch(
  files: FileSystem,
  fd: number,
  end: number,
): Promise<{ readonly offset: number; readonly lines: readonly Buffer[] }> {
  const lines: Buffer[] = [];
  let offset = end;
  for await (const line of backwardLines(files, { fd, end })) {
    if (line.bytes === null) break;
    if (isBlankLine(line.bytes)) continue;
    if (moreOf(line.bytes) === 0) break;
    offset = line.offset;
    lines.unshift(line.bytes);
  }
  return { offset, lines };
}

async function copyBytes(files: FileSystem, { fd, source, end }: Copying): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(COPY_BLOCK_BYTES, end)));
  let offset = 0;
  while (offset < end) {
    const got = await files.read(source.fd, buffer.subarray(0, Math.min(buffer.byteLength, end - offset)), offset);
    if (got === 0) {
      throw fault("rollout_unreadable", `${source.path} became shorter while it was forked`, {
        retryable: true,
        data: { path: source.path, expectedBytes: end, actualBytes: offset },
      });
    }
    await write(files, fd, buffer.subarray(0, got));
    offset += got;
  }
}

async function write(files: FileSystem, fd: number, bytes: Uint8Array): Promise<void> {
  const { failure } = await writeAll(files, fd, bytes);
  if (failure !== null) throw failure.error;
}
