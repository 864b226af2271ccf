/**
 * Turns as their rows say them: outlines without items. What a turn holds is in the log, in the bytes
 * that its row names (turn-reader.ts).
 */
import type { Turn, TurnEntry, TurnError } from "../events/index.ts";
import type { SetStatements, SqlValue } from "./set-statements.ts";

/** A row of `turns`, as it stands there. */
export interface RawTurn {
  readonly rollout_id: number;
  readonly start_ordinal: number;
  readonly end_ordinal: number;
  readonly start_offset: number | null;
  readonly end_offset: number | null;
  readonly id: string;
  readonly status: Turn["status"];
  readonly error: string | null;
  readonly started_at: number | null;
  readonly completed_at: number | null;
  readonly duration_ms: number | null;
  readonly first_item: number;
  readonly first_index: number | null;
  readonly item_count: number;
  readonly begun_at_ms: number | null;
  readonly dropped_by: number | null;
  readonly late: string | null;
  readonly usage: string | null;
}

/** The turn without its items, as the turns fold would have it. */
export function entryOf(raw: RawTurn): TurnEntry {
  const turn: Turn = {
    id: raw.id,
    items: [],
    itemsView: "notLoaded",
    status: raw.status,
    error: raw.error === null ? null : (JSON.parse(raw.error) as TurnError),
    startedAt: raw.started_at,
    completedAt: raw.completed_at,
    durationMs: raw.duration_ms,
  };
  return { turn, startOrdinal: raw.start_ordinal, endOrdinal: raw.end_ordinal, hiddenItems: raw.item_count };
}

const STANDING = "rollout_id = ? AND dropped_by IS NULL";

/** Which standing turns of a rollout, in which order. */
export interface TurnRange {
  readonly rolloutId: number;
  readonly direction: "asc" | "desc";
  readonly limit: number;
  /** Only behind this start in that direction; null from the end. */
  readonly behind: number | null;
  /** The turn at `behind` too. */
  readonly isInclusive: boolean;
}

/** A stretch of standing turns. */
export function standingTurns(sql: SetStatements, range: TurnRange): readonly RawTurn[] {
  const { rolloutId, direction, limit, behind, isInclusive } = range;
  const order = direction === "asc" ? "ASC" : "DESC";
  const compare = `${direction === "asc" ? ">" : "<"}${isInclusive ? "=" : ""}`;
  const values: SqlValue[] = behind === null ? [rolloutId, limit] : [rolloutId, behind, limit];
  const place = behind === null ? "" : ` AND start_ordinal ${compare} ?`;
  return sql.all<RawTurn>(
    `SELECT * FROM turns_# WHERE ${STANDING}${place} ORDER BY start_ordinal ${order} LIMIT ?`,
    ...values,
  );
}

/** The standing turns with this id, oldest first: most often one. */
export function turnsNamed(sql: SetStatements, rolloutId: number, turnId: string): readonly RawTurn[] {
  return sql.all<RawTurn>(
    `SELECT * FROM turns_# WHERE ${STANDING} AND id = ? ORDER BY start_ordinal`,
    rolloutId,
    turnId,
  );
}

/** Whether a turn with this id stood when the turn at `startOrdinal` began. */
export function stoodBefore(
  sql: SetStatements,
  turn: { readonly rolloutId: number; readonly turnId: string; readonly startOrdinal: number },
): boolean {
  const { rolloutId, turnId, startOrdinal } = turn;
  const found = sql.get(
    "SELECT 1 FROM turns_# WHERE rollout_id = ? AND id = ? AND start_ordinal < ? AND (dropped_by IS NULL OR dropped_by > ?)",
    rolloutId,
    turnId,
    startOrdinal,
    startOrdinal,
  );
  return found !== undefined;
}
