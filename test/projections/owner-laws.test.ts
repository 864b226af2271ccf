/**
 * Laws of leases and thread owners, over any interleaving of what three processes do on one file, each of
 * which can be stopped at any moment and go on later:
 *
 * 1. No token has two owners, and what is written under a lease is written in the order of the tokens.
 * 2. Whoever passes a check is the owner at that moment.
 * 3. Who is not stopped for as long as the TTL loses nothing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { expect, test } from "vitest";

import { createStoppableClock, type StoppableClock } from "../../src/testing/stoppable-clock.ts";
import { isSkeinError, silentLogger } from "../../src/base/index.ts";
import type { Lease } from "../../src/projections/held-lease.ts";
import { readLease } from "../../src/projections/lease-rows.ts";
import { openConnection, type SqliteDatabase } from "../../src/projections/sqlite-connection.ts";
import { createLeases, type Leases } from "../../src/projections/sqlite-lease.ts";
import { SYSTEM_TABLES_SQL } from "../../src/projections/system-tables.ts";
import { createThreadOwners, type ThreadOwners } from "../../src/projections/thread-owners.ts";
import { createManualClock, type ManualClock } from "../../src/testing/index.ts";
import { createIdentity } from "./state-db-fixture.ts";

const TTL_MS = 1_000;
const PARTIES = 3;
const THREADS = ["t1", "t2"];

interface Party {
  readonly id: string;
  readonly db: SqliteDatabase;
  readonly clock: StoppableClock;
  readonly leases: Leases;
  readonly owners: ThreadOwners;
  isStopped: boolean;
  /** Since when nobody can count on this process's beats: when it was stopped, on the world's clock. */
  stoppedAtMs: number;
  /** It was stopped for so long that it may have lost what it had. */
  mayHaveLost: boolean;
  lease: Lease | null;
  readonly threads: Map<string, number>;
}

interface Model {
  readonly world: ManualClock;
  readonly parties: readonly Party[];
  /** Tokens written under the lease, in order, each with its writer. */
  readonly written: [token: number, writer: string][];
}

type Step =
  | { readonly do: "take" | "write" | "release" | "stop" | "goOn"; readonly who: number; readonly thread: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "jumpWall"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constantFrom("take", "take", "write", "write", "release", "stop", "goOn"),
      who: fc.nat(PARTIES - 1),
      thread: fc.nat(THREADS.length - 1),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("wait"),
      ms: fc.constantFrom(1, 150, 499, 500, 501, 999, TTL_MS, 1_001, 3_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("jumpWall"), ms: fc.integer({ min: -1e7, max: 1e7 }) }) },
);

/** One is stopped, and another meets it, waits out the TTL, and takes what it had; random steps seldom get there. */
const theft: fc.Arbitrary<readonly Step[]> = fc
  .record({
    who: fc.nat(PARTIES - 1),
    by: fc.integer({ min: 1, max: PARTIES - 1 }),
    thread: fc.nat(THREADS.length - 1),
  })
  .chain(({ who, by, thread }) => {
    const thief = (who + by) % PARTIES;
    return fc
      .record({ waitMs: fc.constantFrom(999, TTL_MS, 2_000), gives: fc.boolean(), wakes: fc.boolean() })
      .map(({ waitMs, gives, wakes }): readonly Step[] => [
        { do: "take", who, thread },
        { do: "stop", who, thread },
        { do: "take", who: thief, thread },
        { do: "wait", ms: waitMs },
        { do: "take", who: thief, thread },
        ...(gives ? [{ do: "release", who: thief, thread } as const] : []),
        ...(wakes ? [{ do: "goOn", who, thread } as const] : []),
        { do: "write", who, thread },
      ]);
  });

const steps: fc.Arbitrary<readonly Step[]> = fc
  .array(fc.oneof({ weight: 9, arbitrary: step.map((one) => [one]) }, { weight: 1, arbitrary: theft }), {
    maxLength: 60,
    size: "max",
  })
  .map((parts) => parts.flat());

async function withModel(run: (model: Model) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "skein-owner-laws-"));
  const world = createManualClock();
  const parties = Array.from({ length: PARTIES }, (_, at): Party => {
    const db = openConnection(join(folder, "skein.sqlite"), { mode: "read-write" });
    if (at === 0) db.exec(SYSTEM_TABLES_SQL);
    const clock = createStoppableClock(world);
    const identity = createIdentity(world);
    const options = { db, clock, identity, logger: silentLogger, ttlMs: TTL_MS };
    const [leases, owners] = [createLeases(options), createThreadOwners(options)];
    const state = { isStopped: false, stoppedAtMs: 0, mayHaveLost: false, lease: null, threads: new Map() };
    return { id: identity.ownerId, db, clock, leases, owners, ...state };
  });
  try {
    await run({ world, parties, written: [] });
  } finally {
    for (const { db } of parties) db.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Does a step that concerns time or the running of processes; the process that is to act otherwise. */
function moveWorld({ world, parties }: Model, step: Step): Party | undefined {
  if (step.do === "wait") world.advance(step.ms);
  if (step.do === "jumpWall") world.jumpWall(step.ms);
  if (step.do === "wait" || step.do === "jumpWall") return undefined;
  const party = parties[step.who];
  if (party === undefined) return undefined;
  if (step.do === "stop" && !party.isStopped) {
    party.clock.stop();
    party.isStopped = true;
    party.stoppedAtMs = world.monotonicMs();
  }
  if (party.isStopped) {
    // Its last beat may have been as old as the beats are apart when it was stopped.
    party.mayHaveLost ||= world.monotonicMs() - party.stoppedAtMs >= TTL_MS - TTL_MS / 5;
  }
  if (step.do === "goOn" && party.isStopped) {
    party.isStopped = false;
    party.clock.goOn();
  }
  // A stopped process writes, too: it wakes up, and the write comes before its late timers.
  return step.do === "write" || !party.isStopped ? party : undefined;
}

function isLost(error: unknown): boolean {
  return isSkeinError(error, "lease_lost") || isSkeinError(error, "thread_owned_elsewhere");
}

/** What a process does about the lease. Steps that move the world alone do nothing here. */
async function leaseStep(model: Model, party: Party, what: string): Promise<void> {
  if (what === "take" && party.lease === null) {
    party.lease = await party.leases.tryAcquire("backfill");
    if (party.lease !== null) party.mayHaveLost = false;
  } else if (what === "release" && party.lease !== null) {
    await party.lease.release();
    party.lease = null;
  } else if (what === "write" && party.lease !== null) {
    const { lease } = party;
    try {
      party.db
        .transaction(() => {
          lease.check();
          expect(readLease(party.db, "backfill")?.holder).toMatchObject({ ownerId: party.id, token: lease.token });
        })
        .immediate();
      model.written.push([lease.token, party.id]);
    } catch (error) {
      if (!isLost(error)) throw error;
      expect(party.mayHaveLost).toBe(true);
      party.lease = null;
    }
  }
}

/** What a process does about a thread. */
async function threadStep(party: Party, what: string, threadId: string): Promise<void> {
  const token = party.threads.get(threadId);
  try {
    if (what === "take" && token === undefined) {
      party.threads.set(threadId, (await party.owners.acquire(threadId)).token);
    } else if (what === "release" && token !== undefined) {
      party.threads.delete(threadId);
      await party.owners.release(threadId);
    } else if (what === "write" && token !== undefined) {
      party.owners.check(threadId);
      expect(party.owners.ownerOf(threadId)).toMatchObject({ ownerId: party.id, token });
    }
  } catch (error) {
    if (!isLost(error)) throw error;
    if (what === "take") return;
    expect(party.mayHaveLost).toBe(true);
    await party.owners.release(threadId);
    party.threads.delete(threadId);
  }
}

test("any interleaving of takes, writes, stops and releases has one effective writer a token", async () => {
  await fc.assert(
    fc.asyncProperty(steps, (steps) =>
      withModel(async (model) => {
        for (const step of steps) {
          const party = moveWorld(model, step);
          if (party !== undefined) await leaseStep(model, party, step.do);
        }
        const tokens = model.written.map(([token]) => token);
        expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
        const writers = new Set(model.written.map(([token, writer]) => `${token} ${writer}`));
        expect(writers.size).toBe(new Set(tokens).size);
      }),
    ),
  );
});

test("whoever passes the check of a thread owns it at that moment, however long it slept", async () => {
  await fc.assert(
    fc.asyncProperty(steps, (steps) =>
      withModel(async (model) => {
        for (const step of steps) {
          const party = moveWorld(model, step);
          if (party === undefined || !("thread" in step)) continue;
          await threadStep(party, step.do, THREADS[step.thread] ?? "");
        }
      }),
    ),
  );
});
