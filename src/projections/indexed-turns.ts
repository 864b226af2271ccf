/**
 * A thread's turns by their rows, as the store's port wants them: outlines and places, no items. What they
 * hold is read from the log by who shows it.
 */
import type { IndexedTurn, IndexedTurnRange, IndexedTurns } from "../store/index.ts";
import type { SetStatements } from "./set-statements.ts";
import { entryOf, type RawTurn, standingTurns, stoodBefore, turnsNamed } from "./turn-rows.ts";

/** The standing turns of one rollout. `sql` is asked for at each call: a rebuild may swap sets meanwhile. */
export function indexedTurns(rolloutId: number, sql: SetStatements): IndexedTurns {
  return {
    range: (range: IndexedTurnRange) => standingTurns(sql, { rolloutId, ...range }).map(toIndexed),
    named: (turnId) => turnsNamed(sql, rolloutId, turnId).map(toIndexed),
    stoodBefore: (turnId, startOrdinal) => stoodBefore(sql, { rolloutId, turnId, startOrdinal }),
    all: () =>
      standingTurns(sql, {
        rolloutId,
        direction: "asc",
        limit: Number.MAX_SAFE_INTEGER,
        behind: null,
        isInclusive: false,
      }).map(toIndexed),
  };
}

function toIndexed(raw: RawTurn): IndexedTurn {
  const { turn, startOrdinal, endOrdinal } = entryOf(raw);
  return {
    turn,
    startOrdinal,
    endOrdinal,
    startOffset: raw.start_offset,
    endOffset: raw.end_offset,
    firstItem: raw.first_item,
    firstIndex: raw.first_index,
    itemCount: raw.item_count,
    // Written by rollout-store.ts.
    late: raw.late === null ? [] : (JSON.parse(raw.late) as readonly (readonly [number, number, number])[]),
  };
}
