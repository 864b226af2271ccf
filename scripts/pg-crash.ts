/**
 * `npm run pg-crash`: the crash proof of the store on PostgreSQL, with servers of its own. Servers and nodes are
 * killed and stopped, connections cut, primaries replaced by standbys, while nodes append; then all that was
 * acknowledged is compared with all that is there.
 *
 *   --only ID,…  some rows
 *   --seed N     default: drawn anew
 *   --scale N    so many times the rounds of each row; default 1
 *   --page       write the table into docs/RELIABILITY.md as well
 *   --json       print the results as JSON
 *
 * Exit codes: 0 nothing acknowledged was lost and nothing is there twice, 1 something was, 2 wrong option.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, release, type } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { isHeld, type RowResult, rowLine, withPgCrashTable } from "../test/crash/pg-page.ts";
import { PG_CRASH_ROWS, type PgCrashRow } from "../test/crash/pg-rows.ts";
import { startPostgres } from "../test/support/postgres/postgres-server.ts";
import { projectRoot } from "./source-files.ts";

const options = {
  only: { type: "string" },
  seed: { type: "string" },
  scale: { type: "string", default: "1" },
  page: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

const PAGE = join(projectRoot, "docs/RELIABILITY.md");
const THREADS = 24;
/** Rounds and appends between two faults of each row: 50,000 appends in all, and more. */
const SIZES: Readonly<Record<string, { readonly rounds: number; readonly appends: number }>> = {
  "kill-primary": { rounds: 15, appends: 1_200 },
  "cut-connections": { rounds: 120, appends: 120 },
  "kill-node": { rounds: 8, appends: 1_500 },
  "stop-node": { rounds: 6, appends: 1_500 },
  storm: { rounds: 60, appends: 600 },
  "kill-app-server": { rounds: 5, appends: 1_200 },
  "fail-over": { rounds: 7, appends: 1_500 },
  "fail-over-async": { rounds: 2, appends: 1_000 },
};

interface Wish {
  readonly rows: readonly PgCrashRow[];
  readonly seed: number;
  readonly scale: number;
  readonly page: boolean;
  readonly json: boolean;
}

function say(text: string): void {
  process.stderr.write(`pg-crash: ${text}\n`);
}

/** The options, or null after saying what is wrong with them. */
function parseWish(): Wish | null {
  try {
    const { values } = parseArgs({ options });
    const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
    const scale = Number(values.scale);
    const ids = values.only?.split(",");
    const rows = PG_CRASH_ROWS.filter(({ id }) => ids === undefined || ids.includes(id));
    if (!Number.isSafeInteger(seed) || !(scale > 0)) say("--seed takes a whole number, --scale a number above 0");
    else if (rows.length === 0) say(`--only knows ${PG_CRASH_ROWS.map(({ id }) => id).join(", ")}`);
    else if (values.page && ids !== undefined) say("--page needs all rows");
    else return { rows, seed, scale, page: values.page, json: values.json };
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
  return null;
}

async function runRow(row: PgCrashRow, { seed, scale }: Wish, template: string): Promise<RowResult> {
  const { rounds: once, appends } = SIZES[row.id] ?? { rounds: 1, appends: 500 };
  const rounds = Math.max(1, Math.round(once * scale));
  const beganMs = performance.now();
  const result = await row.run({ seed, rounds, appends, threads: THREADS, template });
  return { row, rounds, seed, result, seconds: Math.round((performance.now() - beganMs) / 1000) };
}

async function main(): Promise<number> {
  const wish = parseWish();
  if (wish === null) return 2;
  say(`seed ${wish.seed}`);
  const template = await startPostgres();
  const done: RowResult[] = [];
  try {
    await template.halt("fast");
    for (const row of wish.rows) {
      const result = await runRow(row, wish, template.dataDir);
      done.push(result);
      say(rowLine(result));
      for (const example of isHeld(result) ? [] : result.result.examples) say(`  ${example}`);
    }
  } finally {
    await template.stop();
  }
  if (wish.json) console.log(JSON.stringify(done));
  else console.log(done.map(rowLine).join("\n"));
  if (wish.page) {
    const machine = `${type()} ${release()} ${process.arch}, ${availableParallelism()} cores, Node ${process.versions.node}`;
    const facts = { date: new Date().toISOString().slice(0, 10), machine, server: template.version };
    writeFileSync(PAGE, withPgCrashTable(readFileSync(PAGE, "utf8"), facts, done));
  }
  return done.every(isHeld) ? 0 : 1;
}

process.exitCode = await main();
