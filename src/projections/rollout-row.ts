/**
 * One rollout as its row in a set knows it: where the file stood, how it was, and the state of its folds.
 * What a file looked like is a hint, to be checked before it is believed.
 */
import type { ThreadMetadata } from "../events/index.ts";
import type { CompactionMark, FoldMark, RolloutState, UsageRow } from "./rollout-rows.ts";

/** How a file was when it was folded: hints that are checked before they are believed. */
export interface FileHints {
  readonly inode: string;
  readonly size: number;
  /** Nanoseconds since the epoch as text; null right after an append of this process, which did not look. */
  readonly modifiedNs: string | null;
  /** Digest of the last bytes in front of the end that was folded. */
  readonly tailCheck: string;
}

/** Where a rollout stands in its home. */
export interface RolloutPlaceRow {
  /** Relative to the home, so that a home can be moved. */
  readonly path: string;
  readonly archived: boolean;
}

/** One rollout as its rows know it. */
export interface RolloutRow extends RolloutPlaceRow, FileHints {
  readonly id: number;
  readonly threadId: string | null;
  readonly state: RolloutState;
}

/** The row as it stands in the table. */
export interface RawRollout {
  readonly id: number;
  readonly path: string;
  readonly archived: number;
  readonly inode: string;
  readonly size: number;
  readonly modified_ns: string | null;
  readonly thread_id: string | null;
  readonly next_ordinal: number;
  readonly end_offset: number;
  readonly tail_check: string;
  readonly mark: string;
  readonly metadata: string;
  readonly updated_at_ms: number;
  readonly recency_at_ms: number;
  readonly usage: string;
  readonly compaction: string | null;
}

/** Reads a row. */
export function toRow(raw: RawRollout | undefined): RolloutRow | undefined {
  if (raw === undefined) return undefined;
  return {
    id: raw.id,
    path: raw.path,
    archived: raw.archived === 1,
    inode: raw.inode,
    size: raw.size,
    modifiedNs: raw.modified_ns,
    tailCheck: raw.tail_check,
    threadId: raw.thread_id,
    // The columns are this class's own: what it wrote as JSON it reads as JSON.
    state: {
      nextOrdinal: raw.next_ordinal,
      endOffset: raw.end_offset,
      metadata: {
        ...(JSON.parse(raw.metadata) as ThreadMetadata),
        updatedAtMs: raw.updated_at_ms,
        recencyAtMs: raw.recency_at_ms,
      },
      usage: JSON.parse(raw.usage) as UsageRow,
      compaction: raw.compaction === null ? null : (JSON.parse(raw.compaction) as CompactionMark),
      mark: JSON.parse(raw.mark) as FoldMark,
    },
  };
}

/** Whether the row is of this very file, as it is: what took its place may have its inode and its size, not its time. */
export function isRowOf(
  row: RolloutRow | undefined,
  file: { readonly inode: string; readonly end: number; readonly modifiedNs: bigint },
): row is RolloutRow {
  if (row?.inode !== file.inode || row.state.endOffset !== file.end) return false;
  return row.modifiedNs === null || row.modifiedNs === String(file.modifiedNs);
}
