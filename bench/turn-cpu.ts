/**
 * CPU of a turn: runs turns with the echo agent on a store of files with fsync, one after another, and
 * divides the process's CPU time by their number. Goal: under 3 ms a turn (the peer needs 60 to 67).
 *
 *   node bench/turn-cpu.ts [turns=1000] [threads=1] [fsync|os|memory]
 *
 * One thread a hundred turns long is not what most are: with more threads the turns are spread.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createThreadManager, echoAgent, type ThreadHandle } from "../src/actors/index.ts";
import type { ThreadStore } from "../src/store/index.ts";
import { openLocalThreadStore } from "../src/store/local/index.ts";
import { createMemoryThreadStore } from "../src/store/memory/index.ts";

const turns = Number(process.argv[2] ?? 1_000);
const threadsCount = Number(process.argv[3] ?? 1);
const durability = process.argv[4] ?? "fsync";

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
  const each = (us: number): string => `${(us / 1000 / total).toFixed(3)} ms`;
  console.log(`${total} turns on ${threadsCount} thread(s), ${durability}`);
  console.log(`CPU a turn: ${each(user + system)} (user ${each(user)}, system ${each(system)})`);
  console.log(`wall a turn: ${(wallMs / total).toFixed(3)} ms, ${((total / wallMs) * 1000).toFixed(0)} turns/s`);
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
