/**
 * A primary and a standby that it doesn't wait for, and that is held up and promoted. A proxy leads clients to the one
 * that counts. Not a test.
 */
import { Client } from "pg";
import { expect, onTestFinished, vi } from "vitest";

import { TcpProxy } from "../../crash/tcp-proxy.ts";
import { startPostgres } from "../../support/postgres/postgres-server.ts";
import { postgres } from "./postgres-place.ts";

/** Two servers. */
export interface LaggingPair {
  /** Where the server answers that counts. */
  readonly url: string;
  /** From now on the standby gets nothing; it has all there is. */
  stall(): Promise<void>;
  /** Kills the primary, promotes the standby, and leads there who asks. */
  failOver(): Promise<void>;
}

async function ask(url: string, text: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ value: unknown }>(`SELECT (${text})::text AS value`);
    return String(rows[0]?.value);
  } finally {
    await client.end();
  }
}

/** A primary, and a standby that it doesn't wait for. */
export async function startLaggingPair(): Promise<LaggingPair> {
  const copyOf = postgres.template;
  const extra = { wal_keep_size: "64MB", hot_standby: "on" };
  const primary = await startPostgres({ copyOf, extra });
  onTestFinished(() => primary.stop());
  const link = await TcpProxy.open(primary.port);
  onTestFinished(() => link.close());
  const standbyOf = `postgres://app@127.0.0.1:${link.port}/postgres`;
  const standby = await startPostgres({ copyOf, extra, standbyOf });
  onTestFinished(() => standby.stop());
  const front = await TcpProxy.open(primary.port);
  onTestFinished(() => front.close());
  return {
    url: `postgres://app@127.0.0.1:${front.port}/postgres`,
    async stall() {
      const end = await ask(primary.url, "pg_current_wal_flush_lsn()");
      const isThere = `coalesce(pg_last_wal_replay_lsn() >= '${end}'::pg_lsn, false)`;
      await vi.waitFor(async () => expect(await ask(standby.url, isThere)).toBe("true"), 20_000);
      link.hold();
    },
    async failOver() {
      await primary.kill9();
      link.cut();
      await ask(standby.url, "pg_promote(true, 30)");
      front.targetPort = standby.port;
      front.cut();
    },
  };
}
