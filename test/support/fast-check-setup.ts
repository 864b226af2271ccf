/**
 * Gives every property of a test file the run's seed and number of runs, before the file's tests start.
 * SKEIN_RUNS sets how many cases each property tries (default 100); a property's own numRuns wins.
 */
import fc from "fast-check";
import { inject } from "vitest";

const wanted = process.env["SKEIN_RUNS"];
const numRuns = wanted === undefined || wanted === "" ? 100 : Number(wanted);
if (!Number.isInteger(numRuns) || numRuns < 1) {
  throw new Error(`SKEIN_RUNS must be a whole number from 1 on, and it is "${wanted}"`);
}

fc.configureGlobal({ seed: inject("fastCheckSeed"), numRuns });
