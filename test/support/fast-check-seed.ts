/**
 * Chooses one seed for all property tests of a run, and prints it, so that any failure can be repeated.
 * SKEIN_SEED sets it; else it is drawn anew each run. Runs once, before the first test file.
 */
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    readonly fastCheckSeed: number;
  }
}

/** Called by vitest (globalSetup). A seed is a 32-bit integer. */
export function setup(project: TestProject): void {
  const wanted = process.env["SKEIN_SEED"];
  const seed = wanted === undefined || wanted === "" ? Math.floor(Math.random() * 0x7fffffff) : Number(wanted);
  if (!Number.isInteger(seed)) throw new Error(`SKEIN_SEED must be an integer, and it is "${wanted}"`);
  process.stdout.write(`fast-check seed ${seed} (SKEIN_SEED=${seed} to repeat)\n`);
  project.provide("fastCheckSeed", seed);
}
