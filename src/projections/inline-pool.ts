/**
 * The pool without threads: work runs where it was asked for. For homes too small to be worth a thread's
 * start, and for tests of what the work does.
 */
import { type FoldMeans, type FoldPool, runFoldTask, runSurveyTask } from "./fold-pool.ts";

/** Makes one; a state DB that is opened with it reads rollouts from the same disk. */
export function createInlinePool(means: FoldMeans = {}): FoldPool {
  return {
    size: 1,
    ...(means.files === undefined ? {} : { files: means.files }),
    survey: (task) => runSurveyTask(task, means),
    fold: (task, signal) => runFoldTask(task, signal, means),
    close: async () => {},
  };
}
