/**
 * The memory store keeps every law of the port. Laws about reopening say nothing of it: what it holds is
 * gone with its handle.
 */
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import { type StoreFixture, threadStoreSuite } from "../../../src/testing/index.ts";

const fixture: StoreFixture = async () => ({
  place: "memory",
  open: async (options = {}) => createMemoryThreadStore(options),
  dispose: async () => {},
});

threadStoreSuite({ name: "memory", fixture });
