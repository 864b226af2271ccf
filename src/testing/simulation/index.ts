/**
 * What a simulation is made of: randomness from a seed, a scheduler whose events interleave as the seed says,
 * and a disk with the faults of real ones.
 */
export { createSeededRandom, type SeededRandom } from "./seeded-random.ts";
export {
  createSeededScheduler,
  type EventOptions,
  type ScheduledProcess,
  type SeededScheduler,
  type SeededSchedulerOptions,
} from "./seeded-scheduler.ts";
export type { DiskFault, DiskFaultRates } from "./disk-faults.ts";
export type { PowerCut, SimulatedDiskOptions } from "./memory-disk.ts";
export { createSimulatedDisk, type SimulatedDisk } from "./simulated-disk.ts";
