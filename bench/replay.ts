/**
 * Replay speed of each fold on a large rollout, against the raw ceiling in the same run: reading the
 * file in blocks and finding its newlines, nothing else. Goal: the turns fold at 800 MB/s at least by
 * skipping, never under 200.
 *
 * `node bench/replay.ts [--quick] [--json]`. The rollout is seeded, in the temporary folder, and removed
 * at the end. Rounds go over all rows in turn, so that a noisy machine hits them all; the speed is the
 * median of the rounds.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { LIMITS, systemClock } from "../src/base/index.ts";
import {
  createFoldScanner,
  type Fold,
  lineageFold,
  modelContextFold,
  threadMetadataFold,
  tokenUsageFold,
  turnsFold,
} from "../src/events/index.ts";
import { writeRollout } from "./rollout-generator.ts";

/** One line of the table. */
export interface ReplayBenchRow {
  /** A fold, or what it is measured against. */
  readonly name: string;
  /** Every line parsed. */
  readonly isStrict: boolean;
  /** Megabytes (10^6) a second, median of the rounds. */
  readonly mbPerSecond: number;
  /** Part of the newline scan's speed. */
  readonly ofCeiling: number;
}

/** How much to measure. */
export interface ReplayBenchOptions {
  readonly bytes: number;
  readonly rounds: number;
  readonly seed: number;
}

const QUICK: ReplayBenchOptions = { bytes: 20_000_000, rounds: 3, seed: 7 };
const FULL: ReplayBenchOptions = { bytes: 200_000_000, rounds: 5, seed: 7 };

/** Takes all blocks of a file. */
interface Reader {
  push(block: Uint8Array): void;
  end(): unknown;
}

interface Subject {
  readonly name: string;
  readonly isStrict: boolean;
  open(): Reader;
}

function newlineReader(): Reader {
  let lines = 0;
  return {
    push: (block): void => {
      for (let at = block.indexOf(0x0a); at >= 0; at = block.indexOf(0x0a, at + 1)) lines += 1;
    },
    end: () => lines,
  };
}

const CEILING: Subject = { name: "newlines only", isStrict: false, open: newlineReader };

function foldSubject(fold: Fold<unknown>, isStrict: boolean): Subject {
  return { name: fold.name, isStrict, open: () => createFoldScanner({ folds: { fold }, isStrict }) };
}

const FOLDS: readonly Fold<unknown>[] = [turnsFold, modelContextFold, tokenUsageFold, threadMetadataFold, lineageFold];
const SUBJECTS: readonly Subject[] = [
  CEILING,
  ...FOLDS.map((fold) => foldSubject(fold, false)),
  foldSubject(turnsFold, true),
];

/** Milliseconds to read the whole file through the subject. */
function measure(path: string, subject: Subject): number {
  const file = openSync(path, "r");
  const block = Buffer.allocUnsafe(LIMITS.readBlockBytes);
  const startMs = systemClock.monotonicMs();
  const reader = subject.open();
  for (;;) {
    const length = readSync(file, block, 0, block.length, null);
    if (length === 0) break;
    reader.push(block.subarray(0, length));
  }
  reader.end();
  const tookMs = systemClock.monotonicMs() - startMs;
  closeSync(file);
  return tookMs;
}

/** Measures every fold; the first row is the ceiling. */
export async function benchReplay(options: ReplayBenchOptions): Promise<readonly ReplayBenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), "skein-bench-replay-"));
  try {
    const path = join(folder, "rollout.jsonl");
    const { bytes } = await writeRollout(path, options.bytes, options.seed);
    const times = SUBJECTS.map((): number[] => []);
    for (let round = 0; round <= options.rounds; round += 1) {
      for (const [index, subject] of SUBJECTS.entries()) {
        const tookMs = measure(path, subject);
        // The first round warms the code and the page cache up.
        if (round > 0) times[index]?.push(tookMs);
      }
    }
    const speeds = times.map((each) => bytes / 1_000 / median(each));
    return SUBJECTS.map(({ name, isStrict }, index) => {
      const mbPerSecond = speeds[index] ?? 0;
      return { name, isStrict, mbPerSecond, ofCeiling: mbPerSecond / (speeds[0] ?? 1) };
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** The rows as a table for people. */
export function replayTable(rows: readonly ReplayBenchRow[]): string {
  const lines = rows.map(({ name, isStrict, mbPerSecond, ofCeiling }) =>
    [
      `${name}${isStrict ? ", every line parsed" : ""}`.padEnd(28),
      Math.round(mbPerSecond).toString().padStart(8),
      `${(ofCeiling * 100).toFixed(1)} %`.padStart(9),
    ].join(""),
  );
  return [`${"fold".padEnd(28)}${"MB/s".padStart(8)}${"of raw".padStart(9)}`, ...lines, ""].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { quick: { type: "boolean" }, json: { type: "boolean" } } });
  const rows = await benchReplay(values.quick === true ? QUICK : FULL);
  process.stdout.write(values.json === true ? `${JSON.stringify(rows)}\n` : replayTable(rows));
}
