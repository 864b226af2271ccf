/**
 * The crash test: starts a child on a home, kills it with SIGKILL at a random moment, and checks the home
 * against what the child was told; again and again on the same home, a fresh one every few kills.
 * `npm test` does it 20 times, `npm run crash` 200 times.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { openLocalThreadStore, verifyHome } from "../../src/store/local/index.ts";
import { nodeTypeFlags } from "../support/node-flags.ts";
import { CrashLedger } from "./crash-ledger.ts";
import { createRandom, type Report } from "./crash-reports.ts";
import { checkTurnReports, type TurnReport } from "./turn-reports.ts";

/** How to crash. */
export interface CrashRunOptions {
  readonly kills: number;
  /** All that is random follows from it. */
  readonly seed: number;
  onKill?(done: CrashProgress): void;
}

/** How far a crash run is. */
export interface CrashProgress {
  readonly kills: number;
  /** Things that children were told are done, all of which were found again. */
  readonly acknowledged: number;
  /** Torn tails and half appends that the kills left. */
  readonly tornTails: number;
}

const APPEND_CHILD = fileURLToPath(new URL("./crash-child.ts", import.meta.url));
const TURN_CHILD = fileURLToPath(new URL("./turn-child.ts", import.meta.url));
const COMPILE_CACHE = fileURLToPath(new URL("../../node_modules/.cache/skein-tests", import.meta.url));
/** Kills on one home before a fresh one is taken: torn tails must be gone on with, and homes stay small. */
const KILLS_PER_HOME = 5;
/** Reports that a write is waited for. */
const WAIT_REPORTS_MAX = 40;
/** Reports of a child, at most, before it is killed. */
const REPORTS_MAX = 300;

/** Crashes as often as asked; rejects with what is wrong, and the seed that shows it. */
export async function runCrashes({ kills, seed, onKill }: CrashRunOptions): Promise<CrashProgress> {
  const random = createRandom(seed);
  let progress: CrashProgress = { kills: 0, acknowledged: 0, tornTails: 0 };
  while (progress.kills < kills) {
    const home = await mkdtemp(join(tmpdir(), "skein-crash-"));
    try {
      const ledger = new CrashLedger();
      for (let n = 0; n < KILLS_PER_HOME && progress.kills < kills; n += 1) {
        const childSeed = Math.floor(random() * 2 ** 31);
        const durability = random() < 0.5 ? "fsync" : "os";
        const before = ledger.acknowledged;
        const reports = 1 + Math.floor(random() * REPORTS_MAX);
        // In the middle of a write, if one comes soon; else wherever it is.
        const inWrite = random() < 0.6;
        const isTime = (line: string, read: number): boolean =>
          read >= reports && (!inWrite || line.includes('"writing"') || read >= reports + WAIT_REPORTS_MAX);
        const lines = await killOnce({ entry: APPEND_CHILD, home, childSeed, durability, isTime });
        for (const line of lines) ledger.take(JSON.parse(line) as Report);
        ledger.childDied();
        const tornTails = progress.tornTails + (await countTorn(home));
        await checkHome(ledger, home, `${seed}-${progress.kills}`);
        const acknowledged = progress.acknowledged + ledger.acknowledged - before;
        progress = { kills: progress.kills + 1, acknowledged, tornTails };
        onKill?.(progress);
      }
    } catch (error) {
      throw new Error(`after kill ${progress.kills} of seed ${seed}: ${String(error)}`, { cause: error });
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  }
  return progress;
}

/** A child that is killed, and when. */
interface Kill {
  readonly entry: string;
  readonly home: string;
  readonly childSeed: number;
  readonly durability: string;
  /** Whether to kill it now; asked at each of its lines, it is somewhere behind them by then. */
  isTime(line: string, linesRead: number): boolean;
}

/** Starts a child, reads it and kills it; its whole lines. The kill may have cut the last one: it was never heard. */
async function killOnce({ entry, home, childSeed, durability, isTime }: Kill): Promise<readonly string[]> {
  const child = spawn(process.execPath, [...nodeTypeFlags(), entry, home, String(childSeed), durability], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
  });
  let complaints = "";
  child.stderr.on("data", (bytes: Buffer) => {
    complaints = (complaints + bytes.toString("utf8")).slice(-4_000);
  });
  const ended = once(child, "close");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (!line.endsWith("}")) continue;
    lines.push(line);
    if (isTime(line, lines.length)) child.kill("SIGKILL");
  }
  const [, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  if (signal !== "SIGKILL") throw new Error(`the child ended by itself: ${complaints}`);
  return lines;
}

async function countTorn(home: string): Promise<number> {
  let torn = 0;
  for await (const { code, message, path } of verifyHome(home)) {
    if (code === "torn_tail" || code === "incomplete_batch") torn += 1;
    else if (!HARMLESS.has(code)) throw new Error(`verify finds ${code} in ${path}: ${message}`);
  }
  return torn;
}

/** What a kill may leave behind; all of it is passed over by readers, and none of it was acknowledged. */
const HARMLESS: ReadonlySet<string> = new Set([
  "missing_newline",
  "empty_file",
  "no_session_meta",
  "leftover_fork",
  "dangling_index_entry",
  "bad_index_line",
]);

/** Crashes a process that runs turns, each time on a fresh home; rejects with what is wrong, and the seed that shows it. */
export async function runTurnCrashes({ kills, seed, onKill }: CrashRunOptions): Promise<CrashProgress> {
  const random = createRandom(seed);
  let progress: CrashProgress = { kills: 0, acknowledged: 0, tornTails: 0 };
  while (progress.kills < kills) {
    const home = await mkdtemp(join(tmpdir(), "skein-crash-"));
    try {
      const childSeed = Math.floor(random() * 2 ** 31);
      const durability = random() < 0.5 ? "fsync" : "os";
      const reports = 1 + Math.floor(random() * REPORTS_MAX);
      const isTime = (_line: string, read: number): boolean => read >= reports;
      const lines = await killOnce({ entry: TURN_CHILD, home, childSeed, durability, isTime });
      const tornTails = progress.tornTails + (await countTorn(home));
      const store = await openLocalThreadStore({ home, durability: "os" });
      const told = lines.map((line) => JSON.parse(line) as TurnReport);
      try {
        await checkTurnReports(store, told);
      } finally {
        await store.close();
      }
      progress = { kills: progress.kills + 1, acknowledged: progress.acknowledged + told.length, tornTails };
      onKill?.(progress);
    } catch (error) {
      throw new Error(`turns, after kill ${progress.kills} of seed ${seed}: ${String(error)}`, { cause: error });
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  }
  return progress;
}

async function checkHome(ledger: CrashLedger, home: string, round: string): Promise<void> {
  const store = await openLocalThreadStore({ home, durability: "os" });
  try {
    await ledger.check(store, round);
  } finally {
    await store.close();
  }
}
