/**
 * A process that takes leases and threads of a state DB as its parent says, one command a line on standard
 * input, one answer a line on standard output. Started by owner-processes.test.ts.
 */
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { createIdSource, isSkeinError, silentLogger, systemClock } from "../../src/base/index.ts";
import type { Lease } from "../../src/projections/held-lease.ts";
import { createProcessIdentity } from "../../src/projections/process-identity.ts";
import { createLeases } from "../../src/projections/sqlite-lease.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { openStateDbFile, type StateDbFile } from "../../src/projections/state-db-file.ts";
import { SYSTEM_TABLES_SQL } from "../../src/projections/system-tables.ts";
import { createThreadOwners } from "../../src/projections/thread-owners.ts";

const [path = "", ttlText = ""] = process.argv.slice(2);
const identity = createProcessIdentity({ ids: createIdSource(), clock: systemClock });
const common = { clock: systemClock, logger: silentLogger, identity, ttlMs: Number(ttlText) };

let file: StateDbFile | undefined;
const open = async (mode: "read-write" | "read-only" = "read-write"): Promise<StateDbFile> => {
  const migrations = [{ version: 1, up: SYSTEM_TABLES_SQL }];
  file ??= await openStateDbFile({ path, mode, migrations, clock: systemClock, logger: silentLogger });
  return file;
};
const leases = async (): Promise<ReturnType<typeof createLeases>> => {
  const { db } = await open();
  return createLeases({ ...common, db });
};
let owners: ReturnType<typeof createThreadOwners> | undefined;
const threadOwners = async (): Promise<ReturnType<typeof createThreadOwners>> => {
  const { db } = await open();
  owners ??= createThreadOwners({ ...common, db });
  return owners;
};
let lease: Lease | null = null;

/** Writes a row under the lease, as all writes under one are made. */
async function write(note: string): Promise<void> {
  const { db } = await open();
  db.transaction(() => {
    lease?.check();
    db.prepare("INSERT INTO meta VALUES (?, ?)").run(String(count(db)).padStart(6, "0"), note);
  }).immediate();
}

function count(db: StateDbFile["db"]): number {
  return Number(db.prepare("SELECT count(*) FROM meta").pluck().get());
}

/** Takes the lease again and again, and notes when it is in and when it is out. */
async function race(rounds: number): Promise<void> {
  const mine = await leases();
  for (let round = 0; round < rounds; round += 1) {
    lease = await mine.acquire("race", { waitMaxMs: 60_000 });
    await write(`in ${lease.token} ${process.pid}`);
    // Several turns of the event loop with the lease in hand.
    await new Promise((resolve) => setTimeout(resolve, 1));
    await write(`out ${lease.token} ${process.pid}`);
    await lease.release();
  }
}

/** From root to a user whom permissions concern; who is no root stays who they are. */
function becomeNobody(): void {
  // The driver's binary is loaded by who may still read it.
  openConnection(":memory:", { mode: "read-write" }).close();
  if (process.getuid?.() === 0) process.setuid?.(65_534);
}

async function obey(command: string, argument: string): Promise<unknown> {
  switch (command) {
    case "open":
      return { setAside: (await open()).setAside?.path ?? null, wasUnclean: (await open()).wasUnclean };
    case "read":
      return { versionBefore: (await open("read-only")).versionBefore };
    case "become-nobody":
      becomeNobody();
      return "nobody";
    case "lease":
      lease = await (await leases()).acquire("backfill", { waitMaxMs: Number(argument) });
      return lease.token;
    case "write":
      return write(argument);
    case "race":
      return race(Number(argument));
    case "own":
      return (await (await threadOwners()).acquire(argument)).token;
    case "append":
      (await threadOwners()).check(argument);
      appendFileSync(`${path}.${argument}.log`, `${process.pid}\n`);
      return "appended";
    default:
      throw new RangeError(`no command ${command}`);
  }
}

/** Synchronous commands are obeyed in the very turn in which they arrive, before any late timer. */
for await (const line of createInterface({ input: process.stdin })) {
  const [command = "", argument = ""] = line.split(" ");
  try {
    console.log(JSON.stringify({ done: (await obey(command, argument)) ?? null }));
  } catch (error) {
    const known = isSkeinError(error) ? { code: error.code, data: error.data } : { code: String(error), data: {} };
    console.log(JSON.stringify({ failed: known }));
  }
}
file?.close();
