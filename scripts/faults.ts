/**
 * `npm run faults`: injects every fault of the table (test/faults) everywhere it can happen, and prints what became
 * of it: how often it was injected, what had been acknowledged, what was lost or harmed (nothing), which codes callers
 * were given, and what `verify` and `doctor` called it. Progress goes to standard error.
 *
 *   --only ID,…   rows whose ids begin with one of these
 *   --list        only say which rows there are
 *   --seed N      default: drawn anew
 *   --repeat N    runs each row so many times, with seeds one apart
 *   --smoke       the bounded part that `npm test` runs
 *   --json        print the results as JSON
 *   --page        write them into docs/RELIABILITY.md as well; all rows must have been run in full
 *
 * Exit codes: 0 every row held or was skipped, 1 one didn't, 2 wrong option.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

import type { FaultResult } from "../test/faults/fault-books.ts";
import type { FaultRow } from "../test/faults/fault-row.ts";
import { runFaultRow } from "../test/faults/fault-run.ts";
import { FAULT_ROWS } from "../test/faults/fault-table.ts";
import { FaultSession } from "../test/faults/operation-stage.ts";

const options = {
  only: { type: "string" },
  list: { type: "boolean", default: false },
  seed: { type: "string" },
  repeat: { type: "string" },
  smoke: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  page: { type: "boolean", default: false },
} as const;

interface Wish {
  readonly rows: readonly FaultRow[];
  readonly seed: number;
  readonly repeat: number;
  readonly list: boolean;
  readonly smoke: boolean;
  readonly json: boolean;
  readonly page: boolean;
}

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
    const { list, smoke, json, page } = values;
    if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(repeat) || repeat < 1) {
      say("--seed and --repeat take whole numbers");
    } else if (rows.length === 0) say(`no row begins with ${values.only}; see --list`);
    else if (page && (smoke || rows.length < FAULT_ROWS.length)) say("--page needs all rows, in full");
    else return { rows, seed, repeat, list, smoke, json, page };
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

async function runRows({ rows, seed, repeat, smoke }: Wish): Promise<readonly FaultResult[]> {
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
        const result = await runFaultRow(row, { seed: seed + round, isSmoke: smoke, lanes, session, onCase });
        results.push(result);
        say(`${lineOf(result)} (${((performance.now() - beganMs) / 1_000).toFixed(1)} s)`);
      }
    }
  } finally {
    session.close();
  }
  return results;
}

async function main(): Promise<number> {
  const wish = parseWish();
  if (wish === null) return 2;
  const { rows, seed, list, json } = wish;
  if (list) {
    for (const { id, what, how } of rows) console.log(`${id}  ${what}: ${how}`);
    return 0;
  }
  say(`${rows.length} rows, seed ${seed}`);
  const results = await runRows(wish);
  if (json) console.log(JSON.stringify({ seed, results }));
  else for (const result of results) console.log(lineOf(result));
  return results.every(({ broken }) => broken.length === 0) ? 0 : 1;
}

process.exitCode = await main();
