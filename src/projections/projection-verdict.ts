/**
 * What a verification of projections finds, in words: of a thread, or of rows or a file that belong to none.
 * Plain data, made in verify-projections.ts and thread-verification.ts.
 */

/**
 * - `same`: the rows are the fold of the log, as far as they go.
 * - `behind`: the file changed after the rows last looked, so that there is nothing to compare yet.
 * - `differs`: rows that the log does not give. `missing`: a file without rows. `left_over`: rows without a file.
 * - `unfound`: texts that the full-text index does not give back.
 * - `quarantined`: a file that could not be folded, and so has no rows.
 */
export type ProjectionOutcome = "same" | "behind" | "differs" | "missing" | "left_over" | "unfound" | "quarantined";

/** What was found of a thread, or of rows or a file without one. */
export interface ProjectionVerdict {
  readonly outcome: ProjectionOutcome;
  readonly threadId: string | null;
  /** In the home. */
  readonly path: string | null;
  /** The tables that are not as they should be. */
  readonly tables: readonly string[];
  /** Digests (SHA-256) of what the log gives and of what the rows say; null where there is none. */
  readonly fromLog: string | null;
  readonly fromRows: string | null;
  /** What the log has beyond its rows. */
  readonly lagBytes: number;
  readonly lagRecords: number;
  readonly message: string;
}

/** How far a verification is. */
export interface VerifyProjectionsProgress {
  readonly filesDone: number;
  readonly filesTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly threadsDone: number;
  readonly recordsDone: number;
  /** The table set that is verified. */
  readonly generation: number;
  readonly version: number;
}

/** A verdict; what is not said is nothing. */
export function verdict(
  outcome: ProjectionOutcome,
  found: Partial<ProjectionVerdict> & { readonly message: string },
): ProjectionVerdict {
  const nothing = { threadId: null, path: null, tables: [], fromLog: null, fromRows: null, lagBytes: 0, lagRecords: 0 };
  return { ...nothing, ...found, outcome };
}
