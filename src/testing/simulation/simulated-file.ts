/**
 * The bytes of one simulated file, twice: as programs see them (the page cache), and as they stand on the
 * disk. A sync brings the second up to the first; a power cut makes the first the second, with some of what
 * was not synced: a beginning of it, cut at any byte, perhaps with zeros where bytes should follow.
 *
 * A failed sync is as on Linux: pages that it could not write count as clean, so a later sync that succeeds
 * does not write them, unless they were written to again. A lying sync writes nothing and says it did.
 */
import type { SeededRandom } from "./seeded-random.ts";

/** What was done to a file since its last sync, oldest first. */
interface Write {
  /** `append`: behind all that was there; `overwrite`: in the midst of it. */
  readonly kind: "append" | "overwrite";
  readonly serial: number;
  readonly atMs: number;
  readonly at: number;
  readonly bytes: Uint8Array;
  /** A sync failed to write it, and no later one will. */
  isDoomed: boolean;
  isLied: boolean;
}

interface Truncation {
  readonly kind: "truncate";
  readonly serial: number;
  readonly atMs: number;
  readonly size: number;
  isLied: boolean;
}

type FileChange = Write | Truncation;

/** What a power cut did to one file. */
export interface FileCut {
  /** Bytes that programs saw and that are gone or torn. */
  readonly lostBytes: number;
  /** A sync that said yes had not written them. */
  readonly wasLiedAbout: boolean;
  /** Zeros stand where bytes were. */
  readonly hasZeros: boolean;
}

const PAGE_BYTES = 4_096;

/** See the file's head. */
export class SimulatedFile {
  /** Changes when the inode is given out again: no two files that live at once have the same. */
  readonly inode: string;
  linkCount = 0;
  openCount = 0;
  modifiedMs: number;
  readonly #seen = new GrowingBytes();
  readonly #stored = new GrowingBytes();
  #changes: FileChange[] = [];
  #serial = 0;
  #storedMs: number;

  constructor(inode: string, nowMs: number) {
    this.inode = inode;
    this.modifiedMs = nowMs;
    this.#storedMs = nowMs;
  }

  get size(): number {
    return this.#seen.size;
  }

  read(into: Uint8Array, position: number): number {
    return this.#seen.read(into, position);
  }

  append(bytes: Uint8Array, nowMs: number): void {
    this.#write(bytes, { kind: "append", at: this.#seen.size, atMs: nowMs });
  }

  /** Writes in place; what reaches past the end makes the file longer. */
  overwrite(bytes: Uint8Array, at: number, nowMs: number): void {
    this.#write(bytes, { kind: "overwrite", at, atMs: nowMs });
  }

  truncate(size: number, nowMs: number): void {
    this.#serial += 1;
    this.#changes.push({ kind: "truncate", serial: this.#serial, atMs: nowMs, size, isLied: false });
    this.#seen.resize(size);
    this.modifiedMs = nowMs;
  }

  /** What a sync that begins now covers; given back when it ends. */
  syncPoint(): number {
    return this.#serial;
  }

  /** A sync that began at `point` has succeeded. */
  synced(point: number): void {
    const changes = this.#changes.filter(({ serial }) => serial <= point);
    this.#changes = this.#changes.filter(({ serial }) => serial > point);
    const dirty = dirtyPages(changes);
    for (const change of changes) this.#store(change, dirty);
  }

  /** A sync that began at `point` has failed: the pages it could not write count as clean. */
  syncFailed(point: number): void {
    for (const change of this.#changes) {
      if (change.kind !== "truncate" && change.serial <= point) change.isDoomed = true;
    }
  }

  /** A sync that began at `point` said that it succeeded, and wrote nothing. */
  syncLied(point: number): void {
    for (const change of this.#changes) if (change.serial <= point) change.isLied = true;
  }

  /** The power goes: what programs see from now on is what the disk has. */
  powerCut(random: SeededRandom): FileCut {
    const before = this.#seen.size;
    const wasLiedAbout = this.#changes.some(({ isLied }) => isLied);
    if (this.#changes.length > 0) this.modifiedMs = this.#storedMs;
    const kept = random.chance(0.4) ? 0 : random.below(this.#changes.length + 1);
    const changes = this.#changes.slice(0, kept);
    const next = this.#changes[kept];
    const dirty = dirtyPages(changes);
    for (const change of changes) {
      this.#store(change, dirty);
      this.modifiedMs = change.atMs;
    }
    let hasZeros = changes.some((change) => change.kind !== "truncate" && change.isDoomed);
    if (next?.kind === "append" && !next.isDoomed && random.chance(0.7)) {
      const torn = random.below(next.bytes.byteLength);
      this.modifiedMs = next.atMs;
      this.#stored.resize(next.at);
      this.#stored.append(next.bytes.subarray(0, torn));
      if (random.chance(0.3)) {
        // The size was written before the bytes. Not the whole of it: then nothing but the bytes would tell.
        this.#stored.append(new Uint8Array(random.below(next.bytes.byteLength - torn)));
        hasZeros = true;
      }
    }
    if (next?.kind === "overwrite" && !next.isDoomed) {
      this.#stored.write(next.bytes.subarray(0, random.below(next.bytes.byteLength)), next.at);
    }
    // Whoever knew the file by length and time alone must see that it is another one.
    if (hasZeros) this.modifiedMs += 1_000;
    this.#changes = [];
    this.#seen.copyFrom(this.#stored);
    this.openCount = 0;
    return { lostBytes: Math.max(0, before - this.#seen.size), wasLiedAbout, hasZeros };
  }

  #write(bytes: Uint8Array, write: Pick<Write, "kind" | "at" | "atMs">): void {
    // Copied: the caller may use its buffer again.
    const own = Uint8Array.from(bytes);
    this.#serial += 1;
    this.#changes.push({ ...write, bytes: own, serial: this.#serial, isDoomed: false, isLied: false });
    this.#seen.write(own, write.at);
    this.modifiedMs = write.atMs;
  }

  #store(change: FileChange, dirty: ReadonlySet<number>): void {
    // A file's time is written with its size.
    this.#storedMs = change.atMs;
    if (change.kind === "truncate") {
      this.#stored.resize(change.size);
      return;
    }
    if (change.kind === "append") this.#stored.resize(change.at);
    if (!change.isDoomed) {
      this.#stored.write(change.bytes, change.at);
      return;
    }
    // Only what shares a page with bytes that were written later is on the disk.
    const bytes = new Uint8Array(change.bytes.byteLength);
    this.#stored.read(bytes, change.at);
    for (let at = 0; at < bytes.byteLength; at += 1) {
      if (dirty.has(Math.floor((change.at + at) / PAGE_BYTES))) bytes[at] = change.bytes[at] ?? 0;
    }
    this.#stored.write(bytes, change.at);
  }
}

/** Pages that these changes write; those of a sync that failed write none. */
function dirtyPages(changes: readonly FileChange[]): ReadonlySet<number> {
  const pages = new Set<number>();
  if (!changes.some((change) => change.kind !== "truncate" && change.isDoomed)) return pages;
  for (const change of changes) {
    if (change.kind === "truncate" || change.isDoomed) continue;
    const last = Math.floor((change.at + change.bytes.byteLength - 1) / PAGE_BYTES);
    for (let page = Math.floor(change.at / PAGE_BYTES); page <= last; page += 1) pages.add(page);
  }
  return pages;
}

/** Bytes that are appended to, in a buffer that doubles. */
class GrowingBytes {
  size = 0;
  #buffer = new Uint8Array(0);

  append(bytes: Uint8Array): void {
    this.#reserve(this.size + bytes.byteLength);
    this.#buffer.set(bytes, this.size);
    this.size += bytes.byteLength;
  }

  /** Puts bytes where others may be, or behind them. */
  write(bytes: Uint8Array, at: number): void {
    if (at + bytes.byteLength > this.size) this.resize(at + bytes.byteLength);
    this.#buffer.set(bytes, at);
  }

  /** Cuts, or goes on with zeros. */
  resize(size: number): void {
    this.#reserve(size);
    if (size > this.size) this.#buffer.fill(0, this.size, size);
    this.size = size;
  }

  read(into: Uint8Array, position: number): number {
    const end = Math.min(this.size, position + into.byteLength);
    if (end <= position) return 0;
    into.set(this.#buffer.subarray(position, end));
    return end - position;
  }

  copyFrom(other: GrowingBytes): void {
    this.size = 0;
    this.append(other.#buffer.subarray(0, other.size));
  }

  #reserve(size: number): void {
    if (size <= this.#buffer.byteLength) return;
    const grown = new Uint8Array(Math.max(1_024, 2 ** Math.ceil(Math.log2(size))));
    grown.set(this.#buffer.subarray(0, this.size));
    this.#buffer = grown;
  }
}
