/**
 * The pool without threads: work runs where it was asked for. For homes too small to be worth a thread's
 * start, and for tests of what the work does.
 */
import { type FoldPool, runFoldTask, runSurveyTask } from "./fold-pool.ts";

/** Makes one. */
export function createInlinePool(): FoldPool {
  return {
    size: 1,
    survey: (task) => runSurveyTask(task),
    fold: (task, signal) => runFoldTask(task, signal),
    close: async () => {},
  };
}
