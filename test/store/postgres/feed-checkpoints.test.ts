/**
 * Checkpoints of consumers in the database of the threads: what is kept, in which order, across handles and in a schema
 * that an earlier version made.
 */
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";

import { openPostgresCheckpoints, type PostgresCheckpoints } from "../../../src/postgres/index.ts";
import { createIdSource } from "../../../src/base/index.ts";
import { testSchema } from "../../support/postgres/worker-postgres.ts";
import { postgresLab, readLog, refusal, seedThread } from "./postgres-lab.ts";
import { postgres } from "./postgres-place.ts";

const newId = (): string => createIdSource().next();

async function open(schema: string): Promise<PostgresCheckpoints> {
  const checkpoints = await openPostgresCheckpoints({ url: postgres.url, schema });
  onTestFinished(() => checkpoints.close());
  return checkpoints;
}

function ownSchema(): string {
  const { name, drop } = testSchema(postgres.url);
  onTestFinished(drop);
  return name;
}

describe.skipIf(postgres.skipped !== null)("checkpoints in a database", () => {
  test("are found by every node, and none is null", async () => {
    const schema = ownSchema();
    const [here, there] = [await open(schema), await open(schema)];
    const key = { name: "mailer", threadId: newId() };
    expect(await there.read(key)).toBeNull();
    await here.save(key, 7);
    expect(await there.read(key)).toBe(7);
    expect(await there.read({ ...key, name: "other" })).toBeNull();
    expect(await there.read({ ...key, threadId: newId() })).toBeNull();
  });

  test("only grow, whoever saves them, also many at once", async () => {
    const schema = ownSchema();
    const [here, there] = [await open(schema), await open(schema)];
    const key = { name: "mailer", threadId: newId() };
    const saves = Array.from({ length: 60 }, (_, at) => (at % 2 === 0 ? here : there).save(key, (at * 37) % 61));
    await Promise.all(saves);
    expect(await here.read(key)).toBe(60);
    await there.save(key, 3);
    expect(await here.read(key)).toBe(60);
  });

  test("are gone with a thread that is deleted, whoever deletes it", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const checkpoints = await open(lab.schema);
    const [{ threadId }, other] = [await seedThread(store), await seedThread(store)];
    for (const id of [threadId, other.threadId]) await checkpoints.save({ name: "mailer", threadId: id }, 2);
    await store.deleteThread(threadId);
    expect(await checkpoints.read({ name: "mailer", threadId })).toBeNull();
    expect(await checkpoints.read({ name: "mailer", threadId: other.threadId })).toBe(2);
  });

  test("are forgotten one by one, and with their thread", async () => {
    const checkpoints = await open(ownSchema());
    const [threadId, other] = [newId(), newId()];
    for (const name of ["a", "b"]) await checkpoints.save({ name, threadId }, 1);
    await checkpoints.save({ name: "a", threadId: other }, 5);
    await checkpoints.delete({ name: "a", threadId });
    expect(await checkpoints.read({ name: "a", threadId })).toBeNull();
    expect(await checkpoints.read({ name: "b", threadId })).toBe(1);
    await checkpoints.deleteThread(threadId);
    expect(await checkpoints.read({ name: "b", threadId })).toBeNull();
    expect(await checkpoints.read({ name: "a", threadId: other })).toBe(5);
  });

  test("of one thread take effect in the order of the calls", async () => {
    const checkpoints = await open(ownSchema());
    const key = { name: "mailer", threadId: newId() };
    const [, , read] = await Promise.all([checkpoints.save(key, 9), checkpoints.delete(key), checkpoints.read(key)]);
    expect(read).toBeNull();
  });

  test("come into a schema that was made before there were any, whose threads stay", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const { threadId } = await seedThread(store);
    const before = await readLog(store, threadId);
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    await client.query(`DROP TABLE "${lab.schema}".feed_checkpoint`);
    await client.query(`UPDATE "${lab.schema}".meta SET v = '1' WHERE k = 'schema_version'`);
    await client.end();
    const checkpoints = await open(lab.schema);
    await checkpoints.save({ name: "mailer", threadId }, 2);
    expect(await checkpoints.read({ name: "mailer", threadId })).toBe(2);
    expect(await readLog(await lab.open(), threadId)).toEqual(before);
  });

  test("refuse what is no name, no position and no thread, and say where there is no server", async () => {
    const checkpoints = await open(ownSchema());
    const threadId = newId();
    expect((await refusal(checkpoints.save({ name: "", threadId }, 1))).code).toBe("invalid_argument");
    expect((await refusal(checkpoints.save({ name: "a", threadId }, -1))).code).toBe("invalid_argument");
    expect((await refusal(checkpoints.read({ name: "a", threadId: "no id" }))).code).toBe("invalid_thread_id");
    await checkpoints.close();
    expect((await refusal(checkpoints.read({ name: "a", threadId }))).code).toBe("runtime_closed");
  });
});
