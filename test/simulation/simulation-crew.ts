/**
 * Runs many plans on several threads at once. Which thread runs which plan is left to chance; what a plan comes to
 * is not, and the reports come in the order of the plans.
 */
import { Worker } from "node:worker_threads";

import type { SimulationPlan } from "./simulation-plan.ts";
import type { SimulationReport } from "./simulation-report.ts";

/** How plans are run. */
export interface CrewOptions {
  /** Threads at once. */
  readonly threads: number;
  /** Told each report as it comes, in any order. */
  onReport(report: SimulationReport, plan: SimulationPlan): void;
}

/** The reports of all plans, in their order. Rejects when a thread dies. */
export async function runPlans(
  plans: readonly SimulationPlan[],
  { threads, onReport }: CrewOptions,
): Promise<readonly SimulationReport[]> {
  const reports: SimulationReport[] = [];
  let next = 0;
  const work = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      let at = 0;
      const hand = (): void => {
        at = next;
        next += 1;
        const plan = plans[at];
        worker.postMessage(plan ?? null);
        if (plan === undefined) resolve();
      };
      worker.on("error", reject);
      worker.on("message", (report: SimulationReport) => {
        const plan = plans[at];
        reports[at] = report;
        if (plan !== undefined) onReport(report, plan);
        hand();
      });
      hand();
    });
  const crew = Array.from({ length: Math.min(threads, plans.length) }, () => {
    return new Worker(new URL("./simulation-worker.ts", import.meta.url));
  });
  await Promise.all(crew.map(work));
  return reports;
}
