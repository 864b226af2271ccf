/**
 * `skein export` and `skein import` as processes: threads go from a home to a folder and into another home with every
 * byte, name and archive; a kill or Ctrl-C in the middle is gone on with; what can't be taken over is named.
 */
import { appendFileSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterEach, describe, expect, it } from "vitest";

import { endInTheMiddle, hasEntries, type MoveAnswer, rolloutsOf, writeManyThreads } from "./moved-threads.ts";
import { type ListAnswer, makeWorkplace, type SkeinWorkplace } from "./skein-workplace.ts";

const SAMPLE_HOME = fileURLToPath(new URL("../fixtures/codex-0.130/home", import.meta.url));
const ARCHIVED = "01a20233-5561-73a0-92fd-b6c40ae66519";

let place: SkeinWorkplace;
afterEach(() => place.remove());

function fileOf(folder: string, threadId: string): string {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return join(folder, paths.find((path) => path.endsWith(`${threadId}.jsonl`)) ?? "");
}

describe("export and import", () => {
  it("carry a home that Codex wrote into another one: files, names, archive, list", async () => {
    place = makeWorkplace("codex");
    const out = await place.json<MoveAnswer>(["export", "carried"]);
    const rollouts = rolloutsOf(place.home);
    expect(out).toMatchObject({ copied: 17, failed: 0, conflict: 0, problems: [] });
    expect(out.bytes).toBe(Object.values(rollouts).join("").length);
    expect(rolloutsOf(join(place.cwd, "carried"))).toEqual(rollouts);
    const manifest = readFileSync(join(place.cwd, "carried/export.jsonl"), "utf8").trimEnd().split("\n");
    const entries = manifest.map((line) => JSON.parse(line) as { id: string; lines: number; archived: boolean });
    expect(entries.reduce((sum, { lines }) => sum + lines, 0)).toBe(out.lines);
    expect(entries.find(({ id }) => id === ARCHIVED)).toMatchObject({ archived: true, name: "Archived one" });
    expect(await place.json<MoveAnswer>(["import", "carried", "--home", "new"])).toMatchObject({ copied: 17 });
    expect(rolloutsOf(join(place.cwd, "new"))).toEqual(rollouts);
    const [before, after] = [
      await place.json<ListAnswer>(["list"]),
      await place.json<ListAnswer>(["list", "--home", "new"]),
    ];
    const plain = ({ data }: ListAnswer): unknown => data.map((thread) => ({ ...thread, path: null }));
    expect(plain(after)).toEqual(plain(before));
  });

  it("pass over what is there, and an export takes over what a thread has got since", async () => {
    place = makeWorkplace();
    const id = await place.startThread("one");
    await place.startThread("other");
    await place.json(["export", "carried"]);
    expect(await place.json<MoveAnswer>(["export", "carried"])).toMatchObject({ same: 2, copied: 0, bytes: 0 });
    await place.skein(["chat", id], { input: "two" });
    expect(await place.json<MoveAnswer>(["export", "carried"])).toMatchObject({ same: 1, grown: 1 });
    expect(await place.json<MoveAnswer>(["import", "carried", "--home", "new"])).toMatchObject({ copied: 2 });
    expect(await place.json<MoveAnswer>(["import", "carried", "--home", "new"])).toMatchObject({ same: 2 });
    const shown = await place.skein(["show", id, "--home", "new"]);
    expect(shown.stdout).toContain("two");
  });

  it("take only the threads that are named, by the first characters too, or only archived ones", async () => {
    place = makeWorkplace("codex");
    expect(await place.json<MoveAnswer>(["export", "few", ARCHIVED, "01a20233-2f"])).toMatchObject({ copied: 2 });
    expect(await place.json<MoveAnswer>(["export", "put-away", "--archived"])).toMatchObject({ copied: 1 });
    expect(await place.json<MoveAnswer>(["import", "few", "--live", "--home", "new"])).toMatchObject({ copied: 1 });
    expect((await place.skein(["export", "none", "01a2"])).stderr).toContain("may be");
    expect((await place.skein(["export", "none", "zz"])).exitCode).toBe(2);
    expect((await place.skein(["export", "none", "0000"])).exitCode).toBe(3);
    expect((await place.skein(["export", "none", "--live", "--archived"])).exitCode).toBe(2);
  });

  it("import a Codex home as it is, without a manifest, and leave it as it was", async () => {
    place = makeWorkplace();
    cpSync(SAMPLE_HOME, join(place.cwd, "codex"), { recursive: true });
    const { exitCode, stdout, stderr } = await place.skein(["import", "codex"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
    expect(stderr).toMatch(/^17 threads: 17 copied; \d+ records, .* in .*\n$/);
    expect(rolloutsOf(place.home)).toEqual(rolloutsOf(join(place.cwd, "codex")));
    expect(readdirSync(join(place.cwd, "codex")).toSorted()).toEqual(readdirSync(SAMPLE_HOME).toSorted());
  });
});

describe("what can't be taken over", () => {
  it("is named with its reason, the rest comes in, and the command ends with 1: changed or lost since the export", async () => {
    place = makeWorkplace("codex");
    await place.json(["export", "carried"]);
    const folder = join(place.cwd, "carried");
    const [changed, lost] = [ARCHIVED, "01a20233-2f38-71b0-b18d-c572047b3d17"];
    appendFileSync(
      fileOf(folder, changed),
      '{"timestamp":"2026-01-01T00:00:00Z","type":"event_msg","payload":{"type":"x"}}\n',
    );
    rmSync(fileOf(folder, lost));
    const { exitCode, stdout, stderr } = await place.skein(["import", "carried", "--home", "new"]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(new RegExp(`^failed    ${changed}  .*\\[digest_mismatch\\]$`, "m"));
    expect(stdout).toMatch(new RegExp(`^failed    ${lost}  .*\\[thread_not_found\\]$`, "m"));
    expect(stderr).toContain("17 threads: 15 copied, 2 failed");
    expect(Object.keys(rolloutsOf(join(place.cwd, "new")))).toHaveLength(15);
  });

  it("is left as it is where another log is there under the id, and the command ends with 4", async () => {
    place = makeWorkplace("codex");
    await place.json(["export", "carried"]);
    await place.json(["import", "carried", "--home", "new"]);
    const file = fileOf(join(place.cwd, "new"), ARCHIVED);
    const other = readFileSync(file, "latin1")
      .replace("Archive", "archive")
      .replace(/\n.*\n$/, "\n");
    writeFileSync(file, other, "latin1");
    const { exitCode, stdout } = await place.skein(["import", "carried", "--home", "new", "--json"]);
    const answer = JSON.parse(stdout) as MoveAnswer;
    expect(exitCode).toBe(4);
    expect(answer).toMatchObject({ same: 16, conflict: 1 });
    expect(answer.problems).toMatchObject([{ threadId: ARCHIVED, outcome: "conflict", code: "thread_exists" }]);
    expect(readFileSync(file, "latin1")).toBe(other);
  });

  it("is a folder that is the home, another home, or not there: said before anything is written", async () => {
    place = makeWorkplace("codex");
    cpSync(SAMPLE_HOME, join(place.cwd, "codex"), { recursive: true });
    for (const [args, exitCode] of [
      [["export", ".skein"], 2],
      [["import", ".skein"], 2],
      [["export", "codex"], 2],
      [["import", "nowhere"], 5],
      [["export", "new", "--home", "nowhere"], 5],
    ] as const) {
      const result = await place.skein(args);
      expect({ args, exitCode: result.exitCode, stdout: result.stdout }).toEqual({ args, exitCode, stdout: "" });
    }
    expect(readdirSync(place.cwd).toSorted()).toEqual([".skein", "codex"]);
    expect(rolloutsOf(join(place.cwd, "codex"))).toEqual(rolloutsOf(SAMPLE_HOME));
  });
});

describe("a move that is ended in the middle", () => {
  const THREADS = 400;

  it("by kill -9 is gone on with by the same command, out and in again, and nothing of it is left over", async () => {
    place = makeWorkplace();
    writeManyThreads(place.home, THREADS, 20_000);
    for (const [command, folder] of [
      [["export", "carried"], "carried"],
      [["import", "carried", "--home", "new"], "new"],
    ] as const) {
      const path = join(place.cwd, folder);
      expect(
        await endInTheMiddle(command, { cwd: place.cwd, signal: "SIGKILL", isUnderWay: () => hasEntries(path, 40) }),
      ).toBeNull();
      const half = Object.entries(rolloutsOf(path));
      const whole = rolloutsOf(place.home);
      for (const [name, text] of half) expect(text).toBe(whole[name]);
      expect(half.length).toBeLessThan(THREADS);
      const { copied, same } = await place.json<MoveAnswer>(command);
      expect([copied + same, same >= half.length]).toEqual([THREADS, true]);
      expect(rolloutsOf(path)).toEqual(whole);
      expect(readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) => name.includes("tmp"))).toEqual(
        [],
      );
    }
    expect(
      readFileSync(join(place.cwd, "carried/export.jsonl"), "utf8").trimEnd().split("\n").length,
    ).toBeGreaterThanOrEqual(THREADS);
  });

  it("by Ctrl-C ends with 130, says how to go on, and leaves whole threads alone", async () => {
    place = makeWorkplace();
    writeManyThreads(place.home, THREADS, 20_000);
    const isUnderWay = (): boolean => hasEntries(join(place.cwd, "carried"), 40);
    expect(await endInTheMiddle(["export", "carried"], { cwd: place.cwd, signal: "SIGINT", isUnderWay })).toBe(130);
    const whole = rolloutsOf(place.home);
    const path = join(place.cwd, "carried");
    for (const [name, text] of Object.entries(rolloutsOf(path))) expect(text).toBe(whole[name]);
    expect(readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) => name.includes("tmp"))).toEqual([]);
    await place.json(["export", "carried"]);
    expect(rolloutsOf(path)).toEqual(whole);
  });
});
