/**
 * `skein verify` and `skein repair` on homes with real damage: what is found is said, what is repaired is
 * kept aside, and a sound home is called sound.
 */
import { appendFileSync, readFileSync } from "node:fs";

import { afterEach, describe, expect, it } from "vitest";

import { makeWorkplace, type SkeinWorkplace, type ThreadAnswer } from "./skein-workplace.ts";

interface VerifyAnswer {
  readonly isClean: boolean;
  readonly threads: number;
  readonly records: number;
  readonly findings: readonly { readonly code: string; readonly severity: string; readonly threadId?: string }[];
}

const TORN = '{"timestamp":"2026-11-22T06:57:06.664Z","type":"event_m';

/** Each test starts several programs. */
const ROOMY = { timeout: 60_000 };

let place: SkeinWorkplace;
afterEach(() => place.remove());

async function pathOf(threadId: string): Promise<string> {
  return String((await place.json<ThreadAnswer>(["show", threadId])).thread.path);
}

describe("verify", ROOMY, () => {
  it("calls the sample Codex home sound", async () => {
    place = makeWorkplace("codex");
    const { exitCode, stdout, stderr } = await place.skein(["verify"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
    expect(stderr).toMatch(/^17 threads, \d+ records, .* read: nothing torn, nothing odd\n$/);
    expect(await place.json<VerifyAnswer>(["verify"])).toMatchObject({ isClean: true, threads: 17, findings: [] });
  });

  it("says where a tail is torn and a line can't be read, ends with 1, and changes nothing", async () => {
    place = makeWorkplace();
    const [torn, odd] = [await place.startThread("torn"), await place.startThread("odd")];
    const [tornPath, oddPath] = [await pathOf(torn), await pathOf(odd)];
    appendFileSync(tornPath, TORN);
    appendFileSync(oddPath, "{not json}\n");
    const before = [readFileSync(tornPath), readFileSync(oddPath)];

    const people = await place.skein(["verify"]);
    expect(people.exitCode).toBe(1);
    expect(people.stdout).toContain(`warning  torn_tail  ${tornPath}:${readFileSync(tornPath).length - TORN.length}`);
    expect(people.stdout).toContain(`unreadable_line  ${oddPath}:`);
    const programs = await place.skein(["verify", "--json"]);
    expect(programs.exitCode).toBe(1);
    const report = JSON.parse(programs.stdout) as VerifyAnswer;
    const found = report.findings.map(({ code, threadId }) => `${code} ${threadId}`);
    expect(new Set(found)).toEqual(new Set([`torn_tail ${torn}`, `unreadable_line ${odd}`]));
    expect(found).toHaveLength(2);
    expect([readFileSync(tornPath), readFileSync(oddPath)]).toEqual(before);
  });
});

describe("repair", ROOMY, () => {
  it("says with --dry-run what it would do, then does that, keeps what it cut, and has nothing left to do", async () => {
    place = makeWorkplace();
    const path = await pathOf(await place.startThread("torn"));
    const sound = readFileSync(path);
    appendFileSync(path, TORN);

    const dry = await place.skein(["repair", "--dry-run"]);
    expect(dry).toMatchObject({ exitCode: 1, stdout: `would cut ${TORN.length} bytes  ${path}:${sound.length}\n` });
    expect(readFileSync(path).length).toBe(sound.length + TORN.length);

    const { repairs } = await place.json<{ repairs: readonly { keptAt: string; isDone: boolean }[] }>(["repair"]);
    expect(repairs).toMatchObject([{ action: "cut_tail", isDone: true }]);
    expect(readFileSync(path).equals(sound)).toBe(true);
    expect(readFileSync(String(repairs[0]?.keptAt), "utf8")).toContain(TORN);
    expect(await place.skein(["repair"])).toEqual({ exitCode: 0, stdout: "", stderr: "nothing to repair\n" });
    expect((await place.skein(["verify"])).exitCode).toBe(0);
  });
});
