/**
 * store/memory: threads in memory, exact and complete, gone with their handle, with a journal of every
 * call for tests that prove what was (not) touched.
 */
export type { StoreCall, StoreCallOutcome, StoreMethod } from "./call-journal.ts";
export {
  createMemoryThreadStore,
  type MemoryThreadStore,
  type MemoryThreadStoreOptions,
} from "./memory-thread-store.ts";
