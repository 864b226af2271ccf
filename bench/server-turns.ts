/**
 * Turns of an app-server by its protocol: how many a second, what CPU and what writing each costs, with so many
 * threads at once. Each measurement has a home and a process of its own. The process is warm, by turns of other
 * threads; the threads that are measured have had their first turn, which makes their files.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { sleep, systemClock } from "../src/base/index.ts";
import { type Members, ServerProcess } from "../test/crash/server-process.ts";
import type { ServerSide } from "../test/crash/server-sides.ts";
import { rolloutBytesOf, usageOf } from "./process-usage.ts";

/** What to run. */
export interface TurnLoad {
  readonly side: ServerSide;
  readonly baseUrl: string;
  readonly threads: number;
  /** Measured, of each thread. */
  readonly turnsEach: number;
  /** Run by other threads before, altogether. */
  readonly warmUpTurns: number;
}

/** What a turn cost. */
export interface TurnCost {
  readonly threads: number;
  readonly turns: number;
  readonly turnsPerSecond: number;
  readonly cpuMs: number;
  readonly rolloutBytes: number;
  readonly writtenBytes: number;
  /** Written bytes over the rollout's own. */
  readonly writtenRatio: number;
}

const WARM_UP_THREADS = 8;
const STARTS_AT_ONCE = 8;
const TURN_MS_MAX = 60_000;
/** Skein writes rows up to five seconds later; both servers get the time. */
const PUT_OFF_MS_MAX = 5_500;
/** About 200 characters, as people ask. */
const QUESTION =
  "Please look at how the parser handles an empty line at the end of the file, say what it does today, and what it " +
  "should do instead; then change it, with a test that fails without the change. Keep it small.";

/** Runs the load and measures it. */
export async function measureTurns(load: TurnLoad): Promise<TurnCost> {
  const home = await mkdtemp(join(tmpdir(), "skein-turns-"));
  const command = await load.side.prepare(home, load.baseUrl);
  const server = new ServerProcess(command);
  const turns = new TurnRunner(server);
  try {
    await server.ready();
    const others = await startThreads(server, Math.min(WARM_UP_THREADS, load.warmUpTurns));
    await turns.run(others, Math.ceil(load.warmUpTurns / Math.max(1, others.length)));
    const threads = await startThreads(server, load.threads);
    await turns.run(threads, 1);
    // What is put off belongs to the turns that made it: here to those before, below to those measured.
    await sleep(systemClock, PUT_OFF_MS_MAX);
    const before = { ...usageOf(server.pid), rolloutBytes: rolloutBytesOf(home), ms: systemClock.monotonicMs() };
    await turns.run(threads, load.turnsEach);
    const seconds = (systemClock.monotonicMs() - before.ms) / 1_000;
    await sleep(systemClock, PUT_OFF_MS_MAX);
    const after = usageOf(server.pid);
    const count = load.threads * load.turnsEach;
    const rolloutBytes = (rolloutBytesOf(home) - before.rolloutBytes) / count;
    const writtenBytes = (after.writtenBytes - before.writtenBytes) / count;
    return {
      threads: load.threads,
      turns: count,
      turnsPerSecond: count / seconds,
      cpuMs: (after.cpuMs - before.cpuMs) / count,
      rolloutBytes,
      writtenBytes,
      writtenRatio: writtenBytes / rolloutBytes,
    };
  } finally {
    await server.close();
    await rm(home, { recursive: true, force: true });
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
