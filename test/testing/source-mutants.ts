/**
 * All bugs that are planted in the source, by room: the memory store, the local store, its state DB, and feeds.
 * Those that are planted from outside, in a memory store's methods, are planted-bugs.ts.
 */
import { diskMutants } from "./disk-mutants.ts";
import { feedMutants } from "./feed-mutants.ts";
import { listMutants } from "./list-mutants.ts";
import { logMutants } from "./log-mutants.ts";
import { memoryMutants } from "./memory-mutants.ts";
import { ownerMutants } from "./owner-mutants.ts";
import { placeMutants } from "./place-mutants.ts";
import { rowMutants } from "./row-mutants.ts";
import type { SourceMutant } from "./source-mutant.ts";
import { writerMutants } from "./writer-mutants.ts";

/** Each has a name of its own. */
export const sourceMutants: readonly SourceMutant[] = Object.freeze([
  ...memoryMutants,
  ...writerMutants,
  ...logMutants,
  ...placeMutants,
  ...listMutants,
  ...rowMutants,
  ...ownerMutants,
  ...feedMutants,
  ...diskMutants,
]);
