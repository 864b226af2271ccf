/**
 * Threads that move into a schema and out of it, on a real server: the same bytes as in the home they came from, forks
 * too; what comes in is there whole or not at all, whatever ends it.
 */
import fc from "fast-check";
import pg from "pg";
import { describe, expect, it, onTestFinished } from "vitest";

import { openPostgresThreadStore as openNode } from "../../../src/postgres/index.ts";
import { copyThreads, type CopyThreadsOptions, type LogTransfer } from "../../../src/store/index.ts";
import { openLocalLogTransfer } from "../../../src/store/local/index.ts";
import {
  openPostgresLogTransfer,
  openPostgresThreadStore,
  type PostgresLogTransfer,
} from "../../../src/store/postgres/index.ts";
import { arbHome, writeHome } from "../../../src/testing/arbitraries/index.ts";
import { testSchema, workerPostgres } from "../../support/postgres/worker-postgres.ts";
import { homeWith, messageLine, metaLine, ODD_ID } from "../local/hand-made-rollouts.ts";
import {
  collect,
  copyCodexHome,
  logOf,
  makeHome,
  message,
  messages,
  openStore,
  refusal,
  seed,
} from "../local/store-lab.ts";

const postgres = await workerPostgres();

/** A schema of its own, gone after the test. */
async function openSchema(): Promise<PostgresLogTransfer & { readonly schema: string }> {
  const { name: schema, drop } = testSchema(postgres.url);
  const transfer = await openPostgresLogTransfer({ url: postgres.url, schema, allowUnsafe: true });
  onTestFinished(async () => {
    await transfer.close();
    await drop();
  });
  return { ...transfer, schema };
}

async function query(text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function contentOf(transfer: LogTransfer): Promise<Record<string, unknown>> {
  const content: Record<string, unknown> = {};
  let after: string | null = null;
  for (;;) {
    const page = await transfer.threads(after);
    if (page.length === 0) return content;
    for (const { threadId, name, archived } of page) {
      const lines = Buffer.concat(await collect(transfer.readLog(threadId))).toString("latin1");
      content[threadId] = { lines, name: name ?? null, archived };
      after = threadId;
    }
  }
}

async function copy(
  from: LogTransfer,
  to: LogTransfer,
  more: Omit<CopyThreadsOptions, "from" | "to"> = {},
): Promise<Record<string, number>> {
  const { counts } = await copyThreads({ from, to, ...more });
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

async function* once(text: string, parts = 1): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < parts; n += 1) yield await Promise.resolve(Buffer.from(text));
}

describe.skipIf(postgres.skipped !== null)("moving into PostgreSQL and out of it", () => {
  it("keeps every thread of a drawn home byte for byte, into a schema, into another one, and back", async () => {
    await fc.assert(
      fc.asyncProperty(arbHome(), async (drawn) => {
        const [folder, back] = [await makeHome(), await makeHome()];
        await writeHome(drawn, folder);
        const [home, one, other] = [
          await openLocalLogTransfer({ home: folder }),
          await openSchema(),
          await openSchema(),
        ];
        const content = await contentOf(home);
        const count = Object.keys(content).length;
        expect(await copy(home, one)).toEqual(count > 0 ? { copied: count } : {});
        expect(await contentOf(one)).toEqual(content);
        await copy(one, other);
        const last = await openLocalLogTransfer({ home: back });
        await copy(other, last);
        expect(await contentOf(last)).toEqual(content);
        expect(await copy(home, one)).toEqual(count > 0 ? { same: count } : {});
      }),
      { numRuns: 10 },
    );
  });

  it("takes a Codex home, its names, its archive, and lists it as it came", async () => {
    const home = await openLocalLogTransfer({ home: await copyCodexHome() });
    const schema = await openSchema();
    expect(await copy(home, schema)).toEqual({ copied: 17 });
    expect(await contentOf(schema)).toEqual(await contentOf(home));
    expect(await copy(schema, await openLocalLogTransfer({ home: await makeHome() }), { archived: true })).toEqual({
      copied: 1,
    });
  });

  it("keeps lines that no reader understands, lines that are no UTF-8, and a thread longer than memory is given", async () => {
    const schema = await openSchema();
    const odd = Buffer.concat([
      Buffer.from(`${metaLine()}{not json}\n\u0000\n`),
      Buffer.from([0xff, 0xfe, 0x0a]),
      Buffer.from(messageLine("x".repeat(3_000_000))),
      Buffer.from(Array.from({ length: 9_000 }, (_, n) => messageLine(`${n} ${"y".repeat(1_000)}`)).join("")),
    ]);
    const { home } = await homeWith(odd);
    const from = await openLocalLogTransfer({ home });
    expect(await copy(from, schema)).toEqual({ copied: 1 });
    expect(Buffer.concat(await collect(schema.readLog(ODD_ID))).equals(odd)).toBe(true);
    const [row] = await query(`SELECT count(*)::int AS lines, max(ordinal)::int AS last FROM ${schema.schema}.event`);
    expect(row).toEqual({ lines: 9_005, last: 9_004 });
  });

  it("keeps what idempotency keys its lines say, for the thread's next writer, but not those that a fork copied", async () => {
    const home = await makeHome();
    const store = await openStore(home);
    const { id, writer } = await seed(store, [message("first")]);
    await store.appendItems({ writer, items: messages(3), idempotencyKey: "three" });
    await store.appendItems({ writer, items: [message("one")], idempotencyKey: 'o"ne\u0000' });
    const fork = await store.createThread({ metadata: { cwd: "/w" }, fork: { threadId: id, endOrdinal: 5 } });
    await store.appendItems({ writer: fork.writer, items: messages(2), idempotencyKey: "fork's" });
    await store.close();
    const schema = await openSchema();
    await copy(await openLocalLogTransfer({ home }), schema);
    const keys = async (threadId: string): Promise<unknown> =>
      (
        await query(
          `SELECT ordinal::int, key, key_from::int FROM ${schema.schema}.event WHERE thread_id = '${threadId}' AND key IS NOT NULL ORDER BY ordinal`,
        )
      ).map(({ ordinal, key, key_from: from }) => [ordinal, JSON.parse(String(key)), from]);
    expect(await keys(id)).toEqual([
      [4, "three", 2],
      [5, 'o"ne\u0000', 5],
    ]);
    expect(await keys(fork.writer.threadId)).toEqual([[7, "fork's", 6]]);
  });

  it("takes forks of forks out of a schema whole, and into another one without their sources", async () => {
    const schema = await openSchema();
    const store = await openPostgresThreadStore({ url: postgres.url, schema: schema.schema, allowUnsafe: true });
    onTestFinished(() => store.close());
    const { id, writer } = await seed(store, messages(5));
    await store.appendItems({ writer, items: messages(3, "k"), idempotencyKey: "key" });
    const metadata = { cwd: "/fork" };
    const fork = await store.createThread({ metadata, fork: { threadId: id, endOrdinal: 8 } });
    await store.appendItems({ writer: fork.writer, items: messages(2, "f") });
    const deep = await store.createThread({ metadata, fork: { threadId: fork.writer.threadId, endOrdinal: 10 } });
    await store.appendItems({ writer: deep.writer, items: messages(1, "d"), idempotencyKey: "key" });
    await store.updateThreadMetadata({ threadId: id, patch: { name: "the source" } });
    await store.archiveThread(fork.writer.threadId);
    const [home, other] = [await makeHome(), await openSchema()];
    const local = await openLocalLogTransfer({ home });
    expect(await copy(schema, local)).toEqual({ copied: 3 });
    expect(await copy(local, other)).toEqual({ copied: 3 });
    expect(await contentOf(other)).toEqual(await contentOf(schema));
    const [files, moved] = [
      await openStore(home),
      await openPostgresThreadStore({ url: postgres.url, schema: other.schema, allowUnsafe: true }),
    ];
    onTestFinished(() => moved.close());
    await moved.deleteThread(id);
    for (const threadId of [fork.writer.threadId, deep.writer.threadId]) {
      const log = await logOf(store, threadId);
      expect(await logOf(files, threadId)).toEqual(log);
      expect(await logOf(moved, threadId)).toEqual(log);
      expect(await moved.readThread({ threadId })).toMatchObject({ archived: threadId === fork.writer.threadId });
      for (const place of [files, moved]) {
        const again = await place.resumeThread({ threadId });
        const answer = await place.appendItems({ writer: again.writer, items: [message("z")], idempotencyKey: "key" });
        // The source's key is not the fork's; the one that the deepest wrote itself is.
        expect(answer.nextOrdinal).toBe(threadId === deep.writer.threadId ? log.length : log.length + 1);
      }
    }
    expect(await copy(local, other)).toEqual({ copied: 1, conflict: 1, same: 1 });
  });

  it("fences a writer of a thread that was deleted and comes in again", async () => {
    const schema = await openSchema();
    const { home } = await homeWith(metaLine() + messageLine("a"));
    const from = await openLocalLogTransfer({ home });
    await copy(from, schema);
    const options = { url: postgres.url, schema: schema.schema, allowUnsafe: true };
    const [one, other] = [await openPostgresThreadStore(options), await openPostgresThreadStore(options)];
    onTestFinished(async () => {
      await one.close();
      await other.close();
    });
    await one.deleteThread(ODD_ID);
    const { writer } = await one.createThread({ threadId: ODD_ID, metadata: { cwd: "/w" } });
    await one.persistThread(writer);
    await one.deleteThread(ODD_ID);
    expect(await copy(from, schema)).toEqual({ copied: 1 });
    await expect(one.appendItems({ writer, items: [message("late")] })).rejects.toMatchObject({ kind: "fault" });
    const opened = await other.resumeThread({ threadId: ODD_ID });
    expect(opened.writer.epoch).toBeGreaterThan(writer.epoch);
    expect(opened.nextOrdinal).toBe(2);
  });

  it("tells who follows the schema of a thread that came in, as of one that was made there", async () => {
    const schema = await openSchema();
    const store = await openPostgresThreadStore({ url: postgres.url, schema: schema.schema, allowUnsafe: true });
    onTestFinished(() => store.close());
    const told: string[] = [];
    const isTold = Promise.withResolvers<void>();
    store.subscribe((event) => {
      if (event.threadId !== ODD_ID) return;
      told.push(event.type);
      if (event.type === "appended") isTold.resolve();
    });
    const { home } = await homeWith(metaLine() + messageLine("a"));
    await copy(await openLocalLogTransfer({ home }), schema);
    await isTold.promise;
    expect(told.slice(0, 2)).toEqual(["created", "appended"]);
  });

  it("is in a node's lists and search as soon as it came in, under its name, in the archive or not", async () => {
    const schema = await openSchema();
    const node = await openNode({ url: postgres.url, schema: schema.schema, allowUnsafe: true, stateDb: null });
    onTestFinished(() => node.close());
    expect((await node.listThreads()).data).toEqual([]);
    const home = await copyCodexHome();
    await copy(await openLocalLogTransfer({ home }), schema);
    const files = await openStore(home);
    for (const archived of [false, true]) {
      const [there, here] = [
        await node.listThreads({ archived, limit: 100 }),
        await files.listThreads({ archived, limit: 100 }),
      ];
      expect(there.data).toEqual(here.data.map((thread) => ({ ...thread, path: null })));
    }
    const found = (await node.searchThreads({ query: "Named thread" })).data.map(({ thread }) => thread.name);
    expect(found).toContain("Named thread");
  });

  it("leaves a thread that is there as it is, and says what is there of it", async () => {
    const schema = await openSchema();
    const [older, newer] = [metaLine() + messageLine("a"), metaLine() + messageLine("a") + messageLine("b")];
    const [one, two] = [await homeWith(older), await homeWith(newer)];
    const [first, second] = [
      await openLocalLogTransfer({ home: one.home }),
      await openLocalLogTransfer({ home: two.home }),
    ];
    expect(await copy(second, schema)).toEqual({ copied: 1 });
    expect(await copy(first, schema)).toEqual({ ahead: 1 });
    expect(await copy(schema, first)).toEqual({ conflict: 1 });
    const again = { threadId: ODD_ID, archived: false, name: undefined, lines: once(older) };
    expect((await refusal(schema.writeLog(again))).code).toBe("thread_exists");
    expect(Buffer.concat(await collect(schema.readLog(ODD_ID))).toString()).toBe(newer);
    await expect(copy(first, schema, { replaces: true })).rejects.toMatchObject({ code: "unsupported" });
  });

  it("stores nothing of lines that are another thread's, no thread's, or torn, nor when they stop coming", async () => {
    const schema = await openSchema();
    const open = messageLine("half an append").replace(/\}\n$/, ',"skein":{"more":1}}\n');
    const other = metaLine("01900000-0000-7000-8000-000000000002");
    for (const text of ["", messageLine("no meta"), other, `${metaLine()}{"torn":`, metaLine() + open]) {
      const incoming = { threadId: ODD_ID, archived: false, name: "x", lines: once(text) };
      expect((await refusal(schema.writeLog(incoming))).code).toBe("rollout_unreadable");
    }
    for (const parts of [1, 40]) {
      const lines = (async function* (): AsyncGenerator<Uint8Array> {
        yield Buffer.from(metaLine());
        yield* once(messageLine("z".repeat(400_000)), parts);
        throw new Error("the source is gone");
      })();
      await expect(schema.writeLog({ threadId: ODD_ID, archived: false, name: null, lines })).rejects.toThrow(
        "the source is gone",
      );
    }
    expect(await schema.threads(null)).toEqual([]);
    expect(await schema.thread(ODD_ID)).toBeUndefined();
    expect(await query(`SELECT * FROM ${schema.schema}.event`)).toEqual([]);
    expect((await refusal(collect(schema.readLog(ODD_ID)).then(() => null))).code).toBe("thread_not_found");
  });

  it("has nothing of a long thread when its connection is cut on the way, and takes it whole the next time", async () => {
    const schema = await openSchema();
    const text = messageLine("z".repeat(400_000));
    const cut = (): Promise<unknown> =>
      query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'skein' AND pid <> pg_backend_pid()`,
      );
    let isLetGo = false;
    const lines = (async function* (): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from(metaLine());
        yield* once(text, 30);
        await cut();
        yield* once(text, 10);
      } finally {
        isLetGo = true;
      }
    })();
    const incoming = { threadId: ODD_ID, archived: true, name: "long", lines };
    expect((await refusal(schema.writeLog(incoming))).code).toBe("connection_lost");
    expect(await schema.threads(null)).toEqual([]);
    expect(isLetGo).toBe(true);
    const whole = (async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from(metaLine());
      yield* once(text, 40);
    })();
    expect(await schema.writeLog({ ...incoming, lines: whole })).toMatchObject({ lineCount: 41 });
    expect(await schema.thread(ODD_ID)).toMatchObject({ archived: true, name: "long" });
  });

  it("says at once of a server that isn't there, one that may lose what it was told, and a URL of another kind, what is wrong", async () => {
    const beginMs = performance.now();
    for (const [options, code] of [
      [{ url: "postgres://app@127.0.0.1:1/postgres" }, "connection_failed"],
      [{ url: postgres.url }, "store_not_durable"],
      [{ url: "http://127.0.0.1" }, "invalid_argument"],
    ] as const) {
      await expect(openPostgresLogTransfer({ ...options, schema: "never_made" })).rejects.toMatchObject({ code });
    }
    expect(performance.now() - beginMs).toBeLessThan(10_000);
  });
});
