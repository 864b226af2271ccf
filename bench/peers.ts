/**
 * Skein beside other stores of conversations and of events, in one run on one machine: LangGraph's checkpointers and
 * Emmett's event stores, on PostgreSQL and on this machine's disk. The server is a private one that waits for
 * the disk (fsync and synchronous_commit on); SQLite runs at synchronous=FULL, Skein's files with `fsync`.
 *
 *   node bench/peers.ts [--only postgres|disk] [--rounds 3] [--seed 7] [--quick] [--json]
 *
 * Threads of one length are filled by every side in turns; figures are medians of the rounds, and a ratio is Skein
 * against the best of the others; the goals are the full sizes'. The first run installs the peers, which is no part
 * of its time.
 */
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { systemClock } from "../src/base/index.ts";
import { TURN_RECORDS } from "./peers/bench-turn.ts";
import { findPostgres } from "../test/support/postgres/postgres-programs.ts";
import { installPeers, type PeerPackages } from "./peers/peer-install.ts";
import { judgedRow, type PeerGoal, type PeerRow, scenarioRows, tableHead, tableLine } from "./peers/peer-report.ts";
import { fillThreads, measureOpening, measureScenario, type Scenario, type ServerGauges } from "./peers/peer-rounds.ts";
import type { PeerSide } from "./peers/peer-side.ts";
import { openPostgresBench } from "./peers/postgres-sides.ts";
import { openEmmettSqliteSide, openSkeinLocalSide, openSqliteSaverSide } from "./peers/sqlite-sides.ts";

const PLACES = ["postgres", "disk"] as const;

/** Where the stores of one table keep what they store. */
interface Place {
  readonly name: (typeof PLACES)[number];
  readonly title: string;
  readonly sides: readonly PeerSide[];
  readonly server?: ServerGauges;
  readonly hasGoals: boolean;
  close(): Promise<void>;
}

interface Sizes {
  readonly rounds: number;
  readonly seed: number;
  readonly isQuick: boolean;
}

const AT_LEAST: PeerGoal = { ratioMin: 3 };
const AT_MOST: PeerGoal = { ratioMax: 1 };
/** 1,500 records. */
const LONG_TURNS = 250;
const SHORT_TURNS = 16;
const SHORT_THREADS = 48;
const LONG_THREADS = 2;
const OPEN_RUNS = 7;
/** On a slow machine a scenario gets fewer rounds, least of all those that nothing is asked of. */
const GOAL_MS_MAX = 16_000;
const OTHER_MS_MAX = 5_000;

/** The scenarios, with the thread counts that the goals name. */
function scenariosOf(isQuick: boolean): readonly (Scenario & { readonly isGoal: boolean })[] {
  const many = isQuick ? 16 : 64;
  const part = isQuick ? 0.25 : 1;
  const sized = (scenario: Scenario): Scenario => ({ ...scenario, each: Math.ceil(scenario.each * part) });
  const works = [
    { work: "append", what: "append of one record", one: 150, all: 20 },
    { work: "turnAtOnce", what: "turn, stored at its end", one: 40, all: 10 },
    { work: "turnInSteps", what: "turn, stored as it goes", one: 20, all: 4 },
  ] as const;
  return works.flatMap(({ work, what, one, all }) => [
    { ...sized({ name: `${what}, 1 thread`, work, threads: 1, each: one }), isGoal: false },
    { ...sized({ name: `${what}, ${many} threads`, work, threads: many, each: all }), isGoal: true },
  ]);
}

/** Measures one table; rows come as they are done. */
async function benchPlace(place: Place, sizes: Sizes, onRow: (row: PeerRow) => void): Promise<void> {
  const { sides, hasGoals, server } = place;
  const { rounds, seed, isQuick } = sizes;
  const longTurns = isQuick ? 50 : LONG_TURNS;
  const long = new Map<PeerSide, readonly string[]>();
  await server?.setWaiting(false);
  for (const [threads, turns] of [
    [SHORT_THREADS, SHORT_TURNS],
    [LONG_THREADS, longTurns],
  ] as const) {
    const bytes: Record<string, number> = {};
    for (const side of sides.filter(({ hasOwnBytes }) => hasOwnBytes || turns === longTurns)) {
      const { ids, bytesPerTurn } = await fillThreads(side, threads, turns);
      bytes[side.name] = bytesPerTurn;
      if (turns === longTurns) long.set(side, ids);
    }
    const goal = hasGoals && !isQuick ? { goal: AT_MOST } : {};
    onRow(judgedRow({ name: `stored for a turn, threads of ${turns} turns`, unit: "B", sides: bytes, ...goal }));
  }
  await server?.setWaiting(true);
  const opening = await measureOpening(long, { turns: longTurns, runs: OPEN_RUNS });
  onRow(judgedRow({ name: `read a thread of ${longTurns * TURN_RECORDS} records`, unit: "ms", sides: opening }));
  for (const { isGoal, ...scenario } of scenariosOf(isQuick)) {
    const gauges = server === undefined ? {} : { server };
    const figures = await measureScenario(scenario, {
      sides,
      rounds,
      msMax: isGoal ? GOAL_MS_MAX : OTHER_MS_MAX,
      seed,
      ...gauges,
    });
    const goal = hasGoals && isGoal && !isQuick ? { goal: AT_LEAST } : {};
    for (const row of scenarioRows({ name: scenario.name, ...goal, hasCosts: isGoal }, figures)) onRow(row);
  }
}

async function openDisk(peers: PeerPackages, root: string): Promise<Place> {
  const folder = join(root, "disk");
  const place = { folder, peers };
  const sides: PeerSide[] = [];
  const close = async (): Promise<void> => {
    for (const side of sides) await side.close();
  };
  try {
    sides.push(await openSkeinLocalSide(folder));
    sides.push(await openSqliteSaverSide(place, false));
    sides.push(await openSqliteSaverSide(place, true));
    sides.push(await openEmmettSqliteSide(place));
  } catch (error) {
    await close();
    throw error;
  }
  return { name: "disk", title: "This machine's disk", sides, hasGoals: false, close };
}

async function openPostgres(peers: PeerPackages): Promise<Place | null> {
  const { skipped } = await findPostgres(say);
  if (skipped !== null) {
    say(`without PostgreSQL: ${skipped}`);
    return null;
  }
  const { sides, server, title, close } = await openPostgresBench(peers);
  return { name: "postgres", title, sides, server, hasGoals: true, close };
}

const OPTIONS = {
  only: { type: "string" },
  rounds: { type: "string", default: "3" },
  seed: { type: "string", default: "7" },
  quick: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

function say(line: string): void {
  process.stderr.write(`peers: ${line}\n`);
}

/** A table as JSON has it. */
interface PeerTable {
  readonly place: Place["name"];
  readonly title: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly rows: readonly PeerRow[];
}

/** Measures a table and prints its lines as they are done. */
async function tableOf(place: Place, sizes: Sizes, print: (line: string) => void): Promise<PeerTable> {
  const columns = place.sides.map(({ name }) => name);
  const rows: PeerRow[] = [];
  print(headOf(place, columns));
  await benchPlace(place, sizes, (row) => {
    rows.push(row);
    print(tableLine(row, columns));
  });
  const settings = Object.fromEntries(place.sides.map((side) => [side.name, side.settings]));
  return { place: place.name, title: place.title, settings, rows };
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.only !== undefined && !PLACES.some((name) => name === values.only)) {
    say(`--only takes ${PLACES.join(" or ")}, not ${values.only}`);
    return 2;
  }
  if (!/^[1-9]\d?$/.test(values.rounds)) {
    say(`--rounds takes a whole number of 1 to 99, not ${values.rounds}`);
    return 2;
  }
  const { peers, skipped } = await installPeers(say);
  if (peers === null) {
    say(`SKIPPED, nothing was measured: ${skipped}`);
    if (values.json) console.log(JSON.stringify({ bench: "peers", skipped }));
    return 0;
  }
  const sizes: Sizes = { rounds: Number(values.rounds), seed: Number(values.seed), isQuick: values.quick };
  const root = await mkdtemp(join(tmpdir(), "skein-bench-peers-"));
  // It goes whatever ends the run.
  process.once("exit", () => rmSync(root, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  const machine = { node: process.version, cores: availableParallelism(), cpu: cpus()[0]?.model ?? "unknown" };
  const tables: PeerTable[] = [];
  const beganMs = systemClock.monotonicMs();
  for (const name of PLACES) {
    if (values.only !== undefined && values.only !== name) continue;
    const place = name === "disk" ? await openDisk(peers, root) : await openPostgres(peers);
    if (place === null) continue;
    try {
      tables.push(await tableOf(place, sizes, values.json ? () => {} : (line) => console.log(line)));
    } finally {
      await place.close();
    }
  }
  const seconds = (systemClock.monotonicMs() - beganMs) / 1_000;
  if (values.json) console.log(JSON.stringify({ bench: "peers", ...machine, ...sizes, seconds, tables }));
  else
    console.log(
      `\n${machine.cores} cores (${machine.cpu}), Node ${machine.node}, ${seconds.toFixed(0)} s${fewerText(tables, sizes)}`,
    );
  return 0;
}

/** Says where there were fewer rounds than were asked for. */
function fewerText(tables: readonly PeerTable[], { rounds }: Sizes): string {
  const counts = tables.flatMap(({ rows }) => rows).flatMap((row) => Object.values(row.rounds ?? {}));
  const fewest = Math.min(rounds, ...counts.map(({ length }) => length));
  return fewest === rounds
    ? `, ${rounds} rounds`
    : `, ${fewest} to ${rounds} rounds: the machine was too slow for more`;
}

function headOf({ title, sides }: Place, columns: readonly string[]): string {
  const settings = sides.map((side) => `  ${side.name}: ${side.settings}`);
  return ["", title, ...settings, "", tableHead(columns)].join("\n");
}

process.exitCode = await main();
