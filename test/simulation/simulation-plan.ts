/**
 * What a simulation is going to do, all of it drawn from the seed before it begins: which operations when, with
 * which faults. Steps can be left out one by one without changing the others, which is how a failing run is
 * made small.
 */
import { createSeededRandom, type DiskFaultRates, type SeededRandom } from "../../src/testing/simulation/index.ts";

/** What a step does; those from `kill` on are done to processes and the disk. */
const STEP_WEIGHTS = Object.freeze({
  start: 7,
  turn: 22,
  steer: 4,
  interrupt: 4,
  fork: 4,
  rollback: 4,
  revert: 3,
  compact: 2,
  review: 2,
  inject: 2,
  archive: 3,
  unarchive: 3,
  delete: 2,
  rename: 5,
  remember: 2,
  list: 4,
  search: 2,
  read: 3,
  turns: 2,
  follow: 6,
  resume: 4,
  unload: 3,
  flush: 2,
  materialize: 2,
  shutdown: 1,
  kill: 3,
  powerCut: 2,
  stop: 2,
  wallJump: 2,
  diskFull: 2,
  rebuild: 1,
});

/** The name of what a step does. */
export type StepKind = keyof typeof STEP_WEIGHTS;

/** One step. */
export interface PlannedStep {
  readonly index: number;
  /** Simulated milliseconds from the start. */
  readonly atMs: number;
  readonly kind: StepKind;
  /** Which of the two processes. */
  readonly process: 0 | 1;
  /** Chooses among threads and ways, 0 to 2^32 - 1. */
  readonly choice: number;
}

/** A whole run. */
export interface SimulationPlan {
  readonly seed: number;
  readonly durability: "fsync" | "os";
  readonly faults: Partial<DiskFaultRates>;
  readonly steps: readonly PlannedStep[];
}

/** Steps of a run. */
const STEPS = 60;

/** The plan of a seed. */
export function planSimulation(seed: number, stepCount: number = STEPS): SimulationPlan {
  const random = createSeededRandom(seed).split("plan");
  const kinds = Object.entries(STEP_WEIGHTS).flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind));
  const steps: PlannedStep[] = [];
  let atMs = 1_000;
  for (let index = 0; index < stepCount; index += 1) {
    atMs += pauseMs(random);
    // A run begins with threads to do something with.
    const kind = (index < 2 ? "start" : index === 2 ? "turn" : random.pick(kinds)) as StepKind;
    steps.push({ index, atMs, kind, process: random.chance(0.6) ? 0 : 1, choice: random.below(2 ** 32) });
  }
  return { seed, durability: random.chance(0.75) ? "fsync" : "os", faults: drawFaults(random), steps };
}

/** Mostly one thing comes on the heels of another; sometimes long enough passes for leases and batches to run out. */
function pauseMs(random: SeededRandom): number {
  const kind = random.unit();
  if (kind < 0.5) return random.unit() * 5;
  if (kind < 0.85) return random.unit() * 200;
  if (kind < 0.97) return random.unit() * 2_000;
  return random.unit() * 15_000;
}

/** Each run has some faults and not others: they hide each other where all are always there. */
function drawFaults(random: SeededRandom): Partial<DiskFaultRates> {
  const rate = (most: number): number => (random.chance(0.35) ? most * (0.2 + 0.8 * random.unit()) : 0);
  if (random.chance(0.15)) return {};
  return {
    stall: rate(0.02),
    shortWrite: rate(0.3),
    shortRead: rate(0.3),
    lateWrite: rate(0.5),
    noSpace: rate(0.05),
    writeError: rate(0.03),
    // Often enough, in some runs, to fail what is tried twice.
    readError: random.chance(0.1) ? 0.12 : rate(0.01),
    noDescriptors: rate(0.01),
    nameError: rate(0.02),
    syncError: rate(0.06),
    syncLie: random.chance(0.25) ? 0.3 * random.unit() : 0,
  };
}
