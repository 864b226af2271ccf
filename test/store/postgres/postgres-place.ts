/**
 * Places for the laws of the store on PostgreSQL: a schema each, on the worker's server, dropped when it is done. A
 * killed handle loses all its connections at once, and its lease is over: the server's clock can't be moved by hand,
 * so the place ends it where a test would wait for it.
 */
import { Client } from "pg";

import { openPostgresThreadStore, type PostgresThreadStore } from "../../../src/postgres/index.ts";
import type { ThreadStore } from "../../../src/store/index.ts";
import type { StoreFixture } from "../../../src/testing/index.ts";
import { testSchema, workerPostgres } from "../../support/postgres/worker-postgres.ts";
import { createKillableSockets } from "./killable-sockets.ts";

/** Without a server nothing of this is tested; the reason is told. */
export const postgres = await workerPostgres();

/** Runs one statement on the worker's server. */
export async function runSql<Row extends Record<string, unknown>>(
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  return runSqlAt<Row>(postgres.url, text, values);
}

/** The same on another server. */
export async function runSqlAt<Row extends Record<string, unknown>>(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

/** Ends the lease of a node, as if it had shown no sign of life for that long. */
export async function endLease(schema: string, nodeId: string): Promise<void> {
  await runSql(`UPDATE "${schema}".node SET alive_until = clock_timestamp() WHERE node_id = $1`, [nodeId]);
}

/** A schema of its own. */
export const postgresFixture: StoreFixture = async () => {
  const schema = testSchema(postgres.url);
  const kills = new Map<ThreadStore, () => Promise<void>>();
  return {
    place: `${postgres.url}#${schema.name}`,
    async open(options = {}) {
      const sockets = createKillableSockets();
      const store: PostgresThreadStore = await openPostgresThreadStore({
        url: postgres.url,
        schema: schema.name,
        allowUnsafe: true,
        openSocket: sockets.open,
        ...options,
      });
      kills.set(store, async () => {
        sockets.kill();
        await endLease(schema.name, store.nodeId);
        // It reaches nobody any more: this only ends its timers, and may fail as it likes.
        store.close().catch(() => {});
      });
      return store;
    },
    async kill(handle) {
      await kills.get(handle)?.();
      kills.delete(handle);
    },
    dispose: () => schema.drop(),
  };
};
