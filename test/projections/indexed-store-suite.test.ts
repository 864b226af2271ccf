/**
 * The laws of every ThreadStore, over rollout files with a state DB beside them: lists, search, pages and
 * reads by rows must be what they are by files, for one process and for several. The store of files runs more examples
 * of each law in its own suite (SKEIN_RUNS for more of them here).
 */
import { threadStoreSuite } from "../../src/testing/thread-store-suite.ts";
import { indexedFixture } from "./indexed-place.ts";
import { lawRuns } from "./law-runs.ts";

threadStoreSuite({
  name: "local with a state DB",
  fixture: indexedFixture(),
  capabilities: { multiProcess: true },
  runs: lawRuns(3),
});
