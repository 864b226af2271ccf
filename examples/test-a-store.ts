/**
 * Holds a store to the laws every ThreadStore keeps. Write your adapter, hand it over as below, and run the file
 * with vitest (name it `…test.ts`, or add it to vitest's `include`). `skein check-store` takes such a fixture too.
 * docs/TESTING.md says what a place may have beyond this, and what a store may claim.
 */
import { createMemoryThreadStore } from "skein";
import { type StoreFixture, threadStoreSuite } from "skein/testing";

/** One isolated place an example. `open` gives a handle to it; laws that move the clock hand one over. */
const fixture: StoreFixture = async () => ({
  place: "memory",
  open: async (options) => createMemoryThreadStore(options),
  dispose: async () => {},
});

threadStoreSuite({ name: "example", fixture });
