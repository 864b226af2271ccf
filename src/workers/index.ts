/**
 * workers: the pool of threads that fold rollouts into the state DB's rows, and the thread that watches a
 * home's folders.
 */
export { startHomeWatcher } from "./watcher-thread.ts";
export { createFoldPool } from "./piscina-pool.ts";
