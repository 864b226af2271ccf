/**
 * projections: the state DB. Rows folded from logs, the leases that processes of one home share, and what
 * asks the rows. It implements the store's ThreadIndex; threads that fold come in as a pool (workers). For a
 * store without files it keeps a node's rows beside the logs: the store's LogIndex (log-rows.ts).
 */
export {
  type FoldPool,
  type FoldReport,
  type FoldTask,
  runFoldTask,
  runSurveyTask,
  type SurveyTask,
} from "./fold-pool.ts";
export type { FillReport } from "./fill-set.ts";
export type { FoldProgress, SyncReport } from "./home-sync.ts";
export type { HomeWatcher, StartHomeWatcher } from "./home-watcher.ts";
export type { HomeSurvey } from "./home-survey.ts";
export { createInlinePool } from "./inline-pool.ts";
export type { LogRowsProgress } from "./log-follower.ts";
export { type LogRowsOptions, openLogRows } from "./log-rows.ts";
export type { LeaseHolder } from "./lease-rows.ts";
export {
  openStateDbReadOnlyWith,
  openStateDbWith,
  type RebuildOptions,
  type RebuildReport,
  rebuildStateDbWith,
} from "./open-state-db.ts";
export type { StateDb, StateDbOpening } from "./state-db.ts";
export type { ProjectionOutcome, ProjectionVerdict, VerifyProjectionsProgress } from "./projection-verdict.ts";
export type { SetAside } from "./state-db-file.ts";
export {
  readStateDbReport,
  type ReportedLag,
  type ReportedOwner,
  type ReportedSet,
  type StateDbReport,
} from "./state-db-report.ts";
export { type VerifyProjectionsOptions, verifyProjectionsWith } from "./verify-projections.ts";
export type { StateDbOptions } from "./state-db-options.ts";
