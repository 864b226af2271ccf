/**
 * One connection's settings, waiting for a lock, and what SQLite's errors become. The errors are SQLite's own,
 * each brought about by what it stands for.
 */
import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { assert, fault } from "../../src/base/index.ts";
import { nextBusyDelayMs, orBusyFault, retryBusy } from "../../src/projections/busy-retry.ts";
import { isAtLeast, isBusy, openConnection } from "../../src/projections/sqlite-connection.ts";
import { isDamage, sqliteFault } from "../../src/projections/sqlite-fault.ts";
import { createManualClock } from "../../src/testing/index.ts";
import { nodeTypeFlags } from "../support/node-flags.ts";
import { connect, createFolder, runUntilSettled } from "./state-db-fixture.ts";

/** What a piece of work throws. */
function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("a connection", () => {
  test("is set up for a projection: WAL, NORMAL, a short wait, nothing trusted", () => {
    const db = openConnection(join(createFolder(), "a.sqlite"), { mode: "read-write" });
    const settings = ["journal_mode", "synchronous", "busy_timeout", "foreign_keys", "trusted_schema"].map((name) =>
      db.pragma(name, { simple: true }),
    );
    db.close();
    expect(settings).toEqual(["wal", 1, 5, 0, 0]);
  });

  test("a file that is not admitted is left as it is, and closed", () => {
    const path = join(createFolder(), "a.sqlite");
    const refuse = (): void => assert(false, "not admitted");
    expect(() => openConnection(path, { mode: "read-write", admit: refuse })).toThrow("not admitted");
    const db = openConnection(path, { mode: "read-write", admit: (db) => void db.pragma("user_version") });
    db.close();
  });

  test.each([
    ["3.51.3", true],
    ["3.51.2", false],
    ["3.52.0", true],
    ["4.0", true],
    ["3.9.9", false],
    ["3.51", false],
    ["3.51.3.1", true],
  ])("SQLite %s is recent enough: %s", (version, isRecent) => {
    expect(isAtLeast(version, "3.51.3")).toBe(isRecent);
  });
});

describe("waiting for a lock", () => {
  test("the delays grow from 2 to 50 ms", () => {
    const delays: number[] = [];
    for (let delay = 0; delays.length < 7; delays.push(delay)) delay = nextBusyDelayMs(delay);
    expect(delays).toEqual([2, 4, 8, 16, 32, 50, 50]);
  });

  test("work that finds the database locked is done once the lock is free", async () => {
    const path = join(createFolder(), "a.sqlite");
    const [one, other] = [connect(path), connect(path)];
    other.exec("BEGIN IMMEDIATE");
    const clock = createManualClock();
    const done = retryBusy(clock, () => one.prepare("INSERT INTO meta VALUES ('a', 1)").run().changes);
    await clock.run(1_000);
    other.exec("ROLLBACK");
    expect(await runUntilSettled(done, clock)).toBe(1);
  });

  test("a lock that stays becomes state_db_busy after the wait", async () => {
    const path = join(createFolder(), "a.sqlite");
    const [one, other] = [connect(path), connect(path)];
    other.exec("BEGIN IMMEDIATE");
    const clock = createManualClock();
    let tries = 0;
    const work = (): void => {
      tries += 1;
      one.exec("DELETE FROM meta");
    };
    const expected = { code: "state_db_busy", retryable: true, data: { waitedMs: 200 } };
    await expect(runUntilSettled(retryBusy(clock, work, { waitMaxMs: 200 }), clock)).rejects.toMatchObject(expected);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(210);
    expect(tries).toBeGreaterThan(5);
    expect(() => orBusyFault(() => one.exec("DELETE FROM meta"), 3)).toThrow(/locked by another process; try again/);
  });

  test("any other error passes at once", async () => {
    const db = connect(join(createFolder(), "a.sqlite"));
    await expect(retryBusy(createManualClock(), () => db.exec("nonsense"))).rejects.toThrow(/syntax error/);
  });
});

describe("what SQLite's errors become", () => {
  const attempt = (path: string): { attempted: string; path: string } => ({ attempted: "do it", path });

  test("a full disk is disk_full", () => {
    const db = connect(join(createFolder(), "a.sqlite"));
    db.pragma(`max_page_count = ${String(db.pragma("page_count", { simple: true }))}`);
    const error = errorOf(() => db.prepare("INSERT INTO meta VALUES ('a', ?)").run("x".repeat(100_000)));
    expect(sqliteFault(error, attempt(db.name))).toMatchObject({ code: "disk_full", retryable: true });
  });

  test("a write to what is only for reading is permission_denied", () => {
    const path = join(createFolder(), "a.sqlite");
    connect(path);
    const db = openConnection(path, { mode: "read-only" });
    const error = errorOf(() => db.exec("DELETE FROM meta"));
    db.close();
    expect(sqliteFault(error, attempt(path))).toMatchObject({ code: "permission_denied", retryable: false });
  });

  test("damage is state_db_unusable, a lock state_db_busy", () => {
    const path = join(createFolder(), "a.sqlite");
    const [one, other] = [connect(path), connect(path)];
    other.exec("BEGIN IMMEDIATE");
    const locked = errorOf(() => one.exec("BEGIN IMMEDIATE"));
    expect(isBusy(locked)).toBe(true);
    expect(sqliteFault(locked, attempt(path))).toMatchObject({ code: "state_db_busy", retryable: true });
    const garbage = join(createFolder(), "a.sqlite");
    writeFileSync(garbage, "garbage".repeat(1_000));
    const damaged = errorOf(() => openConnection(garbage, { mode: "read-write" }));
    expect(isDamage(damaged)).toBe(true);
    expect(sqliteFault(damaged, attempt(garbage))).toMatchObject({
      code: "state_db_unusable",
      data: { sqlite: "SQLITE_NOTADB" },
    });
  });

  test("a file that can't be opened is io_error, and too_many_open_files where that is why", () => {
    const path = join(createFolder(), "a.sqlite");
    mkdirSync(path);
    const error = errorOf(() => openConnection(path, { mode: "read-write" }));
    expect(sqliteFault(error, attempt(path))).toMatchObject({ code: "io_error", data: { path } });
  });

  test("a home that can't be opened for want of descriptors says so, however few", { timeout: 60_000 }, () => {
    const open = `
      const { openStateDb } = await import(${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)});
      const answer = await openStateDb({ home: process.argv[1] }).then((db) => db.close(), (error) => error.code);
      process.stdout.write(answer ?? "open");`;
    const told = new Set<string>();
    for (let limit = 20; limit < 40; limit += 1) {
      const node = [process.execPath, ...nodeTypeFlags(), "--input-type=module", "-e", open, createFolder()];
      const shell = `ulimit -n ${limit} && exec "$@"`;
      const { stdout } = spawnSync("sh", ["-c", shell, "sh", ...node], { encoding: "utf8" });
      // With too few for Node itself nothing is said.
      if (stdout !== "") told.add(stdout);
      if (stdout === "open") break;
    }
    expect([...told]).toEqual(["too_many_open_files", "open"]);
  });

  test("faults, bugs and what is not SQLite's pass or keep their meaning", () => {
    const known = fault("timed_out", "late");
    expect(sqliteFault(known, attempt("/x"))).toBe(known);
    const bug = errorOf(() => assert(false, "wrong"));
    expect(sqliteFault(bug, attempt("/x"))).toBe(bug);
    const missing = errorOf(() => closeSync(openSync("/nonexistent/x", "r")));
    expect(sqliteFault(missing, attempt("/x"))).toMatchObject({ code: "io_error", data: { errno: "ENOENT" } });
  });
});
