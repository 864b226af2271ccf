/**
 * The report behind `skein doctor`: what it says of files in every state, and that it changes nothing, whatever
 * lies there. Real files; processes that are gone are rows with the ids of processes that have ended.
 */
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";

import { createIdSource, silentLogger, systemClock } from "../../src/base/index.ts";
import { createInlinePool, openStateDbWith, readStateDbReport } from "../../src/projections/index.ts";
import { readLease } from "../../src/projections/lease-rows.ts";
import { createProcessIdentity } from "../../src/projections/process-identity.ts";
import { createLeases } from "../../src/projections/sqlite-lease.ts";
import { openConnection, type SqliteDatabase } from "../../src/projections/sqlite-connection.ts";
import { createThreadOwners } from "../../src/projections/thread-owners.ts";
import { createFolder } from "./state-db-fixture.ts";

const SAMPLE = fileURLToPath(new URL("../fixtures/codex-0.130/home", import.meta.url));
const FILE = "sessions/2026/11/22/rollout-2026-11-22T07-40-38-01a20233-2e58-7271-bc33-3f3cb8230a0d.jsonl";

function sampleHome(): string {
  const home = createFolder();
  cpSync(SAMPLE, home, { recursive: true });
  return home;
}

async function filledHome(): Promise<string> {
  const home = sampleHome();
  const stateDb = await openStateDbWith({ home }, createInlinePool());
  await stateDb.sweep();
  await stateDb.close();
  return home;
}

function connect(home: string): SqliteDatabase {
  const db = openConnection(join(home, "skein.sqlite"), { mode: "read-write" });
  onTestFinished(() => void db.close());
  return db;
}

/** Everything in the home's own folder, with its size and time of change. */
function look(home: string): readonly string[] {
  return readdirSync(home).map((name) => {
    const { size, mtimeNs, ino } = statSync(join(home, name), { bigint: true });
    return `${name} ${ino} ${size} ${mtimeNs}`;
  });
}

describe("the report of a file that can be read", () => {
  it("tells versions, sizes, sets, counts and that nothing is behind, and leaves the folder as it is", async () => {
    const home = await filledHome();
    const before = look(home);
    const report = await readStateDbReport(home, { checksIntegrity: true });
    expect(report).toMatchObject({
      path: join(home, "skein.sqlite"),
      status: "ready",
      problem: null,
      bytes: { wal: 0, shm: 0 },
      versions: { schema: 1, schemaKnown: 1 },
      sets: [{ generation: 1, state: "current", backfill: { status: "complete", filesDone: 17, filesTotal: 17 } }],
      counts: { rollouts: 17, threads: 17 },
      leases: [],
      owners: [],
      lag: { files: 17, changed: 0, changedBytes: 0, moved: 0, gone: 0 },
      quarantined: [],
      setAside: [],
      integrity: "ok",
    });
    expect(report.versions.sqlite).toMatch(/^3\.\d+\.\d+$/);
    expect(report.lag?.sweptAtMs).toBeGreaterThan(0);
    expect(look(home)).toEqual(before);
  });

  it("tells what changed, came, moved and went since the rows looked, and folds none of it", async () => {
    const home = await filledHome();
    const files = readdirSync(join(home, "sessions/2026/11/22")).map((name) => join(home, "sessions/2026/11/22", name));
    appendFileSync(join(home, FILE), "x".repeat(100));
    const [gone = "", moved = ""] = files.filter((file) => file !== join(home, FILE));
    rmSync(gone);
    renameSync(moved, `${moved.slice(0, -".jsonl".length)}-moved.jsonl`);
    writeFileSync(join(home, "sessions", "new.jsonl"), "{}\n");
    const { lag } = await readStateDbReport(home);
    expect(lag).toMatchObject({ files: 17, changed: 2, changedBytes: 103, moved: 1, gone: 1 });
    expect(await readStateDbReport(home)).toMatchObject({ lag });
    // Another file in its place is behind from its first byte.
    cpSync(join(home, FILE), join(home, "copy"));
    renameSync(join(home, "copy"), join(home, FILE));
    const { size } = statSync(join(home, FILE));
    expect((await readStateDbReport(home)).lag).toMatchObject({ changed: 2, changedBytes: size + 3 });
  });

  it("reads beside a process that writes, what that has written", async () => {
    const home = await filledHome();
    const stateDb = await openStateDbWith({ home }, createInlinePool());
    onTestFinished(() => stateDb.close());
    writeFileSync(join(home, "sessions", "new.jsonl"), "{}\n");
    await stateDb.sweep();
    const report = await readStateDbReport(home);
    expect(report).toMatchObject({ status: "ready", lag: { files: 18, changed: 0 } });
    expect(report.bytes.wal).toBeGreaterThan(0);
  });

  it("names who has leases and threads, how far they are, and who of them is gone for certain", async () => {
    const home = await filledHome();
    const db = connect(home);
    const me = createProcessIdentity({ ids: createIdSource(), clock: systemClock });
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    const dead = { ...me, ownerId: "the dead one", pid, processStart: "1" };
    const common = { db, clock: systemClock, logger: silentLogger };
    const lease = await createLeases({ ...common, identity: me, heartbeatMs: 5 }).acquire("backfill");
    lease.setProgress("120 of 2000 files");
    await expect.poll(() => readLease(db, "backfill")?.holder.progress, { timeout: 10_000 }).toBe("120 of 2000 files");
    await createThreadOwners({ ...common, identity: dead }).acquire("01a20233-2e58-7271-bc33-3f3cb8230a0d");
    const { leases, owners } = await readStateDbReport(home);
    expect(leases).toMatchObject([
      { holds: "backfill", host: me.host, pid: process.pid, progress: "120 of 2000 files", isProvenDead: false },
    ]);
    expect(leases[0]?.heartbeat).toBeGreaterThan(0);
    expect(owners).toMatchObject([
      {
        holds: "01a20233-2e58-7271-bc33-3f3cb8230a0d",
        host: me.host,
        pid,
        ownerId: "the dead one",
        isProvenDead: true,
      },
    ]);
    await lease.release();
    expect((await readStateDbReport(home)).leases).toEqual([]);
  });

  it("tells a set that was never filled to its end, and how far that came", async () => {
    const home = await filledHome();
    const db = connect(home);
    db.exec("UPDATE table_sets SET state = 'building'");
    db.exec("UPDATE backfill_state SET status = 'running', files_done = 3, completed_at_ms = NULL");
    const report = await readStateDbReport(home);
    expect(report).toMatchObject({ status: "unfilled", lag: { files: 17, changed: 17 } });
    expect(report.sets).toMatchObject([
      { state: "building", backfill: { status: "running", filesDone: 3, filesTotal: 17, completedAtMs: null } },
    ]);
  });

  it("lists what is in quarantine with its reason, and what was set aside beside it", async () => {
    const home = await filledHome();
    connect(home).exec(`INSERT INTO quarantine_1 VALUES ('${FILE}', '1', 1, '1', 'rollout_unreadable', 'odd', 1, 5)`);
    for (const name of ["skein.sqlite.damaged-2026-01-02T03-04-05", "skein.sqlite.damaged-2026-01-02T03-04-05-wal"]) {
      writeFileSync(join(home, name), "x");
    }
    const { quarantined, setAside } = await readStateDbReport(home);
    expect(quarantined).toEqual([{ path: FILE, code: "rollout_unreadable", reason: "odd", sinceMs: 5 }]);
    expect(setAside).toEqual([join(home, "skein.sqlite.damaged-2026-01-02T03-04-05")]);
  });
});

describe("the report of a file that can't be read", () => {
  it("is given for a home without one, and for a home that isn't there", async () => {
    const home = sampleHome();
    const before = look(home);
    expect(await readStateDbReport(home)).toMatchObject({
      status: "missing",
      problem: null,
      lag: { files: 17, changed: 17, sweptAtMs: 0 },
    });
    expect(look(home)).toEqual(before);
    expect(await readStateDbReport(join(home, "nowhere"))).toMatchObject({ status: "missing", lag: { files: 0 } });
  });

  const states: readonly (readonly [what: string, code: string, make: (path: string) => void])[] = [
    ["is no database", "state_db_unusable", (path) => writeFileSync(path, Buffer.alloc(5_000, "no database "))],
    ["is cut short", "state_db_unusable", (path) => writeFileSync(path, Buffer.alloc(100, 0))],
    ["is another program's", "state_db_unusable", (path) => makeForeign(path)],
    ["is empty", "state_db_unusable", (path) => writeFileSync(path, "")],
    ["is a folder", "io_error", (path) => mkdirSync(path)],
  ];
  it.each(states)("says so where it %s, and leaves it as it is", async (_what, code, make) => {
    const home = sampleHome();
    const path = join(home, "skein.sqlite");
    make(path);
    const before = look(home);
    const report = await readStateDbReport(home, { checksIntegrity: true });
    expect(report).toMatchObject({ status: "unusable", problem: { code } });
    expect(report.problem?.message).not.toContain("skein-look-");
    expect(look(home)).toEqual(before);
  });

  it("says so where a later Skein has migrated it", async () => {
    const home = await filledHome();
    const db = openConnection(join(home, "skein.sqlite"), { mode: "read-write" });
    db.exec("PRAGMA user_version = 99");
    db.close();
    const { status, problem } = await readStateDbReport(home);
    expect([status, problem?.code]).toEqual(["unusable", "state_db_newer"]);
    expect(problem?.message).toContain(join(home, "skein.sqlite"));
  });

  it("says so where another process keeps it locked for itself", async () => {
    const home = await filledHome();
    const db = connect(home);
    db.exec("PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE; UPDATE table_sets SET made_at_ms = 1; COMMIT");
    const { status, problem } = await readStateDbReport(home);
    expect([status, problem?.code]).toEqual(["unusable", "state_db_busy"]);
  });

  it("says that pages in its middle are damaged, when it is asked to look", async () => {
    const home = await filledHome();
    const path = join(home, "skein.sqlite");
    const { size } = statSync(path);
    const db = openConnection(path, { mode: "read-write" });
    const root = Number(db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'turns_1_id'").pluck().get());
    db.close();
    overwrite(path, (root - 1) * 4_096, 4_096);
    expect(statSync(path).size).toBe(size);
    const before = look(home);
    expect(await readStateDbReport(home, { checksIntegrity: true })).toMatchObject({ integrity: "damaged" });
    expect(look(home)).toEqual(before);
  });
});

function makeForeign(path: string): void {
  const db = new Database(path);
  db.exec("CREATE TABLE others (x)");
  db.close();
}

function overwrite(path: string, from: number, length: number): void {
  const fd = openSync(path, "r+");
  writeSync(fd, new Uint8Array(length).fill(0x5a), 0, length, from);
  closeSync(fd);
}
