/**
 * A server that goes on in another timeline, as a standby does that is promoted: every lease of the nodes is dropped,
 * followers sweep, and nothing that was acknowledged is written twice or lost on the way.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Client } from "pg";
import { describe, expect, it, onTestFinished } from "vitest";

import { type PostgresServer, startPostgres } from "../../support/postgres/postgres-server.ts";
import { message, postgresLab, readLog, refusal, seedThread, textsOf } from "./postgres-lab.ts";
import { postgres } from "./postgres-place.ts";

/** Stops the server, starts it as a standby of nobody, and promotes it. */
async function failOver(server: PostgresServer, asStandby: () => Promise<void>): Promise<void> {
  await server.halt("fast");
  await writeFile(join(server.dataDir, "standby.signal"), "");
  await server.start();
  await asStandby();
  const client = new Client({ connectionString: server.url });
  await client.connect();
  await client.query("SELECT pg_promote()");
  await client.end();
}

describe.skipIf(postgres.skipped !== null)("a store whose PostgreSQL failed over", () => {
  it("puts what was in flight, drops every lease, and goes on with greater epochs where threads are resumed", async () => {
    const server = await startPostgres({ fsync: true });
    onTestFinished(() => server.stop());
    const lab = postgresLab(server.url);
    const store = await lab.open({ allowUnsafe: false });
    expect([store.capabilities.durability, store.durability.timeline]).toEqual(["fsync", 1]);
    const { threadId, writer } = await seedThread(store, ["before"]);
    const other = await seedThread(store);
    const cursor = await store.source.now();
    let inFlight: Promise<unknown> = Promise.resolve();
    await failOver(server, async () => {
      expect((await refusal(lab.open())).message).toMatch(/standby and takes no writes/);
      inFlight = store.appendItems({ writer, items: [message("in flight")] });
    });
    expect(await inFlight).toMatchObject({ firstOrdinal: 2, durability: "fsync" });
    for (const lost of [writer, other.writer]) {
      const error = await refusal(store.appendItems({ writer: lost, items: [message("late")] }));
      expect(error.code).toBe("writer_fenced");
      expect(error.message).toMatch(/failed over.*resume the thread/);
    }
    const resumed = await store.resumeThread({ threadId });
    expect(resumed.nextOrdinal).toBe(3);
    expect(resumed.writer.epoch).toBeGreaterThanOrEqual(2 ** 32);
    await store.appendItems({ writer: resumed.writer, items: [message("after")] });
    // The other one is nobody's: another node may take it at once.
    const second = await lab.open();
    await second.resumeThread({ threadId: other.threadId });
    expect(textsOf(await readLog(second, threadId))).toEqual(["before", "in flight", "after"]);
    expect((await store.source.changes(cursor)).isReset).toBe(true);
    expect((await store.listThreads()).data.map(({ id }) => id).toSorted()).toEqual(
      [threadId, other.threadId].toSorted(),
    );
  }, 60_000);
});
