/**
 * Makes a failing run small: leaves out steps, many at first and then one by one, as long as the same invariant
 * is still broken. What is left is not the smallest there is, but one in which every step matters.
 */
import type { SimulationPlan } from "./simulation-plan.ts";
import type { SimulationOptions } from "./simulation-report.ts";
import { runSimulation } from "./simulation-run.ts";

/** Runs tried; each costs as much as one of a whole simulation. */
const TRIES_MAX = 150;

/** A plan with as few of these steps as still break the invariant. */
export async function minimise(
  plan: SimulationPlan,
  invariant: string,
  options: SimulationOptions = {},
): Promise<SimulationPlan> {
  let smallest = plan;
  let tries = 0;
  for (let size = Math.ceil(plan.steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < smallest.steps.length && tries < TRIES_MAX;) {
      tries += 1;
      const steps = smallest.steps.filter((_step, at) => at < from || at >= from + size);
      const candidate = { ...smallest, steps };
      const { broken } = await runSimulation(candidate, options);
      if (steps.length > 0 && broken?.invariant === invariant) smallest = candidate;
      else from += size;
    }
  }
  return smallest;
}
