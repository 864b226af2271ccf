/**
 * What the projections keep of one rollout, as plain data: rows that were folded from its log and where
 * folding goes on. Nothing here knows SQL or files, so that rows can cross a worker's border and be
 * compared in tests.
 *
 * Ordinals are positions; offsets are hints, and null where they were not seen.
 */
import type { ThreadMetadata, ThreadTokenUsage, Turn, TurnError } from "../events/index.ts";

/** One turn's outline and where it stands. Items are read from the log when they are asked for. */
export interface TurnRow {
  readonly id: string;
  readonly startOrdinal: number;
  /** The ordinal after the record that closed it, or behind the newest record while it is open. */
  readonly endOrdinal: number;
  readonly startOffset: number | null;
  readonly endOffset: number | null;
  readonly outcome: TurnOutcome;
  /** N of the first `item-N` it may hold. */
  readonly firstItem: number;
  /** Codex's index of its first record; null where that was not seen. A hint. */
  readonly firstIndex: number | null;
  /** Time of the record that opened it. */
  readonly begunAtMs: number | null;
}

/** How a turn stands; it may change after the turn was closed. */
export interface TurnOutcome {
  readonly status: Turn["status"];
  readonly error: TurnError | null;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
  readonly durationMs: number | null;
  readonly itemCount: number;
}

/** Bytes of a record that changed a turn after it was closed. */
export interface LateSpan {
  readonly startOrdinal: number;
  readonly ordinal: number;
  readonly start: number;
  readonly end: number;
}

/** A message as it is searched. */
export interface TextRow {
  readonly ordinal: number;
  /** The turn it belongs to. */
  readonly turnStart: number;
  readonly text: string;
}

/** Where folding may go on without what was before (see TurnsPlace in events). */
export interface FoldMark {
  readonly ordinal: number;
  readonly offset: number;
  readonly index: number;
  readonly item: number;
  readonly isUnverified: boolean;
}

/** The newest compaction whose turn stands: from its turn on a model's context is whole. */
export interface CompactionMark {
  readonly ordinal: number;
  readonly turnStart: number;
  /** It recorded the history it leaves; else that is rebuilt from what was before. */
  readonly isWhole: boolean;
  /** The one before it that stands, for when this one is rolled back; only so many are remembered. */
  readonly before: CompactionMark | null;
}

/** Usage as it was last told, and whose turn it was. */
export interface UsageRow {
  readonly usage: ThreadTokenUsage | null;
  readonly turnId: string | null;
  readonly turnPosition: number;
}

/** The state of a rollout's projection after `nextOrdinal` records. */
export interface RolloutState {
  readonly nextOrdinal: number;
  /** Where those records end. */
  readonly endOffset: number;
  readonly metadata: ThreadMetadata;
  readonly usage: UsageRow;
  readonly compaction: CompactionMark | null;
  readonly mark: FoldMark;
}

/** What changed since the rows were last written, in the order to write it: drops, rows, then what is set. */
export interface RowChanges {
  readonly state: RolloutState;
  /** Turns and texts from this turn on that stood, and the rollback that dropped them; oldest first. */
  readonly drops: readonly { readonly fromStart: number; readonly by: number }[];
  readonly turns: readonly TurnRow[];
  /** Turns written before whose outcome changed, by the turn's start. */
  readonly outcomes: ReadonlyMap<number, TurnOutcome>;
  readonly lateSpans: readonly LateSpan[];
  /** Usage as last told in a turn, by the turn's start. */
  readonly usages: ReadonlyMap<number, ThreadTokenUsage>;
  readonly texts: readonly TextRow[];
}
