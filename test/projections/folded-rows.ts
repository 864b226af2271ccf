/**
 * A log brought into rows piece by piece, in the ways that the state DB does it: from the bytes of a file, from
 * where the rows' mark says, parsed whole or with lines passed over; or record by record as a writer of this
 * process tells them. The rows stand in a real SQLite database in memory. Not a test.
 */
import { createLogScanner, type LineSpan, type RolloutRecord } from "../../src/events/index.ts";
import { tailCheckOf } from "../../src/projections/file-fold.ts";
import { ROLLOUT_NEEDS, RolloutFold } from "../../src/projections/rollout-fold.ts";
import type { RowChanges } from "../../src/projections/rollout-rows.ts";
import { withTextIndex } from "../../src/projections/text-index.ts";
import { openConnection, type SqliteDatabase } from "../../src/projections/sqlite-connection.ts";
import { createTableSet, makeCurrent, TABLE_SETS_DDL } from "../../src/projections/table-set.ts";
import { type Tables, tablesOf } from "../../src/projections/tables.ts";
import { homePaths } from "../../src/store/local/index.ts";
import { scanAll } from "../events/log-reading.ts";
import { dumpRows, type RowDump } from "./row-dump.ts";

/** How a piece of a log comes into the rows. */
export type FoldWay = "strict" | "skipping" | "live";

/** A log with its records told once. */
export interface ScannedBytes {
  readonly bytes: Uint8Array;
  readonly records: readonly RolloutRecord[];
  readonly spans: readonly LineSpan[];
  /** Counts of records at which no append is half there, ascending from 0. */
  readonly rests: readonly number[];
}

export function scanned(bytes: Uint8Array): ScannedBytes {
  const { records, spans } = scanAll([Buffer.from(bytes)]);
  const counter = createLogScanner({ sink: { record: () => undefined } });
  const rests = [0];
  for (const [ordinal, { end }] of spans.entries()) {
    counter.push(Buffer.from(bytes.subarray(spans[ordinal - 1]?.end ?? 0, end)));
    if (counter.end().nextOrdinal === ordinal + 1) rests.push(ordinal + 1);
  }
  return { bytes, records, spans, rests };
}

/** Where the log ends after so many records, bytes. */
function endAfter({ spans }: ScannedBytes, records: number): number {
  return spans[records - 1]?.end ?? 0;
}

const PATH = "sessions/one.jsonl";
const HINTS = { inode: "1", size: 0, modifiedNs: "0", tailCheck: tailCheckOf(new Uint8Array()) };

/** Rows of one log at a time. */
export class FoldedRows {
  readonly db: SqliteDatabase;
  readonly tables: Tables;
  /** Folds from 0 that a way asked for. */
  wholeFolds = 0;
  #live: RolloutFold | null = null;

  constructor() {
    this.db = openConnection(":memory:", { mode: "read-write" });
    this.db.exec(TABLE_SETS_DDL);
    const generation = createTableSet(this.db, { state: "building", madeAtMs: 0 });
    makeCurrent(this.db, generation);
    this.tables = tablesOf(this.db, generation, homePaths("/home"));
  }

  close(): void {
    this.db.close();
  }

  clear(): void {
    this.#live = null;
    const { sql, rollouts } = this.tables;
    withTextIndex(sql, (index) => {
      for (const { id } of rollouts.files()) rollouts.remove(id, index);
    });
  }

  dump(): RowDump {
    return dumpRows(this.db, this.tables.sql.generation);
  }

  /** Brings the rows up to the first so many records. */
  bring(log: ScannedBytes, records: number, way: FoldWay): void {
    if (way === "live") this.#bringLive(log, records);
    else {
      this.#live = null;
      this.#bringFile(log.bytes.subarray(0, endAfter(log, records)), way === "strict");
    }
  }

  #bringFile(bytes: Uint8Array, isStrict: boolean): void {
    const row = this.tables.rollouts.byPath(PATH);
    let fold = new RolloutFold(row === undefined ? null : this.tables.rollouts.baseOf(row));
    readInto(fold, bytes, isStrict);
    let isWhole = row === undefined;
    if (fold.needsWholeFold) {
      this.wholeFolds += 1;
      fold = new RolloutFold(null, { keepsItems: true });
      readInto(fold, bytes, true);
      isWhole = true;
    }
    this.#write(fold.take(), isWhole);
  }

  #bringLive(log: ScannedBytes, records: number): void {
    this.#live ??= this.#loaded(log.bytes);
    const fold = this.#live;
    for (const [index, record] of log.records.slice(0, records).entries()) {
      const span = log.spans[index];
      if (record.ordinal >= fold.nextOrdinal && span !== undefined) fold.record(record, span);
    }
    if (!fold.needsWholeFold) {
      this.#write(fold.take(), false);
      return;
    }
    this.#live = null;
    this.#bringFile(log.bytes.subarray(0, endAfter(log, records)), true);
  }

  /** A fold that stands where the rows do, as a writer's begins. */
  #loaded(bytes: Uint8Array): RolloutFold {
    const row = this.tables.rollouts.byPath(PATH);
    if (row === undefined) return new RolloutFold(null);
    const fold = new RolloutFold(this.tables.rollouts.baseOf(row));
    readInto(fold, bytes.subarray(0, row.state.endOffset), true);
    fold.take();
    return fold;
  }

  #write(changes: RowChanges, isWhole: boolean): void {
    const place = { path: PATH, archived: false };
    const { sql, rollouts } = this.tables;
    const work = (): number =>
      withTextIndex(sql, (index) => rollouts.write({ place, hints: HINTS, changes, isWhole }, index));
    this.db.transaction(work)();
  }
}

function readInto(fold: RolloutFold, bytes: Uint8Array, isStrict: boolean): void {
  const scanner = createLogScanner({
    ...(isStrict ? {} : { needs: ROLLOUT_NEEDS }),
    startOrdinal: fold.nextOrdinal,
    startOffset: fold.endOffset,
    sink: { record: (record, span) => fold.record(record, span), skipped: (run) => fold.skipped(run) },
  });
  scanner.push(Buffer.from(bytes.subarray(fold.endOffset)));
  fold.endAt(scanner.end().endOffset);
}
