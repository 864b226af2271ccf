/**
 * store: the storage port and its words. The adapters have doors of their own: store/memory and
 * store/local.
 */
export type * from "./thread-store.ts";
