/**
 * The simulation itself: fifty seeds hold every invariant, a seed replays its run to the letter, a failing run is
 * made small, and bugs that are put in are found.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { describe, expect, it } from "vitest";

import { nodeTypeFlags } from "../support/node-flags.ts";
import { PLANTED_BUGS, type PlantedBug } from "./planted-simulation-bugs.ts";
import { coverageOf } from "./simulation-coverage.ts";
import { minimise } from "./simulation-minimiser.ts";
import { planSimulation } from "./simulation-plan.ts";
import type { SimulationOptions, SimulationReport } from "./simulation-report.ts";
import { runSimulation } from "./simulation-run.ts";

const SEEDS = Array.from({ length: 50 }, (_, at) => at + 1);
const SCRIPT = fileURLToPath(new URL("../../scripts/simulate.ts", import.meta.url));
/** Runs within which a planted bug must be noticed. */
const BUG_RUNS_MAX = 20;
const LONG_MS = 240_000;

async function firstBroken(bug: Pick<PlantedBug, "options" | "faults">): Promise<SimulationReport | undefined> {
  for (let seed = 1; seed <= BUG_RUNS_MAX; seed += 1) {
    const plan = planSimulation(seed);
    const report = await runSimulation({ ...plan, faults: { ...plan.faults, ...bug.faults } }, bug.options);
    if (report.broken !== null) return report;
  }
  return undefined;
}

describe("a simulated home with two processes", () => {
  it(
    "holds every invariant through fifty seeds, and meets every fault and every state of a thread",
    { timeout: LONG_MS },
    async () => {
      const reports: SimulationReport[] = [];
      for (const seed of SEEDS) reports.push(await runSimulation(planSimulation(seed)));
      const broken = reports.flatMap(({ seed, broken: failure }) => (failure === null ? [] : [{ seed, ...failure }]));
      expect(broken, "to see one: npm run simulate -- --seed N --trace").toEqual([]);
      expect(coverageOf(reports).missing).toEqual([]);
    },
  );

  it("replays a seed event for event, whatever ran before", { timeout: LONG_MS }, async () => {
    const seen: string[][] = [[], []];
    for (const [round, lines] of seen.entries()) {
      if (round === 1) await runSimulation(planSimulation(8));
      await runSimulation(planSimulation(7), { onTrace: (line) => lines.push(line) });
    }
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[0]?.length).toBeGreaterThan(50);
  });

  it("replays a seed in another process and another time zone", { timeout: LONG_MS }, async () => {
    const run = promisify(execFile);
    const args = [...nodeTypeFlags(), SCRIPT, "--seeds", "3", "--json"];
    const { stdout } = await run(process.execPath, args, { env: { ...process.env, TZ: "Asia/Tokyo" } });
    const reports: SimulationReport[] = [];
    for (const seed of [1, 2, 3]) reports.push(await runSimulation(planSimulation(seed)));
    const { traceHash } = coverageOf(reports);
    expect(JSON.parse(stdout)).toMatchObject({ traceHash, runs: 3 });
  });

  it("makes a failing run small, and the small one fails alike", { timeout: LONG_MS }, async () => {
    const bug = PLANTED_BUGS.find(({ title }) => title === "an error without a code");
    const options: SimulationOptions = bug?.options ?? {};
    const plan = planSimulation((await firstBroken({ options }))?.seed ?? 0);
    const small = await minimise(plan, "sim.errors-have-codes", options);
    expect(small.steps.length).toBeLessThan(5);
    expect((await runSimulation(small, options)).broken).toMatchObject({ invariant: "sim.errors-have-codes" });
  });
});

describe("a bug that is put in is noticed", () => {
  it.each(PLANTED_BUGS)("$title", { timeout: LONG_MS }, async (bug) => {
    const found = await firstBroken(bug);
    expect(bug.invariants).toContain(found?.broken?.invariant);
  });
});
