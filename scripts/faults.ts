/**
 * `npm run faults`: injects every fault of the table (test/faults) everywhere it can happen, and prints what became
 * of it: how often it was injected, what had been acknowledged, what was lost or harmed (nothing), which codes callers
 * were given, and what `verify` and `doctor` called it. Progress goes to standard error.
 *
 *   --only ID,…   rows whose ids begin with one of these
 *   --list        only say which rows there are
 *   --seed N      default: drawn anew
 *   --repeat N    runs each row so many times, with seeds one apart
 *   --every       hits every call on the state DB too, instead of some that are drawn: an hour, not minutes
 *   --smoke       the bounded part that `npm test` runs
 *   --json        print the results as JSON
 *   --page        write them into docs/RELIABILITY.md as well; all rows must have been run in full
 *   --with FILE,… for --page: rows that aren't run now are taken from the JSON of these earlier runs
 *
 * Exit codes: 0 every row held or was skipped, 1 one didn't, 2 wrong option.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import type { FaultResult } from "../test/faults/fault-books.ts";
import { withFaultTable } from "../test/faults/fault-page.ts";
import type { FaultRow } from "../test/faults/fault-row.ts";
import { runFaultRow } from "../test/faults/fault-run.ts";
import { FAULT_ROWS } from "../test/faults/fault-table.ts";
import { FaultSession } from "../test/faults/operation-stage.ts";
import { projectRoot } from "./source-files.ts";

const options = {
  only: { type: "string" },
  list: { type: "boolean", default: false },
  seed: { type: "string" },
  repeat: { type: "string" },
  every: { type: "boolean", default: false },
  smoke: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  page: { type: "boolean", default: false },
  with: { type: "string" },
} as const;

interface Wish {
  readonly rows: readonly FaultRow[];
  readonly seed: number;
  readonly repeat: number;
  readonly list: boolean;
  readonly every: boolean;
  readonly smoke: boolean;
  readonly json: boolean;
  readonly page: boolean;
  /** Runs of other rows. */
  readonly earlier: readonly FinishedRun[];
}

/** What `--json` prints. */
interface FinishedRun {
  readonly seed: number;
  readonly seconds: number;
  readonly results: readonly FaultResult[];
}

const PAGE = join(projectRoot, "docs", "RELIABILITY.md");
/** Lanes beyond the cores wait for the disk more than they work. */
const LANES_MAX = 4;

function say(text: string): void {
  process.stderr.write(`faults: ${text}\n`);
}

/** The options, or null after saying what is wrong with them. */
function parseWish(): Wish | null {
  try {
    const { values } = parseArgs({ options });
    const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
    const repeat = Number(values.repeat ?? 1);
    const beginnings = values.only?.split(",") ?? [""];
    const rows = FAULT_ROWS.filter(({ id }) => beginnings.some((beginning) => id.startsWith(beginning)));
    const { list, every, smoke, json, page } = values;
    const files = values.with?.split(",") ?? [];
    const earlier = files.map((file) => JSON.parse(readFileSync(file, "utf8")) as FinishedRun);
    const known = new Set([...rows, ...earlier.flatMap(({ results }) => results)].map(({ id }) => id));
    if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(repeat) || repeat < 1) {
      say("--seed and --repeat take whole numbers");
    } else if (rows.length === 0) say(`no row begins with ${values.only}; see --list`);
    else if (page && (smoke || repeat > 1 || known.size < FAULT_ROWS.length))
      say("--page needs all rows, in full, once");
    else return { rows, seed, repeat, list, every, smoke, json, page, earlier };
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
  return null;
}

function words(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([word, count]) => `${word} ${count}`)
    .join(", ");
}

function lineOf({ id, injected, acknowledged, lost, harmed, codes, named, broken, skipped }: FaultResult): string {
  if (skipped !== null) return `skipped  ${id}: ${skipped}`;
  const numbers = `${injected} injected, ${acknowledged} acknowledged, ${lost} lost, ${harmed} harmed`;
  const said = [`codes: ${words(codes)}`, ...(Object.keys(named).length === 0 ? [] : [`named: ${words(named)}`])];
  const line = `${broken.length === 0 ? "held    " : "BROKEN  "} ${id}: ${numbers}; ${said.join("; ")}`;
  return [line, ...broken.map((what) => `           ${what}`)].join("\n");
}

async function runRows({ rows, seed, repeat, every, smoke }: Wish): Promise<readonly FaultResult[]> {
  const session = new FaultSession();
  const lanes = Math.min(LANES_MAX, availableParallelism());
  const results: FaultResult[] = [];
  try {
    for (let round = 0; round < repeat; round += 1) {
      for (const row of rows) {
        const onCase = (done: number, total: number): void => {
          if (done % 50 === 0) say(`${row.id}: ${done} of ${total}`);
        };
        const beganMs = performance.now();
        const result = await runFaultRow(row, {
          seed: seed + round,
          isSmoke: smoke,
          isEvery: every,
          lanes,
          session,
          onCase,
        });
        results.push(result);
        say(`${lineOf(result)} (${((performance.now() - beganMs) / 1_000).toFixed(1)} s)`);
      }
    }
  } finally {
    session.close();
  }
  return results;
}

/** The page of this run, and of earlier ones for the rows that it left out. */
function writePage({ earlier }: Wish, now: FinishedRun): void {
  const runs = [now, ...earlier];
  const results = FAULT_ROWS.flatMap(({ id }) => {
    const found = runs.flatMap((run) => run.results).find((result) => result.id === id);
    return found === undefined ? [] : [found];
  });
  const seconds = runs.reduce((sum, run) => sum + run.seconds, 0);
  const run = { seeds: [...new Set(runs.map(({ seed }) => seed))], seconds, date: new Date(), results };
  writeFileSync(PAGE, withFaultTable(readFileSync(PAGE, "utf8"), FAULT_ROWS, run));
}

async function main(): Promise<number> {
  const wish = parseWish();
  if (wish === null) return 2;
  const { rows, seed, list, json, page } = wish;
  if (list) {
    for (const { id, what, how } of rows) console.log(`${id}  ${what}: ${how}`);
    return 0;
  }
  say(`${rows.length} rows, seed ${seed}`);
  const beganMs = performance.now();
  const results = await runRows(wish);
  const seconds = (performance.now() - beganMs) / 1_000;
  if (page) writePage(wish, { seed, seconds, results });
  if (json) console.log(JSON.stringify({ seed, seconds, results } satisfies FinishedRun));
  else for (const result of results) console.log(lineOf(result));
  return results.every(({ broken }) => broken.length === 0) ? 0 : 1;
}

process.exitCode = await main();
