/**
 * `npm run soak`: many threads under mixed work for minutes, beside a second process that reads. It looks at memory,
 * descriptors, timers, listeners and loaded threads all the time, and in the end holds them to what they were before;
 * then rows must be the folds of the logs, the files in order, and each acknowledged turn there.
 *
 *   --minutes N   default 10
 *   --threads N   default 1000
 *   --seed N      default: drawn anew
 *   --json        print the whole report as JSON
 *
 * Exit codes: 0 all was kept, 1 something grew or was lost, 2 wrong option.
 */
import { parseArgs } from "node:util";

import type { SoakSample } from "../test/soak/soak-judge.ts";
import { isKept, sampleLine, soakTable } from "../test/soak/soak-report.ts";
import { runSoak } from "../test/soak/soak-run.ts";

const options = {
  minutes: { type: "string", default: "10" },
  threads: { type: "string", default: "1000" },
  seed: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

interface Wish {
  readonly minutes: number;
  readonly threads: number;
  readonly seed: number;
  readonly json: boolean;
}

function say(text: string): void {
  process.stderr.write(`soak: ${text}\n`);
}

/** The options, or null after saying what is wrong with them. */
function parseWish(): Wish | null {
  try {
    const { values } = parseArgs({ options });
    const [minutes, threads] = [Number(values.minutes), Number(values.threads)];
    const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
    const isFit = minutes > 0 && Number.isSafeInteger(threads) && threads > 0 && Number.isSafeInteger(seed);
    if (isFit) return { minutes, threads, seed, json: values.json };
    say("--minutes and --threads take numbers above 0, --seed a whole number");
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
  return null;
}

async function main(): Promise<number> {
  const wish = parseWish();
  if (wish === null) return 2;
  const { minutes, threads, seed, json } = wish;
  say(`${threads} threads for ${minutes} minutes, seed ${seed}`);
  const onSample = (sample: SoakSample): void => say(sampleLine(sample));
  try {
    const report = await runSoak({ minutes, threads, seed, onSample });
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : soakTable(report));
    return isKept(report) ? 0 : 1;
  } catch (error) {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return 1;
  }
}

process.exitCode = await main();
