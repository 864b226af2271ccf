/**
 * Laws of rolling back: what is left is what was there before, for the turns and for the model. Turns are
 * compared after a replay of the bytes, not of the items.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  type AppendableItem,
  foldRecords,
  modelContextFold,
  modelContextOf,
  type TurnEntry,
  turnEntriesOf,
  turnsFold,
  turnsOf,
} from "../../src/events/index.ts";
import { arbHistory } from "../../src/testing/arbitraries/index.ts";
import { bytesOf, foldBytes, recordsOf } from "../events/log-reading.ts";

type Items = readonly AppendableItem[];

const LIVE = { live: true } as const;

/** Histories without a rollback, and without records that change an earlier turn by its id. */
const arbOwnTurns = arbHistory({ hasRollbacks: false }).map((items) =>
  items.filter(
    ({ type, payload }) => type !== "event_msg" || !["patch_apply_end", "item_completed"].includes(payload.type),
  ),
);

function rollback(count: number, before?: string): AppendableItem {
  const named = before === undefined ? {} : { before_turn_id: before };
  return { type: "event_msg", payload: { type: "thread_rolled_back", num_turns: count, ...named } };
}

function entriesOf(items: Items): readonly TurnEntry[] {
  return turnEntriesOf(foldRecords(turnsFold, recordsOf(items)), LIVE);
}

function turnsAfter(items: Items): unknown {
  return turnsOf(foldBytes(turnsFold, [bytesOf(items)], true).state, LIVE);
}

function contextAfter(items: Items): readonly unknown[] {
  return modelContextOf(foldBytes(modelContextFold, [bytesOf(items)], true).state);
}

/** A history with turns, and how many of them go. */
const arbRolledBack = fc
  .tuple(arbOwnTurns, fc.nat())
  .map(([items, at]) => {
    const entries = entriesOf(items);
    const count = 1 + (at % Math.max(1, entries.length));
    return { items, count, first: entries[entries.length - count] };
  })
  .filter(({ first }) => first !== undefined);

describe("rolling back", () => {
  it("law: rollback(n) and replay give the turns of the log before the n-th last turn", () => {
    fc.assert(
      fc.property(arbRolledBack, ({ items, count, first }) => {
        expect(turnsAfter([...items, rollback(count)])).toEqual(turnsAfter(items.slice(0, first?.startOrdinal)));
      }),
    );
  });

  it("law: more than there are drops all turns, and the log goes on growing", () => {
    fc.assert(
      fc.property(arbOwnTurns, fc.nat(3), (items, more) => {
        const rolled = [...items, rollback(entriesOf(items).length + more)];
        expect(turnsAfter(rolled)).toEqual([]);
        expect(foldRecords(turnsFold, recordsOf(rolled)).track.nextOrdinal).toBe(items.length + 1);
      }),
    );
  });

  it("law: a rollback that names its turn leaves turns and model context as they stood before that turn", () => {
    fc.assert(
      fc.property(arbRolledBack, ({ items, count, first }) => {
        const rolled = [...items, rollback(count, first?.turn.id)];
        const before = items.slice(0, first?.startOrdinal);
        expect(turnsAfter(rolled)).toEqual(turnsAfter(before));
        expect(contextAfter(rolled)).toEqual(contextAfter(before));
      }),
    );
  });

  it("law: naming the first turn that goes is the same as counting, for the turns", () => {
    fc.assert(
      fc.property(arbRolledBack, ({ items, count, first }) => {
        expect(turnsAfter([...items, rollback(count, first?.turn.id)])).toEqual(
          turnsAfter([...items, rollback(count)]),
        );
      }),
    );
  });

  it("law: rolling back a and then b is rolling back a + b, for turns and model, whatever stood before", () => {
    fc.assert(
      fc.property(arbHistory(), fc.nat(4), fc.nat(4), (items, a, b) => {
        const twice = [...items, rollback(a), rollback(b)];
        const once = [...items, rollback(a + b)];
        expect(turnsAfter(twice)).toEqual(turnsAfter(once));
        expect(contextAfter(twice)).toEqual(contextAfter(once));
      }),
    );
  });

  it("law: rolling back none changes no turn and nothing the model sees", () => {
    fc.assert(
      fc.property(arbHistory(), (items) => {
        expect(turnsAfter([...items, rollback(0)])).toEqual(turnsAfter(items));
        expect(contextAfter([...items, rollback(0)])).toEqual(contextAfter(items));
      }),
    );
  });

  it("law: without compactions a rollback leaves a beginning of what the model saw, also after others", () => {
    const arbBefore = fc.constantFrom(undefined, "turn-1", "turn-2", "turn-3", "rollout-4");
    fc.assert(
      fc.property(arbHistory(), fc.nat(3), arbBefore, (history, count, before) => {
        const items = history.filter(({ type }) => type !== "compacted");
        const left = contextAfter([...items, rollback(count, before)]);
        expect(contextAfter(items).slice(0, left.length)).toEqual(left);
      }),
    );
  });
});
