/**
 * The thread ids that file names say, for who has the first characters of one. Names alone: 5,000 of them
 * cost tens of milliseconds, where a list reads every file. A name can be wrong; who uses an id from here
 * reads the thread, and what its session_meta says counts.
 */
import { resolve } from "node:path";

import { nodeFileSystem } from "./file-system.ts";
import { walkHome } from "./home-walk.ts";
import { homePaths, parseRolloutName } from "./rollout-path.ts";

/** The ids in the names of a home's rollouts, live and archived, each once. */
export async function namedThreadIds(home: string): Promise<readonly string[]> {
  const ids = new Set<string>();
  for (const { name } of await walkHome(nodeFileSystem, homePaths(resolve(home)))) {
    const parsed = parseRolloutName(name);
    if (parsed !== undefined) ids.add(parsed.threadId);
  }
  return [...ids];
}
