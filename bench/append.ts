/**
 * Append throughput of the local store against the raw ceiling, in one run: the ceiling is a plain
 * group-commit loop on file descriptors (take what waits, encode, one write, one fdatasync, answer) with
 * lines of the same sizes and nothing else. Goal: at least 70 % of it.
 *
 * `node bench/append.ts [--quick] [--json] [--only os:256:64]`. Rounds of raw and store alternate, so that a noisy machine
 * hits both; the ratio is the median of the rounds' ratios.
 */
import fs from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { systemClock } from "../src/base/index.ts";
import { type AppendableItem, encodeLine } from "../src/events/index.ts";
import type { ThreadWriter } from "../src/store/index.ts";
import { openLocalThreadStore } from "../src/store/local/index.ts";

/** One line of the table. */
export interface AppendBenchRow {
  readonly durability: "fsync" | "os";
  readonly threads: number;
  readonly inFlight: number;
  /** Appends a second, medians. */
  readonly raw: number;
  readonly store: number;
  /** store / raw, median over the rounds. */
  readonly ratio: number;
  /** Milliseconds an append waits, store, median and 99th percentile. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** How much to measure. */
export interface AppendBenchOptions {
  readonly roundMs: number;
  readonly rounds: number;
  /** Only this case, as `os:256:64`. Default: all. */
  readonly only?: string;
  onRow?(row: AppendBenchRow): void;
}

const QUICK: AppendBenchOptions = { roundMs: 200, rounds: 3 };
const FULL: AppendBenchOptions = { roundMs: 400, rounds: 9 };

const TEXT = "x".repeat(880);

/** About 1 KB as a line, as LIMITS are measured with. */
function itemOf(n: number): AppendableItem {
  return {
    type: "event_msg",
    payload: { type: "agent_message", message: `${n} ${TEXT}`, phase: null, memory_citation: null },
  };
}

/** Appends one record to one of the threads; resolves when it is acknowledged. */
type Append = (thread: number, n: number) => Promise<unknown>;

interface Measured {
  readonly perSecond: number;
  readonly waitsMs: readonly number[];
}

/** Keeps `inFlight` appends going on each thread for a while. */
async function measure(append: Append, load: { threads: number; inFlight: number; ms: number }): Promise<Measured> {
  const waitsMs: number[] = [];
  const startMs = systemClock.monotonicMs();
  const endMs = startMs + load.ms;
  let done = 0;
  const caller = async (thread: number): Promise<void> => {
    for (let nowMs = startMs; nowMs < endMs;) {
      const beganMs = nowMs;
      await append(thread, done);
      nowMs = systemClock.monotonicMs();
      done += 1;
      if (done % 16 === 0) waitsMs.push(nowMs - beganMs);
    }
  };
  const callers: Promise<void>[] = [];
  for (let thread = 0; thread < load.threads; thread += 1) {
    for (let n = 0; n < load.inFlight; n += 1) callers.push(caller(thread));
  }
  await Promise.all(callers);
  return { perSecond: (done / (systemClock.monotonicMs() - startMs)) * 1_000, waitsMs };
}

/** The ceiling: one file's queue of lines, and the loop that empties it. */
function rawAppender(fd: number, isSynced: boolean): (n: number) => Promise<void> {
  let waiting: { text: string; resolve: () => void }[] = [];
  let isRunning = false;
  const sync = (): Promise<void> =>
    new Promise((resolve, reject) => {
      fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
    });
  const run = async (): Promise<void> => {
    isRunning = true;
    while (waiting.length > 0) {
      await new Promise<void>((resolve) => queueMicrotask(() => process.nextTick(resolve)));
      const taken = waiting;
      waiting = [];
      fs.writeSync(fd, Buffer.from(taken.map((entry) => entry.text).join("")));
      if (isSynced) await sync();
      for (const entry of taken) entry.resolve();
      await Promise.resolve();
    }
    isRunning = false;
  };
  return (n) =>
    new Promise((resolve, reject) => {
      const timestamp = new Date(systemClock.nowMs()).toISOString();
      waiting.push({ text: encodeLine(itemOf(n), timestamp), resolve });
      if (!isRunning) run().catch(reject);
    });
}

interface Case {
  readonly durability: "fsync" | "os";
  readonly threads: number;
  readonly inFlight: number;
}

async function measureRaw(folder: string, { durability, threads, inFlight }: Case, ms: number): Promise<Measured> {
  const fds = Array.from({ length: threads }, (_, n) => fs.openSync(join(folder, `raw-${n}.jsonl`), "a"));
  const appenders = fds.map((fd) => rawAppender(fd, durability === "fsync"));
  try {
    return await measure((thread, n) => appenders[thread]?.(n) ?? Promise.resolve(), { threads, inFlight, ms });
  } finally {
    for (const fd of fds) fs.closeSync(fd);
  }
}

async function measureStore(folder: string, { durability, threads, inFlight }: Case, ms: number): Promise<Measured> {
  const store = await openLocalThreadStore({ home: join(folder, "home"), durability });
  try {
    const writers: ThreadWriter[] = [];
    for (let n = 0; n < threads; n += 1) {
      const { writer } = await store.createThread({ metadata: { cwd: "/bench" } });
      await store.persistThread(writer);
      writers.push(writer);
    }
    return await measure(
      (thread, n) => {
        const writer = writers[thread];
        return writer === undefined ? Promise.resolve() : store.appendItems({ writer, items: [itemOf(n)] });
      },
      { threads, inFlight, ms },
    );
  } finally {
    await store.close();
  }
}

async function runCase(one: Case, options: AppendBenchOptions): Promise<AppendBenchRow> {
  const rounds: { raw: Measured; store: Measured }[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    const folder = await mkdtemp(join(tmpdir(), "skein-bench-"));
    try {
      const raw = await measureRaw(folder, one, options.roundMs);
      rounds.push({ raw, store: await measureStore(folder, one, options.roundMs) });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  const waits = rounds.flatMap(({ store }) => store.waitsMs);
  return {
    ...one,
    raw: Math.round(
      quantile(
        rounds.map(({ raw }) => raw.perSecond),
        0.5,
      ),
    ),
    store: Math.round(
      quantile(
        rounds.map(({ store }) => store.perSecond),
        0.5,
      ),
    ),
    ratio: quantile(
      rounds.map(({ raw, store }) => store.perSecond / raw.perSecond),
      0.5,
    ),
    p50Ms: quantile(waits, 0.5),
    p99Ms: quantile(waits, 0.99),
  };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

/** Measures all twelve cases. */
export async function benchAppend(options: AppendBenchOptions = FULL): Promise<readonly AppendBenchRow[]> {
  const rows: AppendBenchRow[] = [];
  for (const durability of ["fsync", "os"] as const) {
    for (const threads of [1, 16, 256]) {
      for (const inFlight of [1, 64]) {
        if (options.only !== undefined && options.only !== `${durability}:${threads}:${inFlight}`) continue;
        const row = await runCase({ durability, threads, inFlight }, options);
        options.onRow?.(row);
        rows.push(row);
      }
    }
  }
  return rows;
}

function lineOf(row: AppendBenchRow): string {
  const cells = [row.durability, row.threads, row.inFlight, row.raw, row.store];
  const shown = [...cells, row.ratio.toFixed(2), row.p50Ms.toFixed(2), row.p99Ms.toFixed(2)];
  return shown.map((cell) => String(cell).padStart(10)).join("");
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: "boolean" }, json: { type: "boolean" }, only: { type: "string" } },
  });
  const size = values.quick === true ? QUICK : FULL;
  const options = values.only === undefined ? size : { ...size, only: values.only };
  if (values.json === true) {
    console.log(JSON.stringify({ bench: "append", rows: await benchAppend(options) }));
    return;
  }
  const titles = ["durability", "threads", "in flight", "raw/s", "store/s", "ratio", "p50 ms", "p99 ms"];
  console.log(titles.map((title) => title.padStart(10)).join(""));
  await benchAppend({ ...options, onRow: (row) => console.log(lineOf(row)) });
}

if (import.meta.main) await main();
