/**
 * Laws of skipping: a scanner that parses only what a fold needs comes to what one comes to that parses
 * every line, for any log, also with broken lines, Windows line ends, blank lines and torn ends.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  createLogScanner,
  type FoldNeeds,
  type LineSpan,
  peekLine,
  type RolloutRecord,
} from "../../src/events/index.ts";
import { arbLog } from "../../src/testing/arbitraries/index.ts";
import { FOLD_CASES } from "../events/fold-views.ts";
import { blocksOf, foldBytes, scanAll } from "../events/log-reading.ts";

const arbCuts = fc.array(fc.nat(), { maxLength: 6 });

describe("skipping", () => {
  it("law: gives what parsing gives, or says that it may not, for each fold and wherever the blocks are cut", () => {
    const sure = new Map<string, number>();
    fc.assert(
      fc.property(arbLog(), arbCuts, ({ bytes }, cuts) => {
        for (const { fold, view, isSure } of FOLD_CASES) {
          const skipped = foldBytes(fold, blocksOf(bytes, cuts), false);
          const parsed = foldBytes(fold, blocksOf(bytes, []), true);
          expect(skipped.end).toEqual(parsed.end);
          if (!isSure(skipped.state)) continue;
          sure.set(fold.name, (sure.get(fold.name) ?? 0) + 1);
          expect(view(skipped.state)).toEqual(view(parsed.state));
        }
      }),
      { numRuns: 250 },
    );
    // The way out is taken now and then, not always: else this law would say nothing.
    expect(Math.min(...FOLD_CASES.map(({ fold }) => sure.get(fold.name) ?? 0))).toBeGreaterThan(25);
  });

  it("law: gives what parsing gives in a log without broken lines and without Skein's own turn_contexts", () => {
    fc.assert(
      fc.property(arbLog({ hasOddLines: false }), arbCuts, ({ bytes }, cuts) => {
        const text = new TextDecoder().decode(bytes);
        fc.pre(!/"turn_context"(?!.*"summary")/.test(text));
        for (const { fold, view } of FOLD_CASES) {
          const skipped = foldBytes(fold, blocksOf(bytes, cuts), false);
          const parsed = foldBytes(fold, blocksOf(bytes, []), true);
          expect(view(skipped.state)).toEqual(view(parsed.state));
        }
      }),
    );
  });
});

describe("log scanner", () => {
  const nothing: FoldNeeds = { types: new Set(), eventKinds: new Set() };

  it("law: every line is told exactly once, as a record or in a run", () => {
    fc.assert(
      fc.property(arbLog(), arbCuts, fc.constantFrom("session_meta", "event_msg"), ({ bytes }, cuts, type) => {
        const ordinals: number[] = [];
        const scanner = createLogScanner({
          needs: [nothing, { ...nothing, types: new Set([type]) }],
          sink: {
            record: ({ ordinal }) => ordinals.push(ordinal),
            skipped: ({ from, to }) => {
              for (let ordinal = from; ordinal < to; ordinal += 1) ordinals.push(ordinal);
            },
          },
        });
        for (const block of blocksOf(bytes, cuts)) scanner.push(block);
        const { nextOrdinal } = scanner.end();
        expect(ordinals).toEqual(Array.from({ length: nextOrdinal }, (_, ordinal) => ordinal));
      }),
    );
  });

  it("law: a line's head says of a readable line what parsing says", () => {
    fc.assert(
      fc.property(arbLog({ isTorn: false }), ({ bytes }) => {
        const { records, spans } = scanAll([bytes]);
        for (const [index, { item }] of records.entries()) {
          const span = spans[index] ?? { start: 0, end: 0 };
          const head = peekLine(bytes, span.start, span.end - 1);
          if (head === null || item.type === "unreadable") continue;
          expect(head.type).toBe(item.type);
          if (item.type === "event_msg" || item.type === "response_item") expect(head.kind).toBe(item.payload.type);
        }
      }),
    );
  });

  it("law: bytes that came first are counted the same with what came later: nothing is told twice or late", () => {
    fc.assert(
      fc.property(arbLog(), fc.nat(), ({ bytes }, cut) => {
        const at = cut % (bytes.length + 1);
        const first = scanAll([bytes.slice(0, at)]);
        const whole = scanAll([bytes]);
        expect(whole.records.slice(0, first.records.length)).toEqual(first.records);
        expect(first.end.endOffset + first.end.tornBytes).toBe(at);
        // Reading on from where the first reading ended gives the rest.
        const rest: unknown[] = [];
        const scanner = createLogScanner({
          startOrdinal: first.end.nextOrdinal,
          startOffset: first.end.endOffset,
          sink: { record: (record, span) => rest.push([record, span]) },
        });
        scanner.push(bytes.slice(first.end.endOffset));
        const told = whole.records.map((record, index) => [record, whole.spans[index]]);
        expect(rest).toEqual(told.slice(first.records.length));
        expect(scanner.end()).toEqual(whole.end);
      }),
    );
  });

  it("law: lines that are too long keep their places, and none in front of the wanted ordinal is told", () => {
    const scan = (blocks: readonly Uint8Array[], lineBytesMax: number, fromOrdinal: number) => {
      const told: { readonly record: RolloutRecord; readonly span: LineSpan }[] = [];
      const record = (one: RolloutRecord, span: LineSpan) => void told.push({ record: one, span });
      const scanner = createLogScanner({ lineBytesMax, fromOrdinal, sink: { record } });
      for (const block of blocks) scanner.push(block);
      return { told, end: scanner.end() };
    };
    let tooLong = 0;
    fc.assert(
      fc.property(arbLog(), arbCuts, fc.integer({ min: 1, max: 400 }), fc.nat(20), ({ bytes }, cuts, max, from) => {
        const whole = scan([bytes], max, 0);
        const wanted = whole.told.filter(({ record }) => record.ordinal >= from);
        expect(scan(blocksOf(bytes, cuts), max, from)).toEqual({ told: wanted, end: whole.end });
        for (const { record, span } of whole.told) {
          if (span.end - span.start <= max) continue;
          tooLong += 1;
          expect(record.item).toEqual({ type: "unreadable", reason: `longer than ${max} bytes` });
        }
      }),
      { numRuns: 250 },
    );
    expect(tooLong).toBeGreaterThan(100);
  });
});
