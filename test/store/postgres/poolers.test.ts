/**
 * Poolers before the server: one that keeps sessions is as good as none, and one that mixes them is found out and
 * refused before anything is stored, whatever it hands out.
 */
import fc from "fast-check";
import { Client } from "pg";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { isSkeinError } from "../../../src/base/index.ts";
import {
  openPostgresCheckpoints,
  openPostgresLogTransfer,
  openPostgresThreadStore,
} from "../../../src/postgres/index.ts";
import { requireKeptSessions } from "../../../src/store/postgres/kept-sessions.ts";
import { findPgBouncer, type PgBouncer, startPgBouncer } from "../../support/postgres/pgbouncer.ts";
import { message, postgresLab, readLog, refusal, seedThread, textsOf } from "./postgres-lab.ts";
import { postgres, runSql } from "./postgres-place.ts";

const pgBouncer = await findPgBouncer();
const skipped = postgres.skipped ?? pgBouncer.skipped;

/** One before the worker's server. */
async function started(settings: Readonly<Record<string, string>>): Promise<PgBouncer> {
  const { program } = pgBouncer;
  const running = await startPgBouncer({ program, port: Number(new URL(postgres.url).port), settings });
  onTestFinished(() => running.stop());
  return running;
}

/** The url of one. */
async function pooler(settings: Readonly<Record<string, string>>): Promise<string> {
  return (await started(settings)).url;
}

/** Servers' sessions: their marks, those that are idle with the one used last at the end, and who has one. */
class Sessions {
  readonly #marks: (string | null)[];
  readonly #idle: number[];

  constructor(count: number) {
    this.#marks = Array.from({ length: count }, () => null);
    this.#idle = this.#marks.map((_, index) => index);
  }

  /** One transaction in the session at that place among the idle ones. */
  use(place: number, mark?: string): string | null {
    const [session = 0] = this.#idle.splice(place, 1);
    this.#idle.push(session);
    if (mark !== undefined) this.#marks[session] = mark;
    return this.#marks[session] ?? null;
  }
}

describe("a pooler that mixes sessions", () => {
  async function isFound(sessions: Sessions, place: () => number): Promise<boolean> {
    try {
      await requireKeptSessions({
        mark: "mine",
        give: async () => void sessions.use(place(), "mine"),
        read: async () => sessions.use(place()),
        readOther: async () => sessions.use(place()),
      });
      return false;
    } catch (error) {
      if (isSkeinError(error, "store_unusable")) return true;
      throw error;
    }
  }

  it("is found out by its marks, whether it takes the session used last or the one used longest ago", async () => {
    for (let count = 1; count <= 40; count += 1) {
      expect(await isFound(new Sessions(count), () => count - 1), `the last of ${count}`).toBe(true);
      expect(await isFound(new Sessions(count), () => 0), `the first of ${count}`).toBe(true);
    }
  });

  it("is found out nearly always where it takes any", async () => {
    const places = fc.array(fc.nat(1_000_000), { minLength: 18, maxLength: 18 });
    const missed: number[] = [];
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), places, async (count, drawn) => {
        let at = 0;
        const place = (): number => (drawn[at++ % drawn.length] ?? 0) % count;
        if (!(await isFound(new Sessions(count), place))) missed.push(count);
      }),
      { numRuns: 1_000 },
    );
    expect(missed.length).toBeLessThanOrEqual(10);
  });

  it("isn't seen where there is none", async () => {
    let mine: string | null = null;
    await requireKeptSessions({
      mark: "mine",
      give: async () => void (mine = "mine"),
      read: async () => mine,
      readOther: async () => "another's",
    });
    expect(mine).toBe("mine");
  });
});

describe.skipIf(skipped !== null)(`a PgBouncer before the server${skipped === null ? "" : `: ${skipped}`}`, () => {
  it("that keeps sessions is as good as none: appends, feeds, forks, lists and leases work through it", async () => {
    const url = await pooler({ pool_mode: "session" });
    const lab = postgresLab();
    const [through, direct] = [await lab.open({ url }), await lab.open()];
    expect(through.durability).toMatchObject({
      isPooled: true,
      warnings: expect.arrayContaining([expect.stringContaining("pool_mode = session")]) as unknown,
    });
    const { threadId, writer } = await seedThread(through);
    await through.appendItems({ writer, items: [message("second")] });
    const heard: number[] = [];
    const told = new Promise<void>((resolve) => {
      through.subscribe((event) => {
        if (event.type !== "appended" || event.threadId === threadId) return;
        heard.push(event.records.length);
        resolve();
      });
    });
    const other = await seedThread(direct);
    await told;
    expect(heard[0]).toBeGreaterThan(0);
    expect((await refusal(direct.resumeThread({ threadId }))).code).toBe("thread_owned_elsewhere");
    const fork = await through.createThread({
      metadata: { cwd: "/work" },
      fork: { threadId: other.threadId, endOrdinal: 2 },
    });
    await through.persistThread(fork.writer);
    expect((await through.listThreads()).data).toHaveLength(3);
    expect(textsOf(await readLog(direct, threadId))).toEqual(["first", "second"]);
  });

  it("whose sessions remember that there was no schema goes on with one that is made while it waits for its turn", async () => {
    const url = await pooler({ pool_mode: "session" });
    const [before, lab] = [postgresLab(), postgresLab()];
    await (await before.open({ url })).close();
    const client = new Client({ connectionString: postgres.url });
    await client.connect();
    onTestFinished(() => client.end());
    await client.query("BEGIN");
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('skein schema ${lab.schema}', 0))`);
    await client.query(`CREATE SCHEMA "${lab.schema}"`);
    const opening = lab.open({ url });
    const waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    await vi.waitFor(async () => expect(await runSql(waiting)).toHaveLength(1), 10_000);
    await client.query("COMMIT");
    expect((await opening).durability.scope).toBe("local");
  });

  it.each(["transaction", "statement"])("with pool_mode = %s is refused before anything is made", async (mode) => {
    const url = await pooler({ pool_mode: mode });
    const { schema } = postgresLab();
    for (const open of [openPostgresThreadStore, openPostgresLogTransfer]) {
      const error = await refusal(open({ url, schema, allowUnsafe: true }));
      expect(error).toMatchObject({ code: "store_unusable", retryable: false });
      expect(error.message).toMatch(/another session.*set pool_mode to session.*or name the server itself/);
    }
    expect((await refusal(openPostgresCheckpoints({ url, schema }))).code).toBe("store_unusable");
    expect(await runSql("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema])).toEqual([]);
  });

  it("that hands out the session used longest ago is refused too", async () => {
    const url = await pooler({ pool_mode: "transaction", server_round_robin: "1", min_pool_size: "3" });
    const { schema } = postgresLab();
    expect((await refusal(openPostgresThreadStore({ url, schema, allowUnsafe: true }))).code).toBe("store_unusable");
  });

  it("that mixes sessions from some moment on has its first append in another's session be the last one", async () => {
    const { url, configure } = await started({ pool_mode: "session" });
    const lab = postgresLab();
    const store = await lab.open({ url });
    const { threadId, writer } = await seedThread(store);
    await configure({ pool_mode: "transaction" });
    const rival = new Client({ connectionString: url });
    await rival.connect();
    onTestFinished(() => rival.end());
    const texts = ["first"];
    let refused: unknown;
    while (refused === undefined && texts.length < 100) {
      // It takes the session that was used last, which is mostly the appends'.
      await rival.query("BEGIN");
      try {
        const text = `number ${texts.length}`;
        await store.appendItems({ writer, items: [message(text)] });
        texts.push(text);
      } catch (error) {
        refused = error;
      }
      await rival.query("ROLLBACK");
    }
    expect(refused).toMatchObject({ code: "store_unusable", message: expect.stringContaining("pool_mode") as unknown });
    expect(textsOf(await readLog(await lab.open(), threadId))).toEqual(texts);
  });

  it("that has no session left is told from a server that is away", async () => {
    const url = await pooler({ pool_mode: "session", default_pool_size: "1" });
    const holder = new Client({ connectionString: url });
    await holder.connect();
    onTestFinished(() => holder.end());
    await holder.query("SELECT 1");
    const { schema } = postgresLab();
    const error = await refusal(openPostgresThreadStore({ url, schema, allowUnsafe: true }));
    expect(error).toMatchObject({ code: "connection_failed", retryable: true });
    expect(error.message).toMatch(/a pooler that has no session left.*room for 11/);
  });
});
