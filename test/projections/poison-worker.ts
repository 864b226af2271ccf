/**
 * A worker of the pool as fold-worker.ts, but for files that kill it: under a name with "poison" in it the thread
 * ends at once, as under a crash of the engine.
 */
import { type FoldReport, type FoldTask, runFoldTask } from "../../src/projections/index.ts";

export { survey } from "../../src/workers/fold-worker.ts";

/** Folds files, or dies of one of them. */
export function fold(task: FoldTask): Promise<FoldReport> {
  if (task.entries.some(({ name }) => name.includes("poison"))) process.exit(7);
  return runFoldTask(task);
}
