/**
 * Places for the local store's laws: a folder on the real disk, and a simulated disk whose power can be cut. On both a
 * handle can be killed in the middle of what it does, and a rollout damaged.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ThreadStore } from "../../../src/store/index.ts";
import { type FileSystem, nodeFileSystem, openLocalThreadStore } from "../../../src/store/local/index.ts";
import type { StoreFixture } from "../../../src/testing/index.ts";
import { createSeededRandom, createSimulatedDisk } from "../../../src/testing/simulation/index.ts";
import { createKillableFiles } from "./killable-files.ts";
import { damageRollout } from "./log-damage.ts";

/** Kills of the handles of one place. */
export type Kills = Map<ThreadStore, () => Promise<void>>;

/** Kills a handle that a place has opened. */
export async function killHandle(kills: Kills, handle: ThreadStore): Promise<void> {
  await kills.get(handle)?.();
  kills.delete(handle);
}

/** A folder on the real disk. */
export const localFixture: StoreFixture = async () => {
  const home = await mkdtemp(join(tmpdir(), "skein-local-suite-"));
  const kills: Kills = new Map();
  return {
    place: home,
    open: async (options = {}) => {
      const { files, kill } = createKillableFiles(nodeFileSystem);
      const store = await openLocalThreadStore({ home, fileSystem: files, ...options });
      kills.set(store, kill);
      return store;
    },
    kill: (handle) => killHandle(kills, handle),
    corrupt: (threadId, damage) => damageRollout(nodeFileSystem, { home, threadId, damage }),
    dispose: () => rm(home, { recursive: true, force: true }),
  };
};

const SIMULATED_HOME = "/home/skein";

/** A disk of its own, in memory. `changed` may break it. */
export function simulatedFixture(changed: (disk: FileSystem) => FileSystem = (disk) => disk): StoreFixture {
  return async () => {
    const disk = createSimulatedDisk({ random: createSeededRandom("a place"), nowMs: () => Date.now() });
    disk.prepareFolder(SIMULATED_HOME);
    const kills: Kills = new Map();
    return {
      place: "a simulated disk",
      open: async (options = {}) => {
        const { files, kill } = createKillableFiles(changed(disk.direct()), { isSlow: true });
        const store = await openLocalThreadStore({ home: SIMULATED_HOME, fileSystem: files, ...options });
        kills.set(store, kill);
        return store;
      },
      kill: (handle) => killHandle(kills, handle),
      cutPower: async () => {
        for (const handle of kills.keys()) await killHandle(kills, handle);
        disk.powerCut();
      },
      corrupt: (threadId, damage) => damageRollout(disk.direct(), { home: SIMULATED_HOME, threadId, damage }),
      dispose: async () => {},
    };
  };
}
