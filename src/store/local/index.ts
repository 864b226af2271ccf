/**
 * store/local: threads as rollout files in a home that Codex reads and writes too. The disk is a port
 * (FileSystem), so that its faults can be injected.
 */
export { readExactly } from "./backward-lines.ts";
export { readBlocks } from "./block-reader.ts";
export { mapBounded } from "../bounded-map.ts";
export { type FileStat, type DirectoryEntry, type FileSystem, nodeFileSystem, type OpenMode } from "./file-system.ts";
export { type RolloutEntry, walkHome } from "./home-walk.ts";
export { type LocalLogTransferOptions, openLocalLogTransfer } from "./local-log-transfer.ts";
export type { LocalThreadStoreOptions } from "./local-options.ts";
export { type LocalThreadStore, openLocalThreadStore } from "./local-thread-store.ts";
export { namedThreadIds } from "./named-thread-ids.ts";
export { openExportManifest } from "./export-manifest.ts";
export { type RepairAction, repairHome, type RepairHomeOptions } from "./repair-home.ts";
export { createRolloutAccess, type ReadableRollout, type RolloutAccess } from "./rollout-access.ts";
export { comparePlaces, type PlacedRollout } from "./rollout-lookup.ts";
export { withFileTimes } from "./rollout-facts.ts";
export { readHead } from "./rollout-head.ts";
export { type HomePaths, homePaths, newRolloutPath } from "./rollout-path.ts";
export { createSessionIndex, type SessionIndex } from "./session-index.ts";
export type { FindingCode, FindingSeverity, HomeFinding } from "./rollout-check.ts";
export { verifyHome, type VerifyHomeOptions, type VerifyProgress } from "./verify-home.ts";
