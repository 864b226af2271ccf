/**
 * The laws of every ThreadStore, over rollout files with a state DB beside them: lists, search, pages and
 * reads by rows must be what they are by files.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { threadStoreSuite } from "../../src/testing/thread-store-suite.ts";
import { openIndexedStore } from "./indexed-store.ts";

threadStoreSuite({
  name: "local with a state DB",
  fixture: async () => {
    const home = await mkdtemp(join(tmpdir(), "skein-indexed-suite-"));
    return {
      place: home,
      open: async (options = {}) => (await openIndexedStore({ home, ...options })).store,
      dispose: () => rm(home, { recursive: true, force: true }),
    };
  },
});
