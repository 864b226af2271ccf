/**
 * The stores on PostgreSQL, each with a database of its own on one private server that waits for its disk:
 * PostgresSaver, Emmett's PostgreSQL store, and Skein's. Each peer gets pools of the `pg` that it ships with: one for
 * single records and one for turns, each as wide as did it most good on two cores. Skein takes the few connections that
 * it always does.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { sleep, systemClock } from "../../src/base/index.ts";
import { openPostgresThreadStore as openWithRows } from "../../src/postgres/index.ts";
import { openPostgresThreadStore } from "../../src/store/postgres/index.ts";
import { openRemoteThreadStore } from "../../src/store/remote/index.ts";
import { startPostgres } from "../../test/support/postgres/postgres-server.ts";
import { createEmmettSide, type EmmettStore } from "./emmett-side.ts";
import { type CheckpointSaver, createLangGraphSide } from "./langgraph-side.ts";
import type { PeerPackages } from "./peer-install.ts";
import type { ServerGauges } from "./peer-rounds.ts";
import type { PeerSide } from "./peer-side.ts";
import { createSkeinSide } from "./skein-side.ts";

interface Pool {
  query(text: string): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
  end(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): void;
}

interface PgPackage {
  readonly Pool: new (options: { readonly connectionString: string; readonly max: number }) => Pool;
}

interface PostgresSaverPackage {
  readonly PostgresSaver: new (pool: Pool) => CheckpointSaver & { setup(): Promise<void> };
}

interface EmmettPackage {
  getPostgreSQLEventStore(
    url: string,
    options: { readonly connectionOptions: { readonly pool: Pool } },
  ): EmmettStore & { readonly schema: { migrate(): Promise<unknown> }; close(): Promise<void> };
}

/**
 * Connections of a peer at 64 threads, of 8, 16, 32 and 64: single records came quickest over 32, turns over 64, Emmett's
 * by far. Those of a pool that is not in use are closed after a while.
 */
const CONNECTIONS = { records: 32, turns: 64 } as const;
const CONNECTIONS_TEXT = `${CONNECTIONS.records} connections for records, ${CONNECTIONS.turns} for turns`;

/** A server, and the sides on it. */
export interface PostgresBench {
  /** What kind of server, in a line. */
  readonly title: string;
  readonly sides: readonly PeerSide[];
  readonly server: ServerGauges;
  close(): Promise<void>;
}

const SERVED_STORE = fileURLToPath(new URL("served-store-child.ts", import.meta.url));
const START_MS_MAX = 30_000;
const RELOAD_MS_MAX = 10_000;
const RELOAD_PAUSE_MS = 200;

/** What is set but fsync and synchronous_commit, which are on: room, so that no checkpoint falls into a round. */
const SERVER_SETTINGS = { shared_buffers: "256MB", max_wal_size: "4GB", max_connections: "400" };

/** Starts a private server and opens all sides. Rejects with the reason where no PostgreSQL can be had. */
export async function openPostgresBench(peers: PeerPackages): Promise<PostgresBench> {
  const server = await startPostgres({ fsync: true, extra: SERVER_SETTINGS });
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const one of opened.toReversed()) await one.close();
    await server.stop();
  };
  try {
    const place = { url: server.url, peers };
    const sides: PeerSide[] = [];
    for (const open of [
      openSkeinSide,
      openSaverSide,
      openDeltaSaverSide,
      openEmmettSide,
      openSkeinRowsSide,
      openSkeinRemoteSide,
    ]) {
      const side = await open(place);
      opened.push(side);
      sides.push(side);
    }
    const gauge = openDatabase(peers, server.url);
    opened.push(gauge);
    const settings = "fsync and synchronous_commit on, one database a side";
    for (const name of ["fsync", "synchronous_commit"]) {
      const is = await gauge.setting(name);
      if (is !== "on") throw new Error(`the server has ${name} ${is}`);
    }
    const setWaiting = async (isWaiting: boolean): Promise<void> => {
      const setting = isWaiting ? "on" : "off";
      await gauge.run(`ALTER SYSTEM SET synchronous_commit = ${setting}`);
      await gauge.run("SELECT pg_reload_conf()");
      // The server's processes hear of it by a signal, each in its own time.
      const endMs = systemClock.monotonicMs() + RELOAD_MS_MAX;
      while ((await gauge.setting("synchronous_commit")) !== setting) {
        if (systemClock.monotonicMs() > endMs) throw new Error(`synchronous_commit does not become ${setting}`);
      }
      await sleep(systemClock, RELOAD_PAUSE_MS);
    };
    return {
      title: `${server.version.replace("postgres (PostgreSQL)", "PostgreSQL")}, ${settings}`,
      sides,
      server: { pid: server.pid, walBytes: gauge.walBytes, setWaiting },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where the databases are. */
interface PostgresPlace {
  readonly url: string;
  readonly peers: PeerPackages;
}

/** A database on the server, and a few questions to it. */
interface BenchDatabase {
  readonly url: string;
  /** Bytes of all its tables and indexes. */
  storedBytes(): Promise<number>;
  /** How far the server's write-ahead log has got, bytes. */
  walBytes(): Promise<number>;
  run(statement: string): Promise<void>;
  setting(name: string): Promise<string>;
  close(): Promise<void>;
}

/** Makes a database. */
async function makeDatabase({ url, peers }: PostgresPlace, name: string): Promise<BenchDatabase> {
  const { Pool } = peers.load<PgPackage>("pg", ["Pool"]);
  const server = openPool(Pool, url, 1);
  await server.query(`CREATE DATABASE ${name}`);
  await server.end();
  const own = new URL(url);
  own.pathname = `/${name}`;
  return openDatabase(peers, own.href);
}

function openDatabase(peers: PeerPackages, url: string): BenchDatabase {
  const { Pool } = peers.load<PgPackage>("pg", ["Pool"]);
  const pool = openPool(Pool, url, 1);
  const ask = async (expression: string): Promise<string> => {
    const { rows } = await pool.query(`SELECT (${expression})::text AS answer`);
    return String(rows[0]?.["answer"]);
  };
  return {
    url,
    storedBytes: async () => Number(await ask("pg_database_size(current_database())")),
    walBytes: async () => Number(await ask("pg_current_wal_lsn() - '0/0'::pg_lsn")),
    run: async (statement) => void (await pool.query(statement)),
    setting: (name) => ask(`current_setting('${name}')`),
    close: () => pool.end(),
  };
}

function openPool(Pool: PgPackage["Pool"], connectionString: string, max: number): Pool {
  const pool = new Pool({ connectionString, max });
  // Without a listener an idle connection that dies would end the process; the next query says what is wrong.
  pool.on("error", () => {});
  return pool;
}

/** Pools of a peer for a database, by what goes over them. */
function openPools(
  { Pool }: PgPackage,
  url: string,
): { readonly records: Pool; readonly turns: Pool; close(): Promise<void> } {
  const [records, turns] = [openPool(Pool, url, CONNECTIONS.records), openPool(Pool, url, CONNECTIONS.turns)];
  return {
    records,
    turns,
    close: async () => {
      await records.end();
      await turns.end();
    },
  };
}

/** One peer whose single records go by one of its sides, and its turns by another on the same database. */
function byWork({ records, turns }: { readonly records: PeerSide; readonly turns: PeerSide }): PeerSide {
  return {
    ...turns,
    newThread: async () => {
      const [ofRecords, ofTurns] = [await records.newThread(), await turns.newThread()];
      return {
        id: ofTurns.id,
        append: (text) => ofRecords.append(text),
        turnAtOnce: (turn) => ofTurns.turnAtOnce(turn),
        turnInSteps: (turn) => ofTurns.turnInSteps(turn),
      };
    },
  };
}

/** Skein's store as it is handed to others, without rows: none of the peers keeps any. */
async function openSkeinSide(place: PostgresPlace): Promise<PeerSide> {
  const database = await makeDatabase(place, "skein");
  const store = await openPostgresThreadStore({ url: database.url });
  return createSkeinSide({
    store,
    name: "Skein",
    settings: "the store of skein/postgres without its rows",
    storedBytes: database.storedBytes,
    close: async () => {
      await store.close();
      await database.close();
    },
  });
}

/** The same store in another process, which serves it over gRPC on the loopback. */
async function openSkeinRemoteSide(place: PostgresPlace): Promise<PeerSide> {
  const database = await makeDatabase(place, "skein_remote");
  const child = spawn(process.execPath, [SERVED_STORE, database.url], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const close = async (): Promise<void> => {
    child.stdin.end();
    await ended;
    await database.close();
  };
  try {
    const line = once(createInterface({ input: child.stdout }), "line", { signal: AbortSignal.timeout(START_MS_MAX) });
    const told = await Promise.race([line, ended.then(() => [])]);
    if (typeof told[0] !== "string") throw new Error("the process that serves the store ended");
    const store = await openRemoteThreadStore({ url: told[0] });
    return createSkeinSide({
      store,
      name: "Skein, remote",
      settings: "the first one's store in another process, over gRPC on the loopback; its CPU is nobody's here",
      storedBytes: database.storedBytes,
      close: async () => {
        await store.close();
        await close();
      },
    });
  } catch (error) {
    child.kill("SIGKILL");
    await close();
    throw error;
  }
}

/** The same with this node's rows, which are folded from the logs while they are written. */
async function openSkeinRowsSide(place: PostgresPlace): Promise<PeerSide> {
  const database = await makeDatabase(place, "skein_rows");
  const store = await openWithRows({ url: database.url });
  return createSkeinSide({
    store,
    name: "Skein, rows",
    settings:
      "openPostgresThreadStore of skein/postgres, until its rows for lists and search, full text included, have caught up",
    settle: async () => {
      await store.rows.refresh({ isDbOnly: false });
      // Has the full-text index brought up, which would else be done in another side's time.
      await store.rows.search({ query: "caught up", limit: 1 });
    },
    storedBytes: database.storedBytes,
    close: async () => {
      await store.close();
      await database.close();
    },
  });
}

function openDeltaSaverSide(place: PostgresPlace): Promise<PeerSide> {
  return openSaverSide(place, true);
}

async function openSaverSide(place: PostgresPlace, isDelta = false): Promise<PeerSide> {
  const { peers } = place;
  const { PostgresSaver } = peers.load<PostgresSaverPackage>("@langchain/langgraph-checkpoint-postgres", [
    "PostgresSaver",
  ]);
  const database = await makeDatabase(place, isDelta ? "langgraph_delta" : "langgraph");
  const pools = openPools(peers.load<PgPackage>("pg", ["Pool"]), database.url);
  const settings = await settingsOf(peers, "@langchain/langgraph-checkpoint-postgres");
  const sideOver = (pool: Pool): PeerSide =>
    createLangGraphSide({
      saver: new PostgresSaver(pool),
      peers,
      isDelta,
      settings,
      storedBytes: database.storedBytes,
      close: async () => {
        await pools.close();
        await database.close();
      },
    });
  await new PostgresSaver(pools.turns).setup();
  return byWork({ records: sideOver(pools.records), turns: sideOver(pools.turns) });
}

async function openEmmettSide(place: PostgresPlace): Promise<PeerSide> {
  const { peers } = place;
  const emmett = peers.load<EmmettPackage>("@event-driven-io/emmett-postgresql", ["getPostgreSQLEventStore"]);
  const database = await makeDatabase(place, "emmett");
  const pools = openPools(peers.load<PgPackage>("pg", ["Pool"]), database.url);
  const settings = await settingsOf(peers, "@event-driven-io/emmett-postgresql");
  const storeOver = (pool: Pool): ReturnType<EmmettPackage["getPostgreSQLEventStore"]> =>
    emmett.getPostgreSQLEventStore(database.url, { connectionOptions: { pool } });
  const stores = { records: storeOver(pools.records), turns: storeOver(pools.turns) };
  await stores.turns.schema.migrate();
  const sideOver = (store: EmmettStore): PeerSide =>
    createEmmettSide({
      store,
      settings,
      storedBytes: database.storedBytes,
      close: async () => {
        for (const one of [stores.records, stores.turns]) await one.close();
        await pools.close();
        await database.close();
      },
    });
  return byWork({ records: sideOver(stores.records), turns: sideOver(stores.turns) });
}

async function settingsOf(peers: PeerPackages, name: string): Promise<string> {
  return `${name} ${await peers.version(name)}, ${CONNECTIONS_TEXT}`;
}
