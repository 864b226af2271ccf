/**
 * What a state DB is opened with, its defaults and bounds. Checked once, where it is opened; what can't work
 * is refused with the option's name.
 */
import { type Clock, type IdSource, type Logger, rejection } from "../base/index.ts";
import type { FoldProgress } from "./home-sync.ts";
import type { LeaseHolder } from "./lease-rows.ts";

/** How a state DB is opened. */
export interface StateDbOptions {
  /** The home's folder; made when it isn't there. A Codex home works: its own databases are never touched. */
  readonly home: string;
  /** Longest wait for another process that fills the rows, milliseconds. Default 30,000. */
  readonly waitMaxMs?: number;
  /** How long a heartbeat of another process may stand still before its leases are taken, milliseconds. Default 10,000; the same in all processes of a home. */
  readonly leaseTtlMs?: number;
  /** Threads that fold, 1 or more. Default: one a core, 4 at most. */
  readonly workers?: number;
  /** Told while rows are filled, and later while a sweep folds: at the beginning, and after each file. */
  readonly onProgress?: (progress: FoldProgress) => void;
  /** Told while another process fills the rows, when that begins and whenever it is farther. */
  readonly onWaiting?: (holder: LeaseHolder) => void;
  /** Ends the opening between two files; what was filled stays. */
  readonly signal?: AbortSignal;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Names this process as an owner. Default: random UUIDs of version 7. */
  readonly ids?: IdSource;
}

/** Throws `invalid_argument` for options that can't work. */
export function checkStateDbOptions(options: StateDbOptions): void {
  if (typeof options !== "object" || options === null) throw rejection("invalid_argument", "openStateDb needs options");
  const { home, waitMaxMs = 0, leaseTtlMs = 1, workers = 1 } = options;
  if (typeof home !== "string" || home.trim() === "") throw rejection("invalid_argument", "home must name a folder");
  if (!Number.isFinite(waitMaxMs) || waitMaxMs < 0) {
    throw rejection("invalid_argument", "waitMaxMs must be a number of 0 or more");
  }
  if (!Number.isFinite(leaseTtlMs) || leaseTtlMs <= 0) {
    throw rejection("invalid_argument", "leaseTtlMs must be a number above 0");
  }
  if (!Number.isSafeInteger(workers) || workers < 1) {
    throw rejection("invalid_argument", "workers must be a whole number of 1 or more");
  }
}
