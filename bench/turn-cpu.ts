/**
 * CPU of a turn: runs turns with the echo agent on a store of files with fsync, one after another, and
 * divides the process's CPU time by their number. Goal: under 3 ms a turn (the peer needs 60 to 67).
 *
 *   node bench/turn-cpu.ts [--turns 1000] [--threads 1] [--durability fsync|os|memory] [--json]
 *
 * One thread a hundred turns long is not what most are: with more threads the turns are spread.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { createThreadManager, echoAgent, type ThreadHandle } from "../src/actors/index.ts";
import type { ThreadStore } from "../src/store/index.ts";
import { openLocalThreadStore } from "../src/store/local/index.ts";
import { createMemoryThreadStore } from "../src/store/memory/index.ts";

const { values } = parseArgs({
  options: {
    turns: { type: "string", default: "1000" },
    threads: { type: "string", default: "1" },
    durability: { type: "string", default: "fsync" },
    json: { type: "boolean", default: false },
  },
});
const turns = Number(values.turns);
const threadsCount = Number(values.threads);
const { durability } = values;

async function main(): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "skein-bench-"));
  const store: ThreadStore =
    durability === "memory"
      ? createMemoryThreadStore()
      : await openLocalThreadStore({ home, durability: durability === "os" ? "os" : "fsync" });
  const manager = createThreadManager({ store, agent: echoAgent(), onEvent: () => {}, defaults: { cwd: "/srv/ws" } });
  const threads = await Promise.all(Array.from({ length: threadsCount }, () => manager.start()));
  await runTurns(threads, Math.ceil(200 / threadsCount));
  const cpu = process.cpuUsage();
  const begin = performance.now();
  await runTurns(threads, Math.ceil(turns / threadsCount));
  const wallMs = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  await manager.shutdown();
  await store.close();
  await rm(home, { recursive: true });
  const total = Math.ceil(turns / threadsCount) * threadsCount;
  const eachMs = (us: number): number => Number((us / 1000 / total).toFixed(3));
  const result = {
    turns: total,
    threads: threadsCount,
    durability,
    cpuMs: eachMs(user + system),
    userMs: eachMs(user),
    systemMs: eachMs(system),
    turnsPerSecond: Math.round((total / wallMs) * 1000),
  };
  if (values.json) {
    console.log(JSON.stringify(result));
    return;
  }
  console.log(`${total} turns on ${threadsCount} thread(s), ${durability}`);
  console.log(`CPU a turn: ${result.cpuMs} ms (user ${result.userMs}, system ${result.systemMs}; goal: under 3)`);
  console.log(`wall a turn: ${(wallMs / total).toFixed(3)} ms, ${result.turnsPerSecond} turns/s`);
}

async function runTurns(threads: readonly ThreadHandle[], each: number): Promise<void> {
  await Promise.all(
    threads.map(async (thread) => {
      for (let turn = 0; turn < each; turn += 1) {
        await (
          await thread.startTurn(`turn ${turn}: hello there`)
        ).completed;
      }
    }),
  );
}

await main();
