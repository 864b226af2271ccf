/**
 * P1 of the fold into rows: for any log, cut anywhere, brought in by any mixture of the ways there are, the rows
 * are those of one fold over the whole; and what they say is what the folds of the events room say.
 */
import fc from "fast-check";
import { afterAll, expect, it } from "vitest";

import {
  type AppendableItem,
  epochMsOf,
  foldRecords,
  itemCountOf,
  type RolloutRecord,
  threadMetadataFold,
  tokenUsageFold,
  turnEntriesOf,
  turnsFold,
} from "../../src/events/index.ts";
import type { CompactionMark } from "../../src/projections/rollout-rows.ts";
import { bytesOf } from "../events/log-reading.ts";
import { arbAnyLog, event, inputItem, manyTurns, metaItem, tokenCountItem, turnItems } from "./reaching-logs.ts";
import { lawRuns } from "./law-runs.ts";
import { FoldedRows, type FoldWay, scanned, type ScannedBytes } from "./folded-rows.ts";

const rows = new FoldedRows();
const whole = new FoldedRows();
afterAll(() => {
  rows.close();
  whole.close();
});

interface Step {
  readonly at: number;
  readonly way: FoldWay;
}

const arbSteps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({ at: fc.nat(), way: fc.constantFrom<FoldWay>("strict", "skipping", "live", "live") }),
  { minLength: 1, maxLength: 8 },
);

/** The steps in the log's order, the last one to its end. */
function ordered(steps: readonly Step[], { rests, records }: ScannedBytes): readonly Step[] {
  const placed = steps.map(({ at, way }) => ({ at: rests[at % rests.length] ?? 0, way }));
  return [...placed.toSorted((a, b) => a.at - b.at), { at: records.length, way: placed[0]?.way ?? "strict" }];
}

function wholeRows(log: ScannedBytes, records: number): ReturnType<FoldedRows["dump"]> {
  whole.clear();
  whole.bring(log, records, "strict");
  return whole.dump();
}

it("law P1: rows are the same however a log was cut, from whichever mark it went on, parsed whole or not", () => {
  fc.assert(
    fc.property(arbAnyLog(), arbSteps, (text, steps) => {
      const log = scanned(Buffer.from(text, "latin1"));
      rows.clear();
      for (const { at, way } of ordered(steps, log)) {
        rows.bring(log, at, way);
        expect(rows.dump()).toEqual(wholeRows(log, at));
      }
    }),
    { numRuns: lawRuns(300) },
  );
});

it("law P1: rows are the same when every single record is saved and gone on from", () => {
  fc.assert(
    fc.property(arbAnyLog(), fc.constantFrom<FoldWay>("strict", "skipping", "live"), (text, way) => {
      const log = scanned(Buffer.from(text, "latin1"));
      rows.clear();
      for (const at of log.rests) rows.bring(log, at, way);
      expect(rows.dump()).toEqual(wholeRows(log, log.rests.at(-1) ?? 0));
    }),
    { numRuns: lawRuns(100) },
  );
});

it("law P1: rows are the same over more turns than a fold keeps the items of", { timeout: 60_000 }, () => {
  const arbLate = fc.array(fc.tuple(fc.nat(330), fc.nat(330)), { maxLength: 4 });
  fc.assert(
    fc.property(arbLate, fc.array(fc.nat(330), { maxLength: 3 }), arbSteps, (late, rollbacks, steps) => {
      const log = scanned(bytesOf(manyTurns({ turns: 330, late, rollbacks })));
      rows.clear();
      for (const { at, way } of ordered(steps, log)) rows.bring(log, at, way);
      expect(rows.dump()).toEqual(wholeRows(log, log.records.length));
    }),
    { numRuns: 6 },
  );
});

it("law: rows say what the folds say", () => {
  fc.assert(
    fc.property(arbAnyLog(), arbSteps, (text, steps) => {
      const log = scanned(Buffer.from(text, "latin1"));
      rows.clear();
      for (const { at, way } of ordered(steps, log)) rows.bring(log, at, way);
      expect(said(log)).toEqual(expected(log));
    }),
  );
});

it("a token_count without numbers that comes before a turn's first message changes no earlier turn's usage", () => {
  const log = scanned(
    bytesOf([
      metaItem(),
      ...turnItems("turn-1"),
      tokenCountItem(1),
      inputItem("hello"),
      tokenCountItem(null),
      event("user_message", { message: "hello" }),
      tokenCountItem(2),
      event("agent_message", { message: "again" }),
    ]),
  );
  rows.clear();
  rows.bring(log, log.records.length - 1, "strict");
  rows.bring(log, log.records.length, "strict");
  expect(rows.dump()).toEqual(wholeRows(log, log.records.length));
});

/** What the rows say, as far as the folds say it too. */
function said(log: ScannedBytes): object {
  const { rollouts, turns, texts, found } = rows.dump();
  const rollout = rollouts[0] ?? {};
  return {
    nextOrdinal: rollout["next_ordinal"],
    endOffset: rollout["end_offset"],
    metadata: {
      ...(rollout["metadata"] as object),
      updatedAtMs: rollout["updated_at_ms"],
      recencyAtMs: rollout["recency_at_ms"],
    },
    usage: rollout["usage"],
    compaction: rollout["compaction"],
    turns: turns.filter((turn) => turn["dropped_by"] === null).map(({ path: _path, dropped_by: _by, ...turn }) => turn),
    texts: texts.map(({ turn_start: turnStart, text }) => ({ turnStart, text })),
    found: found.length,
    records: log.records.length,
  };
}

interface Told {
  readonly usages: ReadonlyMap<number, unknown>;
  readonly texts: readonly { readonly turnStart: number; readonly text: string }[];
  readonly late: ReadonlyMap<number, readonly (readonly [number, number, number])[]>;
  readonly begun: ReadonlyMap<number, { readonly firstItem: number; readonly begunAtMs: number | null }>;
  readonly compaction: unknown;
}

/** The same by the folds, record by record, with nothing saved and nothing given up. */
function expected(log: ScannedBytes): object {
  const turns = foldRecords(turnsFold, log.records);
  const usage = foldRecords(tokenUsageFold, log.records);
  const entries = turnEntriesOf(turns, { live: true });
  const told = tellAll(log);
  const { turnId, turnPosition } = usage;
  const texts = told.texts.filter(({ turnStart }) => entries.some(({ startOrdinal }) => startOrdinal === turnStart));
  return {
    nextOrdinal: log.records.length,
    endOffset: log.spans.at(-1)?.end ?? 0,
    metadata: foldRecords(threadMetadataFold, log.records),
    usage: { usage: usage.usage, turnId, turnPosition },
    compaction: told.compaction,
    turns: entries.map((entry) => ({
      start_ordinal: entry.startOrdinal,
      end_ordinal: entry.endOrdinal,
      id: entry.turn.id,
      status: entry.turn.status,
      error: entry.turn.error,
      started_at: entry.turn.startedAt,
      completed_at: entry.turn.completedAt,
      duration_ms: entry.turn.durationMs,
      first_item: told.begun.get(entry.startOrdinal)?.firstItem,
      item_count: itemCountOf(entry),
      begun_at_ms: told.begun.get(entry.startOrdinal)?.begunAtMs,
      late: told.late.get(entry.startOrdinal) ?? null,
      usage: told.usages.get(entry.startOrdinal) ?? null,
    })),
    texts,
    found: texts.length,
    records: log.records.length,
  };
}

function tellAll(log: ScannedBytes): Told {
  const usages = new Map<number, unknown>();
  const texts: { turnStart: number; text: string }[] = [];
  const late = new Map<number, [number, number, number][]>();
  const begun = new Map<number, { firstItem: number; begunAtMs: number | null }>();
  let compaction: CompactionMark | null = null;
  let turns = turnsFold.initial();
  let usage = tokenUsageFold.initial();
  for (const record of log.records) {
    const before = turns;
    const entriesBefore = turnEntriesOf(before, { live: true });
    const usageBefore = usage.usage;
    turns = turnsFold.step(turns, record);
    usage = tokenUsageFold.step(usage, record);
    const entries = turnEntriesOf(turns, { live: true });
    const { pending } = turns;
    const newest = entries.at(-1);
    if (pending !== null && pending.startOrdinal !== before.pending?.startOrdinal) {
      begun.set(pending.startOrdinal, { firstItem: before.nextItem, begunAtMs: epochMsOf(record.timestamp) });
    }
    noteLate({ log, record, before: entriesBefore, after: entries, open: before.pending?.startOrdinal }, late);
    const kind = record.item.type === "event_msg" ? record.item.payload.type : record.item.type;
    if (kind === "token_count" && newest !== undefined && usage.usage !== null && usage.usage !== usageBefore) {
      usages.set(newest.startOrdinal, usage.usage);
    }
    const text = textOf(record);
    if (text !== null && pending !== null) texts.push({ turnStart: pending.startOrdinal, text });
    compaction = standingCompaction(compaction, new Set(entries.map(({ startOrdinal }) => startOrdinal)));
    if (record.item.type === "compacted" && pending !== null) {
      const isWhole = Array.isArray(record.item.payload.replacement_history);
      compaction = { ordinal: record.ordinal, turnStart: pending.startOrdinal, isWhole, before: compaction };
    }
  }
  return { usages, texts, late, begun, compaction };
}

function standingCompaction(newest: CompactionMark | null, starts: ReadonlySet<number>): CompactionMark | null {
  let compaction = newest;
  while (compaction !== null && !starts.has(compaction.turnStart)) compaction = compaction.before;
  return compaction;
}

type Entries = ReturnType<typeof turnEntriesOf>;

interface LateLook {
  readonly log: ScannedBytes;
  readonly record: RolloutRecord;
  readonly before: Entries;
  readonly after: Entries;
  /** Start of the turn that was open before the record. */
  readonly open: number | undefined;
}

/** A record that changed a turn that was closed before it. */
function noteLate({ log, record, before, after, open }: LateLook, late: Map<number, [number, number, number][]>): void {
  const span = log.spans[record.ordinal];
  for (const [index, entry] of before.entries()) {
    const now = after[index];
    if (now?.startOrdinal !== entry.startOrdinal || entry.startOrdinal === open || span === undefined) continue;
    if (JSON.stringify(now) === JSON.stringify(entry) && now.turn === entry.turn) continue;
    late.set(entry.startOrdinal, [...(late.get(entry.startOrdinal) ?? []), [record.ordinal, span.start, span.end]]);
  }
}

function textOf({ item }: RolloutRecord): string | null {
  if (item.type !== "event_msg") return null;
  const { type, message } = item.payload as AppendableItem["payload"] & { type?: unknown; message?: unknown };
  if (type !== "user_message" && type !== "agent_message") return null;
  return typeof message === "string" && message.trim() !== "" ? message : null;
}
