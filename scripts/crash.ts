/**
 * `npm run crash`: the long form of the crash test, 200 kills of a process that appends and 50 of one that
 * runs turns. Prints its seed first; a failure says at which kill of which seed.
 *
 *   --kills N   default 200; a quarter as many of the process that runs turns
 *   --seed N    default: drawn anew
 *   --json      print the result as JSON
 *
 * Exit codes: 0 nothing acknowledged was lost, 1 something was, 2 wrong option.
 */
import { parseArgs } from "node:util";

import { type CrashProgress, runCrashes, runTurnCrashes } from "../test/crash/crash-run.ts";

const options = {
  kills: { type: "string" },
  seed: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

interface Wish {
  readonly kills: number;
  readonly seed: number;
  readonly json: boolean;
}

function say(text: string): void {
  process.stderr.write(`crash: ${text}\n`);
}

/** The options, or null after saying what is wrong with them. */
function parseWish(): Wish | null {
  try {
    const { values } = parseArgs({ options });
    const kills = Number(values.kills ?? 200);
    const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
    if (Number.isSafeInteger(kills) && kills > 0 && Number.isSafeInteger(seed))
      return { kills, seed, json: values.json };
    say("--kills and --seed take whole numbers");
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
  return null;
}

function textOf({ kills, acknowledged, tornTails }: CrashProgress): string {
  return `${kills} kills, ${acknowledged} acknowledged, 0 missing, 0 half there; ${tornTails} torn tails`;
}

async function main(): Promise<number> {
  const wish = parseWish();
  if (wish === null) return 2;
  const { kills, seed, json } = wish;
  say(`${kills} kills, seed ${seed}`);
  const onKill = (progress: CrashProgress): void => {
    if (progress.kills % 10 === 0) say(`${progress.kills} kills, ${progress.acknowledged} acknowledged, 0 lost`);
  };
  try {
    const appends = await runCrashes({ kills, seed, onKill });
    say("now a process that runs turns");
    const turns = await runTurnCrashes({ kills: Math.ceil(kills / 4), seed, onKill });
    if (json) console.log(JSON.stringify({ seed, appends, turns, lost: 0 }));
    else console.log(`appends: ${textOf(appends)}\nturns:   ${textOf(turns)}`);
    return 0;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

process.exitCode = await main();
