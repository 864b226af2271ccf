/**
 * The stores that laws are run on when the code has a planted bug: memory, rollout files, and rollout files with a
 * state DB beside them. Homes lie in memory where the machine has a folder for that: the laws are about what
 * is read back, and most of a run would be spent waiting for the disk.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ThreadStore } from "../../src/store/index.ts";
import { openLocalThreadStore } from "../../src/store/local/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import type { CheckThreadStoreOptions, StoreFixture, StoreOpenOptions } from "../../src/testing/index.ts";
import { openIndexedStore } from "../projections/indexed-store.ts";
import type { MutantFixture } from "./source-mutant.ts";

const HOMES = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** The store of a mutant, as the kit takes it. */
export function storeUnderTest(
  kind: Exclude<MutantFixture, "simulated">,
): Pick<CheckThreadStoreOptions, "fixture" | "capabilities"> {
  switch (kind) {
    case "memory":
      return { fixture: memoryFixture };
    case "local":
      return { fixture: homeFixture((home, options) => openLocalThreadStore({ home, ...options })) };
    case "indexed":
      return { fixture: homeFixture(async (home, options) => (await openIndexedStore({ home, ...options })).store) };
  }
}

const memoryFixture: StoreFixture = async () => ({
  place: "memory",
  open: async (options) => createMemoryThreadStore(options),
  dispose: async () => {},
});

function homeFixture(open: (home: string, options: StoreOpenOptions) => Promise<ThreadStore>): StoreFixture {
  return async () => {
    const home = await mkdtemp(join(HOMES, "skein-mutant-"));
    return {
      place: home,
      open: (options = {}) => open(home, options),
      dispose: () => rm(home, { recursive: true, force: true }),
    };
  };
}
