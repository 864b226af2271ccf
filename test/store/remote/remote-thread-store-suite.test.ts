/**
 * The laws of every ThreadStore, over loopback: what is behind a server keeps them for its clients too, but for paths.
 * Each example has a server and connections of its own.
 *
 * Two clients of one server have one writer of a thread among them. How long one may sleep is told by its signs of
 * life, by two clocks that don't stop together: remote-connection.test.ts.
 */
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import { storeLaws } from "../../../src/testing/store-laws.ts";
import { type StoreFixture, threadStoreSuite } from "../../../src/testing/index.ts";
import { indexedFixture } from "../../projections/indexed-place.ts";
import { remoteFixture } from "./remote-place.ts";

const memoryFixture: StoreFixture = async () => ({
  place: "memory",
  open: async (options = {}) => createMemoryThreadStore(options),
  dispose: async () => {},
});

/** The stores behind run many more examples of each law; here it is the way there and back that is tried. */
const runs = 2;

threadStoreSuite({ name: "remote over memory", fixture: remoteFixture(memoryFixture), runs });
threadStoreSuite({ name: "remote over a local store", fixture: remoteFixture(indexedFixture()), runs: 1 });

const oneWriter: ReadonlySet<string> = new Set([
  "fencing.refused",
  "fencing.let-go",
  "fencing.killed",
  "fencing.one-log",
  "fencing.seen",
]);
threadStoreSuite({
  name: "remote, with two clients of one server",
  fixture: remoteFixture(memoryFixture, "client"),
  capabilities: { multiProcess: true },
  laws: storeLaws.filter((law) => oneWriter.has(law.id)),
});
