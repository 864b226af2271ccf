/**
 * A window by rows is the window by the whole log; only whether the peer's index was counted by parsing
 * lines is told apart. Rows are made by the fold that projects them.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { foldRecords, type RolloutRecord, turnEntriesOf, turnsFold } from "../../src/events/index.ts";
import { RolloutFold } from "../../src/projections/rollout-fold.ts";
import { type IndexedThread, type IndexedTurn, windowFromRows, windowOf } from "../../src/store/index.ts";
import { arbCompactedLog } from "../../src/testing/arbitraries/index.ts";
import { recordsOf } from "../events/log-reading.ts";

/** What rows would say of a thread with these records. */
function indexedOf(records: readonly RolloutRecord[]): IndexedThread {
  const fold = new RolloutFold(null, { keepsItems: true });
  for (const record of records) fold.record(record, { start: record.ordinal * 10, end: record.ordinal * 10 + 10 });
  const { state, turns } = fold.take();
  const standing = new Set(turnEntriesOf(foldRecords(turnsFold, records), { live: true }).map((e) => e.startOrdinal));
  const rows = turns
    .filter(({ startOrdinal }) => standing.has(startOrdinal))
    .map(({ id, outcome, ...row }): IndexedTurn => {
      const { itemCount, ...rest } = outcome;
      return { ...row, itemCount, late: [], turn: { id, items: [], itemsView: "notLoaded", ...rest } };
    });
  const { compaction, metadata, usage, nextOrdinal } = state;
  const all = (): readonly IndexedTurn[] => rows.toSorted((a, b) => a.startOrdinal - b.startOrdinal);
  const known = { metadata, usage, nextOrdinal, compaction: compaction?.isWhole === true ? compaction : null };
  return { ...known, turns: { all } } as IndexedThread;
}

describe("a window by rows", () => {
  it("law: is the window by the whole log, or there is none", () => {
    let found = 0;
    fc.assert(
      fc.property(arbCompactedLog(), (items) => {
        const records = recordsOf(items);
        const window = windowFromRows(indexedOf(records));
        if (window === null) return;
        found += 1;
        const byLog = windowOf(records);
        expect(window).toEqual({ ...byLog, place: { ...byLog?.place, isUnverified: true } });
      }),
      { numRuns: 300 },
    );
    expect(found).toBeGreaterThan(50);
  });

  it("is none where the peer's index of its first record is not known", () => {
    const logs = fc.sample(arbCompactedLog(), 100).map((items) => indexedOf(recordsOf(items)));
    const indexed = logs.find((log) => windowFromRows(log) !== null);
    if (indexed === undefined) throw new Error("no log has a window");
    const all = (): readonly IndexedTurn[] => indexed.turns.all().map((row) => ({ ...row, firstIndex: null }));
    expect(windowFromRows({ ...indexed, turns: { ...indexed.turns, all } })).toBeNull();
  });
});
