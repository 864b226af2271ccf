/**
 * The command beside other processes that use the same state DB, and ended in the middle: who fills it is
 * named and waited for, a rebuild is seen by nobody before it is whole, and Ctrl-C leaves what was done.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";

import { generateHome } from "../../bench/home-generator.ts";
import { createIdSource, silentLogger, systemClock } from "../../src/base/index.ts";
import type { Lease } from "../../src/projections/held-lease.ts";
import { readLease } from "../../src/projections/lease-rows.ts";
import { createProcessIdentity } from "../../src/projections/process-identity.ts";
import { MIGRATIONS } from "../../src/projections/schema.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { createLeases } from "../../src/projections/sqlite-lease.ts";
import { openStateDbFile } from "../../src/projections/state-db-file.ts";
import { startSkein } from "../support/skein-process.ts";
import { type ListAnswer, makeWorkplace, type SkeinWorkplace } from "./skein-workplace.ts";

let place: SkeinWorkplace;
afterEach(() => place.remove());

const stateDbPath = (): string => join(place.home, "skein.sqlite");

/** Begins to fill the home's rows as another process would, and never ends. */
async function holdBackfill(): Promise<Lease> {
  const common = { clock: systemClock, logger: silentLogger };
  const file = await openStateDbFile({ ...common, path: stateDbPath(), mode: "read-write", migrations: MIGRATIONS });
  onTestFinished(() => file.close());
  const identity = createProcessIdentity({ ids: createIdSource(), clock: systemClock });
  const lease = await createLeases({ ...common, db: file.db, identity, heartbeatMs: 20 }).acquire("backfill");
  lease.setProgress("120 of 2000 files");
  await expect
    .poll(() => readLease(file.db, "backfill")?.holder.progress, { timeout: 10_000 })
    .toBe("120 of 2000 files");
  return lease;
}

/** What the current rows, or those that are being filled, say by a query. */
function ask(sql: string): unknown {
  const db = openConnection(stateDbPath(), { mode: "read-only" });
  try {
    return db.prepare(sql).pluck().get();
  } finally {
    db.close();
  }
}

function listen(child: ChildProcess): { stdout(): string; stderr(): string } {
  let [out, err] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (err += text));
  return { stdout: () => out, stderr: () => err };
}

async function exitOf(child: ChildProcess): Promise<unknown> {
  const [code] = (await once(child, "close")) as [number | null];
  return code;
}

describe("while another process fills the rows", () => {
  beforeEach(() => {
    place = makeWorkplace("codex");
  });

  it("readers go on from the files after the wait, and name it with its process, host and progress", async () => {
    await holdBackfill();
    const { exitCode, stdout, stderr } = await place.skein(["list", "--wait", "0"]);
    expect([exitCode, stdout.trimEnd().split("\n").length]).toEqual([0, 16]);
    expect(stderr).toMatch(/^going on without the state DB: .*\[backfill_running\]\n$/);
    expect(stderr).toContain(`process ${process.pid} on ${hostname()}`);
    expect(stderr).toContain("120 of 2000 files");
  });

  it("what needs the rows, or writes to a thread, ends with 4 and what to do", async () => {
    await holdBackfill();
    const commands = [["search", "second"], ["list", "--db-only"], ["rebuild"], ["name", "01a20233-2e58", "x"]];
    const ends = await Promise.all(commands.map((args) => place.skein([...args, "--wait", "0"])));
    for (const { exitCode, stdout, stderr } of ends) {
      expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: "" });
      expect(stderr).toMatch(/^skein: process \d+ on .* \[backfill_running\]\n {2}wait for it, or end that process/);
    }
    expect(await place.skein(["name", "01a20233-2e58", "x", "--no-db"])).toMatchObject({ exitCode: 0 });
  });

  it("a list waits, says for whom, and is made from the rows when the other is done", async () => {
    const lease = await holdBackfill();
    const child = startSkein(["list", "--json", "--progress", "--log", "info"], { cwd: place.cwd });
    const said = listen(child);
    const waiting = `fold  waiting for process ${process.pid} on ${hostname()}: 120 of 2000 files`;
    await expect.poll(() => said.stderr(), { timeout: 20_000 }).toContain(waiting);
    await lease.release();
    expect(await exitOf(child)).toBe(0);
    expect((JSON.parse(said.stdout()) as ListAnswer).data).toHaveLength(16);
    expect(said.stderr()).toContain('"msg":"waiting for another process that fills the state DB"');
    expect(said.stderr()).toMatch(/"filesDone":17,"filesTotal":17,.*"bytesPerSecond":.*"leftMs":0,.*"msg":"folding/);
    expect(ask("SELECT count(*) FROM threads_1")).toBe(17);
  });

  it("doctor names it, and asks for nothing", async () => {
    await holdBackfill();
    const { exitCode, stdout } = await place.skein(["doctor"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      new RegExp(
        `^lease backfill: process ${process.pid} on ${hostname()} since .*, 120 of 2000 files, heartbeat`,
        "m",
      ),
    );
  });

  it("Ctrl-C ends the waiting with 130", async () => {
    await holdBackfill();
    const child = startSkein(["rebuild", "--log", "info"], { cwd: place.cwd });
    const said = listen(child);
    await expect.poll(() => said.stderr(), { timeout: 20_000 }).toContain("waiting for another process");
    child.kill("SIGINT");
    expect(await exitOf(child)).toBe(130);
    expect(said.stderr()).toMatch(/\[aborted\]\n$/);
  });
});

describe("on a home that takes a while", () => {
  const FILES = 200;
  beforeEach(() => {
    place = makeWorkplace();
    generateHome(place.home, { threads: FILES, bytes: 30_000_000, seed: 3 });
  });

  /** Starts a list that fills the rows, and stops it when some are there and some are not. */
  async function startAndStop(): Promise<{ child: ChildProcess; said: ReturnType<typeof listen> }> {
    for (;;) {
      for (const name of readdirSync(place.home)) if (name.startsWith("skein.sqlite")) rmSync(join(place.home, name));
      const child = startSkein(["list", "--limit", "1"], { cwd: place.cwd });
      const said = listen(child);
      await expect.poll(isBegun, { timeout: 20_000, interval: 2 }).toBe(true);
      child.kill("SIGSTOP");
      if (ask("SELECT count(*) FROM table_sets WHERE state = 'current'") === 0) return { child, said };
      child.kill("SIGKILL");
      await once(child, "close");
    }
  }

  function isBegun(): boolean {
    try {
      return existsSync(stateDbPath()) && Number(ask("SELECT count(*) FROM rollouts_1")) > 0;
    } catch {
      // The file is there, and its tables are not yet.
      return false;
    }
  }

  it("Ctrl-C while rows are filled ends with 130, and the next command goes on from there", async () => {
    const { child, said } = await startAndStop();
    child.kill("SIGINT");
    child.kill("SIGCONT");
    expect(await exitOf(child)).toBe(130);
    expect(said.stdout()).toBe("");
    expect(said.stderr()).toMatch(/^skein: ended by Ctrl-C; what was folded stays, .* \[aborted\]\n$/);
    const filled = Number(ask("SELECT count(*) FROM rollouts_1"));
    const report = await place.json<{ filesTotal: number; folded: number; generation: number }>(["rebuild"]);
    expect(report).toMatchObject({ filesTotal: FILES, folded: FILES - filled, generation: 1 });
    expect((await place.skein(["verify", "--projections"])).exitCode).toBe(0);
  });

  it("a command that was killed there leaves nothing that doctor worries about for long", async () => {
    const { child } = await startAndStop();
    child.kill("SIGKILL");
    await once(child, "close");
    const sick = await place.skein(["doctor"]);
    expect([sick.exitCode, sick.stdout]).toEqual([1, expect.stringContaining("it is gone, and who wants it gets it")]);
    expect(sick.stdout).toContain("! its rows were never filled to the end");
    expect((await place.skein(["list", "--limit", "1"])).stderr).not.toContain("set aside");
    expect((await place.skein(["doctor", "--check"])).stdout).toContain("nothing wants attention");
  });

  it("lists beside a rebuild answer whole, from the rows before or from those after", async () => {
    const ids = async (): Promise<string> => {
      const { data } = await place.json<ListAnswer>(["list", "--limit", "1000", "--db-only"]);
      return data.map(({ id }) => id).join();
    };
    await place.skein(["list", "--limit", "1"]);
    const before = await ids();
    const rebuild = startSkein(["rebuild", "--json"], { cwd: place.cwd });
    const said = listen(rebuild);
    const done = exitOf(rebuild);
    const answers = new Set<string>();
    while (rebuild.exitCode === null) answers.add(await ids());
    expect([await done, [...answers]]).toEqual([0, [before]]);
    expect(JSON.parse(said.stdout())).toMatchObject({ folded: FILES, generation: 2, replaced: { isKept: false } });
  });
});

describe("a state DB that can't be opened", () => {
  beforeEach(() => {
    place = makeWorkplace("codex");
  });

  it("because a later Skein has it is no hindrance to readers, and one to who would write past that Skein", async () => {
    await place.skein(["list"]);
    const db = openConnection(stateDbPath(), { mode: "read-write" });
    db.exec("PRAGMA user_version = 99");
    db.close();
    const list = await place.skein(["list"]);
    expect(list).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("[state_db_newer]") as string });
    expect(list.stdout.trimEnd().split("\n")).toHaveLength(16);
    const chat = await place.skein(["chat", "01a20233-2e58"], { input: "hello" });
    expect([chat.exitCode, chat.stderr]).toEqual([
      5,
      expect.stringMatching(/\[state_db_newer\]\n {2}update skein, or/),
    ]);
    expect(await place.skein(["chat", "01a20233-2e58", "--no-db"], { input: "hello" })).toMatchObject({ exitCode: 0 });
    const doctor = await place.skein(["doctor"]);
    expect([doctor.exitCode, doctor.stdout]).toEqual([1, expect.stringContaining("work with --no-db")]);
  });

  it("because something else stands in its place is said in a line, and is an error to what needs it", async () => {
    mkdirSync(stateDbPath());
    const list = await place.skein(["list"]);
    expect(list.stdout.trimEnd().split("\n")).toHaveLength(16);
    expect(list.stderr).toMatch(/^going on without the state DB: .*\[io_error\]\n$/);
    const search = await place.skein(["search", "second"]);
    expect(search).toMatchObject({ exitCode: 5, stdout: "" });
  });

  it.skipIf(process.getuid?.() === 0)("because the home can't be written is said in a line", async () => {
    chmodSync(place.home, 0o555);
    onTestFinished(() => chmodSync(place.home, 0o755));
    const list = await place.skein(["list"]);
    expect(list.stdout.trimEnd().split("\n")).toHaveLength(16);
    expect(list.stderr).toMatch(/^going on without the state DB: .*\[permission_denied\]\n$/);
    expect((await place.skein(["doctor"])).exitCode).toBe(0);
    expect((await place.skein(["search", "second"])).exitCode).toBe(5);
  });
});

describe("a folder that is no home yet", () => {
  beforeEach(() => {
    place = makeWorkplace();
  });

  it("stays as it is under commands that read, which find nothing there", async () => {
    mkdirSync(join(place.cwd, "empty"));
    const commands = [
      ["list"],
      ["list", "--db-only"],
      ["search", "x"],
      ["rebuild"],
      ["verify", "--projections"],
      ["doctor"],
    ];
    for (const args of commands) {
      expect(await place.skein(args)).toMatchObject({ exitCode: 0 });
      expect(await place.skein([...args, "--home", "empty"])).toMatchObject({ exitCode: 0 });
    }
    expect([readdirSync(place.cwd), readdirSync(join(place.cwd, "empty"))]).toEqual([["empty"], []]);
  });
});
