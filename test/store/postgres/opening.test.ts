/**
 * Opening a store on PostgreSQL: what the server must be, the schema that is made once however many open it, and what
 * is said where something isn't as it must be.
 */
import { inspect } from "node:util";

import { describe, expect, it, onTestFinished } from "vitest";

import {
  openPostgresCheckpoints,
  openPostgresLogTransfer,
  openPostgresThreadStore,
} from "../../../src/postgres/index.ts";
import { requireVersion } from "../../../src/store/postgres/server-settings.ts";
import { TcpProxy } from "../../crash/tcp-proxy.ts";
import { startPostgres } from "../../support/postgres/postgres-server.ts";
import { message, postgresLab, readLog, refusal, seedThread, textsOf } from "./postgres-lab.ts";
import { postgres, runSql } from "./postgres-place.ts";

describe.skipIf(postgres.skipped !== null)("opening a store on PostgreSQL", () => {
  it("refuses a server with fsync off, says what to do, and takes it when told to", async () => {
    const lab = postgresLab();
    const error = await refusal(lab.open({ allowUnsafe: false }));
    expect(error).toMatchObject({ code: "store_not_durable", data: { fsync: false, synchronousCommit: "on" } });
    expect(error.message).toMatch(/fsync off.*turn it on.*allowUnsafe/);
    for (const open of [openPostgresLogTransfer, openPostgresCheckpoints]) {
      expect(await refusal(open({ url: postgres.url, schema: lab.schema }))).toMatchObject({
        code: "store_not_durable",
        data: { fsync: false },
      });
    }
    const store = await lab.open();
    expect(store.capabilities.durability).toBe("os");
    expect(store.durability).toMatchObject({ scope: "local", fsync: false, isPooled: false, timeline: 1 });
    expect(store.durability.warnings).toHaveLength(1);
  });

  it("says of a server whose commits aren't waited for that it keeps nothing", async () => {
    const url = new URL(postgres.url);
    url.searchParams.set("options", "-c synchronous_commit=off");
    const lab = postgresLab(url.href);
    expect((await refusal(lab.open({ allowUnsafe: false }))).message).toMatch(/fsync and synchronous_commit off/);
    const store = await lab.open();
    expect(store.capabilities.durability).toBe("memory");
  });

  it("takes PostgreSQL from 13 on, and says of an older one which it is", () => {
    requireVersion({ num: 130_000, version: "13.0" });
    expect(() => requireVersion({ num: 120_022, version: "12.22" })).toThrow(
      /13 or later is needed, and this server is 12\.22: name a newer one/,
    );
  });

  it("makes the schema once, however many handles open it at once, and again changes nothing", async () => {
    const lab = postgresLab();
    const stores = await Promise.all(Array.from({ length: 6 }, () => lab.open()));
    const [first] = stores;
    if (first === undefined) throw new Error("there are six");
    const { threadId } = await seedThread(first);
    const places = new Set(stores.map(({ source }) => source.place));
    expect(places.size).toBe(1);
    for (const store of stores) expect((await store.readThread({ threadId })).id).toBe(threadId);
    const again = await lab.open();
    expect(again.source.place).toBe(first.source.place);
  });

  it("refuses a schema of a newer version, and changes nothing in it", async () => {
    const lab = postgresLab();
    await (await lab.open()).close();
    await runSql(`UPDATE "${lab.schema}".meta SET v = '99' WHERE k = 'schema_version'`);
    expect(await refusal(lab.open())).toMatchObject({ code: "store_newer", data: { version: 99 } });
    expect(await runSql(`SELECT v FROM "${lab.schema}".meta WHERE k = 'schema_version'`)).toEqual([{ v: "99" }]);
  });

  it.each([
    ["meta", "CREATE TABLE {s}.meta (a int)"],
    ["thread", "CREATE TABLE {s}.thread (a int)"],
    ["meta, of numbers", "CREATE TABLE {s}.meta (k int, v int)"],
  ])(
    "says of a schema with another program's table %s that it isn't Skein's, and leaves it as it is",
    async (_, sql) => {
      const lab = postgresLab();
      await runSql(`CREATE SCHEMA "${lab.schema}"`);
      await runSql(sql.replaceAll("{s}", `"${lab.schema}"`));
      const error = await refusal(lab.open());
      expect(error).toMatchObject({ code: "store_unusable", retryable: false, data: { schema: lab.schema } });
      expect(error.message).toMatch(/aren't Skein's.*name a schema of its own/);
      const tables = await runSql("SELECT tablename FROM pg_tables WHERE schemaname = $1", [lab.schema]);
      expect(tables).toHaveLength(1);
    },
  );

  it.each(["schema_version", "generation"])("refuses a schema whose %s is no number", async (key) => {
    const lab = postgresLab();
    await (await lab.open()).close();
    await runSql(`UPDATE "${lab.schema}".meta SET v = 'abc' WHERE k = $1`, [key]);
    const error = await refusal(lab.open());
    expect(error).toMatchObject({ code: "store_unusable", data: { schema: lab.schema, key } });
    expect(error.message).toMatch(/"abc", which is no number: restore/);
  });

  it("refuses a database that can't hold every letter, and says how one is made that can", async () => {
    const database = `latin_${process.pid}`;
    await runSql(`CREATE DATABASE ${database} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
    onTestFinished(async () => void (await runSql(`DROP DATABASE ${database} WITH (FORCE)`)));
    const url = new URL(postgres.url);
    url.pathname = `/${database}`;
    const options = { url: url.href, allowUnsafe: true };
    for (const open of [openPostgresThreadStore, openPostgresLogTransfer, openPostgresCheckpoints]) {
      const error = await refusal(open(options));
      expect(error).toMatchObject({ code: "store_unusable", data: { encoding: "LATIN1" } });
      expect(error.message).toMatch(/createdb -E UTF8 -T template0/);
    }
  });

  it("numbers lines anew that were restored into another cluster, and tells followers to sweep", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const { threadId } = await seedThread(store);
    const cursor = await store.source.now();
    await store.close();
    await runSql(`UPDATE "${lab.schema}".meta SET v = 'another cluster' WHERE k = 'server_id'`);
    await runSql(`UPDATE "${lab.schema}".event SET xid = '1000000000000'`);
    const restored = await lab.open();
    expect(await restored.source.changes(cursor)).toMatchObject({ isReset: true });
    const { lines } = await restored.source.changes(null);
    expect(lines.map(({ ordinal }) => ordinal)).toEqual([0, 1]);
    expect((await restored.listThreads()).data.map(({ id }) => id)).toEqual([threadId]);
  });

  it("takes a schema for one that was moved by the cluster's name alone, and not where a user isn't told that", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    await seedThread(store);
    const cursor = await store.source.now();
    const named = await runSql(`SELECT v FROM "${lab.schema}".meta WHERE k = 'server_id'`);
    await runSql(`UPDATE "${lab.schema}".meta SET v = 'unknown' WHERE k = 'server_id'`);
    const again = await lab.open();
    expect((await again.source.changes(cursor)).isReset).toBe(false);
    expect(await runSql(`SELECT v FROM "${lab.schema}".meta WHERE k = 'server_id'`)).toEqual(named);
    const role = `weak_${lab.schema}`;
    await runSql(`CREATE ROLE "${role}" LOGIN`);
    await runSql(`GRANT ALL ON SCHEMA "${lab.schema}" TO "${role}"`);
    for (const what of ["TABLES", "SEQUENCES"])
      await runSql(`GRANT ALL ON ALL ${what} IN SCHEMA "${lab.schema}" TO "${role}"`);
    await runSql("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC");
    try {
      const weak = await lab.open({ url: postgres.url.replace("app@", `${role}@`) });
      expect((await weak.source.changes(cursor)).isReset).toBe(false);
      await weak.close();
      expect(await runSql(`SELECT v FROM "${lab.schema}".meta WHERE k = 'server_id'`)).toEqual(named);
    } finally {
      await runSql("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC");
      await runSql(`DROP OWNED BY "${role}"`);
      await runSql(`DROP ROLE "${role}"`);
    }
  });

  it.each([
    [{ url: "mysql://x" }, /url must be/],
    [{ schema: 'no"quotes' }, /schema must be/],
    [{ schema: "pg_mine" }, /PostgreSQL's own: name another/],
    [{ leaseTtlMs: 10 }, /leaseTtlMs/],
    [{ node: { id: "" } }, /node.id/],
    [{ shema: "misspelt" }, /no option shema/],
  ])("refuses options that can't be used: %j", async (options, text) => {
    const error = await refusal(openPostgresThreadStore({ url: postgres.url, ...options }));
    expect(error.code).toBe("invalid_argument");
    expect(error.message).toMatch(text);
  });

  it.each([
    "postgres://app:geheim@127.0.0.1:99999/x",
    "postgres://app:geheim@[::1/x",
    "postgres://app:geheim@one:1,two:2/x",
    "postgres://app:geheim@127.0.0.1/x?sslnegotiation=odd",
    "postgres://app:geheim@127.0.0.1/x?port=0",
    "postgres://app:geheim@127.0.0.1/x?sslrootcert=/is/not/there",
    "mysql://app:geheim@127.0.0.1/x",
  ])("says of a url that makes no connection what one is, and nothing of its password: %s", async (url) => {
    for (const open of [openPostgresThreadStore, openPostgresLogTransfer, openPostgresCheckpoints]) {
      const error = await refusal(open({ url }));
      expect(error).toMatchObject({ code: "invalid_argument" });
      expect(error.message).toMatch(/postgres:\/\/user@host:port\/database/);
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain("geheim");
    }
  });

  it("takes a url with its host behind the question mark, and names the place without the password", async () => {
    const { port } = new URL(postgres.url);
    const lab = postgresLab(`postgres://app:geheim@/postgres?host=127.0.0.1&port=${port}`);
    const store = await lab.open();
    expect(store.transfer.place).toBe(`postgres://127.0.0.1:${port}/postgres (schema ${lab.schema})`);
  });

  it("says of a server without TLS that it has none, where the url asks for it", async () => {
    const url = `${postgres.url}?sslmode=require`;
    const error = await refusal(openPostgresThreadStore({ url, allowUnsafe: true }));
    expect(error).toMatchObject({ code: "connection_failed", retryable: false });
    expect(error.message).toMatch(/turn TLS on/);
  });

  it("says that no server answers, and how to go on", async () => {
    const url = "postgres://app@127.0.0.1:1/postgres";
    for (const open of [openPostgresThreadStore, openPostgresLogTransfer, openPostgresCheckpoints]) {
      const error = await refusal(open({ url }));
      const place = "postgres://127.0.0.1:1/postgres (schema skein)";
      expect(error).toMatchObject({ code: "connection_failed", retryable: true, data: { place } });
      expect(error.message).toContain(`no PostgreSQL answers at ${place}`);
      expect(error.message).toMatch(/start it, or name another one/);
    }
  });

  it("says of a database that isn't there, and of a user that may not in, what the server says", async () => {
    const url = new URL(postgres.url);
    url.pathname = "/nowhere";
    expect((await refusal(openPostgresThreadStore({ url: url.href }))).code).toBe("connection_failed");
  });

  it("says of a socket whose server isn't there that no server answers", async () => {
    const error = await refusal(openPostgresThreadStore({ url: "postgres://app@%2Fnowhere%2Fsocket/postgres" }));
    expect(error).toMatchObject({ code: "connection_failed", retryable: true });
  });

  it("refuses another cluster behind the same address, and goes on where the first one is back", async () => {
    const { port } = new URL(postgres.url);
    const proxy = await TcpProxy.open(Number(port));
    onTestFinished(() => proxy.close());
    const other = await startPostgres();
    onTestFinished(() => other.stop());
    const url = postgres.url.replace(port, `${proxy.port}`);
    const lab = postgresLab(url);
    const store = await lab.open();
    const options = { url, schema: lab.schema, allowUnsafe: true };
    const checkpoints = await openPostgresCheckpoints(options);
    const transfer = await openPostgresLogTransfer(options);
    for (const handle of [checkpoints, transfer]) onTestFinished(() => handle.close());
    const { threadId, writer } = await seedThread(store);
    const key = { name: "mailer", threadId };
    proxy.targetPort = other.port;
    proxy.cut();
    const append = (): Promise<unknown> => store.appendItems({ writer, items: [message("elsewhere")] });
    const save = (): Promise<unknown> => checkpoints.save(key, 1);
    for (const call of [() => store.readThread({ threadId }), append, save, () => transfer.thread(threadId)]) {
      const error = await refusal(call());
      expect(error).toMatchObject({ code: "store_unusable" });
      expect(error.message).toMatch(/another PostgreSQL cluster.*open the store anew/);
    }
    proxy.targetPort = Number(port);
    await store.appendItems({ writer, items: [message("back")] });
    expect(textsOf(await readLog(store, threadId))).toEqual(["first", "back"]);
    await checkpoints.save(key, 2);
    expect(await checkpoints.read(key)).toBe(2);
  }, 60_000);

  it("outlives connections that the server ends while nothing is asked of them", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const { threadId, writer } = await seedThread(store);
    const woken: string[] = [];
    store.subscribe(({ type }) => woken.push(type));
    await runSql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'skein' AND query LIKE $1",
      [`%${lab.schema}%`],
    );
    await runSql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'skein'");
    expect((await store.readThread({ threadId })).id).toBe(threadId);
    await store.appendItems({ writer, items: [message("after")] });
    expect(woken).toContain("appended");
  });
});
