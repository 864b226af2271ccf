/**
 * The laws of every ThreadStore, over rollout files with a state DB beside them: lists, search, pages and
 * reads by rows must be what they are by files, for one process and for several.
 */
import { threadStoreSuite } from "../../src/testing/thread-store-suite.ts";
import { indexedFixture } from "./indexed-place.ts";

threadStoreSuite({
  name: "local with a state DB",
  fixture: indexedFixture(),
  capabilities: { multiProcess: true },
});
