/**
 * `skein export` and `skein import` with a database in place of the home, on a real server that keeps what it
 * acknowledges: the way there and back, and a command or a server that is killed in the middle.
 */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { type PostgresServer, startPostgres } from "../support/postgres/postgres-server.ts";
import { workerPostgres } from "../support/postgres/worker-postgres.ts";
import { endInTheMiddle, type MoveAnswer, rolloutsOf, writeManyThreads } from "./moved-threads.ts";
import { type ListAnswer, makeWorkplace, type SkeinWorkplace } from "./skein-workplace.ts";

const SAMPLE_HOME = fileURLToPath(new URL("../fixtures/codex-0.130/home", import.meta.url));
const THREADS = 300;

const { skipped } = await workerPostgres();

describe.skipIf(skipped !== null)("export and import with a database", () => {
  let server: PostgresServer;
  let place: SkeinWorkplace;
  let databases = 0;

  beforeAll(async () => {
    server = await startPostgres({ fsync: true });
  }, 60_000);
  afterAll(() => server.stop());
  afterEach(() => place.remove());

  /** A database of its own. */
  async function makeDatabase(): Promise<string> {
    databases += 1;
    await query(server.url, `CREATE DATABASE moved${databases}`);
    return server.url.replace(/\/postgres$/, `/moved${databases}`);
  }

  async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** Threads that are there; 0 where there is no schema yet. */
  async function threadsIn(url: string): Promise<number> {
    try {
      const [row] = await query(url, "SELECT count(*)::int AS threads FROM skein.thread");
      return Number(row?.["threads"]);
    } catch {
      return 0;
    }
  }

  it("carry a Codex home into a database, into another one, and back into a home: file for file", async () => {
    place = makeWorkplace();
    cpSync(SAMPLE_HOME, join(place.cwd, "codex"), { recursive: true });
    const [one, other] = [await makeDatabase(), await makeDatabase()];
    const moved = { copied: 17, failed: 0, conflict: 0 };
    expect(await place.json<MoveAnswer>(["import", "codex", "--store", one])).toMatchObject(moved);
    expect(await place.json<MoveAnswer>(["export", "carried", "--store", one])).toMatchObject(moved);
    expect(await place.json<MoveAnswer>(["import", "carried", "--store", other])).toMatchObject(moved);
    expect(await place.json<MoveAnswer>(["export", "carried", "--store", other])).toMatchObject({
      same: 17,
      copied: 0,
    });
    expect(await place.json<MoveAnswer>(["import", "carried"])).toMatchObject(moved);
    const files = rolloutsOf(join(place.cwd, "codex"));
    expect([rolloutsOf(join(place.cwd, "carried")), rolloutsOf(place.home)]).toEqual([files, files]);
    // The home itself may move into a database, and SKEIN_STORE names one too.
    const env = { SKEIN_STORE: await makeDatabase() };
    expect(await place.json<MoveAnswer>(["import", ".skein"], { env })).toMatchObject(moved);
    const listed = await place.json<ListAnswer>(["list", "--limit", "100"], { env });
    expect(listed.data).toHaveLength(16);
  });

  it("go on after a kill -9 of the command, into the database and out of it", async () => {
    place = makeWorkplace();
    const home = join(place.cwd, "many");
    writeManyThreads(home, THREADS, 20_000);
    const url = await makeDatabase();
    const command = ["import", "many", "--store", url];
    const isUnderWay = async (): Promise<boolean> => (await threadsIn(url)) >= 20;
    expect(await endInTheMiddle(command, { cwd: place.cwd, signal: "SIGKILL", isUnderWay })).toBeNull();
    const half = await threadsIn(url);
    expect(half).toBeLessThan(THREADS);
    const { copied, same } = await place.json<MoveAnswer>(command);
    expect([copied + same, same >= half]).toEqual([THREADS, true]);
    await place.json(["export", "carried", "--store", url]);
    expect(rolloutsOf(join(place.cwd, "carried"))).toEqual(rolloutsOf(home));
  });

  it("end with 5 when the server is killed, with whole threads in it, and go on when it is back", async () => {
    place = makeWorkplace();
    writeManyThreads(join(place.cwd, "many"), THREADS, 20_000);
    const url = await makeDatabase();
    const command = ["import", "many", "--store", url];
    const running = place.skein(command);
    while ((await threadsIn(url)) < 20) await new Promise<void>((resolve) => setImmediate(resolve));
    await server.kill9();
    const { exitCode, stderr } = await running;
    expect(exitCode).toBe(5);
    expect(stderr).toContain("[connection_lost]");
    await server.start();
    const half = await threadsIn(url);
    const { copied, same } = await place.json<MoveAnswer>(command);
    expect([copied + same, same]).toEqual([THREADS, half]);
    const [row] = await query(url, "SELECT count(*)::int AS lines FROM skein.event");
    expect(row).toEqual({ lines: 2 * THREADS });
  });

  it("say what is wrong with a store that is none of theirs, or isn't there", async () => {
    place = makeWorkplace();
    cpSync(SAMPLE_HOME, join(place.cwd, "codex"), { recursive: true });
    const gone = "postgres://app@127.0.0.1:1/postgres";
    const unsafe = (await workerPostgres()).url;
    for (const [store, exitCode, code] of [
      [gone, 5, "connection_failed"],
      ["remote:http://127.0.0.1:1", 2, "unsupported"],
      [unsafe, 5, "store_not_durable"],
    ] as const) {
      const result = await place.skein(["import", "codex", "--store", store]);
      expect(result).toMatchObject({ exitCode, stdout: "" });
      expect(result.stderr).toContain(`[${code}]`);
    }
  });
});
