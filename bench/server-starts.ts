/**
 * How long a client waits for an app-server: from the start of the process to its answer to `initialize`, on a
 * home that is new and on one that the same server has used; and the memory that it then holds, idle and with
 * many threads loaded. The sides take turns, so that a slow minute of the machine is everybody's.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { sleep, systemClock } from "../src/base/index.ts";
import { ServerProcess } from "../test/crash/server-process.ts";
import type { ServerSide } from "../test/crash/server-sides.ts";
import { medianOf, residentBytesOf, usageOf } from "./process-usage.ts";
import { startThreads } from "./server-turns.ts";

/** Medians of many starts. */
export interface StartCost {
  readonly server: ServerSide["name"];
  readonly freshMs: number;
  readonly warmMs: number;
  /** CPU from the start to the answer, on the warm home. */
  readonly warmCpuMs: number;
}

/** Memory of one process. */
export interface MemoryCost {
  readonly server: ServerSide["name"];
  readonly idleMb: number;
  readonly threads: number;
  readonly loadedMb: number;
  readonly perThreadKb: number;
  /** How long starting those threads took. */
  readonly startSeconds: number;
}

const MB = 1024 * 1024;
/** What a process does after its first answer is not part of its idle memory. */
const SETTLE_MS = 1_500;

/** Starts each server `starts` times on either home. */
export async function measureStarts(
  sides: readonly ServerSide[],
  baseUrl: string,
  starts: number,
): Promise<readonly StartCost[]> {
  const times = sides.map((side) => ({ side, fresh: [] as number[], warm: [] as number[], cpu: [] as number[] }));
  const homes = await Promise.all(sides.map(() => mkdtemp(join(tmpdir(), "skein-starts-"))));
  try {
    // The first start makes the home; it isn't counted.
    for (const [index, side] of sides.entries()) await startOnce(side, homes[index] ?? "", baseUrl);
    for (let start = 0; start < starts; start += 1) {
      for (const [index, { side, fresh, warm, cpu }] of times.entries()) {
        const warmStart = await startOnce(side, homes[index] ?? "", baseUrl);
        warm.push(warmStart.ms);
        cpu.push(warmStart.cpuMs);
        const home = await mkdtemp(join(tmpdir(), "skein-starts-"));
        fresh.push((await startOnce(side, home, baseUrl)).ms);
        await rm(home, { recursive: true, force: true });
      }
    }
  } finally {
    for (const home of homes) await rm(home, { recursive: true, force: true });
  }
  return times.map(({ side, fresh, warm, cpu }) => ({
    server: side.name,
    freshMs: medianOf(fresh),
    warmMs: medianOf(warm),
    warmCpuMs: medianOf(cpu),
  }));
}

async function startOnce(
  side: ServerSide,
  home: string,
  baseUrl: string,
): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const server = new ServerProcess(await side.prepare(home, baseUrl));
  try {
    const ms = await server.ready();
    return { ms, cpuMs: usageOf(server.pid).cpuMs };
  } finally {
    await server.close();
  }
}

/** Starts threads in one process and looks at what it holds before and after. */
export async function measureMemory(side: ServerSide, baseUrl: string, threads: number): Promise<MemoryCost> {
  const home = await mkdtemp(join(tmpdir(), "skein-memory-"));
  const server = new ServerProcess(await side.prepare(home, baseUrl));
  try {
    await server.ready();
    await sleep(systemClock, SETTLE_MS);
    const idle = residentBytesOf(server.pid);
    const beganMs = systemClock.monotonicMs();
    await startThreads(server, threads);
    const startSeconds = (systemClock.monotonicMs() - beganMs) / 1_000;
    await sleep(systemClock, SETTLE_MS);
    const loaded = residentBytesOf(server.pid);
    const perThreadKb = (loaded - idle) / threads / 1024;
    return { server: side.name, idleMb: idle / MB, threads, loadedMb: loaded / MB, perThreadKb, startSeconds };
  } finally {
    await server.close();
    await rm(home, { recursive: true, force: true });
  }
}
