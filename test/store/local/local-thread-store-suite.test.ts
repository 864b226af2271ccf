/**
 * The laws of every ThreadStore, over rollout files: in folders on the real disk, and on simulated disks, whose power
 * can be cut. Each example has a folder, or a disk, of its own, removed when it is done.
 */
import { threadStoreSuite } from "../../../src/testing/thread-store-suite.ts";
import { localFixture, simulatedFixture } from "./local-place.ts";

threadStoreSuite({ name: "local", fixture: localFixture });
threadStoreSuite({ name: "local on a simulated disk", fixture: simulatedFixture() });
