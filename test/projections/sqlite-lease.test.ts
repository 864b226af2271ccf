/**
 * Leases with a clock that is moved by hand: who gets one, when a holder counts as gone, and that a holder
 * that slept too long is refused.
 */
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { isSkeinError, silentLogger } from "../../src/base/index.ts";
import type { Lease } from "../../src/projections/held-lease.ts";
import {
  beatLease,
  checkLeaseToken,
  type LeaseHolder,
  listLeaseHolders,
  readLease,
  takeLease,
} from "../../src/projections/lease-rows.ts";
import { toOwnerColumns } from "../../src/projections/owner-columns.ts";
import type { ProcessIdentity } from "../../src/projections/process-identity.ts";
import { createLeases, type Leases } from "../../src/projections/sqlite-lease.ts";
import type { SqliteDatabase } from "../../src/projections/sqlite-connection.ts";
import { createManualClock, type ManualClock } from "../../src/testing/index.ts";
import { createStoppableClock, type StoppableClock } from "../../src/testing/stoppable-clock.ts";
import { connect, createFolder, createIdentity, createWarnings, runUntilSettled } from "./state-db-fixture.ts";

const TTL_MS = 1_000;

interface Party {
  readonly clock: StoppableClock;
  readonly identity: ProcessIdentity;
  readonly db: SqliteDatabase;
  readonly leases: Leases;
}

/** A world with a file and as many processes as asked for. */
function createWorld(count: number, identity: Partial<ProcessIdentity> = {}): { world: ManualClock; parties: Party[] } {
  const world = createManualClock();
  const path = join(createFolder(), "skein.sqlite");
  const parties = Array.from({ length: count }, (_, at): Party => {
    const clock = createStoppableClock(world);
    const me = { ...createIdentity(world), ...(at === 0 ? identity : {}) };
    const db = connect(path);
    const leases = createLeases({ db, clock, identity: me, logger: silentLogger, ttlMs: TTL_MS });
    return { clock, identity: me, db, leases };
  });
  return { world, parties };
}

function createPair(identity: Partial<ProcessIdentity> = {}): { world: ManualClock; a: Party; b: Party } {
  const { world, parties } = createWorld(2, identity);
  const [a, b] = parties;
  if (a === undefined || b === undefined) throw new Error("no pair");
  return { world, a, b };
}

/** A row written under a lease, as every write under one is. */
function write(party: Party, lease: Lease): void {
  party.db.transaction(() => lease.check()).immediate();
}

function codeOf(work: () => unknown): string {
  try {
    work();
    return "ok";
  } catch (error) {
    return isSkeinError(error) ? error.code : String(error);
  }
}

describe("taking a lease", () => {
  test("the first taking has token 1, and every later one a greater token, also over releases", async () => {
    const { a, b } = createPair();
    const tokens: number[] = [];
    for (const { leases } of [a, b, a, a]) {
      const lease = await leases.acquire("backfill");
      tokens.push(lease.token);
      await lease.release();
    }
    expect(tokens).toEqual([1, 2, 3, 4]);
  });

  test("leases of different names do not know each other", async () => {
    const { a, b } = createPair();
    expect((await a.leases.acquire("one")).token).toBe(1);
    expect((await b.leases.acquire("two")).token).toBe(1);
  });

  test("a holder is named by who asks: owner, host, process, since when, how far", async () => {
    const { world, a, b } = createPair();
    const lease = await a.leases.acquire("backfill");
    lease.setProgress("12 of 40 files");
    world.advance(TTL_MS);
    expect(b.leases.holder("backfill")).toMatchObject({
      ownerId: a.identity.ownerId,
      host: a.identity.host,
      pid: process.pid,
      token: 1,
      sinceMs: world.nowMs() - TTL_MS,
      progress: "12 of 40 files",
    });
    expect(listLeaseHolders(b.db).map(({ name }) => name)).toEqual(["backfill"]);
    await lease.release();
    expect(b.leases.holder("backfill")).toBeNull();
    expect(listLeaseHolders(b.db)).toEqual([]);
  });

  test("tryAcquire gives null while another has it", async () => {
    const { a, b } = createPair();
    const lease = await a.leases.acquire("backfill");
    expect(await b.leases.tryAcquire("backfill")).toBeNull();
    await lease.release();
    expect((await b.leases.tryAcquire("backfill"))?.token).toBe(2);
  });

  test("one process that takes a lease twice waits for itself", async () => {
    const { a } = createPair();
    await a.leases.acquire("backfill");
    expect(await a.leases.tryAcquire("backfill")).toBeNull();
  });
});

describe("waiting for a lease", () => {
  test("a waiter gets the lease soon after its release, and not before", async () => {
    const { world, a, b } = createPair();
    const held = await a.leases.acquire("backfill");
    let got: Lease | undefined;
    const waiting = b.leases.acquire("backfill").then((lease) => {
      got = lease;
    });
    await world.run(20 * TTL_MS);
    expect(got).toBeUndefined();
    await held.release();
    await world.run(TTL_MS / 4);
    await waiting;
    expect(got?.token).toBe(2);
  });

  test("past the wait it is told who has the lease, since when, how far, and what to do", async () => {
    const { world, a, b } = createPair();
    (await a.leases.acquire("backfill")).setProgress("file 3 of 9");
    const error: unknown = await runUntilSettled(b.leases.acquire("backfill", { waitMaxMs: 5_000 }), world).catch(
      (error: unknown) => error,
    );
    expect(error).toMatchObject({
      code: "backfill_running",
      retryable: true,
      data: { ownerId: a.identity.ownerId, host: a.identity.host, pid: process.pid, progress: "file 3 of 9" },
    });
    const { message } = error as Error;
    expect(message).toContain(`process ${process.pid} on ${a.identity.host}`);
    expect(message).toContain("2026-01-02T03:04:05.000Z");
    expect(message).toContain("file 3 of 9");
    expect(message).toMatch(/wait longer, or end that process; `skein doctor`/);
  });

  test("a waiter hears of the holder once, and again when its progress is another", async () => {
    const { world, a, b } = createPair();
    const held = await a.leases.acquire("backfill");
    const seen: (string | null)[] = [];
    const onWaiting = ({ progress }: LeaseHolder): void => void seen.push(progress);
    const waiting = b.leases.acquire("backfill", { onWaiting, waitMaxMs: 10 * TTL_MS });
    await world.run(TTL_MS);
    held.setProgress("half");
    await world.run(TTL_MS);
    await held.release();
    await runUntilSettled(waiting, world);
    expect(seen).toEqual([null, "half"]);
  });

  test("an aborted wait rejects with the reason and leaves no timer", async () => {
    const { world, a, b } = createPair();
    const lease = await a.leases.acquire("backfill");
    const stop = new AbortController();
    const waiting = b.leases.acquire("backfill", { signal: stop.signal });
    await world.run(TTL_MS);
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await lease.release();
    expect(world.pendingTimers()).toBe(0);
  });

  test("a database that stays locked becomes state_db_busy, never `database is locked`", async () => {
    const { world, a, b } = createPair();
    b.db.exec("BEGIN IMMEDIATE");
    const busy = { code: "state_db_busy", retryable: true };
    await expect(runUntilSettled(a.leases.acquire("backfill", { waitMaxMs: 500 }), world)).rejects.toMatchObject(busy);
    await expect(runUntilSettled(a.leases.tryAcquire("backfill"), world)).rejects.toMatchObject(busy);
    b.db.exec("ROLLBACK");
    expect((await a.leases.acquire("backfill")).token).toBe(1);
  });
});

describe("a holder that is gone", () => {
  test("a heartbeat that stands still for the TTL loses the lease, and the sleeper's first write is refused", async () => {
    const { world, a, b } = createPair();
    const slept = await a.leases.acquire("backfill");
    write(a, slept);
    a.clock.stop();
    const taken = await runUntilSettled(b.leases.acquire("backfill"), world);
    expect(taken.token).toBe(2);
    expect(codeOf(() => write(a, slept))).toBe("lease_lost");
    expect(slept.lost.aborted).toBe(false);
    a.clock.goOn();
    expect(slept.lost.reason).toMatchObject({ code: "lease_lost", data: { token: 1, tokenNow: 2, pid: process.pid } });
    expect(codeOf(() => slept.check())).toBe("lease_lost");
    write(b, taken);
  });

  test("a heartbeat that moves keeps the lease, however long", async () => {
    const { world, a, b } = createPair();
    const held = await a.leases.acquire("backfill");
    for (let n = 0; n < 50; n += 1) {
      world.advance(TTL_MS / 2);
      expect(await b.leases.tryAcquire("backfill")).toBeNull();
    }
    write(a, held);
  });

  test("a holder that stopped for less than the TTL goes on", async () => {
    const { world, a, b } = createPair();
    const held = await a.leases.acquire("backfill");
    expect(await b.leases.tryAcquire("backfill")).toBeNull();
    a.clock.stop();
    world.advance(TTL_MS - 1);
    expect(await b.leases.tryAcquire("backfill")).toBeNull();
    a.clock.goOn();
    world.advance(TTL_MS - 1);
    expect(await b.leases.tryAcquire("backfill")).toBeNull();
    write(a, held);
  });

  test("who never saw the holder begins to count when it first looks", async () => {
    const { world, a, b } = createPair();
    await a.leases.acquire("backfill");
    a.clock.stop();
    world.advance(100 * TTL_MS);
    expect(await b.leases.tryAcquire("backfill")).toBeNull();
    world.advance(TTL_MS);
    expect((await b.leases.tryAcquire("backfill"))?.token).toBe(2);
  });

  test.each([-1e9, 1e9, -500, 500])("a wall clock that jumps by %d ms decides nothing", async (jumpMs) => {
    const { world, a, b } = createPair();
    const held = await a.leases.acquire("backfill");
    for (let n = 0; n < 20; n += 1) {
      world.jumpWall(jumpMs);
      expect(await b.leases.tryAcquire("backfill")).toBeNull();
      world.advance(TTL_MS / 4);
    }
    write(a, held);
    a.clock.stop();
    expect(await b.leases.tryAcquire("backfill")).toBeNull();
    world.jumpWall(jumpMs);
    world.advance(TTL_MS);
    expect((await b.leases.tryAcquire("backfill"))?.token).toBe(2);
  });

  test("a waiter that was stopped together with the holder lets it beat first", async () => {
    const { world, a, b } = createPair();
    const held = await a.leases.acquire("backfill");
    let taken: Lease | undefined;
    const waiting = b.leases.acquire("backfill", { waitMaxMs: 100 * TTL_MS }).then((lease) => {
      taken = lease;
    });
    await world.run(TTL_MS / 10);
    a.clock.stop();
    b.clock.stop();
    world.advance(10 * TTL_MS);
    // The waiter wakes first.
    b.clock.goOn();
    await world.run(0);
    a.clock.goOn();
    await world.run(5 * TTL_MS);
    expect(taken).toBeUndefined();
    write(a, held);
    await held.release();
    await runUntilSettled(waiting, world);
  });

  test("a holder that is proven dead loses it at once, whatever the TTL", async () => {
    const { a, b } = createPair({ processStart: "1" });
    await a.leases.acquire("backfill");
    const { logger, warnings } = createWarnings();
    const leases = createLeases({ db: b.db, clock: b.clock, identity: b.identity, logger, ttlMs: 1e9 });
    expect((await leases.tryAcquire("backfill"))?.token).toBe(2);
    expect(warnings).toMatchObject([{ fields: { lease: "backfill", ownerId: a.identity.ownerId } }]);
  });

  test.each([
    { bootId: null },
    { pidNamespace: null },
    { processStart: null },
    { bootId: "another boot", processStart: "1" },
    { pidNamespace: "pid:[1]", processStart: "1" },
  ])("nothing is proven of %j, so it keeps it until the TTL is over", async (identity) => {
    const { world, a, b } = createPair(identity);
    await a.leases.acquire("backfill");
    a.clock.stop();
    expect(await b.leases.tryAcquire("backfill")).toBeNull();
    world.advance(TTL_MS);
    expect((await b.leases.tryAcquire("backfill"))?.token).toBe(2);
  });

  test("two that find the holder gone at the same moment: one gets it", async () => {
    const { world, parties } = createWorld(3);
    const [a, b, c] = parties as [Party, Party, Party];
    await a.leases.acquire("backfill");
    a.clock.stop();
    await b.leases.tryAcquire("backfill");
    await c.leases.tryAcquire("backfill");
    world.advance(TTL_MS);
    const got = await Promise.all([b, c].map(({ leases }) => leases.tryAcquire("backfill")));
    expect(got.map((lease) => lease?.token)).toEqual([2, undefined]);
  });
});

test("a holder that beats between the look and the taking is not robbed", async () => {
  const { a, b } = createPair();
  const held = await a.leases.acquire("backfill");
  const seen = readLease(b.db, "backfill");
  const taking = { name: "backfill", owner: toOwnerColumns(b.identity), nowMs: 0 };
  beatLease(a.db, held);
  expect(takeLease(b.db, taking, seen)).toMatchObject({ holder: { ownerId: a.identity.ownerId } });
  write(a, held);
  expect(takeLease(b.db, taking, readLease(b.db, "backfill"))).toEqual({ token: 2 });
});

describe("a lease in hand", () => {
  test("released and taken again by another, the old claim is refused (A, B, A)", async () => {
    const { a, b } = createPair();
    const first = await a.leases.acquire("backfill");
    await first.release();
    const second = await b.leases.acquire("backfill");
    await second.release();
    const third = await a.leases.acquire("backfill");
    expect(codeOf(() => checkLeaseToken(a.db, first))).toBe("lease_lost");
    expect(codeOf(() => first.check())).toBe("lease_lost");
    write(a, third);
  });

  test("releasing what another has by now, or twice, takes nothing from anyone", async () => {
    const { world, a, b } = createPair();
    const slept = await a.leases.acquire("backfill");
    a.clock.stop();
    const taken = await runUntilSettled(b.leases.acquire("backfill"), world);
    await slept.release();
    await slept.release();
    write(b, taken);
    expect(b.leases.holder("backfill")?.token).toBe(2);
  });

  test("a worker's own connection checks and beats with the token alone", async () => {
    const { world, a, b } = createPair();
    const lease = await a.leases.acquire("backfill");
    const worker = connect(a.db.name);
    const claim = { name: lease.name, token: lease.token };
    checkLeaseToken(worker, claim);
    // The holder's own beats do not come through, but the worker's do.
    a.clock.stop();
    for (let n = 0; n < 10; n += 1) {
      world.advance(TTL_MS / 2);
      worker.transaction(() => beatLease(worker, claim, `batch ${n}`)).immediate();
      expect(await b.leases.tryAcquire("backfill")).toBeNull();
    }
    expect(b.leases.holder("backfill")?.progress).toBe("batch 9");
    await lease.release();
    await b.leases.acquire("backfill");
    expect(codeOf(() => checkLeaseToken(worker, claim))).toBe("lease_lost");
    expect(codeOf(() => beatLease(worker, claim))).toBe("lease_lost");
  });

  test("a beat that finds the database locked is tried again before the TTL is over", async () => {
    const { world, a, b } = createPair();
    const held = await a.leases.acquire("backfill");
    expect(await b.leases.tryAcquire("backfill")).toBeNull();
    b.db.exec("BEGIN IMMEDIATE");
    world.advance(TTL_MS / 2);
    b.db.exec("ROLLBACK");
    world.advance(TTL_MS / 4);
    expect(await b.leases.tryAcquire("backfill")).toBeNull();
    world.advance(TTL_MS / 2);
    expect(await b.leases.tryAcquire("backfill")).toBeNull();
    write(a, held);
  });

  test("a release that finds the database locked for long says so and is no error", async () => {
    const { world, a, b } = createPair();
    const { logger, warnings } = createWarnings();
    const leases = createLeases({ ...a, logger, ttlMs: TTL_MS });
    const held = await leases.acquire("backfill");
    b.db.exec("BEGIN IMMEDIATE");
    await runUntilSettled(held.release(), world);
    b.db.exec("ROLLBACK");
    expect(warnings).toMatchObject([{ message: "could not give a lease back" }]);
    expect(await b.leases.tryAcquire("backfill")).toBeNull();
    world.advance(TTL_MS);
    expect((await b.leases.tryAcquire("backfill"))?.token).toBe(2);
  });

  test("released, it beats no more; with its connection closed, it stops by itself", async () => {
    const { world, a, b } = createPair();
    await (await a.leases.acquire("one")).release();
    expect(world.pendingTimers()).toBe(0);
    const left = await b.leases.acquire("two");
    b.db.close();
    world.advance(TTL_MS);
    expect(world.pendingTimers()).toBe(0);
    await left.release();
  });

  test("progress is kept to 200 characters", async () => {
    const { world, a, b } = createPair();
    (await a.leases.acquire("backfill")).setProgress("x".repeat(10_000));
    world.advance(TTL_MS);
    expect(b.leases.holder("backfill")?.progress).toBe("x".repeat(200));
  });
});
