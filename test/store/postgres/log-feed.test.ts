/**
 * The feed over all threads, and what handles tell of each other: nothing is missed whatever commits when, and each
 * handle's listeners hear of everything once and in order.
 */
import { setTimeout as delay } from "node:timers/promises";

import { Client, type QueryResultRow } from "pg";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import type { ThreadLogSource, ThreadStore } from "../../../src/store/index.ts";
import { LogReader } from "../../../src/store/postgres/log-reader.ts";
import type { Queryable, Statement } from "../../../src/store/postgres/postgres-database.ts";
import { createLogSource } from "../../../src/store/postgres/postgres-log-source.ts";
import { statementsOf } from "../../../src/store/postgres/statements.ts";
import { message, postgresLab, readLog, refusal, seedThread, textsOf } from "./postgres-lab.ts";
import { postgres } from "./postgres-place.ts";

/** Follows a feed until it is told to stop; the lines it was told, in order. */
function follow(source: ThreadLogSource): { readonly lines: string[]; stop(): Promise<void> } {
  const lines: string[] = [];
  let isStopped = false;
  const following = (async () => {
    let cursor: string | null = null;
    for (;;) {
      const wasStopped = isStopped;
      const changes = await source.changes(cursor);
      lines.push(...changes.lines.map(({ threadId, ordinal }) => `${threadId} ${ordinal}`));
      ({ cursor } = changes);
      if (wasStopped && changes.isEnd && changes.isHeldBack !== true) return;
    }
  })();
  return {
    lines,
    stop() {
      isStopped = true;
      return following;
    },
  };
}

async function openClient(): Promise<Client> {
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** Each thread's ordinals as a listener is told them. */
function listen(store: ThreadStore): { readonly events: string[]; readonly ordinals: Map<string, number[]> } {
  const events: string[] = [];
  const ordinals = new Map<string, number[]>();
  store.subscribe((event) => {
    events.push(`${event.type} ${event.threadId}`);
    if (event.type !== "appended") return;
    const told = ordinals.get(event.threadId) ?? [];
    ordinals.set(event.threadId, [...told, ...event.records.map(({ ordinal }) => ordinal)]);
  });
  return { events, ordinals };
}

describe.skipIf(postgres.skipped !== null)("the feed of a schema on PostgreSQL", () => {
  it("tells every line once, in the order of each thread, while many handles write and transactions commit late", async () => {
    const lab = postgresLab();
    const reader = await lab.open();
    const feed = follow(reader.source);
    const writers = await Promise.all(Array.from({ length: 4 }, () => lab.open()));
    const threads = await Promise.all(writers.flatMap((store) => [seedThread(store, []), seedThread(store, [])]));
    const late = await openClient();
    const holding = (async () => {
      for (let n = 0; n < 20; n += 1) {
        // A transaction that has its number and commits long after others that got theirs later.
        await late.query("BEGIN");
        await late.query(
          `INSERT INTO "${lab.schema}".event (thread_id, ordinal, append_id, body) VALUES ($1, $2, $1, 'x')`,
          ["01900000-0000-7000-8000-000000000000", n],
        );
        await delay(20 + (n % 5) * 8);
        await late.query("COMMIT");
      }
    })();
    await Promise.all(
      threads.map(async ({ writer }, nth) => {
        const store = writers[Math.floor(nth / 2)];
        for (let n = 0; n < 60; n += 1) await store?.appendItems({ writer, items: [message(`${n}`)] });
      }),
    );
    await holding;
    await feed.stop();
    const own = feed.lines.filter((line) => !line.startsWith("01900000-"));
    for (const { threadId } of threads) {
      expect(own.filter((line) => line.startsWith(threadId))).toEqual(
        Array.from({ length: 61 }, (_, n) => `${threadId} ${n}`),
      );
    }
    expect(feed.lines).toHaveLength(threads.length * 61 + 20);
  });

  it("is held back by an open transaction that has written, says so, and a list sees what it hides", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const { cursor } = await store.source.changes(null);
    const client = await openClient();
    await client.query("BEGIN");
    await client.query("SELECT pg_current_xact_id()");
    const { threadId } = await seedThread(store);
    expect(await store.source.changes(cursor)).toMatchObject({ lines: [], isEnd: true, isHeldBack: true });
    expect((await store.listThreads()).data.map(({ id }) => id)).toEqual([threadId]);
    await client.query("COMMIT");
    const { lines, isHeldBack } = await store.source.changes(cursor);
    expect([lines.length, isHeldBack]).toEqual([2, undefined]);
  });

  it("tells what was there when it was asked, or says that it is held back, when the other transaction ends in the middle", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const [open, reading] = [await openClient(), await openClient()];
    let asked = 0;
    const database: Queryable = {
      async query<Row extends QueryResultRow>({ text }: Statement, values: readonly unknown[] = []) {
        const { rows } = await reading.query<Row>(text, [...values]);
        asked += 1;
        if (asked === 1) await open.query("COMMIT");
        return rows;
      },
    };
    const statements = statementsOf(lab.schema);
    const source = createLogSource({
      database,
      statements,
      reader: new LogReader(database, statements),
      wakeUps: { onWake: () => () => {} },
      place: lab.schema,
      history: () => "one",
    });
    await open.query("BEGIN");
    await open.query("SELECT pg_current_xact_id()");
    const { threadId } = await seedThread(store);
    const first = await source.changes(null);
    const isTold = first.isHeldBack === true || first.lines.length === 2;
    expect([asked > 1, isTold]).toEqual([true, true]);
    const second = await source.changes(first.cursor);
    expect([...first.lines, ...second.lines].map((line) => line.threadId)).toEqual([threadId, threadId]);
    expect(second.isHeldBack).toBeUndefined();
  });

  it("tells a thread that was deleted and made anew as gone, before the new one's lines", async () => {
    const store = await postgresLab().open();
    const { threadId } = await seedThread(store, ["old", "older"]);
    let { cursor } = await store.source.changes(null);
    await store.deleteThread(threadId);
    const anew = await store.createThread({ threadId, metadata: { cwd: "/anew" } });
    await store.appendItems({ writer: anew.writer, items: [message("new")] });
    const first = await store.source.changes(cursor);
    expect(first).toMatchObject({ lines: [], isEnd: false, threads: [{ threadId, deleted: true, nextOrdinal: 0 }] });
    ({ cursor } = first);
    const second = await store.source.changes(cursor);
    expect(second.lines.map(({ ordinal }) => ordinal)).toEqual([0, 1]);
    expect(second.threads).toMatchObject([{ threadId, deleted: false, nextOrdinal: 2 }]);
    expect((await store.listThreads()).data.map(({ cwd }) => cwd)).toEqual(["/anew"]);
  });

  it("resets a cursor that is none of its own", async () => {
    const store = await postgresLab().open();
    for (const cursor of ["", "nonsense", "e30"]) {
      const changes = await store.source.changes(cursor);
      expect(changes).toMatchObject({ lines: [], isReset: true });
      expect((await store.source.changes(changes.cursor)).isReset).toBe(false);
    }
  });

  it("tells listeners of every handle what any of them did, once and in order", async () => {
    const lab = postgresLab();
    const [one, two, three] = [await lab.open(), await lab.open(), await lab.open()];
    const told = [one, two, three].map(listen);
    const { threadId, writer } = await seedThread(one, ["a", "b"]);
    await two.updateThreadMetadata({ threadId, patch: { name: "named" } });
    await one.appendItems({ writer, items: [message("c")] });
    await one.shutdownThread(writer);
    const taken = await two.resumeThread({ threadId });
    for (const text of ["d", "e"]) await two.appendItems({ writer: taken.writer, items: [message(text)] });
    await two.archiveThread(threadId);
    await two.deleteThread(threadId);
    await vi.waitFor(() => {
      for (const { events } of told) expect(events.at(-1)).toBe(`deleted ${threadId}`);
    }, 5_000);
    // Lines that were deleted before the third one's first look are told by nobody: it hears of the end.
    for (const { events, ordinals } of told) {
      expect(events.filter((event) => event.startsWith("name_updated"))).toHaveLength(
        events.includes(`name_updated ${threadId}`) ? 1 : 0,
      );
      const ordered = ordinals.get(threadId) ?? [];
      expect(ordered).toEqual([...new Set(ordered)].toSorted((a, b) => a - b));
    }
  });

  it("tells another handle's appends within moments, and what a thread's owner before wrote first", async () => {
    const lab = postgresLab();
    const [one, two] = [await lab.open(), await lab.open()];
    const told = listen(two);
    const { threadId, writer } = await seedThread(one, []);
    for (let n = 0; n < 30; n += 1) await one.appendItems({ writer, items: [message(`${n}`)] });
    await one.shutdownThread(writer);
    const taken = await two.resumeThread({ threadId });
    for (let n = 30; n < 60; n += 1) await two.appendItems({ writer: taken.writer, items: [message(`${n}`)] });
    expect(told.ordinals.get(threadId)).toEqual(Array.from({ length: 61 }, (_, n) => n));
    await vi.waitFor(async () => expect(textsOf(await readLog(one, threadId))).toHaveLength(60), 10_000);
  });

  it("tells listeners what was committed while another transaction is open, each line once and in order, also when that ends", async () => {
    const lab = postgresLab();
    const listener = await lab.open();
    const told = listen(listener);
    const writers = await Promise.all(Array.from({ length: 3 }, () => lab.open()));
    const threads = await Promise.all(writers.map((store) => seedThread(store, [])));
    const [open, late] = [await openClient(), await openClient()];
    await open.query("BEGIN");
    await open.query("SELECT pg_current_xact_id()");
    await vi.waitFor(() => expect(told.ordinals.size).toBe(threads.length), 5_000);
    const append = async (rounds: number): Promise<void> => {
      await Promise.all(
        threads.map(async ({ writer }, nth) => {
          for (let n = 0; n < rounds; n += 1) await writers[nth]?.appendItems({ writer, items: [message(`${n}`)] });
        }),
      );
    };
    /** Everybody's lines so far; what the late ones wrote stands for handles whose puts take long to commit. */
    const expectTold = async (lines: number): Promise<void> => {
      const all = Array.from({ length: lines }, (_, n) => n);
      await vi.waitFor(() => {
        for (const { threadId } of threads) expect(told.ordinals.get(threadId)).toEqual(all);
      }, 5_000);
    };
    const lateId = "01900000-0000-7000-8000-000000000000";
    await late.query("BEGIN");
    await late.query(`INSERT INTO "${lab.schema}".event (thread_id, ordinal, append_id, body) VALUES ($1, 0, $1, $2)`, [
      lateId,
      Buffer.from(
        '{"timestamp":"2026-01-01T00:00:00.000Z","type":"event_msg","payload":{"type":"user_message","message":"late"}}\n',
      ),
    ]);
    await append(40);
    await expectTold(41);
    await writers[0]?.archiveThread(threads[0]?.threadId ?? "");
    await vi.waitFor(() => expect(told.events).toContain(`archived ${threads[0]?.threadId}`), 5_000);
    await writers[0]?.unarchiveThread(threads[0]?.threadId ?? "");
    expect(told.ordinals.has(lateId)).toBe(false);
    await late.query("COMMIT");
    await vi.waitFor(() => expect(told.ordinals.get(lateId)).toEqual([0]), 5_000);
    await open.query("COMMIT");
    await seedThread(listener);
    const { threadId } = await seedThread(writers[1] ?? listener, ["behind all"]);
    await vi.waitFor(() => expect(told.ordinals.get(threadId)).toEqual([0, 1]), 5_000);
    await expectTold(41);
    expect(told.events.filter((event) => event.startsWith("archived"))).toHaveLength(1);
  });

  it("waits for a record to be in this node's rows, whoever wrote it", async () => {
    const lab = postgresLab();
    const [one, two] = [await lab.open(), await lab.open()];
    const { threadId, writer } = await seedThread(one, []);
    const { nextOrdinal } = await one.appendItems({ writer, items: [message("read your write")] });
    await two.rows.whenApplied({ threadId, nextOrdinal });
    const found = await two.searchThreads({ query: "your write" });
    expect(found.data.map(({ thread }) => thread.id)).toEqual([threadId]);
    const never = two.rows.whenApplied({ threadId, nextOrdinal: 99, waitMaxMs: 50 });
    expect((await refusal(never)).code).toBe("timed_out");
  });

  it("tells a thread that came in whole through another handle, and lists it", async () => {
    const lab = postgresLab();
    const [one, two] = [await lab.open(), await lab.open()];
    const { events } = listen(two);
    const from = postgresLab();
    const source = await from.open();
    const { threadId } = await seedThread(source, ["moved"]);
    const lines = source.transfer.readLog(threadId);
    await one.transfer.writeLog({ threadId, archived: false, name: "moved", lines });
    await vi.waitFor(() => expect(events).toEqual([`created ${threadId}`, `appended ${threadId}`]), 5_000);
    expect((await two.listThreads()).data).toMatchObject([{ id: threadId, name: "moved", preview: "moved" }]);
    expect((await refusal(one.transfer.writeLog({ threadId, archived: false, name: null, lines }))).code).toMatch(
      /thread_exists|rollout_unreadable/,
    );
  });
});
