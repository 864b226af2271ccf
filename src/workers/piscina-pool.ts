/**
 * The pool of worker threads: a bounded number, each with bounded memory, started when there is work for them
 * and ended when there is none. Small work is done where it is asked for, as a thread's start costs more.
 *
 * A worker that dies takes its task with it, and no other; who asked is told by a rejection.
 */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

import type { Piscina } from "piscina";

import { fault } from "../base/index.ts";
import {
  type FoldPool,
  type FoldReport,
  type FoldTask,
  type HomeSurvey,
  runFoldTask,
  runSurveyTask,
  type SurveyTask,
} from "../projections/index.ts";
import { homePaths } from "../store/local/index.ts";

/** How a pool is made. */
interface FoldPoolOptions {
  /** Threads at most, 1 or more. Default: one a core, 4 at most. */
  readonly workers?: number;
}

const WORKERS_MAX = 4;
/** What a fold of the largest rollouts needs, and far less than would hurt a machine that runs agents. */
const WORKER_HEAP_MB = 768;
const IDLE_MS = 2_000;
/** A task that is running when the pool is closed has this long to end by itself. */
const CLOSE_MS = 10_000;
/** Work up to here is done without a thread. */
const INLINE_BYTES_MAX = 256 * 1024;
const INLINE_FILES_MAX = 256;

/** Makes a pool; no thread is started before there is work for one. */
export function createFoldPool({ workers }: FoldPoolOptions = {}): FoldPool {
  return new PiscinaPool(workers ?? Math.min(WORKERS_MAX, availableParallelism()));
}

class PiscinaPool implements FoldPool {
  readonly size: number;
  #threads: Promise<Piscina> | null = null;
  #isClosed = false;

  constructor(size: number) {
    this.size = size;
  }

  survey(task: SurveyTask): Promise<HomeSurvey> {
    const isSmall = task.filesKnown === 0 ? isNewHome(task.home) : task.filesKnown <= INLINE_FILES_MAX;
    return isSmall ? runSurveyTask(task) : this.#run("survey", task);
  }

  fold(task: FoldTask): Promise<FoldReport> {
    const bytes = task.entries.reduce((sum, { size }) => sum + size, 0);
    return bytes <= INLINE_BYTES_MAX ? runFoldTask(task) : this.#run("fold", task);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const threads = this.#threads;
    this.#threads = null;
    await (await threads)?.close();
  }

  /** Runs a task by its name in the worker's module, which says what it answers. */
  async #run<Answer>(name: string, task: object): Promise<Answer> {
    if (this.#isClosed) throw fault("runtime_closed", "the pool of workers was closed");
    this.#threads ??= startThreads(this.size);
    const threads = await this.#threads;
    return (await threads.run(task, { name })) as Answer;
  }
}

/** Whether there is nothing to look at yet: rows that know no file may be new ones on a home that is full. */
function isNewHome(home: string): boolean {
  const { sessions, archived } = homePaths(home);
  return !existsSync(sessions) && !existsSync(archived);
}

/** Loaded with the first work for a thread: most openings have none. */
async function startThreads(size: number): Promise<Piscina> {
  const { Piscina: Pool } = await import("piscina");
  return new Pool({
    filename: fileURLToPath(workerUrl()),
    minThreads: 0,
    maxThreads: size,
    idleTimeout: IDLE_MS,
    closeTimeout: CLOSE_MS,
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB },
  });
}

/** The worker's module as it stands beside this one: source, or built. */
function workerUrl(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "./fold-worker.ts" : "./fold-worker.js", import.meta.url);
}
