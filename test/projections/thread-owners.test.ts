/**
 * Thread owners with a clock that is moved by hand: who may write a thread, when an owner counts as gone, and
 * that an owner that slept too long is refused at its first write.
 */
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { isSkeinError, type Logger, silentLogger } from "../../src/base/index.ts";
import type { ProcessIdentity } from "../../src/projections/process-identity.ts";
import { openConnection, type SqliteDatabase } from "../../src/projections/sqlite-connection.ts";
import { createThreadOwners, type ThreadOwners } from "../../src/projections/thread-owners.ts";
import { createManualClock, type ManualClock } from "../../src/testing/index.ts";
import { createStoppableClock, type StoppableClock } from "../../src/testing/stoppable-clock.ts";
import { connect, createFolder, createIdentity, createWarnings, runUntilSettled } from "./state-db-fixture.ts";

const TTL_MS = 1_000;
const THREAD = "01900000-0000-7000-8000-000000000001";
const OTHER = "01900000-0000-7000-8000-000000000002";

interface Party {
  readonly clock: StoppableClock;
  readonly identity: ProcessIdentity;
  readonly db: SqliteDatabase;
  readonly owners: ThreadOwners;
}

interface World {
  readonly world: ManualClock;
  readonly a: Party;
  readonly b: Party;
}

/** Two processes on one file; the first one's identity can be another than this process has. */
function createPair(identity: Partial<ProcessIdentity> = {}, logger: Logger = silentLogger): World {
  const world = createManualClock();
  const path = join(createFolder(), "skein.sqlite");
  const createParty = (differing: Partial<ProcessIdentity>): Party => {
    const clock = createStoppableClock(world);
    const me = { ...createIdentity(world), ...differing };
    const db = connect(path);
    return { clock, identity: me, db, owners: createThreadOwners({ db, clock, identity: me, logger, ttlMs: TTL_MS }) };
  };
  return { world, a: createParty(identity), b: createParty({}) };
}

/** What work rejects with. */
async function refusalOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => "done",
    (error: unknown) => error,
  );
}

function codeOf(work: () => unknown): string {
  try {
    work();
    return "ok";
  } catch (error) {
    return isSkeinError(error) ? error.code : String(error);
  }
}

function processCount(db: SqliteDatabase): unknown {
  return db.prepare("SELECT count(*) FROM process_owners").pluck().get();
}

describe("acquiring a thread", () => {
  test("tokens only grow, over threads, releases and owners", async () => {
    const { a, b } = createPair();
    const tokens: number[] = [];
    for (const { owners } of [a, b, a]) {
      tokens.push((await owners.acquire(THREAD)).token);
      await owners.release(THREAD);
    }
    tokens.push((await a.owners.acquire(OTHER)).token);
    expect(tokens).toEqual([1, 2, 3, 4]);
  });

  test("another living process is refused, and told who has it", async () => {
    const { world, a, b } = createPair();
    await a.owners.acquire(THREAD);
    world.advance(TTL_MS * 3);
    const refusal = await refusalOf(b.owners.acquire(THREAD));
    expect(refusal).toMatchObject({
      code: "thread_owned_elsewhere",
      retryable: true,
      data: {
        threadId: THREAD,
        ownerId: a.identity.ownerId,
        host: a.identity.host,
        pid: process.pid,
        sinceMs: world.nowMs() - 3 * TTL_MS,
      },
    });
    expect((refusal as Error).message).toMatch(
      /opened a second time.*2026-01-02T03:04:05.000Z.*follow it, or take it over/,
    );
    expect(codeOf(() => b.owners.check(THREAD))).toBe("writer_closed");
  });

  test("other threads of a living owner stay free", async () => {
    const { a, b } = createPair();
    await a.owners.acquire(THREAD);
    await b.owners.acquire(OTHER);
    b.owners.check(OTHER);
    a.owners.check(THREAD);
  });

  test("acquired twice, it is owned until it was released twice, with one token", async () => {
    const { a, b } = createPair();
    const both = await Promise.all([a.owners.acquire(THREAD), a.owners.acquire(THREAD)]);
    expect(both.map(({ token }) => token)).toEqual([1, 1]);
    await a.owners.release(THREAD);
    a.owners.check(THREAD, 1);
    expect(await refusalOf(b.owners.acquire(THREAD))).toMatchObject({ code: "thread_owned_elsewhere" });
    await a.owners.release(THREAD);
    expect((await b.owners.acquire(THREAD)).token).toBe(2);
    await a.owners.release(THREAD);
    b.owners.check(THREAD);
  });

  test("acquired again while its release waits for a lock, it stays owned", async () => {
    const { world, a, b } = createPair();
    await a.owners.acquire(THREAD);
    b.db.exec("BEGIN IMMEDIATE");
    const releasing = a.owners.release(THREAD);
    const acquiring = a.owners.acquire(THREAD);
    await world.run(10);
    b.db.exec("ROLLBACK");
    const { token } = await runUntilSettled(acquiring, world);
    await runUntilSettled(releasing, world);
    world.advance(TTL_MS * 2);
    a.owners.check(THREAD, token);
    expect(b.owners.ownerOf(THREAD)?.ownerId).toBe(a.identity.ownerId);
  });

  test("a database that stays locked becomes state_db_busy", async () => {
    const { world, a, b } = createPair();
    b.db.exec("BEGIN IMMEDIATE");
    const acquiring = runUntilSettled(a.owners.acquire(THREAD), world);
    await expect(acquiring).rejects.toMatchObject({ code: "state_db_busy", retryable: true });
    b.db.exec("ROLLBACK");
    expect(codeOf(() => a.owners.check(THREAD))).toBe("writer_closed");
  });
});

describe("an owner that is gone", () => {
  test("stopped past the TTL it loses the thread, and its first write is refused", async () => {
    const { world, a, b } = createPair();
    await a.owners.acquire(THREAD);
    a.clock.stop();
    expect(await refusalOf(b.owners.acquire(THREAD))).toMatchObject({ code: "thread_owned_elsewhere" });
    world.advance(TTL_MS - 1);
    expect(await refusalOf(b.owners.acquire(THREAD))).toMatchObject({ code: "thread_owned_elsewhere" });
    world.advance(1);
    expect((await b.owners.acquire(THREAD)).token).toBe(2);
    expect(codeOf(() => a.owners.check(THREAD))).toBe("thread_owned_elsewhere");
    a.clock.goOn();
    expect(codeOf(() => a.owners.check(THREAD))).toBe("thread_owned_elsewhere");
    b.owners.check(THREAD);
  });

  test("its first write is refused also when its own heartbeat comes before it", async () => {
    const { world, a, b } = createPair();
    await a.owners.acquire(THREAD);
    await a.owners.acquire(OTHER);
    a.clock.stop();
    await refusalOf(b.owners.acquire(THREAD));
    world.advance(TTL_MS);
    await b.owners.acquire(THREAD);
    a.clock.goOn();
    world.advance(TTL_MS);
    expect(codeOf(() => a.owners.check(THREAD))).toBe("thread_owned_elsewhere");
    // What nobody took is still its own.
    a.owners.check(OTHER);
    expect(await refusalOf(b.owners.acquire(OTHER))).toMatchObject({ code: "thread_owned_elsewhere" });
  });

  test("taken and given back meanwhile, it is refused all the same", async () => {
    const { world, a, b } = createPair();
    const { token } = await a.owners.acquire(THREAD);
    a.clock.stop();
    await refusalOf(b.owners.acquire(THREAD));
    world.advance(TTL_MS);
    await b.owners.acquire(THREAD);
    await b.owners.release(THREAD);
    a.clock.goOn();
    expect(codeOf(() => a.owners.check(THREAD))).toBe("thread_owned_elsewhere");
    // Acquired anew it may be written, with the new token and not with the old one.
    const again = await a.owners.acquire(THREAD);
    expect(again.token).toBe(3);
    a.owners.check(THREAD, again.token);
    expect(codeOf(() => a.owners.check(THREAD, token))).toBe("thread_owned_elsewhere");
  });

  test("stopped past the TTL with nobody there to take it, it goes on", async () => {
    const { world, a, b } = createPair();
    await a.owners.acquire(THREAD);
    a.clock.stop();
    world.advance(100 * TTL_MS);
    a.owners.check(THREAD);
    a.clock.goOn();
    expect(await refusalOf(b.owners.acquire(THREAD))).toMatchObject({ code: "thread_owned_elsewhere" });
    a.owners.check(THREAD);
  });

  test("a check of an owner that was stopped is a heartbeat: the one who watches begins anew", async () => {
    const { world, a, b } = createPair();
    await a.owners.acquire(THREAD);
    a.clock.stop();
    await refusalOf(b.owners.acquire(THREAD));
    world.advance(TTL_MS - 1);
    a.owners.check(THREAD);
    world.advance(1);
    expect(await refusalOf(b.owners.acquire(THREAD))).toMatchObject({ code: "thread_owned_elsewhere" });
    world.advance(TTL_MS);
    await b.owners.acquire(THREAD);
  });

  test.each([-1e9, 1e9])("a wall clock that jumps by %d ms decides nothing", async (jumpMs) => {
    const { world, a, b } = createPair();
    await a.owners.acquire(THREAD);
    for (let n = 0; n < 10; n += 1) {
      world.jumpWall(jumpMs);
      expect(await refusalOf(b.owners.acquire(THREAD))).toMatchObject({ code: "thread_owned_elsewhere" });
      world.advance(TTL_MS / 4);
      a.owners.check(THREAD);
    }
  });

  test("proven dead, it loses the thread at once", async () => {
    const { logger, warnings } = createWarnings();
    const { a, b } = createPair({ processStart: "1" }, logger);
    await a.owners.acquire(THREAD);
    expect(b.owners.ownerOf(THREAD)).toMatchObject({ isProvenDead: true, isThisProcess: false });
    expect((await b.owners.acquire(THREAD)).token).toBe(2);
    expect(warnings).toMatchObject([{ fields: { threadId: THREAD, ownerId: a.identity.ownerId, pid: process.pid } }]);
  });

  test("another machine's process keeps it for the TTL from the first look on", async () => {
    const { world, a, b } = createPair({ host: "elsewhere", bootId: "another", pid: 1 });
    await a.owners.acquire(THREAD);
    a.clock.stop();
    world.advance(10 * TTL_MS);
    const refusal = await refusalOf(b.owners.acquire(THREAD));
    expect(refusal).toMatchObject({ data: { host: "elsewhere", pid: 1 } });
    expect((refusal as Error).message).toContain("process 1 on elsewhere");
    world.advance(TTL_MS);
    await b.owners.acquire(THREAD);
  });

  test("the rows of processes that ended without a word are swept away in time", async () => {
    const { world, a, b } = createPair({ processStart: "1" });
    await a.owners.acquire(THREAD);
    a.clock.stop();
    await b.owners.acquire(OTHER);
    expect(processCount(b.db)).toBe(2);
    world.advance(TTL_MS);
    expect(processCount(b.db)).toBe(1);
    expect(b.owners.list().map(({ threadId }) => threadId)).toEqual([OTHER]);
  });
});

describe("a check", () => {
  test("asks the database only when its own last beat is old, and then beats", async () => {
    const { world, a } = createPair();
    await a.owners.acquire(THREAD);
    const beats = (): unknown => a.db.prepare("SELECT heartbeat FROM process_owners").pluck().get();
    a.clock.stop();
    const first = beats();
    world.advance(TTL_MS / 2 - 1);
    a.owners.check(THREAD);
    expect(beats()).toBe(first);
    world.advance(1);
    a.owners.check(THREAD);
    expect(beats()).toBe(Number(first) + 1);
  });

  test("costs less than a microsecond while the heartbeat is fresh", async () => {
    const { a } = createPair();
    await a.owners.acquire(THREAD);
    const rounds = 200_000;
    let best = Number.POSITIVE_INFINITY;
    for (let n = 0; n < 5; n += 1) {
      const startMs = performance.now();
      for (let i = 0; i < rounds; i += 1) a.owners.check(THREAD);
      best = Math.min(best, (performance.now() - startMs) / rounds);
    }
    expect(best * 1_000).toBeLessThan(1);
  });

  test("that finds the database locked is state_db_busy, and passes when the lock is gone", async () => {
    const { world, a, b } = createPair();
    await a.owners.acquire(THREAD);
    a.clock.stop();
    world.advance(TTL_MS);
    b.db.exec("BEGIN IMMEDIATE");
    expect(codeOf(() => a.owners.check(THREAD))).toBe("state_db_busy");
    b.db.exec("ROLLBACK");
    a.owners.check(THREAD);
  });

  test("of a thread that was given back is writer_closed", async () => {
    const { a } = createPair();
    await a.owners.acquire(THREAD);
    await a.owners.release(THREAD);
    expect(codeOf(() => a.owners.check(THREAD))).toBe("writer_closed");
  });

  test("an own row that vanished is written anew, and every thread is asked about again", async () => {
    const { world, a, b } = createPair();
    await a.owners.acquire(THREAD);
    b.db.exec("DELETE FROM process_owners; DELETE FROM thread_owners");
    world.advance(TTL_MS / 4);
    expect(processCount(a.db)).toBe(1);
    expect(codeOf(() => a.owners.check(THREAD))).toBe("thread_owned_elsewhere");
  });
});

describe("giving back", () => {
  test("who owns nothing beats no more; close leaves no row", async () => {
    const { world, a } = createPair();
    await a.owners.acquire(THREAD);
    await a.owners.release(THREAD);
    world.advance(TTL_MS);
    expect(world.pendingTimers()).toBe(0);
    await a.owners.acquire(THREAD);
    await a.owners.acquire(OTHER);
    await a.owners.close();
    await a.owners.close();
    expect(a.owners.list()).toEqual([]);
    expect(processCount(a.db)).toBe(0);
    expect(world.pendingTimers()).toBe(0);
    expect(await refusalOf(a.owners.acquire(THREAD))).toMatchObject({ code: "writer_closed" });
  });

  test("a release that the lock kept out is made up for by the next heartbeat", async () => {
    const { world, a, b } = createPair();
    await a.owners.acquire(THREAD);
    await a.owners.acquire(OTHER);
    b.db.exec("BEGIN IMMEDIATE");
    await runUntilSettled(a.owners.release(THREAD), world);
    b.db.exec("ROLLBACK");
    expect(a.owners.ownerOf(THREAD)).not.toBeNull();
    world.advance(TTL_MS);
    expect(a.owners.ownerOf(THREAD)).toBeNull();
    a.owners.check(OTHER);
    expect((await b.owners.acquire(THREAD)).token).toBe(3);
  });

  test("with its connection closed, everything ends quietly", async () => {
    const { world, a } = createPair();
    await a.owners.acquire(THREAD);
    a.db.close();
    world.advance(TTL_MS);
    expect(world.pendingTimers()).toBe(0);
    await a.owners.release(THREAD);
    await a.owners.close();
  });
});

test("over a connection that only reads, it reports, and closing it is no trouble", async () => {
  const { logger, warnings } = createWarnings();
  const { world, a } = createPair();
  await a.owners.acquire(THREAD);
  const db = openConnection(a.db.name, { mode: "read-only" });
  const owners = createThreadOwners({ db, clock: world, identity: createIdentity(world), logger });
  expect(owners.ownerOf(THREAD)?.ownerId).toBe(a.identity.ownerId);
  await owners.close();
  db.close();
  expect(warnings).toEqual([]);
});

test("the report lists every owned thread with its owner, and no more than asked for", async () => {
  const { a, b } = createPair();
  await a.owners.acquire(THREAD);
  await b.owners.acquire(OTHER);
  expect(a.owners.list()).toMatchObject([
    { threadId: THREAD, ownerId: a.identity.ownerId, pid: process.pid, token: 1, isThisProcess: true },
    { threadId: OTHER, ownerId: b.identity.ownerId, host: b.identity.host, token: 2, isThisProcess: false },
  ]);
  expect(a.owners.list(1)).toHaveLength(1);
  expect(a.owners.ownerOf("unknown")).toBeNull();
});
