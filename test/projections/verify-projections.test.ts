/**
 * Verifying projections: rows that are the fold of their logs are called so, and each kind of row that is not,
 * planted with plain SQL, is found and named. The home is one that Codex wrote.
 */
import { appendFileSync, cpSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";

import { generateHome } from "../../bench/home-generator.ts";
import {
  createInlinePool,
  openStateDbWith,
  type ProjectionVerdict,
  rebuildStateDbWith,
  type VerifyProjectionsOptions,
  type VerifyProjectionsProgress,
  verifyProjectionsWith,
} from "../../src/projections/index.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { createFolder } from "./state-db-fixture.ts";

const SAMPLE = fileURLToPath(new URL("../fixtures/codex-0.130/home", import.meta.url));
const PLAIN = "01a20233-2e58-7271-bc33-3f3cb8230a0d";
const NAMED = "01a20233-2f38-71b0-b18d-c572047b3d17";
const PLAIN_PATH = `sessions/2026/11/22/rollout-2026-11-22T07-40-38-${PLAIN}.jsonl`;
const RECORD = `${JSON.stringify({ timestamp: "2026-11-22T09:00:00.000Z", type: "event_msg", payload: { type: "agent_message", message: "late" } })}\n`;

/** A filled copy of the sample home. Its files were last changed before the rows looked. */
async function filledHome(): Promise<string> {
  const home = createFolder();
  cpSync(SAMPLE, home, { recursive: true });
  await sweep(home);
  return home;
}

async function sweep(home: string): Promise<void> {
  const stateDb = await openStateDbWith({ home }, createInlinePool());
  await stateDb.sweep();
  await stateDb.close();
}

/** Changes rows of the current set behind everybody's back. */
function plant(home: string, sql: string): void {
  const db = openConnection(join(home, "skein.sqlite"), { mode: "read-write" });
  try {
    const generation = db.prepare("SELECT generation FROM table_sets WHERE state = 'current'").pluck().get();
    db.exec(sql.replaceAll("_#", `_${String(generation)}`));
  } finally {
    db.close();
  }
}

async function verify(
  home: string,
  options: Partial<VerifyProjectionsOptions> = {},
): Promise<readonly ProjectionVerdict[]> {
  const verdicts: ProjectionVerdict[] = [];
  for await (const found of verifyProjectionsWith({ home, ...options }, createInlinePool())) verdicts.push(found);
  return verdicts;
}

/** What is not the same, in short. */
async function odd(home: string, options: Partial<VerifyProjectionsOptions> = {}): Promise<readonly string[]> {
  const verdicts = await verify(home, options);
  return verdicts
    .filter(({ outcome }) => outcome !== "same")
    .map(({ outcome, threadId, tables }) => [outcome, threadId, ...tables].join(" "));
}

/** Makes every file and folder of the home older than the rows' last look. */
function age(home: string): void {
  for (const path of [PLAIN_PATH, "sessions/2026/11/22"]) utimesSync(join(home, path), 1, 1);
}

describe("a file that is damaged where only verifying looks", () => {
  it("is told by a code", async () => {
    const home = await filledHome();
    const path = join(home, "skein.sqlite");
    const db = openConnection(path, { mode: "read-only" });
    const page = Number(
      db.prepare("SELECT rootpage FROM sqlite_schema WHERE name LIKE 'texts\\__' ESCAPE '\\'").pluck().get(),
    );
    db.close();
    const bytes = readFileSync(path);
    // No kind of page.
    bytes[(page - 1) * 4_096] = 0xff;
    writeFileSync(path, bytes);
    await expect(verify(home, { sweeps: false })).rejects.toMatchObject({ code: "state_db_unusable" });
  });

  it("is named also where a text is no text any more", async () => {
    const home = await filledHome();
    // As a flipped bit in a record's header would have it, past what the table is declared to hold.
    const db = new Database(join(home, "skein.sqlite"));
    db.unsafeMode();
    db.pragma("writable_schema = on");
    db.exec(
      "UPDATE sqlite_schema SET sql = replace(sql, 'text TEXT NOT NULL', 'text TEXT') WHERE name LIKE 'texts!__' ESCAPE '!'",
    );
    db.close();
    plant(home, `UPDATE texts_# SET text = NULL WHERE ${ofPlain("id / 33554432")}`);
    expect(await odd(home, { sweeps: false })).toContain(`differs ${PLAIN} texts`);
  });
});

describe("a home whose rows are right", () => {
  it("gets one digest a thread, the same from the log and from the rows, and the progress to the end", async () => {
    const home = await filledHome();
    const told: VerifyProjectionsProgress[] = [];
    const verdicts = await verify(home, { onProgress: (progress) => told.push(progress) });
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 17 }, () => "same"));
    expect(new Set(verdicts.map(({ fromLog }) => fromLog)).size).toBe(17);
    for (const { fromLog, fromRows } of verdicts) expect(fromRows).toBe(fromLog);
    expect(told[0]).toMatchObject({ filesDone: 0, filesTotal: 17, threadsDone: 0 });
    const end = told.at(-1);
    expect(end).toMatchObject({ filesDone: 17, threadsDone: 17, bytesDone: end?.bytesTotal, generation: 1 });
  });

  it("keeps its digests over a rebuild", async () => {
    const home = await filledHome();
    const before = await verify(home);
    await rebuildStateDbWith({ home }, createInlinePool());
    const after = await verify(home);
    expect(after.map(({ fromRows }) => fromRows)).toEqual(before.map(({ fromRows }) => fromRows));
  });

  it("is found right when it is large, and has forks, names, rollbacks and archived threads", async () => {
    const home = createFolder();
    generateHome(home, { threads: 60, bytes: 4_000_000, seed: 11 });
    expect(await odd(home)).toEqual([]);
  });

  it("is verified for one thread alone, by an id in any spelling", async () => {
    const home = await filledHome();
    const [only, ...others] = await verify(home, { threadId: PLAIN.toUpperCase() });
    expect([only?.threadId, only?.path, others]).toEqual([PLAIN, PLAIN_PATH, []]);
    await expect(verify(home, { threadId: "nope" })).rejects.toMatchObject({ code: "invalid_thread_id" });
  });

  it("brings rows up to the files first, and without that says how far they are behind", async () => {
    const home = await filledHome();
    const before = statSync(join(home, PLAIN_PATH)).size;
    appendFileSync(join(home, PLAIN_PATH), RECORD + RECORD);
    const [unswept] = await verify(home, { threadId: PLAIN, sweeps: false });
    expect(unswept).toMatchObject({ outcome: "same", lagRecords: 2, lagBytes: 2 * RECORD.length });
    const [swept] = await verify(home, { threadId: PLAIN });
    expect(swept).toMatchObject({ outcome: "same", lagRecords: 0 });
    expect(swept?.fromLog).not.toBe(unswept?.fromLog);
    expect(statSync(join(home, PLAIN_PATH)).size).toBe(before + 2 * RECORD.length);
  });

  it("counts neither a torn tail nor an unfinished batch as lag", async () => {
    const home = await filledHome();
    appendFileSync(join(home, PLAIN_PATH), RECORD.slice(0, 40));
    const [verdict] = await verify(home, { threadId: PLAIN });
    expect(verdict).toMatchObject({ outcome: "same", lagRecords: 0, lagBytes: 0 });
  });

  it("has nothing to say of a file without a thread", async () => {
    const home = await filledHome();
    writeFileSync(join(home, "sessions", "notes.jsonl"), `${JSON.stringify({ no: "thread" })}\n`);
    expect(await odd(home)).toEqual([]);
  });
});

describe("rows that the log does not give", () => {
  const plants: readonly (readonly [table: string, sql: string])[] = [
    ["turns", `UPDATE turns_# SET status = 'failed' WHERE ${ofPlain("rollout_id")}`],
    ["turns", `UPDATE turns_# SET item_count = item_count + 1 WHERE ${ofPlain("rollout_id")}`],
    ["turns", `DELETE FROM turns_# WHERE ${ofPlain("rollout_id")} AND start_ordinal > 5`],
    ["texts", `UPDATE texts_# SET text = text || ' more' WHERE ${ofPlain("id / 33554432")}`],
    ["threads", `UPDATE threads_# SET cwd = '/elsewhere' WHERE thread_id = '${PLAIN}'`],
    ["rollouts", `UPDATE rollouts_# SET usage = '{"usage":null,"turnId":"x","turnPosition":9}' WHERE ${ofPlain("id")}`],
    ["rollouts", `UPDATE rollouts_# SET next_ordinal = next_ordinal + 1 WHERE ${ofPlain("id")}`],
  ];
  it.each(plants)("are found in %s after: %s", async (table, sql) => {
    const home = await filledHome();
    plant(home, sql);
    const verdicts = (await verify(home)).filter(({ outcome }) => outcome === "differs");
    expect(verdicts).toMatchObject([{ threadId: PLAIN, path: PLAIN_PATH, tables: [table] }]);
    expect(verdicts[0]?.fromLog).not.toBe(verdicts[0]?.fromRows);
  });

  it("are found where they end before a log that has not changed since", async () => {
    const home = await filledHome();
    appendFileSync(join(home, PLAIN_PATH), RECORD);
    const { size, mtimeNs } = statSync(join(home, PLAIN_PATH), { bigint: true });
    plant(home, `UPDATE rollouts_# SET size = ${size}, modified_ns = '${mtimeNs}' WHERE ${ofPlain("id")}`);
    const [verdict] = await verify(home, { threadId: PLAIN });
    expect(verdict).toMatchObject({ outcome: "differs", tables: ["rollouts"], lagRecords: 1 });
  });

  it("are found in a name that the name index does not have", async () => {
    const home = await filledHome();
    plant(home, `UPDATE names_# SET name = 'another' WHERE thread_id = '${NAMED}'`);
    expect(await odd(home)).toEqual([`differs ${NAMED} names`]);
    plant(home, "INSERT INTO names_# VALUES ('01a20233-0000-7000-8000-000000000000', 'of nobody')");
    expect(await odd(home)).toContain("left_over 01a20233-0000-7000-8000-000000000000 names");
  });

  it("are found where the full-text index does not give a text back, or has one of nobody", async () => {
    const home = await filledHome();
    plant(home, `DELETE FROM texts_fts_# WHERE ${ofPlain("rowid / 33554432")}`);
    expect(await odd(home)).toEqual([`unfound ${PLAIN} texts_fts`, "left_over  texts_fts"]);
    const other = await filledHome();
    plant(other, "INSERT INTO texts_fts_# (rowid, text) VALUES (1, 'of nobody')");
    expect(await odd(other)).toEqual(["left_over  texts_fts"]);
  });

  it("are found that belong to no rollout, or to a rollout of another thread", async () => {
    const home = await filledHome();
    plant(
      home,
      "INSERT INTO turns_# SELECT 999, start_ordinal, end_ordinal, start_offset, end_offset, id, status, error, started_at, completed_at, duration_ms, first_item, first_index, item_count, begun_at_ms, dropped_by, late, usage FROM turns_# LIMIT 1",
    );
    plant(home, `UPDATE threads_# SET thread_id = '01a20233-0000-7000-8000-00000000000a' WHERE thread_id = '${PLAIN}'`);
    expect(await odd(home)).toEqual([
      `differs ${PLAIN} threads`,
      "left_over  turns",
      "left_over 01a20233-0000-7000-8000-00000000000a threads",
    ]);
  });
});

describe("files and rows that don't meet", () => {
  it("are missing rows or left-over ones where the rows have looked since, and only behind where not", async () => {
    const home = await filledHome();
    rmSync(join(home, PLAIN_PATH));
    expect(await odd(home, { sweeps: false })).toEqual([`behind ${PLAIN}`]);
    utimesSync(join(home, "sessions/2026/11/22"), 1, 1);
    expect(await odd(home, { sweeps: false })).toEqual([`left_over ${PLAIN}`]);
    expect(await odd(home)).toEqual([]);
  });

  it("are a file without rows: one that is new, and one that should have them", async () => {
    const home = await filledHome();
    plant(home, `DELETE FROM rollouts_# WHERE thread_id = '${PLAIN}'`);
    expect(await odd(home, { sweeps: false, threadId: PLAIN })).toEqual([`behind ${PLAIN}`]);
    age(home);
    expect(await odd(home, { sweeps: false, threadId: PLAIN })).toEqual([`missing ${PLAIN}`]);
  });

  it("are a file that was replaced since the rows looked", async () => {
    const home = await filledHome();
    const path = join(home, PLAIN_PATH);
    cpSync(path, `${path}.new`);
    rmSync(path);
    cpSync(`${path}.new`, path);
    rmSync(`${path}.new`);
    const found = await odd(home, { sweeps: false });
    expect(["", `behind ${PLAIN}`]).toContain(found.join());
  });

  it("are a file in quarantine, with its reason", async () => {
    const home = await filledHome();
    const { size, mtimeNs, dev, ino } = statSync(join(home, PLAIN_PATH), { bigint: true });
    plant(
      home,
      `INSERT INTO quarantine_# VALUES ('${PLAIN_PATH}', '${dev}:${ino}', ${size}, '${mtimeNs}', 'rollout_unreadable', 'it is odd', 1, 0);
       DELETE FROM turns_# WHERE ${ofPlain("rollout_id")}; DELETE FROM texts_fts_# WHERE ${ofPlain("rowid / 33554432")};
       DELETE FROM texts_# WHERE ${ofPlain("id / 33554432")}; DELETE FROM threads_# WHERE thread_id = '${PLAIN}';
       DELETE FROM rollouts_# WHERE thread_id = '${PLAIN}'`,
    );
    const [verdict, ...others] = (await verify(home, { sweeps: false })).filter(({ outcome }) => outcome !== "same");
    expect(verdict).toMatchObject({ outcome: "quarantined", path: PLAIN_PATH });
    expect(verdict?.message).toContain("it is odd [rollout_unreadable]");
    expect(others).toEqual([]);
  });
});

describe("a verification", () => {
  it("fills what was never filled, and without sweeping needs a file", async () => {
    const home = createFolder();
    cpSync(SAMPLE, home, { recursive: true });
    await expect(verify(home, { sweeps: false })).rejects.toMatchObject({ code: "state_db_required" });
    expect(await odd(home)).toEqual([]);
  });

  it("ends with its signal's reason between two threads", async () => {
    const home = await filledHome();
    const ended = new AbortController();
    const onProgress = ({ threadsDone }: VerifyProjectionsProgress): void => {
      if (threadsDone === 3) ended.abort(new Error("enough"));
    };
    await expect(verify(home, { signal: ended.signal, onProgress })).rejects.toThrow("enough");
  });
});

/** The condition that a column names the plain thread's rollout. */
function ofPlain(column: string): string {
  return `${column} = (SELECT id FROM rollouts_# WHERE thread_id = '${PLAIN}')`;
}
