/**
 * `npm run server-crash`: the kill matrix of app-servers. `skein serve` and the peer (Codex's app-server) are
 * killed with SIGKILL at each thing that a client is told of a turn, 20 times each, started again on the same
 * home, and asked for the thread; what a client had been told and is not there is counted.
 *
 *   --kills N    default 20, at each of five points
 *   --no-peer    ours alone
 *   --json       print the counts as JSON
 *
 * Exit codes: 0 ours lost nothing, 1 it did, 2 wrong option.
 */
import { parseArgs } from "node:util";

import { installCodex } from "../test/conformance/codex-install.ts";
import { startInstantModel } from "../test/crash/instant-model.ts";
import { KILL_POINTS, type KillCounts, runServerKills } from "../test/crash/server-kills.ts";
import { codexSide, type ServerSide, skeinSide } from "../test/crash/server-sides.ts";

const options = {
  kills: { type: "string", default: "20" },
  "no-peer": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

interface Row extends KillCounts {
  readonly server: ServerSide["name"];
}

function say(text: string): void {
  process.stderr.write(`server-crash: ${text}\n`);
}

async function sidesOf(hasPeer: boolean): Promise<readonly ServerSide[]> {
  const ours = skeinSide("built");
  if (!hasPeer) return [ours];
  const codex = await installCodex(say);
  if (codex.program !== null) return [ours, codexSide(codex.program)];
  say(`without the peer: ${codex.skipped}`);
  return [ours];
}

async function killAll(sides: readonly ServerSide[], kills: number): Promise<readonly Row[]> {
  const model = await startInstantModel();
  const rows: Row[] = [];
  try {
    for (const point of KILL_POINTS) {
      for (const side of sides) {
        const counts = await runServerKills({ side, baseUrl: model.shortUrl, point, kills });
        rows.push({ server: side.name, ...counts });
        say(textOf({ server: side.name, ...counts }));
      }
    }
  } finally {
    await model.close();
  }
  return rows;
}

function textOf({ server, point, kills, told, missing, killsWithLoss, threadsGone }: Row): string {
  const lost = `${missing} of ${told} facts missing, after ${killsWithLoss} of ${kills} kills, ${threadsGone} threads gone`;
  return `${server.padEnd(5)} ${point.padEnd(17)} ${lost}`;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options });
  const kills = Number(values.kills);
  if (!Number.isSafeInteger(kills) || kills < 1) {
    say("--kills takes a whole number");
    return 2;
  }
  const rows = await killAll(await sidesOf(!values["no-peer"]), kills);
  console.log(values.json ? JSON.stringify(rows) : rows.map(textOf).join("\n"));
  const lost = rows.filter((row) => row.server === "skein" && row.missing > 0);
  for (const { examples } of lost) for (const example of examples) say(`missing: ${example}`);
  return lost.length > 0 ? 1 : 0;
}

process.exitCode = await main();
