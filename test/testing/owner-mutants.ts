/**
 * Bugs of who may write a thread where two processes use one home: leases that are not asked for, not checked, not
 * given back, or taken from the living.
 */
import type { SourceMutant } from "./source-mutant.ts";

const OWNERS = "src/projections/thread-owners.ts";

/** The bugs. */
export const ownerMutants: readonly SourceMutant[] = [
  {
    name: "every owner counts as gone",
    file: OWNERS,
    from: "if (process === undefined || isProvenDead(process, this.#options.identity)) return true;",
    to: "if (process !== undefined || row === undefined) return true;",
    fixture: "indexed",
    caughtBy: ["fencing.refused"],
  },
  {
    name: "no owner counts as gone",
    file: OWNERS,
    from: "if (process === undefined || isProvenDead(process, this.#options.identity)) return true;\n    return this.#watch.standsStill(ownerId, String(heartbeat));",
    to: 'return process !== undefined && heartbeat < 0 && ownerId === "";',
    fixture: "indexed",
    caughtBy: ["fencing.slept"],
  },
  {
    name: "an owner that was seen twice counts as gone",
    file: "src/projections/heartbeat-watch.ts",
    from: "if (seen?.beat === beat) return nowMs - seen.sinceMs >= this.#ttlMs;",
    to: "if (seen?.beat === beat) return nowMs - seen.sinceMs >= 0 * this.#ttlMs;",
    fixture: "indexed",
    caughtBy: ["fencing.refused"],
  },
  {
    name: "a lease is believed without its token: whose the thread is isn't looked at before an append",
    file: OWNERS,
    from: "    this.#checkRow(threadId, owned);\n  }\n\n  async release",
    to: "  }\n\n  async release",
    fixture: "indexed",
    caughtBy: ["fencing.slept"],
  },
  {
    name: "a lease that was lost is held again after the next beat",
    file: OWNERS,
    from: "    owned.lost = takenAway(threadId, row, this.#options.identity);\n    throw owned.lost;",
    to: "    owned.round = this.#round;",
    fixture: "indexed",
    caughtBy: ["fencing.slept"],
  },
  {
    name: "writing a thread does not take its lease",
    file: "src/store/local/writer-opening.ts",
    from: "  await context.rows?.claims.acquire(threadId);\n  try {\n    return await openClaimed",
    to: "  try {\n    return await openClaimed",
    fixture: "indexed",
    caughtBy: ["fencing.refused"],
  },
  {
    name: "a lease is not given back with its writer",
    file: "src/store/local/rollout-writer.ts",
    from: "    releaseClaim();\n",
    to: "    void releaseClaim;\n",
    fixture: "indexed",
    caughtBy: ["fencing.let-go"],
  },
  {
    name: "moving a thread does not ask whose it is",
    file: "src/store/local/local-thread-store.ts",
    from: "  await rows?.claims.acquire(threadId);\n  try {\n    return await work();",
    to: "  try {\n    return await work();",
    fixture: "indexed",
    caughtBy: ["fencing.refused"],
  },
];
