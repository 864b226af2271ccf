/**
 * The stores on this machine's disk, each in a folder of its own: SqliteSaver and Emmett's SQLite store with a
 * write-ahead log and synchronous=FULL, so that what they acknowledge survives a power cut like Skein's `fsync`.
 *
 * Emmett gets one connection for good: by default it opens the file anew for every call. It is called one call at
 * a time, for its transactions on one connection would run into each other, and an append be acknowledged
 * before the commit.
 */
import { readdirSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { openLocalThreadStore } from "../../src/store/local/index.ts";
import { createEmmettSide, type EmmettStore } from "./emmett-side.ts";
import { type CheckpointSaver, createLangGraphSide } from "./langgraph-side.ts";
import type { PeerPackages } from "./peer-install.ts";
import type { PeerSide } from "./peer-side.ts";
import { createSkeinSide } from "./skein-side.ts";

interface BetterSqlite {
  pragma(text: string): unknown;
  close(): void;
}

interface BetterSqlitePackage {
  readonly default?: never;
  new (file: string): BetterSqlite;
}

interface SqliteSaverPackage {
  readonly SqliteSaver: new (db: BetterSqlite) => CheckpointSaver & { setup(): void };
}

interface EmmettConnection {
  command(sql: string): Promise<unknown>;
  querySingle(sql: string): Promise<Readonly<Record<string, unknown>> | null>;
  close(): void;
}

interface EmmettSqlitePackage {
  sqliteConnection(options: { readonly fileName: string }): EmmettConnection;
  getSQLiteEventStore(options: {
    readonly fileName: string;
    readonly connectionOptions: { readonly singleton: true; readonly connection: EmmettConnection };
  }): EmmettStore & { readonly schema: { migrate(): Promise<void> } };
}

/** Where the folders are. */
export interface SqlitePlace {
  readonly folder: string;
  readonly peers: PeerPackages;
}

const FULL = 2;

/** LangGraph's two sides. */
export async function openSqliteSaverSide({ folder, peers }: SqlitePlace, isDelta: boolean): Promise<PeerSide> {
  const name = "@langchain/langgraph-checkpoint-sqlite";
  const { SqliteSaver } = peers.load<SqliteSaverPackage>(name, ["SqliteSaver"]);
  const Database = peers.load<BetterSqlitePackage>("better-sqlite3", []);
  const own = await makeFolder(folder, isDelta ? "langgraph-delta" : "langgraph");
  const db = new Database(join(own, "checkpoints.sqlite"));
  const saver = new SqliteSaver(db);
  saver.setup();
  db.pragma("synchronous = FULL");
  return createLangGraphSide({
    saver,
    peers,
    isDelta,
    settings: `${name} ${await peers.version(name)}, WAL, synchronous=FULL`,
    storedBytes: async () => {
      db.pragma("wal_checkpoint(TRUNCATE)");
      return bytesOf(own);
    },
    close: async () => db.close(),
  });
}

/** Emmett's side. */
export async function openEmmettSqliteSide({ folder, peers }: SqlitePlace): Promise<PeerSide> {
  const name = "@event-driven-io/emmett-sqlite";
  const emmett = peers.load<EmmettSqlitePackage>(name, ["sqliteConnection", "getSQLiteEventStore"]);
  const own = await makeFolder(folder, "emmett");
  const fileName = join(own, "events.sqlite");
  const connection = emmett.sqliteConnection({ fileName });
  await connection.command("PRAGMA synchronous = FULL");
  const held = await connection.querySingle("PRAGMA synchronous");
  if (held?.["synchronous"] !== FULL) throw new Error(`Emmett's connection is not at synchronous=FULL`);
  const store = emmett.getSQLiteEventStore({ fileName, connectionOptions: { singleton: true, connection } });
  await store.schema.migrate();
  return createEmmettSide({
    store: oneAtATime(store),
    settings: `${name} ${await peers.version(name)}, WAL, synchronous=FULL, one connection, one call at a time`,
    storedBytes: async () => {
      await connection.command("PRAGMA wal_checkpoint(TRUNCATE)");
      return bytesOf(own);
    },
    close: async () => connection.close(),
  });
}

/** Calls that wait for each other, in the order they were made. */
function oneAtATime(store: EmmettStore): EmmettStore {
  let last: Promise<unknown> = Promise.resolve();
  const behind = <T>(call: () => Promise<T>): Promise<T> => {
    const result = last.then(call);
    last = result.catch(() => {});
    return result;
  };
  return {
    appendToStream: (...args) => behind(() => store.appendToStream(...args)),
    readStream: (...args) => behind(() => store.readStream(...args)),
  };
}

/** Skein's side: rollout files, without a state DB, as none of the others keeps rows beside. */
export async function openSkeinLocalSide(folder: string): Promise<PeerSide> {
  const home = await makeFolder(folder, "skein");
  const store = await openLocalThreadStore({ home, durability: "fsync" });
  return createSkeinSide({
    store,
    name: "Skein",
    settings: "openLocalThreadStore, durability fsync",
    storedBytes: async () => bytesOf(home),
    close: () => store.close(),
  });
}

async function makeFolder(folder: string, name: string): Promise<string> {
  const own = join(folder, name);
  await mkdir(own, { recursive: true });
  return own;
}

function bytesOf(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
