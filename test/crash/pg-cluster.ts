/**
 * Three real PostgreSQL servers: a primary and two standbys that stream from it. A commit is acknowledged when one of
 * the standbys has flushed it too (`ANY 1`), or, for comparison, at once. After the primary was killed the standby
 * that has received the most is promoted, and the other one follows it.
 */
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";

import { followSettings, type PostgresServer, startPostgres } from "../support/postgres/postgres-server.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** A primary with its standbys. */
export interface PgCluster {
  readonly primary: PostgresServer;
  readonly standbys: readonly PostgresServer[];
  /** What each standby gets its stream through. */
  readonly links: readonly TcpProxy[];
  stop(): Promise<void>;
}

const NAMES = ["s0", "s1", "s2"] as const;
const STREAMING_MS_MAX = 60_000;
const STEP_MS = 20;

/** How a cluster is made. */
export interface ClusterOptions {
  /** Commits wait for one standby of two. */
  readonly quorum: boolean;
  /** A data folder of a server that is stopped: all three begin with a copy of it. */
  readonly template: string;
}

/** Starts one. */
export async function startCluster({ quorum, template }: ClusterOptions): Promise<PgCluster> {
  const extra = {
    cluster_name: "skein",
    wal_keep_size: "256MB",
    hot_standby: "on",
    ...(quorum ? { synchronous_standby_names: `ANY 1 (${NAMES.join(", ")})` } : {}),
  };
  const servers: PostgresServer[] = [];
  const links: TcpProxy[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all([...links.map((link) => link.close()), ...servers.map((server) => server.stop())]);
  };
  try {
    const primary = await startPostgres({ fsync: true, extra, copyOf: template });
    servers.push(primary);
    const copies = NAMES.slice(1).map(async (standbyName) => {
      const link = await TcpProxy.open(primary.port);
      links.push(link);
      const standbyOf = `postgres://app@127.0.0.1:${link.port}/postgres`;
      const standby = await startPostgres({ fsync: true, extra, copyOf: template, standbyOf, standbyName });
      servers.push(standby);
      return { standby, link };
    });
    const pairs = await Promise.all(copies);
    const standbys = pairs.map(({ standby }) => standby);
    await streaming(primary, 2);
    return { primary, standbys, links: pairs.map(({ link }) => link), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Promotes the standby that has the most, once the primary is gone; the other one follows it. */
export async function promoteBest({ standbys, links }: PgCluster): Promise<PostgresServer> {
  for (const link of links) link.cut();
  const received = await Promise.all(
    standbys.map(async (server) => ({
      server,
      bytes: Number(await ask(server.url, "SELECT pg_last_wal_receive_lsn() - '0/0'::pg_lsn")),
    })),
  );
  const [best, ...rest] = received.toSorted((a, b) => b.bytes - a.bytes).map(({ server }) => server);
  if (best === undefined) throw new Error("the cluster has no standby");
  await ask(best.url, "SELECT pg_promote(true, 60)");
  for (const server of rest) {
    const name = NAMES[1 + standbys.indexOf(server)] ?? "standby";
    await server.configure(followSettings(best.url, name));
  }
  return best;
}

/** Waits until so many standbys stream from a primary. */
async function streaming(primary: PostgresServer, count: number): Promise<void> {
  const end = performance.now() + STREAMING_MS_MAX;
  const text = "SELECT count(*)::int FROM pg_stat_replication WHERE state = 'streaming'";
  while ((await ask(primary.url, text)) !== count) {
    if (performance.now() > end) throw new Error(`the standbys do not follow: ${await primary.logTail()}`);
    await delay(STEP_MS);
  }
}

/** The first value of a statement's answer. */
async function ask(url: string, text: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(text);
    return rows[0] === undefined ? undefined : Object.values(rows[0])[0];
  } finally {
    await client.end();
  }
}
