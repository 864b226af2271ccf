/**
 * `npm run simulate`: the whole runtime, two processes over one home, on a simulated clock and a simulated disk
 * with faults, one seeded run after another. Prints runs a second and what was met; a failure says its seed,
 * what does not hold, and which steps are enough to show it.
 *
 *   --seeds N     how many runs, default 1000
 *   --from N      the first seed, default 1
 *   --seed N      this one alone
 *   --steps N     steps of each run, default 60
 *   --threads N   threads that run, default one a core; with --trace one
 *   --without L   leave out these steps of the plan: 3,5,8
 *   --trace       print what happens
 *   --json        print the result as JSON
 *
 * Exit codes: 0 all held and everything was met, 1 something did not hold or was never met, 2 wrong option. With
 * fewer than 1000 runs, and with --seed, what was never met is only told.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

import { coverageOf, type SimulationCoverage } from "../test/simulation/simulation-coverage.ts";
import { runPlans } from "../test/simulation/simulation-crew.ts";
import { minimise } from "../test/simulation/simulation-minimiser.ts";
import { planSimulation, type SimulationPlan } from "../test/simulation/simulation-plan.ts";
import type { SimulationReport } from "../test/simulation/simulation-report.ts";
import { runSimulation } from "../test/simulation/simulation-run.ts";

const options = {
  seeds: { type: "string" },
  from: { type: "string" },
  seed: { type: "string" },
  steps: { type: "string" },
  threads: { type: "string" },
  without: { type: "string" },
  trace: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

interface Wish {
  readonly first: number;
  readonly count: number;
  readonly steps: number;
  readonly threads: number;
  readonly without: readonly number[];
  readonly trace: boolean;
  readonly json: boolean;
}

/** Runs from which on everything must have been met. */
const WHOLE_RUNS = 1_000;

function say(text: string): void {
  process.stderr.write(`simulate: ${text}\n`);
}

/** The options, or null after saying what is wrong with them. */
function parseWish(): Wish | null {
  try {
    const { values } = parseArgs({ options });
    const { seed, trace, json } = values;
    const first = Number(seed ?? values.from ?? 1);
    const count = seed === undefined ? Number(values.seeds ?? WHOLE_RUNS) : 1;
    const steps = Number(values.steps ?? 60);
    const threads = Number(values.threads ?? availableParallelism());
    const without = (values.without ?? "")
      .split(",")
      .filter((text) => text !== "")
      .map(Number);
    const numbers = [first, count, steps, threads, ...without];
    if (
      numbers.every((number) => Number.isSafeInteger(number) && number >= 0) &&
      count > 0 &&
      steps > 0 &&
      threads > 0
    ) {
      return { first, count, steps, threads, without, trace, json };
    }
    say("--seeds, --from, --seed, --steps, --threads and --without take whole numbers");
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
  return null;
}

function planOf(seed: number, { steps, without }: Wish): SimulationPlan {
  const plan = planSimulation(seed, steps);
  return { ...plan, steps: plan.steps.filter(({ index }) => !without.includes(index)) };
}

/** Says what does not hold, and the shortest run that shows it. */
async function tellFailure(plan: SimulationPlan, { broken }: SimulationReport, wish: Wish): Promise<void> {
  if (broken === null) return;
  say(`seed ${plan.seed}: ${broken.message}`);
  const small = wish.trace ? plan : await minimise(plan, broken.invariant);
  const kept = new Set(small.steps.map(({ index }) => index));
  const left = planSimulation(plan.seed, wish.steps).steps.filter(({ index }) => !kept.has(index));
  const without = left.length === 0 ? "" : ` --without ${left.map(({ index }) => index).join(",")}`;
  say(
    `${small.steps.length} of its ${plan.steps.length} steps are enough: ${small.steps.map(({ kind }) => kind).join(", ")}`,
  );
  const steps = wish.steps === 60 ? "" : ` --steps ${wish.steps}`;
  say(`to see it: npm run simulate -- --seed ${plan.seed}${steps}${without} --trace`);
}

function textOf(name: string, counts: Readonly<Record<string, number>>): string {
  return `${name}: ${Object.entries(counts)
    .map(([what, times]) => `${what} ${times}`)
    .join(", ")}`;
}

/** What the runs took. */
interface Spent {
  readonly seconds: number;
  /** Of the processor, all threads of this process. */
  readonly cpuSeconds: number;
}

function print(coverage: SimulationCoverage, { seconds, cpuSeconds }: Spent, json: boolean): void {
  const [runsPerSecond, runsPerCpuSecond] = [seconds, cpuSeconds].map((spent) =>
    Number((coverage.runs / spent).toFixed(1)),
  );
  if (json) {
    console.log(JSON.stringify({ ...coverage, seconds, cpuSeconds, runsPerSecond, runsPerCpuSecond }));
    return;
  }
  const { runs, events, simulatedMs, acknowledged, steps, faults, states, answers, missing } = coverage;
  const hours = (simulatedMs / 3_600_000).toFixed(1);
  console.log(
    `${runs} runs, ${runsPerSecond} a second (${runsPerCpuSecond} a second of CPU): ${events} events in ${hours} simulated hours, ${acknowledged} acknowledged`,
  );
  console.log(
    [textOf("steps", steps), textOf("faults", faults), textOf("states", states), textOf("answers", answers)].join("\n"),
  );
  console.log(missing.length === 0 ? "every fault and every state was met" : `never met: ${missing.join(", ")}`);
}

/** One after another in this thread, saying what happens. */
async function traceAll(
  plans: readonly SimulationPlan[],
  onReport: (report: SimulationReport, plan: SimulationPlan) => void,
): Promise<readonly SimulationReport[]> {
  const reports: SimulationReport[] = [];
  for (const plan of plans) {
    const report = await runSimulation(plan, { onTrace: (line) => console.log(line) });
    reports.push(report);
    onReport(report, plan);
  }
  return reports;
}

async function main(): Promise<number> {
  const wish = parseWish();
  if (wish === null) return 2;
  const begun = process.hrtime.bigint();
  const cpuBefore = process.cpuUsage();
  const plans = Array.from({ length: wish.count }, (_, at) => planOf(wish.first + at, wish));
  const failed: { readonly plan: SimulationPlan; readonly report: SimulationReport }[] = [];
  let runs = 0;
  const onReport = (report: SimulationReport, plan: SimulationPlan): void => {
    runs += 1;
    if (report.broken !== null) failed.push({ plan, report });
    if (runs % 100 === 0) say(`${runs} runs, ${failed.length} failed`);
  };
  const reports = wish.trace
    ? await traceAll(plans, onReport)
    : await runPlans(plans, { threads: wish.threads, onReport });
  const coverage = coverageOf(reports);
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  print(coverage, { seconds, cpuSeconds: (user + system) / 1e6 }, wish.json);
  for (const { plan, report } of failed) await tellFailure(plan, report, wish);
  const isWhole = wish.count >= WHOLE_RUNS && wish.without.length === 0;
  return failed.length > 0 || (isWhole && coverage.missing.length > 0) ? 1 : 0;
}

process.exitCode = await main();
