/**
 * Bugs that take a disk that fails, lies or loses its power to be seen, or two processes that are stopped and killed:
 * the simulation finds them. What the laws of the kit find without such a disk is in the other lists.
 */
import type { SourceMutant } from "./source-mutant.ts";

const FILE = "src/store/local/rollout-file.ts";

/** The bugs. */
export const diskMutants: readonly SourceMutant[] = [
  {
    name: "a failed sync is swallowed",
    file: FILE,
    from: 'throw writerLost(this.#threadId, "a sync failed", error);',
    to: "void error;",
    fixture: "simulated",
    caughtBy: ["sim.acknowledged"],
  },
  {
    name: "a write that was short is taken for whole",
    file: "src/store/local/write-all.ts",
    from: "if (writtenBytes >= bytes.byteLength) return { writtenBytes, failure: null };",
    to: "if (writtenBytes > 0) return { writtenBytes, failure: null };",
    fixture: "simulated",
    caughtBy: ["sim.files-valid"],
  },
  {
    name: "every owner counts as gone: the living are robbed",
    file: "src/projections/thread-owners.ts",
    from: "if (process === undefined || isProvenDead(process, this.#options.identity)) return true;",
    to: "if (process !== undefined || row === undefined) return true;",
    fixture: "simulated",
    caughtBy: ["sim.errors-have-codes"],
  },
];
