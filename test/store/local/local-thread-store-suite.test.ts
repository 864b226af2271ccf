/**
 * The laws of every ThreadStore, over rollout files: in folders on the real disk, and on simulated disks, whose power
 * can be cut. Each example has a folder, or a disk, of its own, removed when it is done.
 *
 * Without a state DB nobody is told who owns a thread. That two processes leave one log of it is kept all the same.
 */
import { storeLaws } from "../../../src/testing/store-laws.ts";
import { threadStoreSuite } from "../../../src/testing/thread-store-suite.ts";
import { localFixture, simulatedFixture } from "./local-place.ts";

threadStoreSuite({ name: "local", fixture: localFixture });
threadStoreSuite({ name: "local on a simulated disk", fixture: simulatedFixture() });

const oneLog: ReadonlySet<string> = new Set(["fencing.one-log", "fencing.seen", "fencing.killed"]);
threadStoreSuite({
  name: "local, with two processes and no state DB",
  fixture: localFixture,
  capabilities: { multiProcess: true },
  laws: storeLaws.filter((law) => oneLog.has(law.id)),
});
