/**
 * workers: the pool of threads that fold rollouts into the state DB's rows.
 */
export { startHomeWatcher } from "./watcher-thread.ts";
export { createFoldPool, type FoldPoolOptions } from "./piscina-pool.ts";
