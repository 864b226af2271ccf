/**
 * A disk in memory, as the local store's `FileSystem`, with the faults of real ones: calls take their time,
 * writes are short, syncs fail or lie, the disk is full, reads and writes give EIO, and the power goes. Which
 * call meets which fault follows from the seed and from how often each is to happen.
 *
 * 1. Each process has a view of its own: its calls end as events of that process, and those that were under
 *    way when it was killed have happened or not, as the seed says.
 * 2. A file's bytes are safe once its sync succeeded, a name once a folder that it is in was synced; a sync
 *    covers what was written before it was called.
 * 3. After a power cut each file is a beginning of what was written to it (simulated-file.ts), and the names
 *    are a beginning of what was done to them, folder by folder (simulated-folders.ts).
 */
import type { FileSystem } from "../../store/local/index.ts";
import type { DiskFault, DiskFaultRates } from "./disk-faults.ts";
import { DiskView } from "./disk-view.ts";
import { MemoryDisk, type PowerCut, type SimulatedDiskOptions } from "./memory-disk.ts";
import type { ScheduledProcess } from "./seeded-scheduler.ts";

/** See the file's head. */
export interface SimulatedDisk {
  /** Faults met so far, by their names. */
  readonly faultCounts: Readonly<Record<DiskFault, number>>;
  /** Calls of all views so far. */
  readonly calls: number;
  /** The disk as one process sees it. */
  view(process: ScheduledProcess): FileSystem;
  /** The disk without faults and without time: for who looks from outside. */
  direct(): FileSystem;
  /** Makes a folder, and those above it, that was always there. */
  prepareFolder(path: string): void;
  /** From now on. What is left out is 0. */
  setFaults(rates: Partial<DiskFaultRates>): void;
  /** A full disk takes no byte and no name, whatever the rates, until it is full no more. */
  setFull(isFull: boolean): void;
  /** The power goes for all: kill the processes first. Open files are closed. */
  powerCut(): PowerCut;
}

/** Makes an empty disk. */
export function createSimulatedDisk(options: SimulatedDiskOptions): SimulatedDisk {
  const disk = new MemoryDisk(options);
  return {
    get faultCounts() {
      return disk.faultCounts;
    },
    get calls() {
      return disk.calls;
    },
    view: (process) => new DiskView(disk, process).port(),
    direct: () => new DiskView(disk, null).port(),
    prepareFolder: (path) => disk.prepareFolder(path),
    setFaults: (rates) => disk.setFaults(rates),
    setFull: (isFull) => disk.setFull(isFull),
    powerCut: () => disk.powerCut(),
  };
}
