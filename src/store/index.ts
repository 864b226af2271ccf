/**
 * store: the storage port, its words, and the pure parts that adapters share (checks, pages, views).
 * The adapters have doors of their own: store/memory and store/local.
 */
export type { AnswerScope } from "./answer-scope.ts";
export { isListed, listAsOfMs, type ListCut, listCutOf, pageThreads, sourceWord, type ThreadRow } from "./list-page.ts";
export { applyGitPatch, sessionMetaForPatch, validateMetadataPatch } from "./metadata-patch.ts";
export { newSessionMeta } from "./new-session-meta.ts";
export { storedThreadFrom } from "./stored-thread.ts";
export { sealLine } from "./line-seal.ts";
export {
  type CopiedThread,
  type CopyCounts,
  type CopyOutcome,
  type CopyProgress,
  type CopyReport,
  copyThreads,
  type CopyThreadsOptions,
} from "./copy-threads.ts";
export { type Durability, durabilityOfStore, type StoreDurability } from "./durability.ts";
export type { LogDigest } from "./log-digest.ts";
export type * from "./log-index.ts";
export type * from "./log-source.ts";
export type * from "./log-transfer.ts";
export type * from "./thread-index.ts";
export { descendantsOf } from "./thread-lineage.ts";
export { toThread, toWireSource } from "./thread-view.ts";
export { createSnippetFinder } from "./snippet-finder.ts";
export { pageItems, pageTurns } from "./turn-page.ts";
export type * from "./thread-store.ts";
export { type ThreadWindow, windowOf } from "./thread-window.ts";
export { windowFromRows } from "./window-from-rows.ts";
