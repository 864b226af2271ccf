/**
 * Skein's store on PostgreSQL by itself: what the group commit makes of many threads on one node, what several
 * nodes make of one server, how fast a node that starts reads everything (the feed alone, then with its rows), and how
 * long a record takes from one node's append to another node's rows.
 *
 *   node bench/postgres.ts [--rounds 3] [--quick] [--json]
 *
 * The server is a private one with fsync and synchronous_commit on; nodes are handles in this process, so that its
 * CPU is all of theirs. Records are of about 1 KB. Figures are medians of the rounds.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { systemClock } from "../src/base/index.ts";
import { openPostgresThreadStore as openWithRows } from "../src/postgres/index.ts";
import type { ThreadWriter } from "../src/store/index.ts";
import { openPostgresThreadStore, type PostgresStore } from "../src/store/postgres/index.ts";
import { type PostgresServer, startPostgres } from "../test/support/postgres/postgres-server.ts";
import { createTurnMaker, recordOf } from "./peers/bench-turn.ts";
import { medianOf, usageOf } from "./process-usage.ts";

/** Appends of some threads of some nodes, one in flight a thread. */
interface AppendRow {
  readonly nodes: number;
  readonly threads: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly clientCpuUs: number;
  readonly serverCpuUs: number;
}

interface Sizes {
  readonly rounds: number;
  readonly roundMs: number;
  readonly feedThreads: number;
  readonly feedTurns: number;
  readonly wakes: number;
}

const QUICK: Sizes = { rounds: 1, roundMs: 400, feedThreads: 50, feedTurns: 10, wakes: 30 };
const FULL: Sizes = { rounds: 3, roundMs: 1_000, feedThreads: 200, feedTurns: 40, wakes: 200 };
const CASES = [
  [1, 1],
  [1, 8],
  [1, 64],
  [1, 512],
  [4, 64],
] as const;
const SERVER_SETTINGS = { shared_buffers: "256MB", max_wal_size: "4GB" };

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

interface Caller {
  readonly store: PostgresStore;
  readonly writer: ThreadWriter;
}

async function openWriters(stores: readonly PostgresStore[], threads: number): Promise<readonly Caller[]> {
  const callers: Caller[] = [];
  for (let n = 0; n < threads; n += 1) {
    const store = stores[n % stores.length];
    if (store === undefined) throw new Error("there is no node");
    const { writer } = await store.createThread({ metadata: { cwd: "/bench" } });
    await store.persistThread(writer);
    callers.push({ store, writer });
  }
  return callers;
}

type AppendRound = Omit<AppendRow, "nodes" | "threads" | "p50Ms" | "p99Ms"> & { readonly waitsMs: readonly number[] };

async function appendRound(callers: readonly Caller[], ms: number, serverPid: number): Promise<AppendRound> {
  const maker = createTurnMaker(1);
  const texts = Array.from({ length: 256 }, () => maker.record());
  const waitsMs: number[] = [];
  let done = 0;
  const serverBefore = usageOf(serverPid).cpuMs;
  const cpuBefore = process.cpuUsage();
  const beganMs = systemClock.monotonicMs();
  const endMs = beganMs + ms;
  const run = async ({ store, writer }: Caller): Promise<void> => {
    for (let nowMs = beganMs; nowMs < endMs;) {
      const callMs = nowMs;
      await store.appendItems({ writer, items: [recordOf(texts[done % texts.length] ?? "")] });
      nowMs = systemClock.monotonicMs();
      done += 1;
      waitsMs.push(nowMs - callMs);
    }
  };
  await Promise.all(callers.map(run));
  const tookMs = systemClock.monotonicMs() - beganMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  const serverCpuMs = usageOf(serverPid).cpuMs - serverBefore;
  return {
    perSecond: (done / tookMs) * 1_000,
    clientCpuUs: (user + system) / done,
    serverCpuUs: (serverCpuMs * 1_000) / done,
    waitsMs,
  };
}

async function benchAppends(url: string, pid: number, sizes: Sizes): Promise<readonly AppendRow[]> {
  const rounds = new Map<string, AppendRound[]>();
  for (let round = 0; round < sizes.rounds; round += 1) {
    for (const [nodes, threads] of CASES) {
      const stores: PostgresStore[] = [];
      try {
        for (let n = 0; n < nodes; n += 1) stores.push(await openPostgresThreadStore({ url, schema: "appends" }));
        const callers = await openWriters(stores, threads);
        const key = `${nodes}:${threads}`;
        const measured = await appendRound(callers, sizes.roundMs, pid);
        rounds.set(key, [...(rounds.get(key) ?? []), measured]);
      } finally {
        for (const store of stores) await store.close();
      }
    }
  }
  return CASES.map(([nodes, threads]) => {
    const all = rounds.get(`${nodes}:${threads}`) ?? [];
    const waitsMs = all.flatMap((one) => one.waitsMs);
    return {
      nodes,
      threads,
      perSecond: medianOf(all.map((one) => one.perSecond)),
      p50Ms: quantile(waitsMs, 0.5),
      p99Ms: quantile(waitsMs, 0.99),
      clientCpuUs: medianOf(all.map((one) => one.clientCpuUs)),
      serverCpuUs: medianOf(all.map((one) => one.serverCpuUs)),
    };
  });
}

/** What a node that starts reads, and how long another one's record takes to it. */
interface FollowReport {
  readonly records: number;
  /** Records a second: the feed alone, and with the rows that a node makes of it. */
  readonly feedPerSecond: number;
  readonly rowsPerSecond: number;
  /** From the call of an append at one node until the other's rows have the record, milliseconds. */
  readonly appendToRowsP50Ms: number;
  readonly appendToRowsP99Ms: number;
}

async function benchFollowing(url: string, sizes: Sizes, folder: string): Promise<FollowReport> {
  const schema = "feed";
  const writing = await openPostgresThreadStore({ url, schema });
  try {
    const callers = await openWriters([writing], sizes.feedThreads);
    const maker = createTurnMaker(2);
    for (let turn = 0; turn < sizes.feedTurns; turn += 1) {
      await Promise.all(
        callers.map(({ store, writer }) => store.appendItems({ writer, items: [...maker.turn().items] })),
      );
    }
    const { records, ms } = await readFeed(writing);
    const beganMs = systemClock.monotonicMs();
    const following = await openWithRows({ url, schema, stateDb: join(folder, "rows.sqlite") });
    try {
      await following.listThreads({ limit: 1 });
      const rowsMs = systemClock.monotonicMs() - beganMs;
      const waitsMs = await appendToRows(callers, following, sizes.wakes);
      return {
        records,
        feedPerSecond: (records / ms) * 1_000,
        rowsPerSecond: (records / rowsMs) * 1_000,
        appendToRowsP50Ms: quantile(waitsMs, 0.5),
        appendToRowsP99Ms: quantile(waitsMs, 0.99),
      };
    } finally {
      await following.close();
    }
  } finally {
    await writing.close();
  }
}

async function readFeed({ source }: PostgresStore): Promise<{ readonly records: number; readonly ms: number }> {
  const beganMs = systemClock.monotonicMs();
  let records = 0;
  for (let cursor: string | null = null, isEnd = false; !isEnd;) {
    const page = await source.changes(cursor);
    records += page.lines.length;
    ({ cursor, isEnd } = page);
  }
  return { records, ms: systemClock.monotonicMs() - beganMs };
}

async function appendToRows(
  callers: readonly Caller[],
  following: Awaited<ReturnType<typeof openWithRows>>,
  count: number,
): Promise<readonly number[]> {
  const maker = createTurnMaker(3);
  const waitsMs: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const caller = callers[n % callers.length];
    if (caller === undefined) throw new Error("there is no thread");
    const beganMs = systemClock.monotonicMs();
    const items = [recordOf(maker.record())];
    const { nextOrdinal } = await caller.store.appendItems({ writer: caller.writer, items });
    await following.rows.whenApplied({ threadId: caller.writer.threadId, nextOrdinal });
    waitsMs.push(systemClock.monotonicMs() - beganMs);
  }
  return waitsMs;
}

const TITLES = ["nodes", "threads", "appends/s", "p50 ms", "p99 ms", "client µs", "server µs"];

function appendLine(row: AppendRow): string {
  const cells = [row.nodes, row.threads, Math.round(row.perSecond), row.p50Ms.toFixed(1), row.p99Ms.toFixed(1)];
  return [...cells, Math.round(row.clientCpuUs), Math.round(row.serverCpuUs)]
    .map((cell) => String(cell).padStart(11))
    .join("");
}

function followLines(report: FollowReport): string {
  const { records, feedPerSecond, rowsPerSecond, appendToRowsP50Ms, appendToRowsP99Ms } = report;
  return [
    `feed from the first of ${records} records: ${Math.round(feedPerSecond)} records/s`,
    `rows of a node that starts, with the full text: ${Math.round(rowsPerSecond)} records/s`,
    `append at one node until it is in another's rows: p50 ${appendToRowsP50Ms.toFixed(1)} ms, p99 ${appendToRowsP99Ms.toFixed(1)} ms`,
  ].join("\n");
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const size = values.quick ? QUICK : FULL;
  const sizes = values.rounds === undefined ? size : { ...size, rounds: Number(values.rounds) };
  const server: PostgresServer = await startPostgres({ fsync: true, extra: SERVER_SETTINGS });
  const folder = await mkdtemp(join(tmpdir(), "skein-bench-postgres-"));
  try {
    const appends = await benchAppends(server.url, server.pid ?? 0, sizes);
    const following = await benchFollowing(server.url, sizes, folder);
    const where = { server: server.version, node: process.version, cores: availableParallelism() };
    if (values.json) {
      console.log(JSON.stringify({ bench: "postgres", ...where, ...sizes, appends, following }));
      return;
    }
    console.log(`${where.server}, fsync on, ${where.cores} cores, Node ${where.node}\n`);
    console.log(TITLES.map((title) => title.padStart(11)).join(""));
    for (const row of appends) console.log(appendLine(row));
    console.log(`\n${followLines(following)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await server.stop();
  }
}

await main();
