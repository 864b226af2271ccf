/**
 * `skein check-store` as a process: a store that keeps the laws ends it with 0, one that breaks a law with 1, a
 * command line that can't be used with 2. What it prints is looked at in test/cli.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { STORE_MODULE } from "../support/store-module.ts";
import { makeWorkplace, type SkeinWorkplace } from "./skein-workplace.ts";

describe("skein check-store", () => {
  let workplace: SkeinWorkplace;

  beforeAll(() => {
    workplace = makeWorkplace();
    writeFileSync(join(workplace.cwd, "store.mjs"), STORE_MODULE);
  });
  afterAll(() => workplace.remove());

  it("ends with 0 where all laws are kept", async () => {
    const { exitCode, stdout } = await workplace.skein([
      "check-store",
      "store.mjs",
      "--law",
      "archive",
      "--seed",
      "-7",
    ]);
    expect(stdout).toMatch(/\nAgain: .* check-store store\.mjs --law archive --seed -7\n$/);
    expect(exitCode).toBe(0);
  });

  it("ends with 1 where one is broken", async () => {
    const args = ["check-store", "store.mjs", "--export", "broken", "--law", "append.atomic", "--seed", "5"];
    const { exitCode, stdout } = await workplace.skein(args);
    expect(stdout).toMatch(/await replayLaw\("append\.atomic", fixture, \{ seed: 5, path: "[\d:]+" \}\);/);
    expect(exitCode).toBe(1);
  });

  it("ends with 2 where there is nothing to check, with what to do on standard error", async () => {
    const { exitCode, stdout, stderr } = await workplace.skein(["check-store", "--seed", "x"]);
    expect(stderr).toContain("must be a whole number");
    expect(stdout).toBe("");
    expect(exitCode).toBe(2);
  });
});
