/**
 * Tries the invariants of the simulation on code with a bug: runs follow one another, each with a seed of its own,
 * until every invariant that is to notice the bug has been broken by one of them.
 */
import { planSimulation } from "../simulation/simulation-plan.ts";
import { runSimulation } from "../simulation/simulation-run.ts";
import type { LawFinding } from "./law-run.ts";

/** Runs until it is given up. */
const RUNS_MAX = 200;
/** Seeds of runs between two seeds of a mutant: no two have a run in common. */
const SEEDS_APART = 1_000;

/** The broken invariants; `wanted` null: the first one that breaks. */
export async function simulateUntilBroken(
  wanted: readonly string[] | null,
  seed: number,
): Promise<readonly LawFinding[]> {
  const broken = new Map<string, LawFinding>();
  const isDone = (): boolean => (wanted === null ? broken.size > 0 : wanted.every((id) => broken.has(id)));
  for (let runs = 1; runs <= RUNS_MAX && !isDone(); runs += 1) {
    const report = await runSimulation(planSimulation(seed * SEEDS_APART + runs));
    if (report.broken === null || broken.has(report.broken.invariant)) continue;
    const { invariant: id, message } = report.broken;
    broken.set(id, { id, status: "broken", runs, message: message.slice(0, 1_000) });
  }
  return [...broken.values()];
}
