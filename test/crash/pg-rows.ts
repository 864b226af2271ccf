/**
 * The rows of the PostgreSQL crash test: what is done to servers, nodes and connections while nodes append, again and
 * again, on real servers and in real processes. Each row ends with a comparison of all that was acknowledged with
 * all that is there.
 */
import { setTimeout as delay } from "node:timers/promises";

import { startPostgres } from "../support/postgres/postgres-server.ts";
import { killAppServers } from "./pg-app-servers.ts";
import { type PgCluster, promoteBest, startCluster } from "./pg-cluster.ts";
import type { PgNode } from "./pg-nodes.ts";
import { PgSite, type SiteResult } from "./pg-site.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** How often, and how much in between. */
export interface RowWish {
  readonly seed: number;
  readonly rounds: number;
  /** Appends that are acknowledged between two faults, about. */
  readonly appends: number;
  readonly threads: number;
  /** A data folder of a server that is stopped: those of the rows begin with a copy of it. */
  readonly template: string;
}

/** What is done. */
export interface PgCrashRow {
  readonly id: string;
  readonly title: string;
  /** What `waitsMs` of its result is the time of. */
  readonly wait: string;
  /** A row without what the others rely on: it must lose something, else the test would not see a loss. */
  readonly isControl?: boolean;
  /** What it counts in place of appends. */
  readonly counts?: "facts";
  run(wish: RowWish): Promise<SiteResult>;
}

const LEASE_TTL_MS = 2_000;
const STALL_MS = 400;

/** A site on one server, with nodes that share its threads. */
async function onServer(
  wish: RowWish,
  nodes: number,
  work: (site: PgSite, server: Awaited<ReturnType<typeof startPostgres>>) => Promise<void>,
): Promise<SiteResult> {
  const server = await startPostgres({ fsync: true, copyOf: wish.template });
  const site = new PgSite({ ...wish, leaseTtlMs: LEASE_TTL_MS });
  try {
    await site.startFollower(server.url);
    for (let index = 0; index < nodes; index += 1) site.startNode(server.url, { index, of: nodes });
    await work(site, server);
    return await site.finish(server.url);
  } finally {
    await site.close();
    await server.stop();
  }
}

async function killPrimary(wish: RowWish): Promise<SiteResult> {
  return onServer(wish, 2, async (site, server) => {
    for (let round = 0; round < wish.rounds; round += 1) {
      await site.appends(wish.appends);
      const atMs = performance.now();
      await server.kill9();
      await server.start();
      await site.goesOn(atMs);
    }
    await site.appends(wish.appends);
  });
}

async function killNode(wish: RowWish): Promise<SiteResult> {
  return onServer(wish, 3, async (site, server) => {
    for (let round = 0; round < wish.rounds; round += 1) {
      await site.until("a node that owns threads", () => site.nodes.some(({ owned }) => owned.size > 0));
      await site.appends(wish.appends);
      const owners = site.nodes.filter(({ owned }) => owned.size > 0);
      const victim = owners[Math.floor(site.random() * owners.length)];
      if (victim === undefined) throw new Error("no node owns a thread");
      const atMs = performance.now();
      await victim.kill9();
      await site.takenOver(victim, atMs);
      site.startNode(server.url);
    }
    await site.appends(wish.appends);
  });
}

async function stopNode(wish: RowWish): Promise<SiteResult> {
  return onServer(wish, 3, async (site) => {
    for (let round = 0; round < wish.rounds; round += 1) {
      await site.appends(wish.appends);
      const owners = site.nodes.filter(({ owned }) => owned.size > 0);
      const victim = owners[Math.floor(site.random() * owners.length)];
      if (victim === undefined) throw new Error("no node owns a thread");
      const refusalsOf = (): number => [...victim.codes.values()].reduce((sum, count) => sum + count, 0);
      const [before, threads] = [refusalsOf(), [...victim.owned]];
      victim.stop();
      if (round % 2 === 0) {
        await site.takenOver(victim, performance.now());
        victim.wake();
        await site.until("a refusal for each thread of the sleeper", () => refusalsOf() >= before + threads.length);
      } else {
        // It wakes when others have begun to take its threads, and may not have written there yet.
        const takers = site.nodes.filter((node) => node !== victim);
        await site.until("a thread of the sleeper taken", () =>
          takers.some(({ owned }) => threads.some((id) => owned.has(id))),
        );
        victim.wake();
        await site.until("a refusal for the sleeper", () => refusalsOf() > before);
      }
    }
    await site.appends(wish.appends);
  });
}

async function cutConnections(wish: RowWish): Promise<SiteResult> {
  const server = await startPostgres({ fsync: true, copyOf: wish.template });
  const proxies = await Promise.all([TcpProxy.open(server.port), TcpProxy.open(server.port)]);
  const site = new PgSite({ ...wish, leaseTtlMs: LEASE_TTL_MS });
  try {
    await site.startFollower(`postgres://app@127.0.0.1:${proxies[0]?.port ?? 0}/postgres`);
    for (const [index, { port }] of proxies.entries()) {
      site.startNode(`postgres://app@127.0.0.1:${port}/postgres`, { index, of: proxies.length });
    }
    for (let round = 0; round < wish.rounds; round += 1) {
      await site.appends(wish.appends);
      const proxy = proxies[Math.floor(site.random() * proxies.length)];
      const atMs = performance.now();
      if (site.random() < 0.5) proxy?.cut();
      else proxy?.cutAtNextAnswer();
      await site.goesOn(atMs);
    }
    await site.appends(wish.appends);
    return await site.finish(server.url);
  } finally {
    await site.close();
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await server.stop();
  }
}

/** One fault of many kinds after another, with nodes that sleep through some of them. */
async function storm(wish: RowWish): Promise<SiteResult> {
  const server = await startPostgres({ fsync: true, copyOf: wish.template });
  const proxies = await Promise.all([0, 1, 2].map(() => TcpProxy.open(server.port)));
  const site = new PgSite({ ...wish, leaseTtlMs: LEASE_TTL_MS });
  const urlOf = (index: number): string => `postgres://app@127.0.0.1:${proxies[index]?.port ?? 0}/postgres`;
  const oneOf = <Value>(values: readonly Value[]): Value | undefined =>
    values[Math.floor(site.random() * values.length)];
  let sleeper: PgNode | undefined;
  const faults: readonly (() => void | Promise<void>)[] = [
    async () => {
      await server.kill9();
      await server.start();
    },
    () => oneOf(proxies)?.cut(),
    () => oneOf(proxies)?.cutAtNextAnswer(),
    async () => {
      await oneOf(site.nodes.filter((node) => node !== sleeper))?.kill9();
      site.startNode(urlOf(Math.floor(site.random() * proxies.length)));
    },
    () => {
      sleeper?.wake();
      sleeper = sleeper === undefined ? oneOf(site.nodes) : undefined;
      sleeper?.stop();
    },
  ];
  try {
    await site.startFollower(urlOf(0));
    for (const index of proxies.keys()) site.startNode(urlOf(index), { index, of: proxies.length });
    for (let round = 0; round < wish.rounds; round += 1) {
      await site.appends(wish.appends * site.random());
      const atMs = performance.now();
      await oneOf(faults)?.();
      await site.goesOn(atMs);
    }
    sleeper?.wake();
    await site.appends(wish.appends);
    return await site.finish(server.url);
  } finally {
    await site.close();
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await server.stop();
  }
}

async function killServers(wish: RowWish): Promise<SiteResult> {
  const { told, missing, waitsMs, examples } = await killAppServers({ ...wish, facts: wish.appends });
  const none = { landedUnheard: 0, records: 0, isFollowed: false, doubled: 0, broken: 0, codes: {} };
  return { ...none, acknowledged: told, lost: missing, waitsMs, examples };
}

/** Each round on a cluster of its own. */
async function failOver(wish: RowWish, quorum: boolean): Promise<SiteResult> {
  const results: SiteResult[] = [];
  for (let round = 0; round < wish.rounds; round += 1) {
    const cluster = await startCluster({ quorum, template: wish.template });
    try {
      results.push(await failOverOnce({ ...wish, seed: wish.seed + round }, cluster, quorum));
    } finally {
      await cluster.stop();
    }
  }
  return sum(results);
}

async function failOverOnce(wish: RowWish, cluster: PgCluster, quorum: boolean): Promise<SiteResult> {
  const proxy = await TcpProxy.open(cluster.primary.port);
  const site = new PgSite({ ...wish, leaseTtlMs: LEASE_TTL_MS });
  try {
    for (const index of [0, 1]) {
      site.startNode(`postgres://app@127.0.0.1:${proxy.port}/postgres`, { index, of: 2 });
    }
    await site.appends(wish.appends);
    // One standby's stream stalls, so that it matters which one is promoted; where nothing waits for them, both.
    const stalled = Math.floor(site.random() * cluster.links.length);
    for (const [index, link] of cluster.links.entries()) if (!quorum || index === stalled) link.hold();
    await delay(STALL_MS);
    await site.appends(wish.appends / 4);
    const atMs = performance.now();
    await cluster.primary.kill9();
    const promoted = await promoteBest(cluster);
    proxy.targetPort = promoted.port;
    proxy.cut();
    await site.goesOn(atMs);
    await site.appends(wish.appends);
    return await site.finish(promoted.url);
  } finally {
    await site.close();
    await proxy.close();
  }
}

function sum(results: readonly SiteResult[]): SiteResult {
  const codes: Record<string, number> = {};
  for (const result of results) {
    for (const [code, count] of Object.entries(result.codes)) codes[code] = (codes[code] ?? 0) + count;
  }
  const total = (count: (result: SiteResult) => number): number => results.reduce((all, one) => all + count(one), 0);
  return {
    acknowledged: total((result) => result.acknowledged),
    landedUnheard: total((result) => result.landedUnheard),
    records: total((result) => result.records),
    isFollowed: results.every(({ isFollowed }) => isFollowed),
    lost: total((result) => result.lost),
    doubled: total((result) => result.doubled),
    broken: total((result) => result.broken),
    examples: results.flatMap(({ examples }) => examples),
    waitsMs: results.flatMap(({ waitsMs }) => waitsMs),
    codes,
  };
}

/** All rows. */
export const PG_CRASH_ROWS: readonly PgCrashRow[] = [
  {
    id: "kill-primary",
    title: "SIGKILL of the server and all of its processes, and a start on what it had written",
    wait: "kill to next append, the server's own start in it",
    run: killPrimary,
  },
  {
    id: "cut-connections",
    title: "connections cut: at once, or when the next answer comes, so that it is never heard",
    wait: "cut to next append",
    run: cutConnections,
  },
  {
    id: "kill-node",
    title: `SIGKILL of one of three nodes; others take its threads (lease ${LEASE_TTL_MS / 1000} s)`,
    wait: "kill to another node's append, each thread",
    run: killNode,
  },
  {
    id: "stop-node",
    title: "SIGSTOP of one of three nodes past its lease, with appends under way; others take its threads; SIGCONT",
    wait: "stop to another node's append, each thread",
    run: stopNode,
  },
  {
    id: "storm",
    title: "all of these in a row drawn by the seed, one upon another, with a node that sleeps through some of them",
    wait: "fault to next append",
    run: storm,
  },
  {
    id: "kill-app-server",
    title:
      "SIGKILL of `skein serve --store` in the middle of turns; another server on the same database resumes its threads (lease 10 s); what its client was told is counted",
    wait: "kill to the thread resumed by the other server",
    counts: "facts",
    run: killServers,
  },
  {
    id: "fail-over",
    title:
      "quorum of two standbys (ANY 1), one of them stalled: SIGKILL of the primary, promotion of the one that has most",
    wait: "kill to next append",
    run: (wish) => failOver(wish, true),
  },
  {
    id: "fail-over-async",
    title: "for comparison: the same without synchronous replication, both standbys stalled",
    wait: "kill to next append",
    isControl: true,
    run: (wish) => failOver(wish, false),
  },
];
