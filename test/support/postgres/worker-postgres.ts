/**
 * The PostgreSQL server of this vitest worker: started by the first test file that asks, used by all that come after
 * it in the same worker, ended with the run. One each, because a write transaction anywhere in a server holds back
 * everyone's feed. Tests keep out of each other's way by a schema each.
 */
import { chown, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { inject } from "vitest";

import { SKIPPED_FILE } from "./postgres-folder.ts";
import { findPostgres } from "./postgres-programs.ts";
import { dataTemplate, startPostgres } from "./postgres-server.ts";

/** The worker's server, or why there is none. */
export type WorkerPostgres =
  | {
      readonly skipped: null;
      /** `postgres://app@127.0.0.1:PORT/postgres`; `app` is the superuser and needs no password. */
      readonly url: string;
      /** As `postgres --version` says it. */
      readonly version: string;
      /** A data folder that private servers may begin with a copy of, which is quicker than a new one. */
      readonly template: string;
    }
  | { readonly skipped: string; readonly url: ""; readonly version: ""; readonly template: "" };

const LOCK_MS_MAX = 400_000;
const STEP_MS = 25;

/**
 * The server, started if need be: it runs with `fsync=off`, which a store must be told to take. Ask at the top of a
 * test file: `const postgres = await workerPostgres()`, then `describe.skipIf(postgres.skipped !== null)(…)`.
 * Where CI or SKEIN_REQUIRE_POSTGRES is set it rejects instead of giving a reason to skip.
 */
export async function workerPostgres(): Promise<WorkerPostgres> {
  const folder = join(inject("postgresFolder"), `worker-${process.env["VITEST_POOL_ID"] ?? "0"}`);
  const running = await findRunning(folder);
  if (running !== null) return running;
  // Why there is none is found out once a run: an installation that fails takes its time to do so.
  const whyNone = join(inject("postgresFolder"), SKIPPED_FILE);
  const known = await readFile(whyNone, "utf8").catch(() => null);
  const { programs, skipped } =
    known === null
      ? await findPostgres((line) => void process.stderr.write(`${line}\n`))
      : { programs: null, skipped: known };
  if (programs === null) {
    await writeFile(whyNone, skipped);
    if (process.env["CI"] || process.env["SKEIN_REQUIRE_POSTGRES"]) throw new Error(skipped);
    return { skipped, url: "", version: "", template: "" };
  }
  await mkdir(folder, { recursive: true });
  // The user may have come with the installation: the run's folder was made before it.
  const { user } = programs;
  if (user !== undefined)
    for (const place of [inject("postgresFolder"), folder]) await chown(place, user.uid, user.gid);
  return underLock(join(folder, "lock"), async () => {
    const meanwhile = await findRunning(folder);
    if (meanwhile !== null) return meanwhile;
    const copyOf = await dataTemplate(programs, inject("postgresFolder"));
    await rm(join(folder, "data"), { recursive: true, force: true });
    const { url, version } = await startPostgres({ folder, copyOf });
    const server: WorkerPostgres = { skipped: null, url, version, template: copyOf };
    await writeFile(join(folder, "server.draft"), JSON.stringify(server));
    await rename(join(folder, "server.draft"), join(folder, "server.json"));
    return server;
  });
}

/** The server that an earlier file of this worker started, if it still takes connections. */
async function findRunning(folder: string): Promise<WorkerPostgres | null> {
  const text = await readFile(join(folder, "server.json"), "utf8").catch(() => null);
  if (text === null) return null;
  const server = JSON.parse(text) as WorkerPostgres;
  return (await query(server.url, "SELECT 1").then(
    () => true,
    () => false,
  ))
    ? server
    : null;
}

/** Two processes of one worker can overlap by a moment: one starts the server, the other waits for it. */
async function underLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const end = performance.now() + LOCK_MS_MAX;
  while (!(await takeLock(path))) {
    if (performance.now() > end) throw new Error(`${path} is held for more than ${LOCK_MS_MAX} ms`);
    await delay(STEP_MS);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function takeLock(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch {
    const holder = Number(await readFile(path, "utf8").catch(() => "0"));
    if (holder > 0 && !isAlive(holder)) await rm(path, { force: true });
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Runs one statement on a connection of its own. */
async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

/** A schema of a test's own in a server. */
export interface TestSchema {
  /** Its name; it does not exist until someone makes it. */
  readonly name: string;
  /** Removes it with all that is in it. */
  drop(): Promise<void>;
}

/** Names a schema that no other test of the server uses. */
export function testSchema(url: string): TestSchema {
  const name = `t${process.pid}_${Math.floor(Math.random() * 2 ** 40).toString(36)}`;
  return { name, drop: () => query(url, `DROP SCHEMA IF EXISTS "${name}" CASCADE`) };
}
