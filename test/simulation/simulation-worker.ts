/**
 * A thread that runs one plan after another as it is handed them, and ends when it is handed null. Runs don't
 * share anything, so each thread has its own, and the reports are those of one thread.
 */
import { parentPort } from "node:worker_threads";

import type { SimulationPlan } from "./simulation-plan.ts";
import { runSimulation } from "./simulation-run.ts";

parentPort?.on("message", (plan: SimulationPlan | null) => {
  if (plan === null) {
    parentPort?.close();
    return;
  }
  void runSimulation(plan).then((report) => parentPort?.postMessage(report));
});
