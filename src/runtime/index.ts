/**
 * runtime: openRuntime, the one place that builds and closes things. It joins store, threads and feeds, and
 * is all that most programs need.
 */
export { openRuntime } from "./open-runtime.ts";
export { openStateDb, openStateDbReadOnly, readStateDbReport, rebuildStateDb, verifyProjections } from "./state-db.ts";
export { findLogEnd, recordBefore, requireThread } from "./log-end.ts";
export type { Runtime, RuntimeFeed } from "./runtime.ts";
export type { RuntimeOptions } from "./runtime-options.ts";
export type { RuntimeObserver } from "../actors/index.ts";
export type { RuntimeThread, ThreadFeed, ThreadFeedOptions } from "./runtime-thread.ts";
