/**
 * The laws of every ThreadStore, over rollout files. Each law has a folder of its own, removed when it
 * is done.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openLocalThreadStore } from "../../../src/store/local/index.ts";
import { threadStoreSuite } from "../../../src/testing/thread-store-suite.ts";

threadStoreSuite({
  name: "local",
  fixture: async () => {
    const home = await mkdtemp(join(tmpdir(), "skein-local-suite-"));
    return {
      place: home,
      open: (options = {}) => openLocalThreadStore({ home, ...options }),
      dispose: () => rm(home, { recursive: true, force: true }),
    };
  },
});
