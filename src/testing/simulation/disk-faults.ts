/**
 * What goes wrong with a simulated disk, by name, and how often each is to happen. What follows from each is in
 * memory-disk.ts and disk-view.ts.
 */

/** How often calls meet each fault: 0 never (the default of each), 1 always. */
export interface DiskFaultRates {
  /** A call takes 0.1 to 5 simulated seconds instead of a few milliseconds. */
  readonly stall: number;
  /** A write takes fewer bytes than it was given. */
  readonly shortWrite: number;
  /** A read gives fewer bytes than there are. */
  readonly shortRead: number;
  /** A write is answered later instead of at once. */
  readonly lateWrite: number;
  /** A write stops half-way with ENOSPC; or, of what makes names, nothing is made. */
  readonly noSpace: number;
  readonly writeError: number;
  readonly readError: number;
  /** Opening a file or folder gives EMFILE. */
  readonly noDescriptors: number;
  /** What makes, moves or removes names gives EIO. */
  readonly nameError: number;
  readonly syncError: number;
  /** A sync says yes and writes nothing. */
  readonly syncLie: number;
}

/** A fault that a disk can have, by the name of its rate. */
export type DiskFault = keyof DiskFaultRates;

/** A disk that does what it is asked. */
export const NO_FAULTS: DiskFaultRates = Object.freeze({
  stall: 0,
  shortWrite: 0,
  shortRead: 0,
  lateWrite: 0,
  noSpace: 0,
  writeError: 0,
  readError: 0,
  noDescriptors: 0,
  nameError: 0,
  syncError: 0,
  syncLie: 0,
});
