/**
 * How one process reaches a simulated disk: each call takes its time and ends as an event of the process, or
 * meets a fault. What was under way when the process was killed has happened or not, as the seed says; a
 * process that is gone gets no answer any more.
 */
import { systemCode } from "../../base/index.ts";
import type { DirectoryEntry, FileStat, FileSystem, OpenMode } from "../../store/local/index.ts";
import type { DiskFault } from "./disk-faults.ts";
import { MAKING_MODES, type MemoryDisk, systemError, type WriteFailure } from "./memory-disk.ts";
import type { ScheduledProcess } from "./seeded-scheduler.ts";
import type { SimulatedFile } from "./simulated-file.ts";
import type { SimulatedFolder } from "./simulated-folders.ts";

const NS_PER_MS = 1_000_000n;

/** What may go wrong with a call, beside its taking long; each with the system's code. */
type CallFaults = readonly (readonly [DiskFault, string])[];

const READS: CallFaults = [["readError", "EIO"]];
const OPENS: CallFaults = [
  ["noDescriptors", "EMFILE"],
  ["readError", "EIO"],
];
const MAKES: CallFaults = [
  ["noSpace", "ENOSPC"],
  ["nameError", "EIO"],
];
const NAMES: CallFaults = [["nameError", "EIO"]];

/** The disk as one process has it; without a process calls end at once and nothing goes wrong. */
export class DiskView {
  readonly #disk: MemoryDisk;
  readonly #process: ScheduledProcess | null;

  constructor(disk: MemoryDisk, process: ScheduledProcess | null) {
    this.#disk = disk;
    this.#process = process;
  }

  /** As plain functions: stores spread a disk to change some of its calls. */
  port(): FileSystem {
    const disk = this.#disk;
    return {
      open: (path, mode) => this.#open(path, mode),
      close: (fd) => this.#call([], () => disk.closeFile(fd)),
      read: (fd, into, position) => this.#call(READS, () => this.#read(fd, into, position)),
      write: (fd, bytes) => this.#write(fd, bytes),
      writeAt: (fd, bytes, position) => this.#now(() => this.#writeAt(fd, bytes, position)),
      truncate: (fd, size) => this.#call([["writeError", "EIO"]], () => this.#truncate(fd, size)),
      syncData: (fd) => this.#syncData(fd),
      fstat: (fd) => this.#now(() => statOfFile(disk.openedAt(fd).file)),
      reaches: (fd, position) => this.#now(() => disk.openedAt(fd).file.size > position),
      stat: (path) => this.#call(READS, () => this.#stat(path)),
      readDirectory: (path) => this.#call(OPENS, () => this.#readDirectory(path)),
      makeDirectory: (path) => this.#makeDirectory(path),
      syncDirectory: (path) => this.#syncDirectory(path),
      link: (existing, path) => this.#call(MAKES, () => this.#link(existing, path)),
      rename: (from, to) => this.#call(NAMES, () => this.#rename(from, to)),
      unlink: (path) => this.#call(NAMES, () => this.#unlink(path)),
      setModifiedMs: (path, modifiedMs) =>
        this.#call(NAMES, () => {
          disk.requireFile(path).file.modifiedMs = modifiedMs;
        }),
    };
  }

  #open(path: string, mode: OpenMode): Promise<number> {
    const makes = MAKING_MODES.has(mode) && this.#disk.folders.find(path) === undefined;
    return this.#call(makes ? [...OPENS, ...MAKES] : OPENS, () =>
      this.#disk.openFile(path, mode, this.#process === null ? null : this),
    );
  }

  #read(fd: number, into: Uint8Array, position: number): number {
    const { file } = this.#disk.openedAt(fd);
    const isShort = into.byteLength > 1 && this.#meets("shortRead");
    return file.read(isShort ? into.subarray(0, 1 + this.#disk.random.below(into.byteLength - 1)) : into, position);
  }

  #write(fd: number, bytes: Uint8Array): number | Promise<number> {
    if (!this.#meets("lateWrite")) return this.#now(() => this.#append(fd, bytes));
    const own = Uint8Array.from(bytes);
    return this.#call([], () => this.#append(fd, own));
  }

  /** At once: what is written may be less than what was given, and then the disk is full or there is an error. */
  #append(fd: number, bytes: Uint8Array): number {
    const disk = this.#disk;
    const { file, mode } = disk.openedAt(fd);
    if (mode === "read" || mode === "overwrite") throw systemError("EBADF", String(fd));
    const failure = disk.takeDue(fd) ?? this.#writeFailure();
    const isHalf = failure?.isHalf === true && bytes.byteLength > 1;
    if (failure !== undefined && !isHalf) throw systemError(failure.code, String(fd));
    // What stops half-way is told by the next write.
    if (failure !== undefined) disk.setDue(fd, { ...failure, isHalf: false });
    const isShort = isHalf || (bytes.byteLength > 1 && this.#meets("shortWrite"));
    const taken = isShort ? bytes.subarray(0, 1 + disk.random.below(bytes.byteLength - 1)) : bytes;
    file.append(taken, disk.fileTimeMs());
    return taken.byteLength;
  }

  #writeAt(fd: number, bytes: Uint8Array, position: number): number {
    const disk = this.#disk;
    const { file, mode } = disk.openedAt(fd);
    if (mode !== "overwrite") throw systemError("EBADF", String(fd));
    const failure = this.#writeFailure();
    if (failure !== undefined) throw systemError(failure.code, String(fd));
    const isShort = bytes.byteLength > 1 && this.#meets("shortWrite");
    const taken = isShort ? bytes.subarray(0, 1 + disk.random.below(bytes.byteLength - 1)) : bytes;
    file.overwrite(taken, position, disk.fileTimeMs());
    return taken.byteLength;
  }

  #writeFailure(): WriteFailure | undefined {
    const { random } = this.#disk;
    const code = this.#meets("writeError") ? "EIO" : this.#meets("noSpace") ? "ENOSPC" : undefined;
    if (code === undefined) return undefined;
    return { code, isHalf: !this.#disk.isFull() && random.chance(0.5) };
  }

  #truncate(fd: number, size: number): void {
    this.#disk.openedAt(fd).file.truncate(size, this.#disk.fileTimeMs());
  }

  #syncData(fd: number): Promise<void> {
    return this.#now(() => {
      const { file } = this.#disk.openedAt(fd);
      const point = file.syncPoint();
      return this.#call([], () => {
        if (this.#meets("syncError")) {
          file.syncFailed(point);
          throw systemError("EIO", String(fd));
        }
        if (this.#meets("syncLie")) file.syncLied(point);
        else file.synced(point);
      });
    });
  }

  #syncDirectory(path: string): Promise<void> {
    const point = this.#disk.folders.syncPoint();
    return this.#call([["syncError", "EIO"]], () => {
      const folder = this.#disk.requireFolder(path);
      this.#disk.folders.synced(folder, point, this.#meets("syncLie"));
    });
  }

  #stat(path: string): FileStat | undefined {
    const entry = this.#disk.folders.find(path);
    if (entry === undefined) return undefined;
    return entry.kind === "folder" ? statOfFolder(entry) : statOfFile(entry.file);
  }

  #readDirectory(path: string): readonly DirectoryEntry[] {
    const names = [...this.#disk.requireFolder(path).seen];
    return names.map(([name, { kind }]) => ({ name, kind: kind === "folder" ? "directory" : "file" }));
  }

  #makeDirectory(path: string): Promise<void> {
    const { folders } = this.#disk;
    // One that stands costs nothing, also on a full disk.
    const faults = folders.find(path) === undefined ? MAKES : [];
    return this.#call(faults, () => {
      this.#disk.requirePlace(path);
      if (folders.find(path) !== undefined) throw systemError("EEXIST", path);
      folders.makeFolder(path);
    });
  }

  #link(existing: string, path: string): void {
    const entry = this.#disk.requireFile(existing);
    const place = this.#disk.requirePlace(path);
    if (place.folder.seen.has(place.name)) throw systemError("EEXIST", path);
    this.#disk.folders.change([{ ...place, to: entry }]);
  }

  #rename(from: string, to: string): void {
    const disk = this.#disk;
    const entry = disk.requireFile(from);
    const place = disk.requirePlace(to);
    const replaced = place.folder.seen.get(place.name);
    if (replaced?.kind === "folder") throw systemError("EISDIR", to);
    disk.folders.change([
      { ...disk.requirePlace(from), to: null },
      { ...place, to: entry },
    ]);
    if (replaced !== undefined) disk.release(replaced.file);
  }

  #unlink(path: string): void {
    const entry = this.#disk.requireFile(path);
    this.#disk.folders.change([{ ...this.#disk.requirePlace(path), to: null }]);
    this.#disk.release(entry.file);
  }

  #meets(fault: DiskFault): boolean {
    return this.#process !== null && this.#disk.meets(fault);
  }

  /** A call that is answered at once. */
  #now<Value>(effect: () => Value): Value {
    this.#disk.calls += 1;
    if (this.#process?.isKilled === true) throw systemError("EIO", "the process was killed");
    return effect();
  }

  #call<Value>(faults: CallFaults, effect: () => Value): Promise<Value> {
    const process = this.#process;
    const disk = this.#disk;
    disk.calls += 1;
    return new Promise<Value>((resolve, reject) => {
      const happen = (): void => {
        try {
          const met = faults.find(([fault]) => this.#meets(fault));
          if (met !== undefined) throw systemError(met[1], "injected");
          resolve(effect());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      if (process === null) happen();
      else if (!process.isKilled) {
        process.plan({ delayMs: this.#delayMs(), onDropped: () => this.#drop(effect) }, happen);
      }
    });
  }

  /** The process was killed while the call was under way: it has happened, or it has not. */
  #drop(effect: () => unknown): void {
    const { random } = this.#disk;
    if (random.chance(0.5)) {
      try {
        effect();
      } catch (error) {
        // Nobody is there to hear it.
        if (systemCode(error) === undefined) throw error;
      }
    }
    this.#disk.closeAll(this);
  }

  #delayMs(): number {
    const { random } = this.#disk;
    if (this.#meets("stall")) return 100 + random.unit() * 4_900;
    // Mostly well under a millisecond, sometimes ten.
    return 0.02 + random.unit() ** 6 * 10;
  }
}

function statOfFile(file: SimulatedFile): FileStat {
  const { size, inode, linkCount } = file;
  return { kind: "file", size, inode, linkCount, modifiedNs: BigInt(Math.floor(file.modifiedMs)) * NS_PER_MS };
}

function statOfFolder({ inode }: SimulatedFolder): FileStat {
  return { kind: "directory", size: 0, inode, linkCount: 2, modifiedNs: 0n };
}
