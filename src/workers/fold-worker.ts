/**
 * What runs in a worker thread of the pool: the two tasks, by their names. A fault leaves as data, because
 * an error that crosses a thread's border keeps its message alone.
 */
import {
  type FoldReport,
  type FoldTask,
  type HomeSurvey,
  runFoldTask,
  runSurveyTask,
  type SurveyTask,
} from "../projections/index.ts";

/** Folds files and writes their rows. */
export function fold(task: FoldTask): Promise<FoldReport> {
  return runFoldTask(task);
}

/** Looks at the home's files beside the rows. */
export function survey(task: SurveyTask): Promise<HomeSurvey> {
  return runSurveyTask(task);
}
