/**
 * Moves rollouts between sessions/ and archived_sessions/. The name stays. The move is one rename: a kill
 * leaves the thread in one of the two, never in both or in none. (A link and an unlink would refuse a name
 * that another process takes in the same moment, and leave two names where it is killed in between; only
 * a move of the same thread can want that name.) The folders are synced, the new name's first.
 * (archive.moves, archive.open-writer)
 */
import { dirname, join } from "node:path";

import { fault } from "../../base/index.ts";
import type { DirectoryMaker } from "./directory-maker.ts";
import type { FileSystem } from "./file-system.ts";
import type { RolloutEntry } from "./home-walk.ts";
import { datedFolder, formatLocalTime, type HomePaths, parseRolloutName } from "./rollout-path.ts";

/** Where and how to move. */
export interface ArchiveMove {
  readonly files: FileSystem;
  readonly directories: DirectoryMaker;
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

async function moveFile({ files, directories, isSynced }: ArchiveMove, from: string, to: string): Promise<void> {
  const newFolders = await directories.make(dirname(to));
  if ((await files.stat(to)) !== undefined) {
    throw fault("io_error", `another file is in the way: ${to}; move one of the two aside`, {
      data: { from, to },
    });
  }
  await files.rename(from, to);
  if (isSynced) await directories.sync([...newFolders, dirname(to), dirname(from)]);
}
