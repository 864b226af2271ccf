/**
 * A thread's turns by their rows, as the store's port wants them: outlines and places, no items. What they
 * hold is read from the log by who shows it.
 */
import { fault } from "../base/index.ts";
import type { IndexedTurn, IndexedTurnRange, IndexedTurns } from "../store/index.ts";
import type { SetStatements } from "./set-statements.ts";
import type { Tables } from "./tables.ts";
import { entryOf, type RawTurn, standingTurns, stoodBefore, turnsNamed } from "./turn-rows.ts";

/** Reads in one transaction from the set that is current then. */
export type ReadTables = <Value>(work: (tables: Tables) => Value) => Value;

/** The standing turns of the rollout at this path. `read` is asked at each call: a rebuild may swap sets meanwhile. */
export function indexedTurns(path: string, read: ReadTables): IndexedTurns {
  // In another set the rollout has another id.
  const withRows = <Value>(work: (sql: SetStatements, rolloutId: number) => Value): Value =>
    read(({ sql, rollouts }) => {
      const id = rollouts.peek(path)?.id;
      if (id !== undefined) return work(sql, id);
      throw fault("state_db_busy", `the rows of ${path} were changed while they were read; try again`, {
        retryable: true,
        data: { path },
      });
    });
  return {
    range: (range: IndexedTurnRange) =>
      withRows((sql, rolloutId) => standingTurns(sql, { rolloutId, ...range }).map(toIndexed)),
    named: (turnId) => withRows((sql, rolloutId) => turnsNamed(sql, rolloutId, turnId).map(toIndexed)),
    stoodBefore: (turnId, startOrdinal) =>
      withRows((sql, rolloutId) => stoodBefore(sql, { rolloutId, turnId, startOrdinal })),
    all: () =>
      withRows((sql, rolloutId) =>
        standingTurns(sql, {
          rolloutId,
          direction: "asc",
          limit: Number.MAX_SAFE_INTEGER,
          behind: null,
          isInclusive: false,
        }).map(toIndexed),
      ),
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
