/**
 * `skein tail` follows what another process writes, and `skein demo` plays to its end: a real kill, and
 * nothing acknowledged missing.
 */
import { type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startSkein } from "../support/skein-process.ts";
import { type ListAnswer, makeWorkplace, type SkeinWorkplace, type ThreadAnswer } from "./skein-workplace.ts";

let place: SkeinWorkplace;
beforeAll(() => {
  place = makeWorkplace();
});
afterAll(() => place.remove());

interface RecordLine {
  readonly ordinal: number;
  readonly timestamp: string;
  readonly type: string;
  readonly payload: { readonly type?: string; readonly message?: string };
}

const parseLines = (text: string): readonly RecordLine[] =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as RecordLine);

/** Collects what a running process prints. */
function listen(child: ChildProcess): { said(): string } {
  let said = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (said += text));
  return { said: () => said };
}

describe("tail", () => {
  it("prints every record from an ordinal on, exactly and in order, and stops with --no-follow", async () => {
    const id = await place.startThread("one", "two");
    const all = parseLines((await place.skein(["tail", id, "--json", "--no-follow", "--from", "0"])).stdout);
    expect(all.map(({ ordinal }) => ordinal)).toEqual(all.map((_, index) => index));
    expect(all[0]).toMatchObject({ type: "session_meta", payload: { id } });
    const later = parseLines((await place.skein(["tail", id, "--json", "--no-follow", "--from", "5"])).stdout);
    expect(later).toEqual(all.slice(5));
    const newest = await place.skein(["tail", id, "--no-follow"]);
    expect(newest.stdout.trimEnd().split("\n")).toHaveLength(10);
    expect(newest.stdout).toMatch(/^ +\d+ {2}\d\d:\d\d:\d\d\.\d{3} {2}agent_message +Echo: two$/m);
  });

  it("follows what another process writes, without gap or double, until Ctrl-C", async () => {
    const id = await place.startThread("before");
    const tail = startSkein(["tail", id, "--json", "--from", "0"], { cwd: place.cwd });
    const { said } = listen(tail);
    await expect.poll(() => said(), { timeout: 10_000 }).toContain("Echo: before");
    await place.skein(["chat", id], { input: "after one\nafter two\n" });
    await expect.poll(() => said(), { timeout: 10_000 }).toMatch(/task_complete[^\n]*Echo: after two[^\n]*\n/);
    tail.kill("SIGINT");
    const [exitCode] = (await once(tail, "close")) as [number | null];
    expect(exitCode).toBe(0);
    const records = parseLines(said());
    expect(records.map(({ ordinal }) => ordinal)).toEqual(records.map((_, index) => index));
  });

  it("follows a thread that is archived meanwhile, and says when it is deleted", async () => {
    const id = await place.startThread("kept");
    const tail = startSkein(["tail", id, "--json", "--from", "0"], { cwd: place.cwd });
    let stderr = "";
    tail.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const { said } = listen(tail);
    await expect.poll(() => said(), { timeout: 10_000 }).toContain("Echo: kept");
    await place.skein(["archive", id]);
    await place.skein(["chat", id], { input: "in the archive\n" });
    await expect.poll(() => said(), { timeout: 10_000 }).toContain("Echo: in the archive");
    await place.skein(["delete", id, "--yes"]);
    const [exitCode] = (await once(tail, "close")) as [number | null];
    expect(exitCode).toBe(3);
    expect(stderr).toContain("thread_not_found");
  });
});

describe("demo", () => {
  it("ends by itself with 0, on a home of its own, and leaves what it tells of", async () => {
    const { exitCode, stdout, stderr } = await place.skein(["demo"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/of (\d+) acknowledged records \1 are in the log, word for word/);
    expect(stdout).toContain("killed with SIGKILL");
    expect(stdout).toContain("reads as interrupted");
    expect(stdout).toContain("--home .skein-demo list");
    const { data } = await place.json<ListAnswer>(["list", "--home", ".skein-demo"]);
    expect(data.map(({ name, forkedFromId }) => [name, forkedFromId === null])).toContainEqual(["Skein's demo", true]);
    const id = String(/show ([0-9a-f-]{36})/.exec(stdout)?.[1]);
    const { thread } = await place.json<ThreadAnswer>(["show", id, "--home", ".skein-demo"]);
    expect(thread.turns.map(({ status }) => status)).toEqual(["completed", "completed", "interrupted", "completed"]);
  });

  it("tells its story to programs as one object a line, and goes where --home says", async () => {
    const { exitCode, stdout } = await place.skein(["demo", "--json", "--home", "elsewhere"]);
    expect(exitCode).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => Object.keys(JSON.parse(line) as object));
    expect(new Set(lines.map(([member]) => member))).toEqual(new Set(["says", "step", "event"]));
    expect(existsSync(join(place.cwd, "elsewhere", "sessions"))).toBe(true);
  });
});
