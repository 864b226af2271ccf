/**
 * A server that is killed gives the numbers of transactions again that had not reached its disk: those of a NOTIFY, or
 * of a transaction that was rolled back. Who listens, and who followed the logs from their end, is told what is
 * written with such a number all the same.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { settledSnapshot } from "../../../src/store/postgres/feed-reader.ts";
import { startPostgres } from "../../support/postgres/postgres-server.ts";
import { message, postgresLab, seedThread, textsOf } from "./postgres-lab.ts";
import { postgres } from "./postgres-place.ts";

/** Longer than from one look at the feed to the next. */
const LOOK_MS = 1_500;

/** Takes numbers of transactions that tell nothing; gives the last. */
async function takeNumbers(url: string, count: number): Promise<bigint> {
  const client = new Client({ connectionString: url });
  await client.connect();
  let last = 0n;
  for (let taken = 0; taken < count; taken += 1) {
    const { rows } = await client.query<{ xid: string }>("SELECT pg_current_xact_id()::text AS xid");
    last = BigInt(rows[0]?.xid ?? 0);
  }
  await client.end();
  return last;
}

describe.skipIf(postgres.skipped !== null)("a server that is killed and gives its newest numbers again", () => {
  it(
    "leaves nothing out of what listeners and followers from the end are told",
    { timeout: 60_000 },
    async ({ skip }) => {
      // What isn't waited for stays off the disk for so long.
      const server = await startPostgres({ copyOf: postgres.template, extra: { wal_writer_delay: "10s" } });
      onTestFinished(() => server.stop());
      const lab = postgresLab(server.url);
      // A renewal of a lease would bring the numbers before it to the disk.
      const open = (): ReturnType<typeof lab.open> => lab.open({ leaseTtlMs: 600_000 });
      const [one, two, idle] = [await open(), await open(), await open()];
      const told: string[] = [];
      two.subscribe((event) => {
        if (event.type === "appended") told.push(...textsOf(event.records));
      });
      const { threadId, writer } = await seedThread(one, ["before"]);
      await vi.waitFor(() => expect(told).toEqual(["before"]), 10_000);

      const taken = await takeNumbers(server.url, 20);
      const cursor = (await idle.source.now()) ?? "";
      await delay(LOOK_MS);
      await server.kill9();
      await server.start();
      // Its own background writing may have come in between: then nothing is given again, and nothing is shown.
      if ((await takeNumbers(server.url, 1)) > taken) skip("the server had its newest numbers on the disk");

      await vi.waitFor(() => one.appendItems({ writer, items: [message("after")] }), 20_000);
      await one.appendItems({ writer, items: [message("and on")] });
      await vi.waitFor(() => expect(told).toEqual(["before", "after", "and on"]), 10_000);
      await vi.waitFor(async () => {
        const { lines } = await idle.source.changes(cursor);
        expect(lines.map((line) => `${line.threadId} ${line.ordinal}`)).toEqual([`${threadId} 2`, `${threadId} 3`]);
      }, 10_000);
    },
  );
});

describe("how far a look at the server is relied on", () => {
  it.each([
    ["10:20:", "30", "10:20:"],
    ["10:20:10,15", "19", "10:20:10,15"],
    ["10:20:10,15", "14", "10:15:10"],
    ["10:20:10,15", "15", "10:16:10,15"],
    ["18:20:18", "12", "13:13:"],
    ["20:20:", null, "1:1:"],
  ])("%s with %s as the newest is %s", (snapshot, newest, settled) => {
    expect(settledSnapshot({ snapshot, newest_xid: newest })).toBe(settled);
  });
});
