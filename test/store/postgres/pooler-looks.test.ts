/**
 * Looks at a pooler by the connections of one handle: one at a time, and none that stands in the way of who works, until
 * somebody found itself in another one's session.
 */
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { silentLogger, systemClock } from "../../../src/base/index.ts";
import { PostgresDatabase } from "../../../src/store/postgres/postgres-database.ts";
import { postgresSettings } from "../../../src/store/postgres/postgres-options.ts";
import { postgres } from "./postgres-place.ts";
import { startSessionPooler } from "./session-pooler.ts";

/** The pool's, all of which are made at once where so many statements come. */
const CONNECTIONS = 8;
const SLOW = { text: "SELECT pg_sleep(0.05)" };

/** A handle through a pooler with so many sessions that has one connection, and looks again with the next. */
async function quietHandle(sessionsMax: number) {
  const pooler = await startSessionPooler(postgres.url, sessionsMax);
  const [warn, lost] = [vi.fn<(fields: object, message: string) => void>(), vi.fn<(message: string) => void>()];
  const logger = { ...silentLogger, warn, debug: (_: object, text: string) => lost(text) };
  let aheadMs = 0;
  const timers = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
  const database = new PostgresDatabase({ ...postgresSettings({ url: pooler.url, logger }), timers });
  onTestFinished(() => database.close());
  await database.query(SLOW);
  expect(pooler.clients).toBe(2);
  aheadMs = 61_000;
  const burst = (): Promise<unknown> => Promise.all(Array.from({ length: 16 }, () => database.queryOnce(SLOW)));
  return { database, pooler, warn, lost, burst };
}

describe.skipIf(postgres.skipped !== null)("a pooler that keeps sessions", () => {
  it("is looked at again once for all connections that are made at the same time", async () => {
    const { pooler, warn, burst } = await quietHandle(20);
    await burst();
    expect(pooler.clients).toBe(2 + (CONNECTIONS - 1) + 1);
    expect(warn).not.toHaveBeenCalled();
  });

  it("and has no session left for another look cuts off nobody: the connections work, and it is said", async () => {
    const { pooler, warn, lost, burst } = await quietHandle(CONNECTIONS);
    await burst();
    expect(pooler.clients).toBe(2 + (CONNECTIONS - 1) + 1);
    expect(warn.mock.calls.map(([, text]) => text)).toEqual([expect.stringContaining("room for 11 of each node")]);
    expect(lost.mock.calls.length).toBeLessThanOrEqual(1);
  });

  it("is looked at again at once when somebody found itself in another one's session", async () => {
    const { database, pooler, burst } = await quietHandle(20);
    await burst();
    const before = pooler.clients;
    const client = await database.connect(() => {});
    expect(pooler.clients).toBe(before + 1);
    expect(database.isSessionOf(client, "another's")).toBe(false);
    await database.connect(() => {});
    expect(pooler.clients).toBe(before + 3);
  });
});
