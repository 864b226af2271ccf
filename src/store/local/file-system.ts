/**
 * The disk as a port: the few calls the local store makes, so that tests and simulations can inject
 * short writes, a full disk, failing syncs and crashes. `nodeFileSystem` is the real one.
 *
 * Calls reject (or throw) with the system's own errors; who calls turns them into faults. Writes of up
 * to SYNC_WRITE_BYTES_MAX go to the page cache at once, on the calling thread: 2 µs for 1 KB, where a
 * trip through libuv's pool takes 20–60. Syncs always go through the pool.
 */
import fs from "node:fs";
import { readdir } from "node:fs/promises";

import { systemCode } from "../../base/index.ts";

/** What a stat tells. `inode` names the file itself, whatever its path: device and inode number. */
export interface FileStat {
  readonly kind: "file" | "directory" | "other";
  readonly size: number;
  readonly inode: string;
  /** Names the file still has; 0 means it was deleted while open. */
  readonly linkCount: number;
  readonly modifiedNs: bigint;
}

/** One name in a directory. */
export interface DirectoryEntry {
  readonly name: string;
  /** `link`: a symbolic link, whatever it leads to. */
  readonly kind: "file" | "directory" | "link" | "other";
}

/**
 * `append`: an existing file, to read and to append. `create`: the same, refused when the name is taken. `overwrite`: an
 * existing file, to read and to write in place.
 */
export type OpenMode = "read" | "overwrite" | "append" | "create" | "appendOrCreate";

/** The port. */
export interface FileSystem {
  open(path: string, mode: OpenMode): Promise<number>;
  close(fd: number): Promise<void>;
  /** Bytes read into `into` from `position`; 0 at the end. May be short. */
  read(fd: number, into: Uint8Array, position: number): Promise<number>;
  /** Appends; bytes written, which may be fewer than given. */
  write(fd: number, bytes: Uint8Array): number | Promise<number>;
  /** Writes at `position` of a file open to `overwrite`, at once; bytes written, which may be fewer than given. */
  writeAt(fd: number, bytes: Uint8Array, position: number): number;
  truncate(fd: number, size: number): Promise<void>;
  /** fdatasync: the bytes and the size stand on the disk. */
  syncData(fd: number): Promise<void>;
  /** At once: 1 µs, 2 right after a write. */
  fstat(fd: number): FileStat;
  /** At once: whether the file, open for appending, has bytes from `position` on. 0.6 µs. */
  reaches(fd: number, position: number): boolean;
  /** Undefined when there is nothing at the path. */
  stat(path: string): Promise<FileStat | undefined>;
  readDirectory(path: string): Promise<readonly DirectoryEntry[]>;
  makeDirectory(path: string): Promise<void>;
  /** fsync of a directory: the names in it stand on the disk. */
  syncDirectory(path: string): Promise<void>;
  /** Gives a file another name; EEXIST when that is taken. */
  link(existing: string, path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  setModifiedMs(path: string, modifiedMs: number): Promise<void>;
}

/** Longest write made on the calling thread: a copy of 0.1 ms at most. */
const SYNC_WRITE_BYTES_MAX = 256 * 1024;

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;
const OPEN_FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  overwrite: O_RDWR,
  append: O_RDWR | O_APPEND,
  create: O_RDWR | O_APPEND | O_CREAT | O_EXCL,
  appendOrCreate: O_RDWR | O_APPEND | O_CREAT,
};
/** As Codex: readable for everybody whom the umask lets. */
const FILE_MODE = 0o666;

/** Takes a byte that nobody looks at; a new one for each probe would cost more than the call. */
const PROBE = Buffer.allocUnsafeSlow(1);

/** The real disk. */
export const nodeFileSystem: FileSystem = Object.freeze({
  open: (path: string, mode: OpenMode) => call<number>((done) => fs.open(path, OPEN_FLAGS[mode], FILE_MODE, done)),
  close: (fd: number) => run((done) => fs.close(fd, done)),
  read: (fd: number, into: Uint8Array, position: number) =>
    call<number>((done) => fs.read(fd, into, 0, into.byteLength, position, done)),
  write: (fd: number, bytes: Uint8Array) =>
    bytes.byteLength <= SYNC_WRITE_BYTES_MAX
      ? fs.writeSync(fd, bytes)
      : call<number>((done) => fs.write(fd, bytes, done)),
  writeAt: (fd: number, bytes: Uint8Array, position: number) => fs.writeSync(fd, bytes, 0, bytes.byteLength, position),
  truncate: (fd: number, size: number) => run((done) => fs.ftruncate(fd, size, done)),
  syncData: (fd: number) => run((done) => fs.fdatasync(fd, done)),
  reaches: (fd: number, position: number) => fs.readSync(fd, PROBE, 0, 1, position) > 0,
  fstat: (fd: number) => toFileStat(fs.fstatSync(fd, { bigint: true })),
  stat: async (path: string) => {
    try {
      return toFileStat(await call<fs.BigIntStats>((done) => fs.stat(path, { bigint: true }, done)));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  },
  readDirectory: async (path: string) => {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.map((entry): DirectoryEntry => ({
      name: entry.name,
      kind: entry.isSymbolicLink() ? "link" : kindOf(entry),
    }));
  },
  makeDirectory: (path: string) => run((done) => fs.mkdir(path, done)),
  syncDirectory: async (path: string) => {
    const fd = await call<number>((done) => fs.open(path, O_RDONLY, done));
    try {
      await run((done) => fs.fsync(fd, done));
    } finally {
      await run((done) => fs.close(fd, done));
    }
  },
  link: (existing: string, path: string) => run((done) => fs.link(existing, path, done)),
  rename: (from: string, to: string) => run((done) => fs.rename(from, to, done)),
  unlink: (path: string) => run((done) => fs.unlink(path, done)),
  setModifiedMs: (path: string, modifiedMs: number) =>
    run((done) => fs.utimes(path, modifiedMs / 1000, modifiedMs / 1000, done)),
});

/** Whether an error says that there is nothing at the path. */
export function isMissing(error: unknown): boolean {
  const code = systemCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

function toFileStat(stat: fs.BigIntStats): FileStat {
  return {
    kind: kindOf(stat),
    size: Number(stat.size),
    inode: `${stat.dev}:${stat.ino}`,
    linkCount: Number(stat.nlink),
    modifiedNs: stat.mtimeNs,
  };
}

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): FileStat["kind"] {
  if (entry.isFile()) return "file";
  return entry.isDirectory() ? "directory" : "other";
}

function call<Value>(start: (done: (error: Error | null, value: Value) => void) => void): Promise<Value> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value) : reject(error)));
  });
}

function run(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null ? resolve() : reject(error)));
  });
}
