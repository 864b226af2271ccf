/**
 * Every rollout of a home: all `.jsonl` files under sessions/ and archived_sessions/, in whatever
 * folders they stand. A missing folder is an empty one.
 */
import { join } from "node:path";

import { mapBounded } from "../bounded-map.ts";
import { type FileSystem, isMissing } from "./file-system.ts";
import type { HomePaths } from "./rollout-path.ts";

/** A file that may be a rollout. */
export interface RolloutEntry {
  readonly path: string;
  readonly name: string;
  readonly archived: boolean;
}

/** Folders deeper than this below sessions/ hold no rollouts; Codex makes 3. */
const DEPTH_MAX = 8;
const CONCURRENCY_MAX = 8;

const ROLLOUT_ENDING = ".jsonl";

/** All of a home's files that may be rollouts (or have another ending), live ones first. */
export async function walkHome(
  files: FileSystem,
  paths: HomePaths,
  ending: string = ROLLOUT_ENDING,
): Promise<readonly RolloutEntry[]> {
  const live = await walkFolder(files, { path: paths.sessions, archived: false, depth: 0, ending });
  const archived = await walkFolder(files, { path: paths.archived, archived: true, depth: 0, ending });
  return [...live, ...archived];
}

/** What stands among the rollouts and isn't looked into: no file and no folder, a folder called like a file, one too deep. */
export interface PassedOver {
  readonly path: string;
  readonly why: string;
}

/** Everything in a home's folders of rollouts that walkHome passes over beside files of other names. */
export async function findPassedOver(files: FileSystem, paths: HomePaths): Promise<readonly PassedOver[]> {
  const found = [await passedOverIn(files, paths.sessions, 0), await passedOverIn(files, paths.archived, 0)];
  return found.flat();
}

async function passedOverIn(files: FileSystem, folder: string, depth: number): Promise<readonly PassedOver[]> {
  const found: PassedOver[] = [];
  for (const { name, kind } of await readFolder(files, folder)) {
    const path = join(folder, name);
    if (kind === "link") found.push({ path, why: "a symbolic link: what it leads to is not looked at" });
    else if (kind === "other") found.push({ path, why: "neither a file nor a folder" });
    else if (kind === "directory") {
      if (name.endsWith(ROLLOUT_ENDING)) found.push({ path, why: "a folder that is called like a rollout" });
      if (depth >= DEPTH_MAX) found.push({ path, why: `a folder deeper than ${DEPTH_MAX} levels` });
      else found.push(...(await passedOverIn(files, path, depth + 1)));
    }
  }
  return found;
}

/** The rollouts directly in one folder. */
export async function listFolder(files: FileSystem, path: string, archived: boolean): Promise<readonly RolloutEntry[]> {
  return walkFolder(files, { path, archived, depth: DEPTH_MAX, ending: ROLLOUT_ENDING });
}

interface Folder {
  readonly path: string;
  readonly archived: boolean;
  readonly depth: number;
  readonly ending: string;
}

async function walkFolder(files: FileSystem, folder: Folder): Promise<readonly RolloutEntry[]> {
  const { path, archived, depth, ending } = folder;
  const found: RolloutEntry[] = [];
  const folders: Folder[] = [];
  for (const { name, kind } of await readFolder(files, path)) {
    if (kind === "directory") folders.push({ ...folder, path: join(path, name), depth: depth + 1 });
    else if (kind === "file" && name.endsWith(ending)) {
      found.push({ path: join(path, name), name, archived });
    }
  }
  if (depth >= DEPTH_MAX) return found;
  const below = await mapBounded(folders, CONCURRENCY_MAX, (next) => walkFolder(files, next));
  return [...found, ...below.flat()];
}

async function readFolder(files: FileSystem, path: string): Promise<Awaited<ReturnType<FileSystem["readDirectory"]>>> {
  try {
    return await files.readDirectory(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
