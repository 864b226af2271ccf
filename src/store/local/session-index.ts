/**
 * The names of threads: `session_index.jsonl`, one JSON object a line, appended and never rewritten.
 * The last entry of an id counts, lines that can't be read are passed over. A name that was cleared is
 * an entry with an empty one; Codex passes over blank names, and shows the one before.
 *
 * Reads are cached by the file's identity, and go on where the last one ended. Appends are synced. The
 * file is shared with other programs: a line that was left without its newline gets one, nothing is cut.
 */
import { type Clock, LIMITS, type Logger } from "../../base/index.ts";
import { readExactly } from "./backward-lines.ts";
import { readBlocks } from "./block-reader.ts";
import { createDirectoryMaker } from "./directory-maker.ts";
import { type FileSystem, isMissing } from "./file-system.ts";
import { createKeyedLock } from "../keyed-lock.ts";
import type { HomePaths } from "./rollout-path.ts";
import { writeAll } from "./write-all.ts";

/** The name index of a home. */
export interface SessionIndex {
  /** What the index says of each thread: a name, or null where it was cleared. */
  names(): Promise<ReadonlyMap<string, string | null>>;
  /** Names a thread, or clears its name, durably. */
  setName(threadId: string, name: string | null): Promise<void>;
}

/** What the index needs. */
export interface SessionIndexContext {
  readonly files: FileSystem;
  readonly paths: HomePaths;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface ReadIndex {
  readonly inode: string;
  readonly size: number;
  readonly modifiedNs: bigint;
  /** Behind the last newline that was read. */
  readonly offset: number;
  /** The bytes in front of it: another file may have got the inode of one that was removed. */
  readonly tail: Buffer;
  readonly names: Map<string, string | null>;
}

const NEWLINE = 0x0a;
/** More than a whole line of the index. */
const TAIL_BYTES = 256;

/** Opens the index; nothing is read or made yet. */
export function createSessionIndex({ files, paths, clock, logger }: SessionIndexContext): SessionIndex {
  const path = paths.index;
  const lock = createKeyedLock();
  const directories = createDirectoryMaker(files, paths.home);
  /** The file's own name is on the disk: this index has synced the home since it was there. */
  let isNameStored = false;
  let cached: ReadIndex | null = null;

  const tailOf = (fd: number, offset: number): Promise<Buffer> => {
    const bytes = Math.min(TAIL_BYTES, offset);
    return readExactly(files, { fd, from: offset - bytes, size: bytes });
  };

  const read = async (fd: number): Promise<ReadIndex> => {
    const { inode, size, modifiedNs } = files.fstat(fd);
    const before = cached;
    if (before?.inode === inode && before.size === size && before.modifiedNs === modifiedNs) return before;
    const goesOn =
      before?.inode === inode && before.size <= size && (await tailOf(fd, before.offset)).equals(before.tail);
    const names = goesOn ? before.names : new Map<string, string | null>();
    const lines = createLineSplitter((line) => {
      const entry = parseIndexEntry(line);
      if (entry === undefined) logger.debug({ path }, "passed over a line of the session index");
      else names.set(entry.id, entry.name);
    });
    const from = goesOn ? before.offset : 0;
    await readBlocks(files, { fd, from, end: size }, (block) => lines.push(block));
    const offset = size - lines.end();
    cached = { inode, size, modifiedNs, offset, tail: await tailOf(fd, offset), names };
    return cached;
  };

  return {
    names: () =>
      lock.run("read", async () => {
        let fd: number;
        try {
          fd = await files.open(path, "read");
        } catch (error) {
          if (isMissing(error)) return new Map();
          throw error;
        }
        try {
          return (await read(fd)).names;
        } finally {
          await files.close(fd);
        }
      }),
    setName: (threadId, name) =>
      lock.run("write", async () => {
        const entry = { id: threadId, thread_name: name ?? "", updated_at: new Date(clock.nowMs()).toISOString() };
        await directories.sync(await directories.make(paths.home));
        const isNew = (await files.stat(path)) === undefined;
        const fd = await files.open(path, "appendOrCreate");
        try {
          await appendEntry(files, fd, `${JSON.stringify(entry)}\n`);
        } finally {
          await files.close(fd);
        }
        // Another process may have made the file, and not have come to sync its name.
        if (isNew || !isNameStored) await files.syncDirectory(paths.home);
        isNameStored = true;
      }),
  };
}

async function appendEntry(files: FileSystem, fd: number, line: string): Promise<void> {
  const { size } = files.fstat(fd);
  const isTorn = size > 0 && (await readExactly(files, { fd, from: size - 1, size: 1 }))[0] !== NEWLINE;
  const { writtenBytes, failure } = await writeAll(files, fd, Buffer.from(isTorn ? `\n${line}` : line));
  if (failure !== null) {
    // What was written of the line is cut off, unless somebody has written behind it.
    if (files.fstat(fd).size === size + writtenBytes) await files.truncate(fd, size);
    throw failure.error;
  }
  await files.syncData(fd);
}

/** One line of the index; undefined when it can't be read. */
export function parseIndexEntry(line: string): { readonly id: string; readonly name: string | null } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { id, thread_name: name } = value as { id?: unknown; thread_name?: unknown };
  if (typeof id !== "string" || typeof name !== "string") return undefined;
  const trimmed = name.trim();
  return { id: id.toLowerCase(), name: trimmed === "" ? null : trimmed };
}

/** Takes blocks apart into lines. */
export interface LineSplitter {
  push(block: Buffer): void;
  /** Takes what is behind the last newline as a line too, and answers how many bytes that are. */
  end(): number;
}

/** Makes a splitter; blank lines and lines too long for an entry are left out. */
export function createLineSplitter(take: (line: string) => void): LineSplitter {
  let carry: Buffer[] = [];
  let carryBytes = 0;
  return {
    push(block) {
      let from = 0;
      for (let at = block.indexOf(NEWLINE); at >= 0; at = block.indexOf(NEWLINE, from)) {
        const line = Buffer.concat([...carry, block.subarray(from, at)]).toString("utf8");
        carry = [];
        carryBytes = 0;
        from = at + 1;
        if (line.trim() !== "") take(line);
      }
      carryBytes += block.byteLength - from;
      // A line that is longer than any name can be is dropped, not kept.
      if (carryBytes <= LIMITS.readBlockBytes) carry.push(Buffer.from(block.subarray(from)));
      else carry = [];
    },
    end() {
      // It may be a line whose newline is still to come; it is read again then.
      if (carryBytes > 0) take(Buffer.concat(carry).toString("utf8"));
      return carryBytes;
    },
  };
}
