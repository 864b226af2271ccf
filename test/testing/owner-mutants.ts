/**
 * Bugs of who may write a thread where two processes use one home: leases that are not asked for, not checked, not
 * given back, or taken from the living.
 */
import type { SourceMutant } from "./source-mutant.ts";

const OWNERS = "src/projections/thread-owners.ts";
const WRITER = "src/store/local/rollout-writer.ts";

/** The bugs. */
export const ownerMutants: readonly SourceMutant[] = [
  {
    name: "every owner counts as gone",
    file: OWNERS,
    from: "if (process === undefined || isProvenDead(process, this.#options.identity)) return true;",
    to: "if (process !== undefined || row === undefined) return true;",
    fixture: "indexed",
    caughtBy: [],
  },
  {
    name: "no owner counts as gone",
    file: OWNERS,
    from: "if (process === undefined || isProvenDead(process, this.#options.identity)) return true;\n    return this.#watch.standsStill(ownerId, String(heartbeat));",
    to: 'return process !== undefined && heartbeat < 0 && ownerId === "";',
    fixture: "indexed",
    caughtBy: [],
  },
  {
    name: "an owner that was seen twice counts as gone",
    file: "src/projections/heartbeat-watch.ts",
    from: "if (seen?.beat === beat) return nowMs - seen.sinceMs >= this.#ttlMs;",
    to: "if (seen?.beat === beat) return nowMs - seen.sinceMs >= 0 * this.#ttlMs;",
    fixture: "indexed",
    caughtBy: [],
  },
  {
    name: "a lease is checked without its token",
    file: OWNERS,
    from: "if (row?.ownerId === this.#options.identity.ownerId && row.token === owned.token) {",
    to: "if (row !== undefined && owned.token > 0) {",
    fixture: "indexed",
    caughtBy: [],
  },
  {
    name: "a lease is not checked before an append",
    file: OWNERS,
    from: "    this.#checkRow(threadId, owned);\n  }\n\n  async release",
    to: "  }\n\n  async release",
    fixture: "indexed",
    caughtBy: [],
  },
  {
    name: "a lease that was lost is held again after the next beat",
    file: OWNERS,
    from: "    owned.lost = takenAway(threadId, row, this.#options.identity);\n    throw owned.lost;",
    to: "    owned.round = this.#round;",
    fixture: "indexed",
    caughtBy: [],
  },
  {
    name: "writing a thread does not take its lease",
    file: "src/store/local/writer-opening.ts",
    from: "  await context.rows?.claims.acquire(threadId);\n  try {\n    return await openClaimed",
    to: "  try {\n    return await openClaimed",
    fixture: "indexed",
    caughtBy: [],
  },
  {
    name: "a lease is not given back with its writer",
    file: WRITER,
    from: "    releaseClaim();\n",
    to: "    void releaseClaim;\n",
    fixture: "indexed",
    caughtBy: [],
  },
  {
    name: "moving a thread does not ask whose it is",
    file: "src/store/local/local-thread-store.ts",
    from: "  await rows?.claims.acquire(threadId);\n  try {\n    return await work();",
    to: "  try {\n    return await work();",
    fixture: "indexed",
    caughtBy: [],
  },
  {
    name: "closing gives no thread back",
    file: OWNERS,
    from: "const work = (): void => this.#rows.removeProcess(identity.ownerId);",
    to: "const work = (): void => void identity;",
    fixture: "indexed",
    caughtBy: [],
  },
  {
    name: "tokens don't grow",
    file: "src/projections/thread-owner-rows.ts",
    from: "ON CONFLICT (key) DO UPDATE SET value = value + 1",
    to: "ON CONFLICT (key) DO UPDATE SET value = 1",
    fixture: "indexed",
    caughtBy: [],
  },
];
