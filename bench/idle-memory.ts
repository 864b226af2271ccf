/**
 * Memory of an idle loaded thread: starts threads, runs one short turn in each with the echo agent on a
 * store of files, and divides what the heap grew by their number. Goal: under 12 KB with 10,000 loaded.
 *
 *   node --expose-gc bench/idle-memory.ts [threads=10000] [memory|local]
 *
 * The memory store keeps the logs themselves in memory; its figure is told apart from the threads' by
 * measuring again after they were unloaded.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createThreadManager, echoAgent } from "../src/actors/index.ts";
import type { ThreadStore } from "../src/store/index.ts";
import { openLocalThreadStore } from "../src/store/local/index.ts";
import { createMemoryThreadStore } from "../src/store/memory/index.ts";

const threadsCount = Number(process.argv[2] ?? 10_000);
const kind = process.argv[3] ?? "local";
const CONCURRENT = 64;

async function main(): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "skein-bench-"));
  const store: ThreadStore =
    kind === "memory" ? createMemoryThreadStore() : await openLocalThreadStore({ home, durability: "os" });
  const manager = createThreadManager({ store, agent: echoAgent(), onEvent: () => {}, defaults: { cwd: "/srv/ws" } });
  await startThreads(manager, CONCURRENT);
  const before = heapBytes();
  const begin = performance.now();
  await startThreads(manager, threadsCount);
  const startMs = performance.now() - begin;
  const loaded = heapBytes();
  await manager.shutdown({ timeoutMs: 600_000 });
  const unloaded = heapBytes();
  await store.close();
  await rm(home, { recursive: true });
  const perThread = (bytes: number): string => `${(bytes / threadsCount / 1024).toFixed(2)} KB`;
  console.log(`${kind} store, ${threadsCount} threads of one short turn, started in ${(startMs / 1000).toFixed(1)} s`);
  console.log(`heap an idle loaded thread (thread and store): ${perThread(loaded - before)}`);
  console.log(`of which gone after unloading: ${perThread(loaded - unloaded)}`);
}

async function startThreads(manager: ReturnType<typeof createThreadManager>, count: number): Promise<void> {
  let started = 0;
  const worker = async (): Promise<void> => {
    while (started < count) {
      started += 1;
      const thread = await manager.start();
      await (
        await thread.startTurn("hello there")
      ).completed;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, worker));
}

function heapBytes(): number {
  if (globalThis.gc === undefined) throw new Error("run with --expose-gc");
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

await main();
