/**
 * Makes the folders that files need, and knows which of them stand on the disk. A name is only durable when the
 * folder that holds it is synced: a file whose folder is gone after a power cut was not durable. That a folder
 * is there says nothing of that: another call, or a process that was killed, may have just made it. So the
 * folders above a file are synced once a store, whoever made them; up to the home, which is its owner's.
 */
import { dirname } from "node:path";

import { systemCode } from "../../base/index.ts";
import { type FileSystem, isMissing } from "./file-system.ts";

/** Makes folders for one store. */
export interface DirectoryMaker {
  /** Makes `path` and what is missing above it; answers the folders to sync for its name to be durable. */
  make(path: string): Promise<readonly string[]>;
  /** The folders to sync for the name of a file that is there to be durable. */
  unsyncedAbove(path: string): readonly string[];
  /** Syncs folders, one after another, each once. */
  sync(folders: readonly string[]): Promise<void>;
}

/** Folders that are remembered to stand on the disk: more than a store's days. Past it they are synced again. */
const STORED_MAX = 10_000;

/** Makes the maker of a store; touches no disk. */
export function createDirectoryMaker(files: FileSystem, home: string): DirectoryMaker {
  /** Folders whose names are on the disk. */
  const stored = new Set<string>();
  /** Folders that are there, by the one that holds their names and was not synced since. */
  const standing = new Map<string, Set<string>>();

  const unsyncedAbove = (path: string): readonly string[] => {
    const parent = dirname(path);
    if (parent === home || !parent.startsWith(`${home}/`)) return [parent];
    return [...unsyncedFor(parent), parent];
  };
  const unsyncedFor = (folder: string): readonly string[] => {
    if (stored.has(folder)) return [];
    const parent = dirname(folder);
    const others = standing.get(parent) ?? new Set();
    standing.set(parent, others.add(folder));
    return unsyncedAbove(folder);
  };
  const make = async (path: string): Promise<readonly string[]> => {
    const parent = dirname(path);
    const isOutside = path === home || !path.startsWith(`${home}/`);
    try {
      await files.makeDirectory(path);
      stored.delete(path);
      return isOutside ? [parent] : unsyncedFor(path);
    } catch (error) {
      const code = systemCode(error);
      if (code === "EEXIST") return isOutside ? [] : unsyncedFor(path);
      if (code !== "ENOENT" || parent === path) throw error;
    }
    const above = await make(parent);
    return [...above, ...(await make(path))];
  };

  return {
    make,
    unsyncedAbove,
    async sync(folders) {
      for (const folder of new Set(folders)) {
        // Only those that were there before the sync began.
        const covered = standing.get(folder);
        standing.delete(folder);
        try {
          await files.syncDirectory(folder);
        } catch (error) {
          // One that is gone holds no names: they were moved away, or went with it.
          if (!isMissing(error)) throw error;
          continue;
        }
        if (stored.size > STORED_MAX) stored.clear();
        for (const name of covered ?? []) stored.add(name);
      }
    },
  };
}
