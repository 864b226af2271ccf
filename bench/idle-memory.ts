/**
 * Memory of an idle loaded thread: starts threads, runs one short turn in each with the echo agent on a
 * store of files, and divides what the heap grew by their number. Goal: under 12 KB with 10,000 loaded.
 *
 *   node --expose-gc bench/idle-memory.ts [--threads 10000] [--store local|memory] [--json]
 *
 * The memory store keeps the logs themselves in memory; its figure is told apart from the threads' by
 * measuring again after they were unloaded.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { createThreadManager, echoAgent } from "../src/actors/index.ts";
import type { ThreadStore } from "../src/store/index.ts";
import { openLocalThreadStore } from "../src/store/local/index.ts";
import { createMemoryThreadStore } from "../src/store/memory/index.ts";

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "10000" },
    store: { type: "string", default: "local" },
    json: { type: "boolean", default: false },
  },
});
const threadsCount = Number(values.threads);
const kind = values.store;
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
  const perThreadKb = (bytes: number): number => Number((bytes / threadsCount / 1024).toFixed(2));
  const result = {
    store: kind,
    threads: threadsCount,
    startSeconds: Number((startMs / 1000).toFixed(1)),
    idleThreadKb: perThreadKb(loaded - before),
    goneAfterUnloadingKb: perThreadKb(loaded - unloaded),
  };
  if (values.json) {
    console.log(JSON.stringify(result));
    return;
  }
  console.log(`${kind} store, ${threadsCount} threads of one short turn, started in ${result.startSeconds} s`);
  console.log(`heap of an idle loaded thread, thread and store: ${result.idleThreadKb} KB (goal: under 12)`);
  console.log(`of which gone after unloading: ${result.goneAfterUnloadingKb} KB`);
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
