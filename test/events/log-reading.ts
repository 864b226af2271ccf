/**
 * Reading a whole log in a test: items as records, bytes as records, bytes through a fold. Blocks that a
 * scanner has taken are overwritten here, which shows at once who still looks at them.
 */
import {
  type AppendableItem,
  createFoldScanner,
  createLogScanner,
  encodeLine,
  type Fold,
  type LineSpan,
  type RecordMarks,
  type RolloutRecord,
  type ScanEnd,
} from "../../src/events/index.ts";

const ENCODER = new TextEncoder();

/** Time of the record at an ordinal. */
export function timeAt(ordinal: number): string {
  return new Date(Date.UTC(2026, 4, 5, 10) + ordinal * 1_000).toISOString();
}

/** The items as the records a live thread folds. */
export function recordsOf(items: readonly AppendableItem[]): readonly RolloutRecord[] {
  return items.map((item, ordinal) => ({ ordinal, timestamp: timeAt(ordinal), item }));
}

/** The items as bytes, appended in batches of these sizes, over and over. */
export function bytesOf(items: readonly AppendableItem[], batches: readonly number[] = [1]): Uint8Array {
  let text = "";
  for (let at = 0, batch = 0; at < items.length; batch += 1) {
    const lines = items.slice(at, at + (batches[batch % batches.length] ?? 1));
    for (const [index, item] of lines.entries()) {
      const more = lines.length - 1 - index;
      const marks: RecordMarks = more > 0 ? { more } : {};
      text += encodeLine(item, timeAt(at + index), marks);
    }
    at += lines.length;
  }
  return ENCODER.encode(text);
}

/** Bytes of lines as they are given, each with a newline. */
export function linesOf(...lines: readonly string[]): Uint8Array {
  return ENCODER.encode(lines.map((line) => `${line}\n`).join(""));
}

/** The log in blocks that end at these places (any numbers; they are sorted and cut to fit). */
export function blocksOf(bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const places = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b);
  const ends = [...places, bytes.length];
  // A copy of each block that is wiped by the reader shows who keeps one. Buffers, as files are read into
  // them: their `slice` is a view, so a scanner that thought it had copied is caught.
  return ends.map((end, index) => Buffer.from(bytes.subarray(index === 0 ? 0 : ends[index - 1], end)));
}

export interface ScannedLog {
  readonly records: readonly RolloutRecord[];
  readonly spans: readonly LineSpan[];
  readonly end: ScanEnd;
}

/** Every record of a log. */
export function scanAll(blocks: readonly Uint8Array[]): ScannedLog {
  const records: RolloutRecord[] = [];
  const spans: LineSpan[] = [];
  const scanner = createLogScanner({
    sink: {
      record: (record, span) => {
        records.push(record);
        spans.push(span);
      },
    },
  });
  for (const block of blocks) scanner.push(block);
  return { records, spans, end: scanner.end() };
}

/** A fold's state over a log, by skipping or by parsing every line. */
export function foldBytes<State>(
  fold: Fold<State>,
  blocks: readonly Uint8Array[],
  isStrict: boolean,
): { state: State; end: ScanEnd } {
  const scanner = createFoldScanner({ folds: { fold }, isStrict });
  for (const block of blocks) {
    scanner.push(block);
    block.fill(0x78);
  }
  const { states, ...end } = scanner.end();
  return { state: states.fold, end };
}
