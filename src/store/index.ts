/**
 * store: the storage port, its words, and the pure parts that adapters share (checks, pages, views).
 * The adapters have doors of their own: store/memory and store/local.
 */
export { type AppliedAppend, type AppliedKeys, createAppliedKeys } from "./applied-keys.ts";
export { checkAppend } from "./append-check.ts";
export { isListed, listAsOfMs, pageThreads, sourceWord, type ThreadPage, type ThreadRow } from "./list-page.ts";
export { applyGitPatch, gitInfoFrom, sessionMetaForPatch, validateMetadataPatch } from "./metadata-patch.ts";
export { type NewThreadIdentity, newSessionMeta } from "./new-session-meta.ts";
export { pageLimit } from "./page-limit.ts";
export { createStoreEvents, type StoreEvents } from "./store-events.ts";
export { storedThreadFrom, type StoredThreadParts } from "./stored-thread.ts";
export { toThread, type ThreadViewOptions, toWireSource } from "./thread-view.ts";
export { pageItems, pageTurns } from "./turn-page.ts";
export type * from "./thread-store.ts";
