/**
 * The rounds of the bench: each scenario on each side in turns, so that a noisy machine hits all of them, on new
 * threads of the same length every time, so that what grows with a thread grows alike. A side that is
 * done early goes again on new threads, and making those is no part of its time.
 */
import { systemClock } from "../../src/base/index.ts";
import { medianOf, usageOf } from "../process-usage.ts";
import { type BenchTurn, createTurnMaker, type TurnMaker } from "./bench-turn.ts";
import type { PeerSide, PeerThread, PeerWork } from "./peer-side.ts";

/** What is done, by how many threads at once, how often each. */
export interface Scenario {
  readonly name: string;
  readonly work: PeerWork;
  readonly threads: number;
  readonly each: number;
  /** At least so many times the best peer. */
  readonly goal?: number;
}

/** What a side did in one scenario. Figures are medians of the rounds. */
export interface ScenarioFigures {
  readonly perSecond: number;
  /** Of each round, for who wants to see the spread. */
  readonly rounds: readonly number[];
  readonly clientCpuUs: number;
  /** Null where there is no server, or no /proc to ask. */
  readonly serverCpuUs: number | null;
  /** Written to the server's log, for each; null where there is none. */
  readonly walBytes: number | null;
}

/** What the rounds need to know of a server. */
export interface ServerGauges {
  readonly pid: number | undefined;
  walBytes(): Promise<number>;
  /** Whether a commit waits for the disk. It does, but while threads are filled whose time isn't taken. */
  setWaiting(isWaiting: boolean): Promise<void>;
}

/** The sides and how often they are measured. */
export interface RoundsOptions {
  readonly sides: readonly PeerSide[];
  /** Rounds at most. */
  readonly rounds: number;
  /** After so long no further round is begun; one there always is. */
  readonly msMax: number;
  readonly seed: number;
  readonly server?: ServerGauges;
}

const RUN_MS_MIN = 400;
const BATCHES_MAX = 6;
const WARM_THREADS = 16;
const WARM_EACH = 2;
const MICROSECONDS = 1_000;

/** One round's sums. */
interface Run {
  readonly done: number;
  readonly ms: number;
  readonly clientCpuMs: number;
  readonly serverCpuMs: number;
  readonly walBytes: number;
}

/** Measures a scenario; figures by the name of each side that has such a way. */
export async function measureScenario(
  scenario: Scenario,
  { sides, rounds, msMax, seed, server }: RoundsOptions,
): Promise<ReadonlyMap<string, ScenarioFigures>> {
  const maker = createTurnMaker(seed);
  const runs = new Map<string, Run[]>();
  const taking = sides.filter(({ works }) => works.includes(scenario.work));
  for (const side of taking) {
    runs.set(side.name, []);
    // Connections, prepared statements and hot code, none of which is measured.
    await runBatch(
      side,
      { ...scenario, threads: Math.min(scenario.threads, WARM_THREADS), each: WARM_EACH },
      { maker },
    );
  }
  const endMs = systemClock.monotonicMs() + msMax;
  for (let round = 0; round < rounds; round += 1) {
    if (round > 0 && systemClock.monotonicMs() > endMs) break;
    for (let index = 0; index < taking.length; index += 1) {
      const side = taking[(index + round) % taking.length];
      if (side === undefined) continue;
      const batches: Run[] = [];
      const options = { maker, ...(server === undefined ? {} : { server }) };
      while (batches.length < BATCHES_MAX && sumOf(batches, "ms") < RUN_MS_MIN) {
        batches.push(await runBatch(side, scenario, options));
      }
      runs.get(side.name)?.push(joined(batches));
    }
  }
  return new Map([...runs].map(([name, all]) => [name, figuresOf(all, server)]));
}

function joined(batches: readonly Run[]): Run {
  return {
    done: sumOf(batches, "done"),
    ms: sumOf(batches, "ms"),
    clientCpuMs: sumOf(batches, "clientCpuMs"),
    serverCpuMs: sumOf(batches, "serverCpuMs"),
    walBytes: sumOf(batches, "walBytes"),
  };
}

function sumOf(runs: readonly Run[], key: keyof Run): number {
  return runs.reduce((sum, run) => sum + run[key], 0);
}

function figuresOf(runs: readonly Run[], server: ServerGauges | undefined): ScenarioFigures {
  const each = (key: keyof Run): number => medianOf(runs.map((run) => run[key] / run.done));
  const perSecond = runs.map(({ done, ms }) => (done / ms) * 1_000);
  return {
    perSecond: medianOf(perSecond),
    rounds: perSecond,
    clientCpuUs: each("clientCpuMs") * MICROSECONDS,
    serverCpuUs: server?.pid === undefined ? null : each("serverCpuMs") * MICROSECONDS,
    walBytes: server === undefined ? null : each("walBytes"),
  };
}

interface BatchOptions {
  readonly maker: TurnMaker;
  readonly server?: ServerGauges;
}

async function runBatch(side: PeerSide, scenario: Scenario, { maker, server }: BatchOptions): Promise<Run> {
  const { threads, each, work } = scenario;
  const callers: (() => Promise<void>)[] = [];
  for (let n = 0; n < threads; n += 1) {
    const thread = await side.newThread();
    callers.push(
      work === "append" ? appender(thread, textsOf(maker, each)) : turner(thread, work, turnsOf(maker, each)),
    );
  }
  const before = await gaugesOf(server);
  const cpu = process.cpuUsage();
  const beganMs = systemClock.monotonicMs();
  await Promise.all(callers.map((caller) => caller()));
  await side.settle();
  const ms = systemClock.monotonicMs() - beganMs;
  const { user, system } = process.cpuUsage(cpu);
  const after = await gaugesOf(server);
  return {
    done: threads * each,
    ms,
    clientCpuMs: (user + system) / MICROSECONDS,
    serverCpuMs: after.cpuMs - before.cpuMs,
    walBytes: after.walBytes - before.walBytes,
  };
}

function appender(thread: PeerThread, texts: readonly string[]): () => Promise<void> {
  return async () => {
    for (const text of texts) await thread.append(text);
  };
}

function turner(thread: PeerThread, work: Exclude<PeerWork, "append">, turns: readonly BenchTurn[]) {
  return async (): Promise<void> => {
    for (const turn of turns) await thread[work](turn);
  };
}

function textsOf(maker: TurnMaker, count: number): readonly string[] {
  return Array.from({ length: count }, () => maker.record());
}

function turnsOf(maker: TurnMaker, count: number): readonly BenchTurn[] {
  return Array.from({ length: count }, () => maker.turn());
}

async function gaugesOf(
  server: ServerGauges | undefined,
): Promise<{ readonly cpuMs: number; readonly walBytes: number }> {
  if (server === undefined) return { cpuMs: 0, walBytes: 0 };
  const walBytes = await server.walBytes();
  return { cpuMs: server.pid === undefined ? 0 : usageOf(server.pid).cpuMs, walBytes };
}

/** Threads that were filled, and what they take. */
export interface FilledThreads {
  readonly ids: readonly string[];
  readonly bytesPerTurn: number;
}

/**
 * Fills some threads, a turn of each in turns, and looks how much more the side stores then. One call at a time: callers
 * that crowd a table make a server lay out room ahead, which would count as theirs. For the same reason it comes first:
 * later a side may fill room that it left before.
 */
export async function fillThreads(side: PeerSide, count: number, turns: number): Promise<FilledThreads> {
  const maker = createTurnMaker(turns);
  const first = await side.newThread();
  await first.turnAtOnce(maker.turn());
  const before = await side.storedBytes();
  const threads: PeerThread[] = [];
  for (let n = 0; n < count; n += 1) threads.push(await side.newThread());
  for (let turn = 0; turn < turns; turn += 1) {
    for (const thread of threads) await thread.turnAtOnce(maker.turn());
  }
  const bytesPerTurn = ((await side.storedBytes()) - before) / (count * turns);
  return { ids: threads.map(({ id }) => id), bytesPerTurn };
}

/** What it takes to read one of some threads whole, each of so many turns: milliseconds, median of the runs. */
export async function measureOpening(
  filled: ReadonlyMap<PeerSide, readonly string[]>,
  { turns, runs }: { readonly turns: number; readonly runs: number },
): Promise<Readonly<Record<string, number>>> {
  const times = new Map<string, number[]>([...filled.keys()].map(({ name }) => [name, []]));
  for (let run = 0; run <= runs; run += 1) {
    for (const [side, ids] of filled) {
      const beganMs = systemClock.monotonicMs();
      const found = await side.openThread(ids[run % ids.length] ?? "");
      const ms = systemClock.monotonicMs() - beganMs;
      if (found !== turns) throw new Error(`${side.name} read ${found} turns of ${turns}`);
      // The first run loads code and prepares statements.
      if (run > 0) times.get(side.name)?.push(ms);
    }
  }
  return Object.fromEntries([...times].map(([name, all]) => [name, medianOf(all)]));
}
