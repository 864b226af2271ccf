/**
 * The world of a soak: one runtime over a home with its state DB, opened so that everything it may leave open is
 * counted, and an observer that answers what its agent asks.
 */
import { silentLogger } from "../../src/base/index.ts";
import { openRuntime, openStateDb, type Runtime } from "../../src/runtime/index.ts";
import { openCheckpointFiles } from "../../src/server/checkpoint-files.ts";
import type { CheckpointStore } from "../../src/server/checkpoint-store.ts";
import { openLocalThreadStore } from "../../src/store/local/index.ts";
import { createSoakAgent } from "./soak-agent.ts";
import {
  Collectables,
  countListeners,
  type CountingClock,
  createCountingClock,
  type Gauges,
  readGauges,
} from "./soak-gauges.ts";

/** An open world. */
export interface SoakWorld {
  readonly home: string;
  readonly runtime: Runtime;
  /** Of threads that are there: a thread that is deleted takes its own along. */
  readonly checkpoints: CheckpointStore;
  readonly clock: CountingClock;
  readonly handles: Collectables;
  /** Ends the feeds that share it. */
  readonly ending: AbortController;
  gauges(): Promise<Gauges>;
  /** Closes all of it; what it looked like then is still to be asked. */
  close(): Promise<void>;
}

/** Milliseconds an idle thread stays loaded: short, so that threads come and go all the time. */
const IDLE_UNLOAD_MS = 2_000;

/** Opens the world on a home, and has done in it once what leaves folders and a watcher behind. */
export async function openSoakWorld(home: string): Promise<SoakWorld> {
  const clock = createCountingClock();
  const stateDb = await openStateDb({ home, clock });
  const local = await openLocalThreadStore({ home, stateDb, clock, durability: "os" });
  const { store, count } = countListeners(local);
  const agent = createSoakAgent(clock);
  const runtime = await openRuntime({ store, agent, clock, logger: silentLogger, idleUnloadMs: IDLE_UNLOAD_MS });
  const checkpoints = await openCheckpointFiles({ home, clock });
  const forgetDeleted = store.subscribe((event) => {
    if (event.type === "deleted") void checkpoints.deleteThread(event.threadId);
  });
  const unobserve = runtime.observe({
    event: (event) => {
      if (event.type !== "signal" || event.signal.type !== "question_asked") return;
      runtime.thread(event.threadId)?.answer(event.signal.questionId, { answers: { q: "yes" } });
    },
  });
  await rehearse(runtime);
  const handles = new Collectables();
  const ending = new AbortController();
  const sources = { home, clock, handles, signal: ending.signal, storeListeners: count };
  let isClosed = false;
  return {
    home,
    runtime,
    checkpoints,
    clock,
    handles,
    ending,
    gauges: () => readGauges({ ...sources, loaded: () => (isClosed ? 0 : runtime.listLoaded().length) }),
    close: async () => {
      unobserve();
      forgetDeleted();
      const { unfinished } = await runtime.close();
      await local.close();
      await stateDb.close();
      isClosed = true;
      if (unfinished.length > 0) throw new Error(`closing left ${JSON.stringify(unfinished)}`);
    },
  };
}

async function rehearse(runtime: Runtime): Promise<void> {
  const threads = [await runtime.startThread(), await runtime.startThread()];
  for (const thread of threads) await thread.run("say that it begins");
  const [first, second] = threads.map(({ id }) => id);
  if (first === undefined || second === undefined) throw new Error("no threads");
  await runtime.archiveThread(first);
  // The home is watched from the second list on, and its folders from the one behind that.
  for (let n = 0; n < 4; n += 1) await runtime.listThreads();
  for (const id of [first, second]) await runtime.deleteThread(id);
  await runtime.listThreads();
}
