/**
 * The last line of a test run, on a run of vitest itself over a folder of small test files:
 * it counts what passed, failed and was skipped, and never says 0 failed for a run that failed.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { projectRoot } from "../../scripts/source-files.ts";

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "skein-closing-line-"));
  symlinkSync(join(projectRoot, "node_modules"), join(folder, "node_modules"));
  const reporter = JSON.stringify(join(projectRoot, "scripts/vitest-closing-line.ts"));
  writeFileSync(
    join(folder, "vitest.config.ts"),
    `import { createClosingLineReporter } from ${reporter};
     export default { test: { reporters: ["minimal", createClosingLineReporter()] } };`,
  );
  writeTest("passes", 'test("a", () => {}); test("b", () => {}); test.skip("c", () => {});');
  writeTest("fails", 'test("a", () => { throw new Error("no"); });');
  writeTest("does-not-load", 'throw new Error("no");');
  writeTest("errs-outside", 'test("a", () => { Promise.reject(new Error("stray")); });');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a test file. */
function writeTest(name: string, body: string): void {
  writeFileSync(join(folder, `${name}.test.ts`), `import { test } from "vitest";\n${body}\n`);
}

/** Runs the named test files; gives the exit code and the last line. */
function runVitest(...names: readonly string[]): { status: number | null; lastLine: string | undefined } {
  const vitest = join(projectRoot, "node_modules/vitest/vitest.mjs");
  const options = { cwd: folder, encoding: "utf8", timeout: 25_000 } as const;
  const { status, stdout } = spawnSync(process.execPath, [vitest, "run", ...names], options);
  return { status, lastLine: stdout.trimEnd().split("\n").at(-1) };
}

test.each([
  ["passes", { status: 0, lastLine: "2 passed, 0 failed, 1 skipped" }],
  ["fails", { status: 1, lastLine: "0 passed, 1 failed" }],
  ["does-not-load", { status: 1, lastLine: "0 passed, 1 failed" }],
  ["errs-outside", { status: 1, lastLine: "1 passed, 1 failed" }],
])("a file that %s", (name, outcome) => {
  expect(runVitest(name)).toEqual(outcome);
});
