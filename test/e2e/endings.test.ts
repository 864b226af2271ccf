/**
 * How the command ends: its exit codes, what it says on which stream, and that a reader who leaves early
 * or a word that was mistyped never leads to a stack trace.
 */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { skeinArguments, skeinEnvironment } from "../support/skein-process.ts";
import { makeWorkplace, type SkeinWorkplace } from "./skein-workplace.ts";

const ABSENT = "01a20233-0000-7000-8000-000000000000";

let place: SkeinWorkplace;
beforeAll(() => {
  place = makeWorkplace("codex");
  writeFileSync(join(place.cwd, "a-file"), "");
  mkdirSync(join(place.cwd, "empty"));
});
afterAll(() => place.remove());

describe("an error", () => {
  const cases: readonly (readonly [string[], number, RegExp])[] = [
    [["show", ABSENT], 3, /^skein: .*01a20233-0000.* \[thread_not_found\]\n {2}`skein list`/],
    [["show", "0099"], 3, /no thread begins with 0099 \[thread_not_found\]/],
    [["show", "01a2"], 2, /^skein: "01a2" may be 17: 01a20233-.*and 12 more; give more of it \[invalid_argument\]\n$/],
    [["show", "no id"], 2, /\[invalid_thread_id\]/],
    [["list", "--limit", "x"], 2, /It must be a whole number.* \[usage\]\n {2}see `skein --help`/],
    [["list", "--home", ""], 2, /--home.*It must name a folder.* \[usage\]/],
    [["list", "--cursor", "zzz"], 2, /\[invalid_cursor\]/],
    [["nonsense"], 2, /unknown command 'nonsense' \[usage\]/],
    [["show"], 2, /one of the two \[invalid_argument\]/],
    [["archive"], 2, /missing required argument 'id' \[usage\]/],
    [["chat", "--last", ABSENT], 2, /one of the two \[invalid_argument\]/],
    [["chat", "--agent", "responses"], 2, /OPENAI_API_KEY.* \[invalid_argument\]/],
    [["archive", "01a20233-5561"], 4, /\[thread_archived\]/],
    [["unarchive", "01a20233-2e58"], 4, /\[thread_not_archived\]/],
    [["rollback", "01a20233-2e58"], 2, /one of the two \[invalid_argument\]/],
    [["revert", "01a20233-2e58", "nope"], 3, /\[turn_not_found\]\n {2}`skein show ID`/],
    [["name", "01a20233-2e58", "  "], 2, /\[invalid_argument\]/],
    [["delete", "01a20233-2e58-7271-bc33-3f3cb8230a0d"], 2, /add --yes to do it \[invalid_argument\]/],
    [
      ["delete", "01a20233-2e58", "--yes"],
      2,
      /the whole id.* \[invalid_thread_id\]\n {2}`skein list` shows the ids\n$/,
    ],
    [["rollback", "01a20233-2e58", "0"], 2, /how many turns to drop: 1 or more \[invalid_argument\]/],
    [["export", "a-file/below"], 5, /could not make the folder: .* \[home_unusable\]\n {2}name one that can be made/],
    [
      ["import", "missing"],
      5,
      /there is no folder .*missing \[home_unusable\]\n {2}name one that `skein export` wrote/,
    ],
    [["list", "--home", "missing"], 5, /there is no folder .*missing \[home_unusable\]/],
    [["list", "--home", "a-file"], 5, /\[home_unusable\]/],
  ];
  it.concurrent.each(cases)("of `skein %j` exits with %i and says why", async (args, exitCode, stderr) => {
    const result = await place.skein(args);
    expect(result).toMatchObject({ exitCode, stdout: "" });
    expect(result.stderr).toMatch(stderr);
    expect(result.stderr).not.toMatch(/^ +at /m);
  });

  it("is one JSON object on standard error with --json", async () => {
    const [absent, usage] = await Promise.all([
      place.skein(["--json", "show", ABSENT]),
      place.skein(["list", "--bogus", "--json"]),
    ]);
    expect(JSON.parse(absent.stderr)).toMatchObject({
      error: { code: "thread_not_found", retryable: false, data: { threadId: ABSENT } },
    });
    expect(JSON.parse(usage.stderr)).toMatchObject({ error: { code: "usage" } });
    expect([absent.exitCode, usage.exitCode]).toEqual([3, 2]);
  });

  it("shows its stack when SKEIN_DEBUG asks", async () => {
    const { stderr } = await place.skein(["show", ABSENT], { env: { SKEIN_DEBUG: "1" } });
    expect(stderr).toMatch(/^ +at /m);
  });
});

describe("an empty home", () => {
  it("lists nothing, and says so beside the data", async () => {
    const fresh = join(place.cwd, "empty");
    const [people, programs] = await Promise.all([
      place.skein(["list"], { cwd: fresh }),
      place.skein(["list", "--json"], { cwd: fresh }),
    ]);
    expect(people).toMatchObject({ exitCode: 0, stdout: "", stderr: `no threads here (${fresh}/.skein)\n` });
    expect(programs).toMatchObject({ exitCode: 0, stderr: "" });
    const empty = { data: [], nextCursor: null, backwardsCursor: null, isComplete: true };
    expect(JSON.parse(programs.stdout)).toEqual({ ...empty, asOfMs: expect.any(Number) });
  });

  it("is taken from SKEIN_HOME, and --home goes before it", async () => {
    const env = { SKEIN_HOME: place.home };
    const fresh = join(place.cwd, "empty");
    const [named, overruled] = await Promise.all([
      place.skein(["list"], { cwd: fresh, env }),
      place.skein(["list", "--home", "."], { cwd: fresh, env }),
    ]);
    expect(named.stdout.split("\n")).toHaveLength(17);
    expect(overruled.stdout).toBe("");
  });
});

describe("help", () => {
  it("is asked for with --help, on standard output, with every exit code", async () => {
    const { exitCode, stdout, stderr } = await place.skein(["--help"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    for (const word of [
      "demo",
      "chat",
      "list",
      "show",
      "tail",
      "fork",
      "rollback",
      "archive",
      "name",
      "verify",
      "repair",
      "130",
    ]) {
      expect(stdout).toContain(word);
    }
  });

  it("is given on standard error when no command is named", async () => {
    const { exitCode, stdout, stderr } = await place.skein([]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(/^Usage: skein/);
  });

  it("of one command shows what it takes and what all commands take", async () => {
    const { stdout } = await place.skein(["tail", "--help"]);
    expect(stdout).toContain("--no-follow");
    expect(stdout).toContain("--home");
  });

  it("has the version of the package", async () => {
    expect((await place.skein(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("a pipe", () => {
  it("whose reader leaves ends the command quietly with 0", async () => {
    // The command prints far more than a pipe holds; the shell's `head` leaves after one line.
    const rows = Array.from({ length: 40 }, (_, turn) => `turn ${turn} ${"x".repeat(8_000)}`);
    const id = await place.startThread(...rows);
    const command = skeinArguments(["show", id])
      .map((word) => `'${word}'`)
      .join(" ");
    const shell = spawn("bash", ["-o", "pipefail", "-c", `'${process.execPath}' ${command} | head -1`], {
      cwd: place.cwd,
      env: skeinEnvironment(),
    });
    let said = "";
    let complaint = "";
    shell.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    shell.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
    const exitCode = await new Promise((resolve) => shell.on("close", resolve));
    expect({ exitCode, complaint }).toEqual({ exitCode: 0, complaint: "" });
    expect(said.split("\n")).toHaveLength(2);
  });
});
