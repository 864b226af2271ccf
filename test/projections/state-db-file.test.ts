/**
 * Whatever lies where the state DB should be: nothing, a sound file, one that is damaged, foreign, older or
 * newer, and one that the disk keeps from us.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";

import { silentLogger } from "../../src/base/index.ts";
import { type Migration, STATE_DB_APPLICATION_ID, versionOf } from "../../src/projections/migrations.ts";
import { setAsideFile } from "../../src/projections/set-aside.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { openStateDbFile, STATE_DB_FILE_NAME, type StateDbFile } from "../../src/projections/state-db-file.ts";
import { createManualClock } from "../../src/testing/index.ts";
import { createFolder, createWarnings, openFile, runUntilSettled, SYSTEM_MIGRATIONS } from "./state-db-fixture.ts";

const ASIDE_TIME = "2026-01-02T03-04-05";

function createPath(): string {
  return join(createFolder(), STATE_DB_FILE_NAME);
}

/** A closed state DB that holds a value and enough rows for many pages. */
async function writeSoundFile(path: string): Promise<void> {
  const { db, close } = await openFile(path);
  db.prepare("INSERT INTO meta VALUES ('kept', 'yes')").run();
  const insert = db.prepare("INSERT INTO thread_owners VALUES (?, 'owner', ?, 0)");
  db.transaction(() => {
    for (let n = 0; n < 5_000; n += 1) insert.run(`thread ${n}`, n);
  })();
  close();
}

function keptValue({ db }: StateDbFile): unknown {
  return db.prepare("SELECT value FROM meta WHERE key = 'kept'").pluck().get();
}

/** The files of the folder, without those that SQLite makes beside an open one. */
function filesBeside(path: string): string[] {
  return readdirSync(dirname(path))
    .filter((name) => !/-(wal|shm)$|\.lock$/.test(name))
    .sort();
}

/** Overwrites the middle of a file, leaving its header as it is. */
function scribble(path: string): void {
  const bytes = readFileSync(path);
  bytes.fill(0xa5, 8 * 4096, bytes.length - 4096);
  writeFileSync(path, bytes);
}

/** A sound file whose writer did not come to close it: its WAL is there and not empty. */
async function writeUncleanFile(path: string): Promise<void> {
  const original = createPath();
  await writeSoundFile(original);
  const { db } = await openFile(original);
  db.prepare("INSERT INTO meta VALUES ('late', 'in the WAL')").run();
  for (const part of ["", "-wal"]) copyFileSync(original + part, path + part);
}

describe("a state DB that can be used", () => {
  test("is made where there is none, with the schema, its marks, and WAL", async () => {
    const path = createPath();
    const file = await openFile(path);
    expect(file).toMatchObject({ setAside: null, wasUnclean: false, versionBefore: 0 });
    expect(versionOf(file.db)).toBe(1);
    expect(file.db.pragma("application_id", { simple: true })).toBe(STATE_DB_APPLICATION_ID);
    expect(file.db.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(filesBeside(path)).toEqual(["skein.sqlite"]);
  });

  test("keeps what is in it over closing and opening, and over two opens at once", async () => {
    const path = createPath();
    await writeSoundFile(path);
    const [one, other] = await Promise.all([openFile(path), openFile(path)]);
    expect([keptValue(one), keptValue(other)]).toEqual(["yes", "yes"]);
    expect(one.versionBefore).toBe(1);
  });

  test("is made of a file without a byte, and of a SQLite file without a table", async () => {
    const path = createPath();
    writeFileSync(path, "");
    (await openFile(path)).close();
    const other = createPath();
    new Database(other).pragma("user_version = 0");
    expect(await openFile(other)).toMatchObject({ setAside: null, versionBefore: 0 });
  });

  test("is found through a link, with its lock and WAL beside the file itself", async () => {
    const path = createPath();
    await writeSoundFile(path);
    const link = createPath();
    symlinkSync(path, link);
    const file = await openFile(link);
    expect(keptValue(file)).toBe("yes");
    expect(basename(file.path)).toBe(basename(path));
    expect(readdirSync(dirname(link))).toEqual([basename(link)]);
  });

  test("closing twice is fine", async () => {
    const file = await openFile(createPath());
    file.close();
    file.close();
  });
});

describe("migrations", () => {
  const second: Migration = { version: 2, up: (db) => void db.exec("CREATE TABLE second (a)") };

  test("an older file gets the steps it lacks, and keeps what is in it", async () => {
    const path = createPath();
    await writeSoundFile(path);
    const file = await openFile(path, { migrations: [...SYSTEM_MIGRATIONS, second] });
    expect(file.versionBefore).toBe(1);
    expect(versionOf(file.db)).toBe(2);
    expect(keptValue(file)).toBe("yes");
    expect(file.db.prepare("SELECT count(*) FROM second").pluck().get()).toBe(0);
  });

  test("a step that fails leaves the file at the version it had, with nothing of the others", async () => {
    const path = createPath();
    await writeSoundFile(path);
    const third = { version: 3, up: "CREATE TABLE third (a); SELECT nonsense" };
    const opening = openFile(path, { migrations: [...SYSTEM_MIGRATIONS, second, third] });
    await expect(opening).rejects.toThrow(/nonsense/);
    const file = await openFile(path);
    expect(versionOf(file.db)).toBe(1);
    expect(file.db.prepare("SELECT name FROM sqlite_schema WHERE name IN ('second', 'third')").all()).toEqual([]);
  });

  test("a newer file is left as it is, and both versions are named", async () => {
    const path = createPath();
    (await openFile(path, { migrations: [...SYSTEM_MIGRATIONS, second] })).close();
    const before = readFileSync(path);
    for (const mode of ["read-write", "read-only"] as const) {
      const error: unknown = await openFile(path, { mode }).catch((error: unknown) => error);
      expect(error).toMatchObject({ code: "state_db_newer", retryable: false, data: { version: 2, versionMax: 1 } });
      expect((error as Error).message).toMatch(/version 2.*up to 1.*use the Skein that made it, or move the file away/);
    }
    expect(readFileSync(path)).toEqual(before);
    expect(filesBeside(path)).toEqual(["skein.sqlite"]);
  });

  test("a list of steps with a gap is a bug", async () => {
    await expect(openFile(createPath(), { migrations: [second] })).rejects.toThrow("bug in skein");
  });
});

describe("a file that can't be used is set aside, kept, and made anew", () => {
  test.each([
    [
      "garbage",
      (path: string) =>
        writeFileSync(path, "this is no database, but it is long enough to look like one\n".repeat(200)),
    ],
    ["a short text", (path: string) => writeFileSync(path, "hello")],
    ["a file cut in the middle", (path: string) => truncateSync(path, 3 * 4096 + 100)],
    ["a file cut to its header", (path: string) => truncateSync(path, 4096)],
    ["a file whose header is gone", (path: string) => writeFileSync(path, readFileSync(path).fill(0, 0, 100))],
  ])("%s", async (_, spoil) => {
    const path = createPath();
    await writeSoundFile(path);
    spoil(path);
    const spoilt = readFileSync(path);
    const { logger, warnings } = createWarnings();
    const file = await openFile(path, { logger });
    const aside = `${path}.damaged-${ASIDE_TIME}`;
    expect(file.setAside).toMatchObject({ path: aside, reason: "damaged" });
    expect(readFileSync(aside)).toEqual(spoilt);
    expect(warnings).toMatchObject([{ fields: { path, asidePath: aside, reason: "damaged" } }]);
    expect(file.versionBefore).toBe(0);
    expect(keptValue(file)).toBeUndefined();
    file.close();
    expect(await openFile(path)).toMatchObject({ setAside: null, versionBefore: 1 });
  });

  test("damage inside a file that was not closed is looked for, and found", async () => {
    const path = createPath();
    await writeUncleanFile(path);
    scribble(path);
    const file = await openFile(path);
    expect(file.setAside).toMatchObject({ reason: "damaged" });
    expect(keptValue(file)).toBeUndefined();
  });

  test("a sound file that was not closed keeps what its WAL holds, and is said to have been left so", async () => {
    const path = createPath();
    await writeUncleanFile(path);
    const file = await openFile(path);
    expect(file).toMatchObject({ setAside: null, wasUnclean: true });
    expect(file.db.prepare("SELECT value FROM meta WHERE key = 'late'").pluck().get()).toBe("in the WAL");
  });

  test("damage inside a file that was closed is found when it is asked for", async () => {
    const path = createPath();
    await writeSoundFile(path);
    scribble(path);
    const unasked = await openFile(path);
    expect(unasked.setAside).toBeNull();
    unasked.close();
    expect((await openFile(path, { alwaysCheck: true })).setAside).toMatchObject({ reason: "damaged" });
  });

  test.each([
    ["has no application id", 0],
    ["has another application id", 7],
  ])("the database of another program that %s goes aside as foreign, as it was", async (_, applicationId) => {
    const path = createPath();
    const foreign = new Database(path);
    foreign.exec("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)");
    foreign.pragma(`application_id = ${applicationId}`);
    foreign.close();
    const before = readFileSync(path);
    const file = await openFile(path);
    expect(file.setAside).toMatchObject({ path: `${path}.foreign-${ASIDE_TIME}`, reason: "foreign" });
    expect(readFileSync(`${path}.foreign-${ASIDE_TIME}`)).toEqual(before);
    expect(file.versionBefore).toBe(0);
  });

  test("a WAL whose database is gone is not taken for the new one's", async () => {
    const path = createPath();
    await writeUncleanFile(path);
    truncateSync(path, 0);
    const file = await openFile(path);
    expect(file.db.prepare("SELECT count(*) FROM meta").pluck().get()).toBe(0);
  });

  test("no earlier file that was set aside is overwritten, nor one of its parts", () => {
    const path = createPath();
    const nowMs = createManualClock().nowMs();
    writeFileSync(`${path}.damaged-${ASIDE_TIME}`, "first");
    writeFileSync(`${path}.damaged-${ASIDE_TIME}-2-wal`, "part of a second");
    writeFileSync(path, "third");
    writeFileSync(`${path}-wal`, "wal of the third");
    expect(setAsideFile(path, "damaged", nowMs)).toBe(`${path}.damaged-${ASIDE_TIME}-3`);
    expect(readFileSync(`${path}.damaged-${ASIDE_TIME}`, "utf8")).toBe("first");
    expect(readFileSync(`${path}.damaged-${ASIDE_TIME}-3-wal`, "utf8")).toBe("wal of the third");
    expect(existsSync(path)).toBe(false);
  });

  test("a damaged file that is open elsewhere stays, and the fault says so", async () => {
    const path = createPath();
    await writeSoundFile(path);
    const user = await openFile(path);
    writeFileSync(path, "no longer a database, while somebody lives with it".repeat(100));
    const error: unknown = await openFile(path, { waitMaxMs: 300 }).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "state_db_unusable", retryable: true, data: { path } });
    expect((error as Error).message).toMatch(/another process has it open: end that process/);
    expect(filesBeside(path)).toEqual(["skein.sqlite"]);
    user.close();
    expect((await openFile(path)).setAside).toMatchObject({ reason: "damaged" });
  });

  test("many that open one damaged file at once go on with one new file, and one of them reports it", async () => {
    const path = createPath();
    writeFileSync(path, "garbage".repeat(5_000));
    const files = await Promise.all(Array.from({ length: 5 }, () => openFile(path)));
    expect(files.filter(({ setAside }) => setAside !== null)).toHaveLength(1);
    files.forEach(({ db }, n) => db.prepare("INSERT INTO meta VALUES (?, 1)").run(`file ${n}`));
    for (const { db } of files) expect(db.prepare("SELECT count(*) FROM meta").pluck().get()).toBe(5);
    expect(filesBeside(path)).toEqual(["skein.sqlite", `skein.sqlite.damaged-${ASIDE_TIME}`]);
  });
});

describe("read-only", () => {
  test("reads a sound file, beside a writer too, and writes nothing", async () => {
    const path = createPath();
    await writeSoundFile(path);
    const reader = await openFile(path, { mode: "read-only" });
    const writer = await openFile(path);
    writer.db.prepare("UPDATE meta SET value = 'new' WHERE key = 'kept'").run();
    expect(keptValue(reader)).toBe("new");
    expect(() => reader.db.exec("DELETE FROM meta")).toThrow(/readonly/);
  });

  test("a missing file is state_db_required, and none is made", async () => {
    const path = createPath();
    await expect(openFile(path, { mode: "read-only" })).rejects.toMatchObject({ code: "state_db_required" });
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  test.each([
    ["an older schema", (path: string) => writeFileSync(path, ""), /version 0, older than 1: open it once for writing/],
    ["damage", (path: string) => writeFileSync(path, "garbage".repeat(1_000)), /opened for writing, it is set aside/],
  ])("%s is state_db_unusable, and stays as it is", async (_, make, message) => {
    const path = createPath();
    make(path);
    const before = readFileSync(path);
    const error: unknown = await openFile(path, { mode: "read-only" }).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "state_db_unusable", retryable: false });
    expect((error as Error).message).toMatch(message);
    expect(readFileSync(path)).toEqual(before);
    expect(filesBeside(path)).toEqual(["skein.sqlite"]);
  });
});

describe("what the disk says", () => {
  test("no folder is home_unusable", async () => {
    const path = join(createFolder(), "missing", STATE_DB_FILE_NAME);
    await expect(openFile(path)).rejects.toMatchObject({ code: "home_unusable", data: { path } });
    await expect(openFile(path, { mode: "read-only" })).rejects.toMatchObject({ code: "state_db_required" });
  });

  test("a folder in the file's place is io_error, and stays", async () => {
    const path = createPath();
    mkdirSync(path);
    await expect(openFile(path)).rejects.toMatchObject({ code: "io_error", data: { path } });
    expect(statSync(path).isDirectory()).toBe(true);
  });

  test("a link that leads to itself is io_error, and stays", async () => {
    const path = createPath();
    symlinkSync(path, path);
    await expect(openFile(path)).rejects.toMatchObject({ code: "io_error", data: { errno: "ELOOP" } });
    expect(readdirSync(dirname(path))).toEqual([STATE_DB_FILE_NAME]);
  });

  test("a lock file that is none is named", async () => {
    const path = createPath();
    writeFileSync(`${path}.lock`, "no lock".repeat(1_000));
    await expect(openFile(path)).rejects.toMatchObject({ code: "state_db_unusable", data: { path: `${path}.lock` } });
  });

  test("a lock that another holds too long is state_db_busy", async () => {
    const path = createPath();
    await writeSoundFile(path);
    const blocker = openConnection(path, { mode: "read-write" });
    onTestFinished(() => void blocker.close());
    blocker.exec("BEGIN IMMEDIATE");
    const clock = createManualClock();
    const migrations = [...SYSTEM_MIGRATIONS, { version: 2, up: "CREATE TABLE second (a)" }];
    const options = { path, mode: "read-write", migrations, clock, logger: silentLogger, waitMaxMs: 200 } as const;
    const error: unknown = await runUntilSettled(openStateDbFile(options), clock).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "state_db_busy", retryable: true });
    expect((error as Error).message).not.toMatch(/database is locked/);
    blocker.exec("ROLLBACK");
    expect((await openFile(path, { migrations })).versionBefore).toBe(1);
  });
});
