/**
 * Makes the folders a file needs. A name is only durable when the folder that holds it is synced, so
 * who makes folders is told which others now hold a new name: a file whose folder is gone after a power
 * cut was not durable. Folders that stand already cost one failed mkdir.
 */
import { dirname } from "node:path";

import { systemCode } from "../../base/index.ts";
import type { FileSystem } from "./file-system.ts";

/** Makes `path` and what is missing above it; answers the folders that are still to be synced. */
export async function makeDirectories(files: FileSystem, path: string): Promise<readonly string[]> {
  const parent = dirname(path);
  try {
    await files.makeDirectory(path);
    return [parent];
  } catch (error) {
    const code = systemCode(error);
    if (code === "EEXIST") return [];
    if (code !== "ENOENT" || parent === path) throw error;
  }
  const above = await makeDirectories(files, parent);
  return [...above, ...(await makeDirectories(files, path))];
}

/** Syncs folders, one after another. */
export async function syncDirectories(files: FileSystem, folders: readonly string[]): Promise<void> {
  for (const folder of folders) await files.syncDirectory(folder);
}
