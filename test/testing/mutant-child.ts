/**
 * Runs laws in this process and prints what they found, as one line of JSON. It is started in a copy of the code
 * that has a bug in it (mutant-lane.ts); its imports are that copy's, so laws and store are of one piece.
 */
import { checkThreadStore, type LawOutcome, storeLaws } from "../../src/testing/index.ts";
import type { LawFinding, LawRunAnswer, LawRunRequest } from "./law-run.ts";
import { storeUnderTest } from "./mutant-stores.ts";
import { simulateUntilBroken } from "./mutant-simulation.ts";

/** A bug may well let a call never settle. */
const EXAMPLE_MS_MAX = 5_000;

function toFinding(law: LawOutcome): LawFinding {
  const { id, status } = law;
  if (status !== "broken") return { id, status, runs: 0, message: "" };
  const { runs, error } = law.failure;
  return { id, status, runs, message: (error instanceof Error ? error.message : String(error)).slice(0, 1_000) };
}

let stray: string | null = null;
for (const event of ["uncaughtException", "unhandledRejection"]) {
  // Errors that a bug lets go astray are its business; the laws go on and say what they see of it.
  process.on(event, (error: unknown) => {
    stray ??= error instanceof Error ? (error.stack ?? error.message) : String(error);
  });
}

async function main(): Promise<LawRunAnswer> {
  // Written by mutant-lane.ts.
  const { fixture: name, laws, seed } = JSON.parse(process.argv[2] ?? "") as LawRunRequest;
  if (name === "simulated") return { findings: await simulateUntilBroken(laws, seed), stray };
  const report = await checkThreadStore({
    ...storeUnderTest(name),
    name,
    laws: laws === null ? storeLaws : storeLaws.filter((law) => laws.includes(law.id)),
    seed,
    shrinks: false,
    exampleMaxMs: EXAMPLE_MS_MAX,
  });
  return { findings: report.laws.map(toFinding), stray };
}

try {
  const answer = await main();
  // What the bug left running keeps nobody waiting.
  process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit(0));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`, () => process.exit(1));
}
