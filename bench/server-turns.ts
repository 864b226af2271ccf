/**
 * Turns of an app-server by its protocol: how many a second, what CPU and what writing each costs, with so many
 * threads at once. Each load has a home and a process of its own, and takes its rounds in turn with the others.
 * The process is warm, by turns of other
 * threads; the threads that are measured have had their first turn, which makes their files.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { sleep, systemClock } from "../src/base/index.ts";
import { type Members, ServerProcess } from "../test/crash/server-process.ts";
import type { ServerCommand, ServerSide } from "../test/crash/server-sides.ts";
import { medianOf, rolloutBytesOf, usageOf } from "./process-usage.ts";

/** What to run. */
export interface TurnLoad {
  readonly side: ServerSide;
  readonly baseUrl: string;
  readonly threads: number;
  /** Of each thread in one round; there are five. */
  readonly turnsEach: number;
  /** Run by other threads before, altogether. */
  readonly warmUpTurns: number;
}

/** What a turn cost. */
export interface TurnCost {
  readonly threads: number;
  readonly turns: number;
  /** The median of the rounds. */
  readonly turnsPerSecond: number;
  readonly cpuMs: number;
  readonly rolloutBytes: number;
  readonly writtenBytes: number;
  /** Written bytes over the rollout's own. */
  readonly writtenRatio: number;
}

const ROUNDS = 5;
const WARM_UP_THREADS = 8;
const STARTS_AT_ONCE = 8;
const TURN_MS_MAX = 60_000;
/** Skein writes rows up to five seconds later; both servers get the time. */
const PUT_OFF_MS_MAX = 5_500;
/** About 200 characters, as people ask. */
const QUESTION =
  "Please look at how the parser handles an empty line at the end of the file, say what it does today, and what it " +
  "should do instead; then change it, with a test that fails without the change. Keep it small.";

/** Runs the loads side by side: a round of one, a round of the next, so that a slow moment is everybody's. */
export async function measureTurns(loads: readonly TurnLoad[]): Promise<readonly TurnCost[]> {
  const running: RunningLoad[] = [];
  try {
    for (const load of loads) running.push(await RunningLoad.open(load));
    // What is put off belongs to the turns that made it: here to those before, below to those measured.
    await sleep(systemClock, PUT_OFF_MS_MAX);
    for (const one of running) one.begin();
    for (let round = 0; round < ROUNDS; round += 1) for (const one of running) await one.round();
    await sleep(systemClock, PUT_OFF_MS_MAX);
    return running.map((one) => one.cost());
  } finally {
    for (const one of running) await one.close();
  }
}

/** A server with its threads, warm. */
class RunningLoad {
  readonly #load: TurnLoad;
  readonly #home: string;
  readonly #server: ServerProcess;
  readonly #turns: TurnRunner;
  #threads: readonly string[] = [];
  #before = { cpuMs: 0, writtenBytes: 0, rolloutBytes: 0 };
  readonly #speeds: number[] = [];

  private constructor(load: TurnLoad, home: string, command: ServerCommand) {
    this.#load = load;
    this.#home = home;
    this.#server = new ServerProcess(command);
    this.#turns = new TurnRunner(this.#server);
  }

  static async open(load: TurnLoad): Promise<RunningLoad> {
    const home = await mkdtemp(join(tmpdir(), "skein-turns-"));
    const running = new RunningLoad(load, home, await load.side.prepare(home, load.baseUrl));
    try {
      await running.#warmUp();
      return running;
    } catch (error) {
      await running.close();
      throw error;
    }
  }

  async #warmUp(): Promise<void> {
    const { threads, warmUpTurns } = this.#load;
    await this.#server.ready();
    const others = await startThreads(this.#server, Math.min(WARM_UP_THREADS, warmUpTurns));
    await this.#turns.run(others, Math.ceil(warmUpTurns / Math.max(1, others.length)));
    this.#threads = await startThreads(this.#server, threads);
    await this.#turns.run(this.#threads, 1);
  }

  begin(): void {
    this.#before = { ...usageOf(this.#server.pid), rolloutBytes: rolloutBytesOf(this.#home) };
  }

  async round(): Promise<void> {
    const { turnsEach } = this.#load;
    const beganMs = systemClock.monotonicMs();
    await this.#turns.run(this.#threads, turnsEach);
    const seconds = (systemClock.monotonicMs() - beganMs) / 1_000;
    this.#speeds.push((this.#threads.length * turnsEach) / seconds);
  }

  cost(): TurnCost {
    const { threads, turnsEach } = this.#load;
    const after = usageOf(this.#server.pid);
    const turns = threads * turnsEach * ROUNDS;
    const rolloutBytes = (rolloutBytesOf(this.#home) - this.#before.rolloutBytes) / turns;
    const writtenBytes = (after.writtenBytes - this.#before.writtenBytes) / turns;
    return {
      threads,
      turns,
      turnsPerSecond: medianOf(this.#speeds),
      cpuMs: (after.cpuMs - this.#before.cpuMs) / turns,
      rolloutBytes,
      writtenBytes,
      writtenRatio: writtenBytes / rolloutBytes,
    };
  }

  async close(): Promise<void> {
    await this.#server.close();
    await rm(this.#home, { recursive: true, force: true });
  }
}

/** Starts threads, a few at a time; gives their ids. */
export async function startThreads(server: ServerProcess, count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  let begun = 0;
  const start = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      const { thread } = (await server.request("thread/start", {})) as { readonly thread: Members };
      ids.push(String(thread["id"]));
    }
  };
  await Promise.all(Array.from({ length: STARTS_AT_ONCE }, start));
  return ids;
}

/** Runs turns of many threads over one connection, each thread's one after another. */
class TurnRunner {
  readonly #server: ServerProcess;
  /** Who waits for the end of a thread's turn. */
  readonly #ends = new Map<string, (status: string) => void>();

  constructor(server: ServerProcess) {
    this.#server = server;
    server.listen(({ method, members }) => {
      if (method !== "turn/completed") return;
      const { threadId, turn } = members["params"] as { readonly threadId: string; readonly turn: Members };
      this.#ends.get(threadId)?.(String(turn["status"]));
    });
  }

  async run(threadIds: readonly string[], turnsEach: number): Promise<void> {
    await Promise.all(
      threadIds.map(async (threadId) => {
        for (let turn = 0; turn < turnsEach; turn += 1) await this.#turn(threadId);
      }),
    );
  }

  async #turn(threadId: string): Promise<void> {
    const ended = Promise.withResolvers<string>();
    this.#ends.set(threadId, ended.resolve);
    const timer = systemClock.setTimer(TURN_MS_MAX, () => ended.reject(new Error(`no turn in ${TURN_MS_MAX} ms`)));
    try {
      const input = [{ type: "text", text: QUESTION, text_elements: [] }];
      await this.#server.request("turn/start", { threadId, input });
      const status = await ended.promise;
      if (status !== "completed") throw new Error(`a turn of the bench ended as ${status}`);
    } finally {
      timer.cancel();
      this.#ends.delete(threadId);
    }
  }
}
