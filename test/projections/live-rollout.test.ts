/**
 * A followed rollout keeps only so much that is not in the rows: past that it falls behind, and the next sweep
 * brings its rows from the log.
 */
import { expect, it } from "vitest";

import { LIMITS } from "../../src/base/index.ts";
import { LiveRollout } from "../../src/projections/live-rollout.ts";
import { RolloutFold } from "../../src/projections/rollout-fold.ts";
import type { IndexedAppend } from "../../src/store/index.ts";
import { bytesOf, recordsOf } from "../events/log-reading.ts";
import { event, metaItem, REACHING_ID } from "./reaching-logs.ts";

const RECORDS_EACH = 1_000;

/** Appends of one thread, each of so many records. */
function* appends(): Generator<IndexedAppend, never, undefined> {
  let [ordinal, offset] = [0, 0];
  for (;;) {
    const items = Array.from({ length: RECORDS_EACH }, (_, n) =>
      ordinal + n === 0 ? metaItem() : event("agent_message", { message: "text" }),
    );
    const text = Buffer.from(bytesOf(items)).toString("utf8");
    const records = recordsOf(items).map((record) => ({ ...record, ordinal: ordinal + record.ordinal }));
    const end = offset + text.length;
    yield { path: "/home/sessions/a.jsonl", inode: "1", records, text, offset, end };
    ordinal += RECORDS_EACH;
    offset = end;
  }
}

it("keeps no more records than the limit where its rows can't be written, folded or not", () => {
  const live = new LiveRollout(REACHING_ID, null);
  live.ready(new RolloutFold(null), null);
  let taken = 0;
  for (const append of appends()) {
    live.take(append);
    taken += append.records.length;
    if (live.state === "behind") break;
    expect(live.foldWaiting()).toBe(true);
    expect(taken).toBeLessThanOrEqual(LIMITS.liveRowsRecordsMax);
  }
  expect(taken).toBe(LIMITS.liveRowsRecordsMax + RECORDS_EACH);
  expect(live.hasWork).toBe(false);
});

it("counts anew once its rows are written", () => {
  const live = new LiveRollout(REACHING_ID, null);
  live.ready(new RolloutFold(null), null);
  let taken = 0;
  for (const append of appends()) {
    live.take(append);
    live.foldWaiting();
    live.written(append.end);
    taken += append.records.length;
    if (taken > 2 * LIMITS.liveRowsRecordsMax) break;
  }
  expect(live.state).toBe("ready");
});
