/**
 * The app-server beside the peer (codex app-server 0.130.0), in one run on one machine with one model that
 * answers at once: turns a second and CPU a turn at 1, 8 and 32 threads, bytes written a turn, the time to
 * `initialize`, memory, and what a client was told that is missing after a kill. About four minutes.
 *
 *   node bench/server.ts [--only turns,disk,start,memory,kill] [--turns N] [--kills N] [--no-peer] [--quick] [--json]
 *
 * Ours is the built command (`npm run bench -- server` builds it). Linux only: it reads /proc.
 */
import { parseArgs } from "node:util";

import { installCodex } from "../test/conformance/codex-install.ts";
import { type InstantModel, startInstantModel } from "../test/crash/instant-model.ts";
import { KILL_POINTS, runServerKills } from "../test/crash/server-kills.ts";
import { codexSide, type ServerSide, skeinSide } from "../test/crash/server-sides.ts";
import { type ServerReport, textOfReport, type TurnRow } from "./server-report.ts";
import { measureMemory, measureStarts } from "./server-starts.ts";
import { measureTurns } from "./server-turns.ts";

const options = {
  only: { type: "string", default: "turns,disk,start,memory,kill" },
  turns: { type: "string" },
  kills: { type: "string" },
  "no-peer": { type: "boolean", default: false },
  quick: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

/** How much of everything. */
interface Sizes {
  readonly threads: readonly number[];
  /** Turns of each thread in a round: ours, and the peer's by the number of threads. */
  turnsEach(server: ServerSide["name"], threads: number): number;
  readonly starts: number;
  readonly loadedThreads: number;
  readonly kills: number;
}

/** The peer is an order slower; as many turns as take about as long. */
const WARM_UP_TURNS = { skein: 200, codex: 16 } as const;

function say(text: string): void {
  process.stderr.write(`server: ${text}\n`);
}

function sizesOf(values: { readonly turns?: string; readonly kills?: string; readonly quick: boolean }): Sizes {
  const { quick } = values;
  const ours = (threads: number): number => Number(values.turns ?? (quick ? 4 : threads > 8 ? 10 : 20));
  return {
    threads: quick ? [8] : [1, 8, 32],
    turnsEach: (server, threads) =>
      server === "skein" ? ours(threads) : Math.max(1, Math.ceil((quick ? 8 : 16) / threads)),
    starts: quick ? 3 : 12,
    loadedThreads: quick ? 100 : 1_000,
    kills: Number(values.kills ?? (quick ? 2 : 20)),
  };
}

async function sidesOf(hasPeer: boolean): Promise<readonly ServerSide[]> {
  const ours = skeinSide("built");
  if (!hasPeer) return [ours];
  const codex = await installCodex(say);
  if (codex.program !== null) return [ours, codexSide(codex.program)];
  say(`without the peer: ${codex.skipped}`);
  return [ours];
}

async function runTurns(sides: readonly ServerSide[], sizes: Sizes, model: InstantModel): Promise<readonly TurnRow[]> {
  const rows: TurnRow[] = [];
  for (const threads of sizes.threads) {
    say(`turns, ${threads} threads`);
    rows.push(...(await measure(sides, { sizes, threads, size: "ordinary", baseUrl: model.ordinaryUrl })));
  }
  return rows;
}

/** What the bytes are made of: without the state DB, and by the length of answers. */
async function runDisk(sides: readonly ServerSide[], sizes: Sizes, model: InstantModel): Promise<readonly TurnRow[]> {
  const threads = 8;
  say("bytes without the state DB");
  const onFiles = [skeinSide("built", ["--no-db"])];
  const plain = await measure(onFiles, { sizes, threads, size: "ordinary", baseUrl: model.ordinaryUrl });
  const rows = plain.map((row) => ({ ...row, server: "skein --no-db" }));
  for (const size of ["short", "long"] as const) {
    say(`bytes of ${size} answers`);
    const baseUrl = size === "short" ? model.shortUrl : model.longUrl;
    rows.push(...(await measure(sides, { sizes, threads, size, baseUrl })));
  }
  return rows;
}

interface Measurement {
  readonly sizes: Sizes;
  readonly threads: number;
  readonly size: TurnRow["size"];
  readonly baseUrl: string;
}

async function measure(sides: readonly ServerSide[], wish: Measurement): Promise<readonly TurnRow[]> {
  const { sizes, threads, size, baseUrl } = wish;
  const loads = sides.map((side) => {
    const turnsEach = sizes.turnsEach(side.name, threads);
    return { side, baseUrl, threads, turnsEach, warmUpTurns: WARM_UP_TURNS[side.name] };
  });
  const costs = await measureTurns(loads);
  return costs.map((cost, index) => ({ server: sides[index]?.name ?? "", size, ...cost }));
}

async function runKills(
  sides: readonly ServerSide[],
  sizes: Sizes,
  model: InstantModel,
): Promise<ServerReport["kills"]> {
  const rows: ServerReport["kills"][number][] = [];
  for (const point of KILL_POINTS) {
    for (const side of sides) {
      say(`kills of ${side.name} at ${point}`);
      const counts = await runServerKills({ side, baseUrl: model.shortUrl, point, kills: sizes.kills });
      rows.push({ server: side.name, ...counts });
    }
  }
  return rows;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options });
  if (process.platform !== "linux") {
    say("this bench reads /proc, which is Linux's");
    return 2;
  }
  const only = new Set(values.only.split(/[ ,]+/));
  const sizes = sizesOf(values);
  const sides = await sidesOf(!values["no-peer"]);
  const model = await startInstantModel();
  try {
    const turns = only.has("turns") ? await runTurns(sides, sizes, model) : [];
    const disk = only.has("disk") ? await runDisk(sides, sizes, model) : [];
    const starts = only.has("start") ? await measureStarts(sides, model.shortUrl, sizes.starts) : [];
    const memory = [];
    if (only.has("memory")) {
      for (const side of sides) memory.push(await measureMemory(side, model.shortUrl, sizes.loadedThreads));
    }
    const kills = only.has("kill") ? await runKills(sides, sizes, model) : [];
    const report = { turns: [...turns, ...disk], starts, memory, kills };
    console.log(values.json ? JSON.stringify(report) : textOfReport(report));
  } finally {
    await model.close();
  }
  return 0;
}

process.exitCode = await main();
