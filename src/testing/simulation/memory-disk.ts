/**
 * The state of a simulated disk: its names, its files, who has which open, whether it is full, and how often
 * what goes wrong. It knows no time and no process; how calls reach it is disk-view.ts. What a file and a folder
 * lose when the power goes is theirs to say.
 */
import type { OpenMode } from "../../store/local/index.ts";
import { type DiskFault, type DiskFaultRates, NO_FAULTS } from "./disk-faults.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { SimulatedFile } from "./simulated-file.ts";
import { type FolderEntry, type SimulatedFolder, SimulatedFolders } from "./simulated-folders.ts";

/** What a disk is made with. */
export interface SimulatedDiskOptions {
  /** Everything that is left to chance follows from it. */
  readonly random: SeededRandom;
  /** Wall time, milliseconds since the epoch, for the times of files. */
  readonly nowMs: () => number;
}

/** What a power cut did. */
export interface PowerCut {
  /** Files that lost bytes that programs had seen, by their paths before the cut. */
  readonly cutFiles: readonly string[];
  /** Files about which a sync had lied, by their paths before the cut. */
  readonly liedFiles: readonly string[];
  /** Changes of names that are gone. */
  readonly lostNames: number;
  /** A folder's sync had lied about names. */
  readonly liedAboutNames: boolean;
  /** Files that have zeros where bytes were. */
  readonly filesWithZeros: number;
}

/** File systems tell times in steps; two writes in one step have the same. */
const TIME_STEP_MS = 4;

/** Opening so makes a file where there is none. */
export const MAKING_MODES: ReadonlySet<OpenMode> = new Set(["create", "appendOrCreate"]);

/** Why a write fails. */
export interface WriteFailure {
  readonly code: string;
  /** Some of it is written before. */
  readonly isHalf: boolean;
}

/** A file that somebody has open. */
interface Opened {
  readonly file: SimulatedFile;
  readonly mode: OpenMode;
  /** Whoever opened it; null: who looks from outside. */
  readonly owner: object | null;
}

/** See the file's head. */
export class MemoryDisk {
  readonly faultCounts: Record<DiskFault, number> = { ...NO_FAULTS };
  readonly random: SeededRandom;
  calls = 0;
  readonly folders: SimulatedFolders;
  readonly opened = new Map<number, Opened>();
  readonly #nowMs: () => number;
  readonly #freeInodes: string[] = [];
  #rates: DiskFaultRates = NO_FAULTS;
  /** Failures that the next write of a file will tell, as the last one stopped half-way. */
  readonly #due = new Map<number, WriteFailure>();
  #isFull = false;
  #inodes = 0;
  #descriptors = 0;

  constructor({ random, nowMs }: SimulatedDiskOptions) {
    this.random = random;
    this.#nowMs = nowMs;
    this.folders = new SimulatedFolders(() => this.#newInode());
  }

  prepareFolder(path: string): void {
    this.folders.prepare(path);
  }

  setFaults(rates: Partial<DiskFaultRates>): void {
    this.#rates = { ...NO_FAULTS, ...rates };
  }

  setFull(isFull: boolean): void {
    this.#isFull = isFull;
  }

  powerCut(): PowerCut {
    const files = this.folders.files();
    const { lostChanges, wasLiedAbout } = this.folders.powerCut(this.random);
    const [cutFiles, liedFiles]: [string[], string[]] = [[], []];
    let filesWithZeros = 0;
    for (const [file, paths] of files) {
      const cut = file.powerCut(this.random);
      if (cut.lostBytes > 0) cutFiles.push(...paths);
      if (cut.wasLiedAbout) liedFiles.push(...paths);
      if (cut.hasZeros) filesWithZeros += 1;
      file.linkCount = 0;
    }
    for (const [file, paths] of this.folders.files()) file.linkCount = paths.length;
    this.opened.clear();
    return { cutFiles, liedFiles, lostNames: lostChanges, liedAboutNames: wasLiedAbout, filesWithZeros };
  }

  /** Whether a call meets this fault now; counted. */
  meets(fault: DiskFault): boolean {
    if (fault === "noSpace" && this.#isFull) return this.#count(fault);
    return this.random.chance(this.#rates[fault]) && this.#count(fault);
  }

  setDue(fd: number, failure: WriteFailure): void {
    this.#due.set(fd, failure);
  }

  takeDue(fd: number): WriteFailure | undefined {
    const failure = this.#due.get(fd);
    this.#due.delete(fd);
    return failure;
  }

  isFull(): boolean {
    return this.#isFull;
  }

  openFile(path: string, mode: OpenMode, owner: object | null): number {
    const entry = this.folders.find(path);
    if (entry === undefined && !MAKING_MODES.has(mode)) throw systemError("ENOENT", path);
    if (entry !== undefined && mode === "create") throw systemError("EEXIST", path);
    if (entry?.kind === "folder") throw systemError("EISDIR", path);
    const file = entry?.file ?? this.#createFile(path);
    file.openCount += 1;
    this.#descriptors += 1;
    this.opened.set(this.#descriptors, { file, mode, owner });
    return this.#descriptors;
  }

  closeFile(fd: number): void {
    const { file } = this.openedAt(fd);
    this.opened.delete(fd);
    file.openCount -= 1;
    this.release(file);
  }

  /** Whoever had files open is gone. */
  closeAll(owner: object): void {
    for (const [fd, opened] of this.opened) if (opened.owner === owner) this.closeFile(fd);
  }

  openedAt(fd: number): Opened {
    const opened = this.opened.get(fd);
    if (opened === undefined) throw systemError("EBADF", String(fd));
    return opened;
  }

  /** A file without names that nobody has open is gone, and its inode is free. */
  release(file: SimulatedFile): void {
    if (file.linkCount === 0 && file.openCount === 0) this.#freeInodes.push(file.inode);
  }

  fileTimeMs(): number {
    const nowMs = this.#nowMs();
    return nowMs - (nowMs % TIME_STEP_MS);
  }

  requireFolder(path: string): SimulatedFolder {
    const entry = this.folders.find(path);
    if (entry === undefined) throw systemError("ENOENT", path);
    if (entry.kind !== "folder") throw systemError("ENOTDIR", path);
    return entry;
  }

  requirePlace(path: string): { readonly folder: SimulatedFolder; readonly name: string } {
    const place = this.folders.placeOf(path);
    if (place === undefined) throw systemError("ENOENT", path);
    return place;
  }

  requireFile(path: string): FolderEntry & { readonly kind: "file" } {
    const entry = this.folders.find(path);
    if (entry === undefined) throw systemError("ENOENT", path);
    if (entry.kind !== "file") throw systemError("EISDIR", path);
    return entry;
  }

  #createFile(path: string): SimulatedFile {
    const place = this.requirePlace(path);
    const file = new SimulatedFile(this.#newInode(), this.fileTimeMs());
    this.folders.change([{ ...place, to: { kind: "file", file } }]);
    return file;
  }

  #newInode(): string {
    // Inode numbers are given out again, on many file systems at once.
    if (this.#freeInodes.length > 0 && this.random.chance(0.5)) return this.#freeInodes.pop() ?? "";
    this.#inodes += 1;
    return `1:${this.#inodes}`;
  }

  #count(fault: DiskFault): true {
    this.faultCounts[fault] += 1;
    return true;
  }
}

/** A system error as Node throws it; without a stack, which costs more than the call and names nobody. */
export function systemError(code: string, about: string): Error {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const error = Object.assign(new Error(`${code}: ${about}`), { code });
  Error.stackTraceLimit = limit;
  return error;
}
