/**
 * Holds a store to the laws every ThreadStore keeps. Write your adapter, hand it over as below, and run
 * the file with vitest (name it `…test.ts`, or add it to vitest's `include`).
 */
import { createMemoryThreadStore } from "skein";
import { threadStoreSuite } from "skein/testing";

threadStoreSuite({
  name: "example",
  // One isolated place a law. `open` gives a handle to the place; here it is only ever opened once.
  fixture: async () => ({
    place: "memory",
    open: async ({ clock } = {}) => createMemoryThreadStore(clock === undefined ? {} : { clock }),
    dispose: async () => {},
  }),
});
