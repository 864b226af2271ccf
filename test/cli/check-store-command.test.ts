/**
 * `skein check-store` on stores of somebody's own: what it prints of one that keeps the laws and of one that doesn't,
 * and what it says when there is nothing to check.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { CliContext } from "../../src/cli/cli-context.ts";
import { parseCommandLine } from "../../src/cli/command-line.ts";
import { reportError } from "../../src/cli/error-report.ts";
import type { StoreReportJson } from "../../src/testing/index.ts";
import { scriptedOutput } from "../support/scripted-output.ts";
import { STORE_MODULE } from "../support/store-module.ts";

const folder = mkdtempSync(join(tmpdir(), "skein-check-store-"));

/** Its places can neither be opened nor disposed of. */
const STUCK_TWICE = `
const failing = (message) => async () => { throw new Error(message); };
export const fixture = async () => ({ place: "x", open: failing("no room"), dispose: failing("no end") });
`;

beforeAll(() => {
  writeFileSync(join(folder, "store.mjs"), STORE_MODULE);
  writeFileSync(join(folder, "it's my store.mjs"), 'export * from "./store.mjs";\n');
  writeFileSync(join(folder, "odd.mjs"), "throw Object.create(null);\n");
  writeFileSync(join(folder, "stuck-twice.mjs"), STUCK_TWICE);
  const claims = 'export const name = "mine";\nexport const capabilities = { archive: false };\n';
  writeFileSync(join(folder, "claiming.mjs"), `export { fixture } from "./store.mjs";\n${claims}`);
  writeFileSync(join(folder, "empty.mjs"), "export {};\n");
  writeFileSync(join(folder, "throws.mjs"), "throw new Error('not now');\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Answer {
  readonly exitCode: number | undefined;
  readonly said: string;
}

/** Runs the command in this process; what it throws is told as the command tells it. */
async function checkStore(...args: readonly string[]): Promise<Answer> {
  const [out, err] = [scriptedOutput(), scriptedOutput()];
  const json = args.includes("--json");
  try {
    const line = await parseCommandLine(["check-store", ...args], out.output, err.output);
    const context: Partial<CliContext> = {
      cwd: folder,
      env: {},
      script: "/usr/bin/skein",
      json,
      out: out.output,
      err: err.output,
      endWithin: () => {},
      onInterrupt: () => () => {},
      startProgress: () => ({ tell: () => {}, say: () => {}, end: () => {} }),
    };
    // The command asks for nothing else of its world.
    return { exitCode: await line.run?.(context as CliContext), said: out.said() };
  } catch (error) {
    const { exitCode, text } = reportError(error, { json });
    return { exitCode, said: `${out.said()}${text}` };
  }
}

async function report(...args: readonly string[]): Promise<StoreReportJson> {
  return JSON.parse((await checkStore(...args, "--json")).said) as StoreReportJson;
}

describe("skein check-store", () => {
  it("says group by group what is kept, with the seed, and ends with 0", async () => {
    const { exitCode, said } = await checkStore("store.mjs", "--law", "archive", "--seed", "-7");
    expect(exitCode).toBe(0);
    expect(said).toMatch(/^KEPT\n {2}archive {2}\d+ laws kept, \d+ examples\n\n/);
    expect(said).toMatch(/\nstore: \d+ laws kept, 0 broken, \d+ not checked \(seed -7, /);
    expect(said).toMatch(/\nAgain: .* check-store store\.mjs --law archive --seed -7\n$/);
  });

  it("tells a broken law with a test to paste, and what wasn't claimed, and ends with 1", async () => {
    const args = ["./store.mjs", "--export", "broken", "--law", "append.atomic", "--law", "search"];
    const { exitCode, said } = await checkStore(...args, "--seed", "5");
    expect(exitCode).toBe(1);
    expect(said).toContain("BROKEN\nappend.atomic: not so: an append with one item that can't be written writes none");
    expect(said).toMatch(/await replayLaw\("append\.atomic", fixture, \{ seed: 5, path: "[\d:]+" \}\);/);
    expect(said).toMatch(/NOT CHECKED\n {2}it has no search: \d+ laws\n/);
    expect(said).toContain("checked with `capabilities: { search: true }`");
    expect(said).toContain("half-batches: 0 laws kept, 1 broken");
  });

  it("tries one example again by its path", async () => {
    const args = ["store.mjs", "--export", "broken", "--law", "append.atomic", "--seed", "5"];
    const first = await report(...args);
    const [law] = first.laws;
    const { path, example, test } = law?.status === "broken" ? law.failure : expect.fail("it is broken");
    expect(test).toContain("replayLaw(");
    const again = await report(...args, "--path", path);
    expect(again.laws[0]).toMatchObject({
      status: "broken",
      failure: { example, runs: 1, error: { code: "ERR_ASSERTION" } },
    });
  });

  it("ends at the first broken law with --fail-fast, and counts what it didn't reach", async () => {
    const args = ["store.mjs", "--export", "broken", "--law", "append", "--runs", "2", "--fail-fast"];
    const { broken, notReached, laws } = await report(...args, "--seed", "5");
    expect(broken).toBe(1);
    expect(notReached).toBeGreaterThan(0);
    expect(laws.at(-1)).toMatchObject({ status: "broken" });
  });

  it("takes the name and the claims that stand beside the fixture", async () => {
    const { name, claims, notChecked } = await report("claiming.mjs", "--law", "archive");
    expect({ name, archive: claims.archive, notChecked }).toMatchObject({ name: "mine", archive: false });
    expect(notChecked).toBeGreaterThan(3);
  });

  it("takes what a function makes", async () => {
    const made = await report("store.mjs", "--export", "made", "--law", "append.ordinals");
    expect(made).toMatchObject({ name: "made", kept: 1, broken: 0 });
  });

  it("says how to do it again as a shell takes it, wherever the module is", async () => {
    const { said } = await checkStore("it's my store.mjs", "--law", "append.ordinals", "--runs", "1", "--seed", "5");
    expect(said).toContain(` check-store 'it'\\''s my store.mjs' --law append.ordinals --seed 5 --runs 1\n`);
  });

  it("lists the laws", async () => {
    const { exitCode, said } = await checkStore("--list", "--law", "fork");
    expect(exitCode).toBe(0);
    expect(said).toMatch(/^fork\.prefix +a fork holds /m);
    expect(said).not.toMatch(/^append/m);
    const { laws } = await report("--list");
    expect(laws[0]).toEqual({
      id: "append.ordinals",
      title: expect.any(String),
      needs: [],
      lacks: [],
      runs: expect.any(Number),
    });
  });

  it.each([
    ["no module", [], "no module is named", "a module that exports a fixture"],
    ["a module that isn't there", ["./none.mjs"], "there is no file ./none.mjs here", "name its file"],
    ["a package that isn't there", ["no-such-package"], "no package that could be loaded", "name its file"],
    ["a module that throws", ["throws.mjs"], "can't be loaded: not now", "SKEIN_DEBUG=1"],
    ["a module that throws what is no text", ["odd.mjs"], "can't be told as text", "SKEIN_DEBUG=1"],
    ["a place that can't be ended either", ["stuck-twice.mjs"], "no room", "docs/TESTING.md"],
    ["no exports", ["empty.mjs"], "it exports nothing", "docs/TESTING.md"],
    ["no such export", ["store.mjs", "--export", "x"], "has no `x`: it exports ", "docs/TESTING.md"],
    ["no fixture", ["store.mjs", "--export", "number"], "it is number", "docs/TESTING.md"],
    ["no place", ["store.mjs", "--export", "nowhere"], "no database at all", "docs/TESTING.md"],
    ["a place that can't be opened", ["store.mjs", "--export", "closed"], "not today", "docs/TESTING.md"],
    ["no store", ["store.mjs", "--export", "strange"], "gives no thread store", "docs/TESTING.md"],
    ["a law that is none", ["store.mjs", "--law", "appendix"], 'called "appendix"', "the groups are append,"],
    ["no examples", ["store.mjs", "--runs", "0"], "--runs is 0", ""],
    ["a path of all laws", ["store.mjs", "--path", "0:1"], "name that law", ""],
    ["a path that is none", ["store.mjs", "--law", "append.ordinals", "--path", "zz"], "path is none", ""],
    ["a path to nothing", ["store.mjs", "--law", "append.ordinals", "--path", "0:99999"], "leads to no example", ""],
    ["a seed that is too large", ["store.mjs", "--seed", "4294967296"], "seed must be a 32-bit integer", ""],
    ["a seed that is none", ["store.mjs", "--seed", "x"], "must be a whole number", ""],
  ])("refuses %s", async (_title, args, message, nextStep) => {
    const { exitCode, said } = await checkStore(...args);
    expect(said).toMatch(/^skein: /);
    expect(said).toContain(message);
    expect(said).toContain(nextStep);
    expect(exitCode).toBe(2);
  });
});
