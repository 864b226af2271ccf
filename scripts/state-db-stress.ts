/**
 * `npm run state-db-stress`: the long form of the tests of many processes on one home. All list, search,
 * append and name at once; then every append that was acknowledged must be there, every thread listed once,
 * and every row be the fold of its log. It throws away the home it makes, unless a promise was broken.
 *
 *   --processes N   default 8
 *   --seconds N     default 60
 *   --rebuilds      fold all rows again and again meanwhile
 *   --json          print the result as JSON
 *
 * Exit codes: 0 all was kept, 1 a promise was broken, 2 wrong option.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { generateHome } from "../bench/home-generator.ts";
import { runBusy, type StateDbChild } from "../test/projections/state-db-run.ts";

const THREADS = 150;
const BYTES = 6_000_000;
const TTL_MS = 10_000;

interface Wish {
  readonly processes: number;
  readonly seconds: number;
  readonly rebuilds: boolean;
  readonly json: boolean;
}

function say(text: string): void {
  process.stderr.write(`state-db-stress: ${text}\n`);
}

/** The options, or null after saying what is wrong with them. */
function parseWish(): Wish | null {
  try {
    const { values } = parseArgs({
      options: {
        processes: { type: "string", default: "8" },
        seconds: { type: "string", default: "60" },
        rebuilds: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    });
    const [processes, seconds] = [Number(values.processes), Number(values.seconds)];
    const { rebuilds, json } = values;
    if (Number.isSafeInteger(processes) && processes > 0 && seconds > 0) return { processes, seconds, rebuilds, json };
    say("--processes and --seconds take numbers above 0");
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
  return null;
}

async function main(): Promise<number> {
  const wish = parseWish();
  if (wish === null) return 2;
  const { processes, seconds, rebuilds, json } = wish;
  const home = mkdtempSync(join(tmpdir(), "skein-state-db-stress-"));
  generateHome(home, { threads: THREADS, bytes: BYTES, seed: 7 });
  say(`${processes} processes for ${seconds} s on ${home}`);
  let rebuilt = 0;
  const endMs = performance.now() + seconds * 1_000;
  const meanwhile = async (child: StateDbChild): Promise<void> => {
    for (; rebuilds && performance.now() < endMs; rebuilt += 1) await child.get({ do: "rebuild" });
  };
  try {
    const totals = await runBusy({ home, processes, seconds, ttlMs: TTL_MS, meanwhile });
    rmSync(home, { recursive: true, force: true });
    if (json) console.log(JSON.stringify({ ...totals, rebuilt, broken: 0 }));
    else {
      const { acks, threads, lists, searches, refused } = totals;
      const reads = `${lists} lists, ${searches} searches, ${rebuilt} rebuilds`;
      console.log(
        `${acks} appends in ${threads} new threads, ${reads}, ${refused} refused by owner; 0 promises broken`,
      );
    }
    return 0;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    say(`the home is kept: ${home}`);
    return 1;
  }
}

process.exitCode = await main();
