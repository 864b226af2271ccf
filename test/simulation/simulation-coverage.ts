/**
 * What a number of simulated runs have been through: every fault that can be injected, and every state that a
 * loaded thread can be in. A simulation that never meets one of them proves nothing about it.
 */
import { createHash } from "node:crypto";

import type { SimulationReport } from "./simulation-report.ts";

/** What can go wrong, as reports count it. */
const FAULTS: readonly string[] = [
  "stall",
  "shortWrite",
  "shortRead",
  "lateWrite",
  "noSpace",
  "writeError",
  "readError",
  "noDescriptors",
  "nameError",
  "syncError",
  "syncLie",
  "diskFull",
  "kill",
  "powerCut",
  "lostBytes",
  "lostNames",
  "zeros",
  "lostByLie",
  "oldStateDb",
  "stop",
  // Of a thread, by a process that found its owner dead or stopped.
  "takeover",
  "wallJump",
];

/** The states of the live thread's machine. */
const STATES: readonly string[] = [
  "opening",
  "idle",
  "turnRunning",
  "reviewing",
  "compacting",
  "failed",
  "closing",
  "closed",
];

/** Sums over runs. */
export interface SimulationCoverage {
  readonly runs: number;
  /** Of all their traces: the same seeds give the same, anywhere. */
  readonly traceHash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly acknowledged: number;
  readonly steps: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly states: Readonly<Record<string, number>>;
  readonly answers: Readonly<Record<string, number>>;
  /** Faults and states that no run has met. */
  readonly missing: readonly string[];
}

/** Sums runs up. */
export function coverageOf(reports: readonly SimulationReport[]): SimulationCoverage {
  const total = (amount: (report: SimulationReport) => number): number =>
    reports.reduce((sum, report) => sum + amount(report), 0);
  const hash = createHash("sha256");
  for (const { traceHash } of reports) hash.update(traceHash);
  const [faults, states] = [sums(reports.map((report) => report.faults)), sums(reports.map((report) => report.states))];
  return {
    runs: reports.length,
    traceHash: hash.digest("hex"),
    events: total(({ events }) => events),
    simulatedMs: total(({ simulatedMs }) => simulatedMs),
    acknowledged: total(({ acknowledged }) => acknowledged),
    steps: sums(reports.map(({ steps }) => steps)),
    faults,
    states,
    answers: sums(reports.map(({ answers }) => answers)),
    missing: [...FAULTS.filter((name) => !faults[name]), ...STATES.filter((name) => !states[name])],
  };
}

function sums(counts: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const sum = new Map<string, number>();
  for (const count of counts) {
    for (const [name, times] of Object.entries(count)) sum.set(name, (sum.get(name) ?? 0) + times);
  }
  return Object.fromEntries([...sum].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
