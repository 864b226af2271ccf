/**
 * The laws of every ThreadStore, over loopback: what is behind a server keeps them for its clients too.
 */
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import { type StoreFixture, threadStoreSuite } from "../../../src/testing/index.ts";
import { remoteFixture } from "./remote-place.ts";

const memoryFixture: StoreFixture = async () => ({
  place: "memory",
  open: async (options = {}) => createMemoryThreadStore(options),
  dispose: async () => {},
});

threadStoreSuite({ name: "remote over memory", fixture: remoteFixture(memoryFixture) });
