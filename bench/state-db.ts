/**
 * The state DB against the peer, @openai/codex@0.130.0, in one run on homes of the same bytes: what it costs
 * to open a home, to list and search it, and to read, load, fork and roll back a large thread. Where the
 * peer can't be installed, or with --no-peer, Skein alone is measured and there are no ratios.
 *
 *   node bench/state-db.ts [--threads 200|2000|20000] [--big-mb 200] [--seed 7] [--runs 7] [--minutes 45]
 *                          [--only WORDS] [--no-peer] [--files] [--quick] [--json]
 *
 * --files opens Skein without its state DB. Runs of the two sides alternate; a figure is the median of its runs, and `first` is the run before them, the
 * first after an opening. Files are in the page cache on both sides. Homes are in the temporary folder and
 * are removed at the end.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { isSkeinError, systemClock } from "../src/base/index.ts";
import { CODEX_VERSION, installCodex } from "../test/conformance/codex-install.ts";
import { startMockResponsesServer } from "../test/conformance/mock-responses-server.ts";
import { type GeneratedHome, generateHome, type HomeShape } from "./home-generator.ts";
import { freshestBuild, type SkeinBuild } from "./open-skein.ts";
import {
  freshnessOperation,
  listOperations,
  type Operation,
  readOperations,
  resumeOperations,
  startOperations,
  type Timed,
  writeOperations,
} from "./state-db-operations.ts";
import { figuresOf, rowOf, type StateBenchRow, tableHead, tableLine } from "./state-db-report.ts";
import { CodexSide, type CodexSideOptions, SkeinSide } from "./state-db-sides.ts";

/** How much to measure. */
export interface StateBenchOptions {
  readonly threads: number;
  /** Megabytes of the largest thread; 0 for none of the large ones. */
  readonly bigMb: number;
  readonly seed: number;
  /** Runs of what takes milliseconds; what takes seconds gets 3 of them at most. */
  readonly runs: number;
  /** After so many minutes nothing more is begun. */
  readonly minutesMax: number;
  /** Only operations whose name holds this. */
  readonly only: string;
  /** Null: without the peer. */
  readonly peer: CodexSideOptions | null;
  readonly build: SkeinBuild;
  /** False: Skein reads everything from the files; its opens are not judged then. */
  readonly hasStateDb: boolean;
  onRow?(row: StateBenchRow): void;
}

/** Sizes of the issue; any other number of threads gets the average of the second. */
const HOME_MB: Readonly<Record<number, number>> = { 200: 30, 2_000: 300, 20_000: 1_000 };
const AVERAGE_THREAD_BYTES = 150_000;
const TURN_BYTES = 18_800;
const BIG_TURNS_A_MB = 15;
const MIDDLE_MB = [10, 50];
const DEAR_RUNS_MAX = 3;
const SYNC_MS_MAX = 60_000;

interface Sides {
  readonly skein: SkeinSide;
  readonly codex: CodexSide | null;
}

/** A home, and what is measured on it. */
interface Part {
  readonly shape: HomeShape;
  operations(home: GeneratedHome): readonly Operation[];
}

function manyThreads({ threads, seed, hasStateDb }: StateBenchOptions): Part {
  const mb = HOME_MB[threads];
  const what = `${threads} threads`;
  return {
    shape: { threads, bytes: mb === undefined ? threads * AVERAGE_THREAD_BYTES : mb * 1e6, seed },
    operations: (home) => [
      ...startOperations(what, { cold: hasStateDb && threads === 2_000, warm: hasStateDb && threads === 20_000 }),
      ...listOperations(home.threads, threads >= 2_000),
      freshnessOperation(),
    ],
  };
}

function largeThreads({ bigMb, seed }: StateBenchOptions): Part {
  const sizesMb = [...MIDDLE_MB.filter((mb) => mb < bigMb), bigMb];
  const middle = Math.max(0, sizesMb.length - 2);
  const whats = sizesMb.map((mb) => `${mb} MB`);
  const turnsOf = (mb: number): number => (mb === bigMb ? mb * BIG_TURNS_A_MB : Math.floor((mb * 1e6) / TURN_BYTES));
  const big = sizesMb.map((mb) => ({ bytes: mb * 1e6, turns: turnsOf(mb) }));
  return {
    shape: { threads: 20, bytes: 20 * AVERAGE_THREAD_BYTES, seed, big },
    operations: () => [
      ...startOperations("large threads", { cold: false, warm: false }),
      ...whats.flatMap((what, index) => readOperations(index, what, index === whats.length - 1)),
      ...resumeOperations(middle, whats[middle] ?? ""),
      ...(middle === whats.length - 1 ? [] : resumeOperations(middle + 1, whats[middle + 1] ?? "").slice(0, 1)),
      ...writeOperations(middle, whats[middle] ?? ""),
    ],
  };
}

/** Measures both homes; rows come as they are done. */
export async function benchStateDb(options: StateBenchOptions, root: string): Promise<readonly StateBenchRow[]> {
  const endMs = systemClock.monotonicMs() + options.minutesMax * 60_000;
  const rows: StateBenchRow[] = [];
  for (const part of [manyThreads(options), ...(options.bigMb > 0 ? [largeThreads(options)] : [])]) {
    const homes = mkdtempSync(join(root, "home-"));
    const home = generateHome(join(homes, "skein"), part.shape);
    const { peer, build, hasStateDb, only } = options;
    const isMeasured = ({ name, skein }: Operation): boolean =>
      name.includes(only) && (skein !== undefined || peer !== null);
    const operations = part.operations(home).filter(isMeasured);
    const skein = new SkeinSide(home, { build, hasStateDb });
    const codex = peer === null ? null : new CodexSide(generateHome(join(homes, "codex"), part.shape), peer);
    const kill = (): void => {
      skein.kill();
      codex?.kill();
    };
    process.prependOnceListener("exit", kill);
    // What was just written goes to the disk now and not while something is measured.
    spawnSync("sync", { timeout: SYNC_MS_MAX });
    try {
      for (const operation of operations) {
        const row = await measure(operation, { skein, codex }, { runs: options.runs, endMs });
        options.onRow?.(row);
        rows.push(row);
      }
    } finally {
      await skein.close();
      await codex?.close();
      process.off("exit", kill);
      rmSync(homes, { recursive: true, force: true });
    }
  }
  return rows;
}

/** How often, and until when. */
interface Budget {
  readonly runs: number;
  readonly endMs: number;
}

/** The runs of one operation, the two sides in turns, so that a noisy machine hits both. */
async function measure(operation: Operation, sides: Sides, budget: Budget): Promise<StateBenchRow> {
  const { name, goal, cost } = operation;
  const runs = cost === "cheap" ? budget.runs : Math.min(budget.runs, DEAR_RUNS_MAX);
  const skein = new SideRuns("Skein", (run) => operation.skein?.(sides.skein, run));
  const codex = new SideRuns("the peer", (run) =>
    sides.codex === null ? undefined : operation.codex?.(sides.codex, run),
  );
  for (let run = cost === "start" ? 1 : 0; run <= runs; run += 1) {
    if (systemClock.monotonicMs() > budget.endMs) break;
    for (const side of run % 2 === 0 ? [skein, codex] : [codex, skein]) await side.run(run);
  }
  const isOutOfTime = skein.runs.length + codex.runs.length === 0 && systemClock.monotonicMs() > budget.endMs;
  const notes = [...skein.notes, ...codex.notes, ...(isOutOfTime ? ["out of time, not measured"] : [])];
  const other = skein.runs.findIndex((run, index) => isOther(run, codex.runs[index]));
  if (other >= 0) {
    notes.push(`the answers differ: Skein ${seenText(skein.runs[other])}, the peer ${seenText(codex.runs[other])}`);
  }
  const figures = { skein: figuresOf(skein.runs, skein.first), codex: figuresOf(codex.runs, codex.first) };
  return rowOf({ name, goal, ...figures, notes });
}

function isOther(ours: Timed, theirs: Timed | undefined): boolean {
  return theirs !== undefined && JSON.stringify(ours.seen) !== JSON.stringify(theirs.seen);
}

/** What a side saw, short. */
function seenText(run: Timed | undefined): string {
  const seen = run?.seen ?? null;
  return Array.isArray(seen) ? `${seen.length} from ${JSON.stringify(seen[0])} on` : JSON.stringify(seen);
}

/** One side's runs; it isn't asked again after it has failed. */
class SideRuns {
  readonly runs: Timed[] = [];
  /** Each once. */
  readonly notes = new Set<string>();
  first: Timed | null = null;
  readonly #name: string;
  readonly #start: (run: number) => Promise<Timed> | undefined;
  #hasFailed = false;

  constructor(name: string, start: (run: number) => Promise<Timed> | undefined) {
    this.#name = name;
    this.#start = start;
  }

  async run(run: number): Promise<void> {
    if (this.#hasFailed) return;
    try {
      const timed = await this.#start(run);
      if (timed === undefined) return;
      if (run === 0) this.first = timed;
      else this.runs.push(timed);
    } catch (error) {
      const code = isSkeinError(error) ? `${error.code}: ` : "";
      this.#hasFailed = true;
      this.notes.add(`${this.#name}: ${code}${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

const OPTIONS = {
  threads: { type: "string" },
  "big-mb": { type: "string" },
  seed: { type: "string", default: "7" },
  runs: { type: "string" },
  minutes: { type: "string", default: "45" },
  only: { type: "string", default: "" },
  "no-peer": { type: "boolean", default: false },
  files: { type: "boolean", default: false },
  quick: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

function say(line: string): void {
  process.stderr.write(`state: ${line}\n`);
}

/** The peer's program, or null and why. */
async function findPeer(isWanted: boolean): Promise<string | null> {
  if (!isWanted) return null;
  const install = await installCodex(say);
  if (install.program === null) say(`without the peer: ${install.skipped}`);
  return install.program;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS });
  const { quick, json } = values;
  const program = await findPeer(!quick && !values["no-peer"]);
  const model = program === null ? null : await startMockResponsesServer();
  const root = mkdtempSync(join(tmpdir(), "skein-bench-state-"));
  // The homes weigh gigabytes: they go whatever ends the run, and with them what still runs on them.
  process.once("exit", () => rmSync(root, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  const options: StateBenchOptions = {
    threads: Number(values.threads ?? (quick ? 200 : 2_000)),
    bigMb: Number(values["big-mb"] ?? (quick ? 0 : 200)),
    seed: Number(values.seed),
    runs: Number(values.runs ?? (quick ? 3 : 7)),
    minutesMax: Number(values.minutes),
    only: values.only,
    peer: program === null || model === null ? null : { program, baseUrl: model.baseUrl },
    build: freshestBuild(),
    hasStateDb: !values.files,
  };
  const where = {
    node: process.version,
    cores: availableParallelism(),
    build: options.build,
    hasStateDb: options.hasStateDb,
    ...size(options),
  };
  if (!json) console.log(headOf(where, program !== null));
  const onRow = json ? {} : { onRow: (row: StateBenchRow): void => console.log(tableLine(row)) };
  const rows = await benchStateDb({ ...options, ...onRow }, root);
  const peer = program === null ? null : CODEX_VERSION;
  if (json) console.log(JSON.stringify({ bench: "state", ...where, peer, rows }));
  await model?.close();
}

type Where = Pick<StateBenchOptions, "threads" | "bigMb" | "seed" | "runs"> & {
  readonly node: string;
  readonly cores: number;
  readonly build: SkeinBuild;
  readonly hasStateDb: boolean;
};

function size({
  threads,
  bigMb,
  seed,
  runs,
}: StateBenchOptions): Pick<StateBenchOptions, "threads" | "bigMb" | "seed" | "runs"> {
  return { threads, bigMb, seed, runs };
}

function headOf({ node, cores, build, hasStateDb, threads, bigMb, seed, runs }: Where, hasPeer: boolean): string {
  const homes = `${threads} threads${bigMb > 0 ? `; large threads up to ${bigMb} MB` : ""}, seed ${seed}`;
  const peer = hasPeer
    ? `Against codex ${CODEX_VERSION}, over its standard input and output, to the last byte of the answer; Skein in this process.`
    : "Without the peer: no ratios.";
  return [
    `Homes: ${homes}. Skein from ${build}${hasStateDb ? "" : ", without its state DB"}, Node ${node}, ${cores} cores. Medians of ${runs} runs, ${DEAR_RUNS_MAX} of what is dear.`,
    peer,
    "Opens are processes of their own on both sides: from the spawn until they serve. A list after it: to its answer; Skein's CPU to its end.",
    "",
    tableHead(),
  ].join("\n");
}

if (import.meta.main) await main();
