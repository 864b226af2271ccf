/**
 * store/local: threads as rollout files in a home that Codex reads and writes too. The disk is a port
 * (FileSystem), so that its faults can be injected.
 */
export { type FileStat, type DirectoryEntry, type FileSystem, nodeFileSystem, type OpenMode } from "./file-system.ts";
export type { LocalThreadStoreOptions } from "./local-options.ts";
export { type LocalThreadStore, openLocalThreadStore } from "./local-thread-store.ts";
export { namedThreadIds } from "./named-thread-ids.ts";
export { type RepairAction, repairHome, type RepairHomeOptions } from "./repair-home.ts";
export type { FindingCode, FindingSeverity, HomeFinding } from "./rollout-check.ts";
export { verifyHome, type VerifyHomeOptions, type VerifyProgress } from "./verify-home.ts";
