/**
 * The commands about the state DB, as a person meets them: search, doctor, rebuild and verify --projections, a
 * file that can't be used, and the files alone.
 */
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { type ListAnswer, makeWorkplace, type SkeinWorkplace } from "./skein-workplace.ts";

let place: SkeinWorkplace;
let ids: readonly string[] = [];
beforeAll(async () => {
  place = makeWorkplace();
  ids = [await place.startThread("a zebra crosses"), await place.startThread("nothing of the kind 100%")];
});
afterAll(() => place.remove());

interface RowsAnswer {
  readonly isClean: boolean;
  readonly files: number;
  readonly threads: number;
  readonly verdicts: readonly { readonly outcome: string; readonly fromLog: string; readonly fromRows: string }[];
}

interface SearchAnswer {
  readonly data: readonly { readonly thread: { readonly id: string }; readonly snippet: string }[];
  readonly isComplete: boolean;
}

const stateDb = (): string => join(place.home, "skein.sqlite");
const removeStateDb = (): void => {
  for (const end of ["", "-wal", "-shm"]) rmSync(`${stateDb()}${end}`, { force: true });
};

describe("skein search", () => {
  it("finds text in messages with the text around it, and takes every sign as it is", async () => {
    const zebra = await place.json<SearchAnswer>(["search", "ZEBRA"]);
    expect(zebra).toMatchObject({ data: [{ thread: { id: ids[0] } }], isComplete: true });
    expect(zebra.data[0]?.snippet).toContain("zebra");
    const percent = await place.json<SearchAnswer>(["search", "100%"]);
    expect(percent.data.map(({ thread }) => thread.id)).toEqual([ids[1]]);
    expect((await place.json<SearchAnswer>(["search", "10_%"])).data).toEqual([]);
  });

  it("prints for people one thread with its snippet, and says beside the data when there is none", async () => {
    const { stdout } = await place.skein(["search", "zebra"]);
    expect(stdout).toMatch(new RegExp(`^${String(ids[0])}\\t.*\\n {4}.*zebra`));
    const none = await place.skein(["search", "giraffe"]);
    expect(none).toMatchObject({ exitCode: 0, stdout: "" });
    expect(none.stderr).toContain("nothing holds");
  });

  it("needs the state DB, and says so with --no-db", async () => {
    const { exitCode, stderr } = await place.skein(["search", "zebra", "--no-db"]);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("[state_db_required]")]);
  });
});

describe("skein doctor, rebuild and verify --projections", () => {
  it("tells versions, counts and lag, and ends with 0 when nothing wants attention", async () => {
    await place.skein(["list"]);
    const { exitCode, stdout } = await place.skein(["doctor", "--check"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/2 threads from 2 files/);
    expect(stdout).toMatch(/integrity: ok\nnothing wants attention\n$/);
  });

  it("rebuilds beside the old rows, and says what became of those", async () => {
    const kept = await place.skein(["rebuild", "--keep-old"]);
    expect(kept).toMatchObject({ exitCode: 0 });
    expect(kept.stdout).toMatch(/^2 files, 2 folded, 0 in quarantine, .* in .*; rows are set \d+ now\n/);
    expect(kept.stdout).toMatch(/kept beside them until the next rebuild\n$/);
    expect((await place.skein(["rebuild"])).stdout).toContain("were dropped");
    const { sets } = await place.json<{ sets: readonly { state: string }[] }>(["doctor"]);
    expect(sets.map(({ state }) => state)).toEqual(["current"]);
  });

  it("verifies that rows are the fold of their logs, a digest a thread", async () => {
    const report = await place.json<RowsAnswer>(["verify", "--projections"]);
    expect(report).toMatchObject({ isClean: true, files: 2, threads: 2 });
    expect(report.verdicts.map(({ outcome }) => outcome)).toEqual(["same", "same"]);
    for (const { fromLog, fromRows } of report.verdicts) expect(fromLog).toBe(fromRows);
    const people = await place.skein(["verify", "--projections"]);
    expect(people).toMatchObject({ exitCode: 0, stdout: "" });
    expect(people.stderr).toMatch(/^2 threads, \d+ records, .*: the rows are what the logs give\n$/);
  });

  it("verifies one thread with its digests, and refuses a thread that is nowhere", async () => {
    const id = String(ids[0]);
    const { exitCode, stdout } = await place.skein(["verify", "--projections", "--thread", id]);
    expect([exitCode, stdout]).toEqual([
      0,
      expect.stringMatching(new RegExp(`^same +${id}  sessions/.*  log (\\w{16})  rows \\1`)),
    ]);
    const absent = await place.skein(["verify", "--projections", "--thread", "01a20233-0000-7000-8000-000000000000"]);
    expect([absent.exitCode, absent.stderr]).toEqual([3, expect.stringContaining("[thread_not_found]")]);
    expect((await place.skein(["verify", "--thread", id])).exitCode).toBe(2);
  });

  it(
    "says which thread's rows are not the fold of its log, ends with 1, and a rebuild puts that right",
    { timeout: 60_000 },
    async () => {
      const db = openConnection(stateDb(), { mode: "read-write" });
      const [set] = db
        .prepare<[], { generation: number }>("SELECT max(generation) AS generation FROM table_sets")
        .all();
      db.exec(`UPDATE turns_${String(set?.generation)} SET status = 'failed'`);
      db.close();
      const sick = await place.skein(["verify", "--projections"]);
      expect([sick.exitCode, sick.stderr]).toEqual([1, expect.stringMatching(/: 2 differs\n$/)]);
      for (const id of ids)
        expect(sick.stdout).toMatch(new RegExp(`^differs +${id} .*the rows are not what the log gives: turns$`, "m"));
      await place.skein(["rebuild"]);
      expect((await place.skein(["verify", "--projections"])).exitCode).toBe(0);
    },
  );
});

describe("a state DB that can't be used", () => {
  it("is set aside under a dated name and made again, and the person is told", async () => {
    removeStateDb();
    writeFileSync(stateDb(), Buffer.alloc(5_000, "no database "));
    const sick = await place.skein(["doctor"]);
    expect([sick.exitCode, sick.stdout]).toEqual([1, expect.stringContaining("[state_db_unusable]")]);
    const { exitCode, stderr, stdout } = await place.skein(["list"]);
    expect([exitCode, stdout.trim().split("\n").length]).toEqual([0, 2]);
    expect(stderr).toMatch(/set aside as .*skein\.sqlite\.damaged-\d{4}-\d\d-\d\dT/);
    const aside = readdirSync(place.home).filter((name) => name.startsWith("skein.sqlite.damaged-"));
    expect(aside).toHaveLength(1);
    rmSync(join(place.home, aside[0] ?? ""));
  });

  it("is set aside by a rebuild as well, and told with the reason", async () => {
    writeFileSync(stateDb(), Buffer.alloc(5_000, "no database "));
    const { exitCode, stderr, stdout } = await place.skein(["rebuild"]);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("2 files, 2 folded")]);
    expect(stderr).toMatch(/^the state DB could not be used \(damaged: .*\); it was set aside as .* and made anew\n$/);
    const doctor = await place.skein(["doctor"]);
    expect([doctor.exitCode, doctor.stdout]).toEqual([1, expect.stringContaining("delete it when you have looked")]);
    for (const name of readdirSync(place.home)) if (name.includes(".damaged-")) rmSync(join(place.home, name));
    expect((await place.skein(["doctor"])).exitCode).toBe(0);
  });

  it("is done without by commands that can, and left alone by --no-db", async () => {
    removeStateDb();
    const { data } = await place.json<ListAnswer>(["list", "--no-db"]);
    expect(data).toHaveLength(2);
    expect(existsSync(stateDb())).toBe(false);
  });
});
