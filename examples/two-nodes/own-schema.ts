/**
 * A schema of the example's own in a database that somebody named: the example makes tables there and nowhere else,
 * says where it is, and drops it at the end.
 */
import { randomBytes } from "node:crypto";
import { Client } from "pg";

import type { ExampleDatabase } from "./own-postgres.ts";

/** What still has a table in use at the end is not waited for any longer. */
const LOCK_WAIT = "10s";

/** Makes it. Throws where the database can't be reached, or lets nobody make a schema. */
export async function makeOwnSchema(url: string): Promise<ExampleDatabase> {
  if (!/^postgres(ql)?:\/\//.test(url)) throw new Error("a database is named as postgres://USER@HOST:PORT/DATABASE");
  const schema = `skein_example_${randomBytes(6).toString("hex")}`;
  const { host, port, database } = await run(url, `CREATE SCHEMA ${schema}`);
  console.log(`works in a schema of its own, ${schema}, in the database ${database ?? ""} at ${host}:${port}`);
  const stop = async (): Promise<void> => {
    try {
      await run(url, `SET lock_timeout = '${LOCK_WAIT}'; DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    } catch (error) {
      throw new Error(`the schema stays, end it with: DROP SCHEMA ${schema} CASCADE`, { cause: error });
    }
  };
  return { url, schema, stop };
}

/** On a connection that is made for it. */
async function run(url: string, sql: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  // What ends the connection is told by the statement that fails.
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end();
  }
  return client;
}
