/**
 * Laws of all folds: replay is live, a saved state is the state, an older state stays as it was. They run
 * over every fold of the table in fold-views.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { type AppendableItem, foldRecords, validateAppendable } from "../../src/events/index.ts";
import { arbHistory, arbRolloutItem } from "../../src/testing/arbitraries/index.ts";
import { FOLD_CASES } from "../events/fold-views.ts";
import { bytesOf, foldBytes, recordsOf } from "../events/log-reading.ts";

const arbItems: fc.Arbitrary<readonly AppendableItem[]> = fc.oneof(
  arbHistory(),
  fc.array(arbRolloutItem(), { maxLength: 15 }),
);
const arbBatches = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });

describe.each(FOLD_CASES.map((each) => ({ name: each.fold.name, each })))("fold $name", ({ each }) => {
  const { fold, view } = each;

  it("law: replay(append(items)) is the live state, for any batching", () => {
    fc.assert(
      fc.property(arbItems, arbBatches, (items, batches) => {
        const appended = validateAppendable(items);
        const live = foldRecords(fold, recordsOf(appended));
        const { state, end } = foldBytes(fold, [bytesOf(appended, batches)], true);
        expect(fold.save(state)).toEqual(fold.save(live));
        expect(end).toMatchObject({ nextOrdinal: items.length, tornBytes: 0 });
      }),
    );
  });

  it("law: a state that was saved as JSON and loaded goes on as the state does, at any point", () => {
    fc.assert(
      fc.property(arbItems, fc.nat(), (items, at) => {
        const records = recordsOf(items);
        const cut = at % (records.length + 1);
        const before = foldRecords(fold, records.slice(0, cut));
        const loaded = fold.load(JSON.parse(JSON.stringify(fold.save(before))) as unknown);
        expect(view(loaded)).toEqual(view(before));
        const rest = records.slice(cut);
        expect(fold.save(foldRecords(fold, rest, loaded))).toEqual(fold.save(foldRecords(fold, rest, before)));
      }),
    );
  });

  it("law: older states stay as they were, and can go on another way", () => {
    fc.assert(
      fc.property(arbItems, fc.array(arbRolloutItem(), { minLength: 1, maxLength: 4 }), (items, others) => {
        const states = [fold.initial()];
        const seen = [JSON.stringify(view(states[0]))];
        for (const record of recordsOf(items)) {
          const next = fold.step(states.at(-1), record);
          states.push(next);
          seen.push(JSON.stringify(view(next)));
        }
        for (const [ordinal, state] of states.entries()) {
          const branch = others.map((item, index) => ({ ordinal: ordinal + index, timestamp: null, item }));
          const here = foldRecords(fold, branch, state);
          const fresh = foldRecords(fold, branch, foldRecords(fold, recordsOf(items).slice(0, ordinal)));
          expect(JSON.stringify(view(here))).toBe(JSON.stringify(view(fresh)));
        }
        expect(states.map((state) => JSON.stringify(view(state)))).toEqual(seen);
      }),
      { numRuns: 60 },
    );
  });

  it("law: step changes nothing it was given", () => {
    fc.assert(
      fc.property(arbItems, (items) => {
        const frozen = recordsOf(items).map((record) => deepFreeze(structuredClone(record)));
        expect(fold.save(foldRecords(fold, frozen))).toEqual(fold.save(foldRecords(fold, recordsOf(items))));
      }),
    );
  });
});

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null) {
    for (const member of Object.values(value)) deepFreeze(member);
    Object.freeze(value);
  }
  return value;
}
