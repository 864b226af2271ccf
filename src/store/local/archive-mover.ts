/**
 * Moves rollouts between sessions/ and archived_sessions/. The name stays; a move never overwrites, and
 * the folders are synced one after the other, so that after a power cut the file is in one of them, or in both.
 */
import { dirname, join } from "node:path";

import { fault } from "../../base/index.ts";
import { makeDirectories } from "./directory-maker.ts";
import { moveExclusively } from "./exclusive-move.ts";
import type { FileSystem } from "./file-system.ts";
import type { RolloutEntry } from "./home-walk.ts";
import { datedFolder, formatLocalTime, type HomePaths, parseRolloutName } from "./rollout-path.ts";

/** Where and how to move. */
export interface ArchiveMove {
  readonly files: FileSystem;
  readonly paths: HomePaths;
  readonly isSynced: boolean;
}

/** Moves a live rollout to the archive. */
export async function moveToArchive(move: ArchiveMove, entry: RolloutEntry): Promise<RolloutEntry> {
  const path = join(move.paths.archived, entry.name);
  await moveFile(move, entry.path, path);
  return { ...entry, path, archived: true };
}

/** Moves an archived rollout back to the folder that its name says, or else its time of creation. */
export async function moveToSessions(
  move: ArchiveMove,
  entry: RolloutEntry,
  createdAtMs: number,
): Promise<RolloutEntry> {
  const localTime = parseRolloutName(entry.name)?.localTime ?? formatLocalTime(new Date(createdAtMs));
  const path = join(datedFolder(move.paths, localTime), entry.name);
  await moveFile(move, entry.path, path);
  return { ...entry, path, archived: false };
}

async function moveFile({ files, isSynced }: ArchiveMove, from: string, to: string): Promise<void> {
  const syncFolders = await makeDirectories(files, dirname(to));
  if (!(await moveExclusively(files, isSynced ? { from, to, syncFolders } : { from, to }))) {
    throw fault("io_error", `another file is in the way: ${to}; move one of the two aside`, {
      data: { from, to },
    });
  }
  if (isSynced) await files.syncDirectory(dirname(from));
}
