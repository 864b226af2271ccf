/**
 * Every planted bug as one list, wherever it is planted, and how to run one: from outside in this process, in the
 * source in a process of its own.
 */
import { checkLaw, storeLaws } from "../../src/testing/index.ts";
import type { LawFinding } from "./law-run.ts";
import { type MutantJob, runMutants } from "./mutant-lane.ts";
import { fixtureWithBug } from "./planted-bug.ts";
import { plantedBugs } from "./planted-bugs.ts";
import type { MutantFixture, SourceMutant } from "./source-mutant.ts";
import { sourceMutants } from "./source-mutants.ts";

/** Names of stores in tables. */
export const STORE_NAMES: Readonly<Record<MutantFixture, string>> = Object.freeze({
  memory: "memory store",
  local: "local store",
  feeds: "feeds over the local store",
  indexed: "local store with state DB",
  simulated: "whole runtime, simulated",
});

/** A planted bug, as tables show it. */
export interface CataloguedBug {
  readonly store: string;
  readonly name: string;
  /** Null: planted from outside. */
  readonly file: string | null;
  readonly laws: readonly string[];
}

/** All of them; those of one store stand together. */
export function catalogue(): readonly CataloguedBug[] {
  const planted = plantedBugs.map(({ name, caughtBy }) => {
    return { store: STORE_NAMES.memory, name, file: null, laws: caughtBy };
  });
  const inSource = sourceMutants.map(({ fixture, name, file, caughtBy }) => {
    return { store: STORE_NAMES[fixture], name, file, laws: caughtBy };
  });
  return [...planted, ...inSource];
}

/** Tries the laws that are to catch a bug planted from outside. */
export async function tryPlanted(name: string, seed: number): Promise<readonly LawFinding[]> {
  const bug = plantedBugs.find((candidate) => candidate.name === name);
  const findings: LawFinding[] = [];
  for (const id of bug?.caughtBy ?? []) {
    const law = storeLaws.find((candidate) => candidate.id === id);
    const options = { seed, shrinks: false, capabilities: bug?.claims ?? {} };
    const verdict = law && (await checkLaw(law, fixtureWithBug(bug), options));
    if (verdict?.status === "broken") {
      findings.push({ id, status: "broken", runs: verdict.failure.runs, message: String(verdict.failure.error) });
    }
  }
  return findings;
}

/** Tries each mutant's own laws (or all that apply) with one seed. `onFindings` is told the broken ones. */
export function trySource(
  wish: { readonly seed: number; readonly isEveryLaw?: boolean; readonly isWanted?: (mutant: SourceMutant) => boolean },
  onFindings: (job: MutantJob, broken: readonly LawFinding[], failure: Error | null) => void,
): Promise<void> {
  const { seed, isEveryLaw = false, isWanted = () => true } = wish;
  const jobs = sourceMutants.filter(isWanted).map((mutant) => {
    const { fixture, caughtBy } = mutant;
    return { mutant, request: { fixture, laws: isEveryLaw ? null : caughtBy, seed } };
  });
  return runMutants(jobs, (job, answer) => {
    if (answer instanceof Error) onFindings(job, [], answer);
    else
      onFindings(
        job,
        answer.findings.filter(({ status }) => status === "broken"),
        null,
      );
  });
}
