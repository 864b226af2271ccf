/**
 * The stores that laws are run on when the code has a planted bug: memory, rollout files on a disk in memory whose
 * power can be cut, and rollout files with a state DB beside them. The same places as those of the suites of the
 * code without bugs.
 */
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import type { CheckThreadStoreOptions, StoreFixture } from "../../src/testing/index.ts";
import { indexedFixture } from "../projections/indexed-place.ts";
import { localFixture, simulatedFixture } from "../store/local/local-place.ts";
import type { MutantFixture } from "./source-mutant.ts";

/** The store of a mutant, as the kit takes it. */
export function storeUnderTest(
  kind: Exclude<MutantFixture, "simulated">,
): Pick<CheckThreadStoreOptions, "fixture" | "capabilities"> {
  switch (kind) {
    case "memory":
      return { fixture: memoryFixture };
    case "local":
      return { fixture: simulatedFixture() };
    case "feeds":
      // What a feed does between two pages takes a disk that is waited for.
      return { fixture: localFixture };
    case "indexed":
      return { fixture: indexedFixture(), capabilities: { multiProcess: true } };
  }
}

const memoryFixture: StoreFixture = async () => ({
  place: "memory",
  open: async (options) => createMemoryThreadStore(options),
  dispose: async () => {},
});
