/**
 * What the pages show works: every `ts` block type-checks against the built package and runs, every `sh` block runs
 * with `skein` on the PATH. A block that is not run says why in its fence, and is type-checked or parsed all the same.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { ensureBuilt } from "../../scripts/build.ts";
import { projectRoot } from "../../scripts/source-files.ts";
import { type DocProgram, listPages, programsOf, readDocPrograms } from "./doc-blocks.ts";
import { type DocWorkplace, openDocWorkplace } from "./doc-workplace.ts";

const programs = listPages(projectRoot).flatMap((page) => readDocPrograms(projectRoot, page));

describe.runIf(programs.length > 0)("the pages", () => {
  let workplace: DocWorkplace;

  beforeAll(async () => {
    await ensureBuilt(projectRoot);
    workplace = openDocWorkplace(projectRoot);
  }, 120_000);

  afterAll(() => workplace.close());

  test("all ts blocks type-check", { timeout: 90_000 }, async () => {
    const { exitCode, output } = await workplace.checkTypes(programs);
    expect(output).toBe("");
    expect(exitCode).toBe(0);
  });

  const runnable = programs.filter((program) => program.isRun || program.language === "sh");
  const titled = runnable.map((program): [string, DocProgram] => [`${program.page}:${program.line}`, program]);

  test.concurrent.each(titled)("%s works", { timeout: 150_000 }, async (_title, program) => {
    const { exitCode, output } = await workplace.run(program);
    expect(exitCode, output).toBe(0);
  });
});

test("the README, once there is one, shows a program and a command", () => {
  if (!existsSync(join(projectRoot, "README.md"))) return;
  const languages = programs.filter((program) => program.page === "README.md").map((program) => program.language);
  expect(new Set(languages)).toEqual(new Set(["ts", "sh"]));
});

describe("reading a page", () => {
  test("keeps the page's line numbers, and joins what continues", () => {
    const page = "# A\n```ts\nconst a = 1;\n```\ntext\n```ts continues\nvoid a;\n```\n```json\n{}\n```\n";
    const [program, ...others] = programsOf("a.md", page);
    expect(program?.code.split("\n")).toEqual(["", "", "const a = 1;", "", "", "", "void a;", ""]);
    expect(others).toEqual([]);
  });

  test("a block that is not run says why", () => {
    expect(programsOf("a.md", '```sh no-run reason="needs a network"\nx\n```')[0]?.isRun).toBe(false);
    expect(() => programsOf("a.md", "```sh no-run\nx\n```")).toThrow('a.md:1 is not run and gives no reason="…"');
  });

  test("a block in a list loses the list's indentation", () => {
    expect(programsOf("a.md", "- so:\n  ```sh\n  if x; then\n    y\n  fi\n  ```")[0]?.code).toBe(
      "\n\nif x; then\n  y\nfi\n",
    );
  });

  test.each([
    ["a language that nobody runs or shows", "```typescript\n```", 'a.md:1 names the language "typescript"'],
    ["no language", "```\n```", 'a.md:1 names the language ""'],
    ["a flag that nobody knows", "```ts norun\n```", "a.md:1 has flags that nobody knows: norun"],
    ["a block that nothing closes", "\n```ts\n", "a.md:2 opens a block that nothing closes"],
    ["a continuation of nothing", "```sh continues\n```", "a.md:1 continues a sh block"],
  ])("refuses %s", (_title, page, message) => {
    expect(() => programsOf("a.md", page)).toThrow(message);
  });
});
