/**
 * What a simulated run is given beside its plan, and what it comes to. Reports are plain data: sums over many
 * of them are simulation-coverage.ts.
 */
import type { ThreadStore } from "../../src/store/index.ts";
import type { FileSystem } from "../../src/store/local/index.ts";

/** What can be put in the way of a run, to show that it would be noticed. */
export interface SimulationOptions {
  /** Told each line of the trace. */
  readonly onTrace?: (line: string) => void;
  /** Around each process's disk. */
  readonly wrapDisk?: (files: FileSystem) => FileSystem;
  /** Around each process's store, below what counts acknowledgements. */
  readonly wrapStore?: (store: ThreadStore) => ThreadStore;
}

/** What a run came to. */
export interface SimulationReport {
  readonly seed: number;
  /** Of all that happened, in order. */
  readonly traceHash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly acknowledged: number;
  readonly steps: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly states: Readonly<Record<string, number>>;
  readonly answers: Readonly<Record<string, number>>;
  /** The first that was broken; null: all held. */
  readonly broken: { readonly invariant: string; readonly message: string } | null;
}
