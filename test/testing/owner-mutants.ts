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
    name: "an owner that was seen twice counts as gone",
    file: "src/projections/heartbeat-watch.ts",
    from: "if (seen?.beat === beat) return nowMs - seen.sinceMs >= this.#ttlMs;",
    to: "if (seen?.beat === beat) return nowMs - seen.sinceMs >= 0 * this.#ttlMs;",
    fixture: "indexed",
    caughtBy: ["fencing.refused"],
  },
  {
    name: "a lease is checked without its token",
    file: OWNERS,
    from: "if (row?.ownerId === this.#options.identity.ownerId && row.token === owned.token) {",
    to: "if (row !== undefined && owned.token > 0) {",
    fixture: "indexed",
    caughtBy: ["fencing.slept"],
  },
  {
    name: "a lease is not checked before an append",
    file: OWNERS,
    from: "    this.#checkRow(threadId, owned);\n  }\n\n  async release",
    to: "  }\n\n  async release",
    fixture: "indexed",
    caughtBy: ["fencing.slept"],
  },
];
