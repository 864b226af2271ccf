/**
 * The project keeps its own style rules, and the checker proves its worth on planted breaches:
 * each rule finds at least one thing that breaks it, and leaves the nearest thing that is fine alone.
 */
import { parseSync } from "oxc-parser";
import { describe, expect, test } from "vitest";

import { findUndocumentedExports } from "../../scripts/documented-exports.ts";
import { formatFinding, projectRoot, type SourceFile } from "../../scripts/source-files.ts";
import {
  checkExports,
  checkFileName,
  checkMentions,
  checkOpening,
  checkPorts,
  checkState,
  checkWaivers,
} from "../../scripts/tidy-rules.ts";
import { checkTidiness } from "../../scripts/tidy.ts";

/** A parsed file that lies in src/store, unless a path is given. */
function sourceOf(text: string, path = "src/store/a-file.ts"): SourceFile {
  return { path, text, parsed: parseSync(path, text) };
}

/** `count` lines of block comment, then a statement. */
function openedBy(count: number, rest = "export {};"): SourceFile {
  return sourceOf(`/**\n${" * A line.\n".repeat(count)} */\n${rest}`);
}

test("the project is tidy", () => {
  expect(checkTidiness(projectRoot).map(formatFinding)).toEqual([]);
});

describe("file names", () => {
  test.each(["rollout-writer.ts", "a.test.ts", "vitest.config.ts", "index.ts", "bin/skein.mjs"])(
    "allows %s",
    (path) => {
      expect(checkFileName(path)).toEqual([]);
    },
  );

  test.each(["RolloutWriter.ts", "rollout_writer.ts", "utils.ts", "store-helpers.ts", "common.test.ts", "types.ts"])(
    "refuses %s",
    (path) => {
      expect(checkFileName(path)).toHaveLength(1);
    },
  );
});

describe("openings", () => {
  test("two to eight lines of prose are right, and lists come on top", () => {
    const list = sourceOf(`/**\n * One.\n * Two.\n *\n${" *   S1  It holds.\n".repeat(9)} * 1. So.\n */\nexport {};`);
    expect([openedBy(2), openedBy(8), list].flatMap(checkOpening)).toEqual([]);
  });

  test("a program's first line may come before it, and line comments count as well", () => {
    expect(checkOpening(sourceOf("#!/usr/bin/env node\n// One.\n// Two.\nexport {};"))).toEqual([]);
  });

  test("none, too little, too much, and a comment that comes after the imports are found", () => {
    const late = sourceOf('import "./b.ts";\n/**\n * One.\n * Two.\n */');
    const longFile = openedBy(2, "void 0;\n".repeat(160));
    for (const file of [sourceOf("export {};"), openedBy(1), openedBy(9), late, longFile]) {
      expect(checkOpening(file)).toHaveLength(1);
    }
  });
});

test("more than 12 exported values are found, in a door they are fine", () => {
  const many = Array.from({ length: 13 }, (_, index) => `export const a${index} = 1;`).join("\n");
  expect(checkExports(sourceOf(many))).toHaveLength(1);
  expect(checkExports(sourceOf(many, "src/store/index.ts"))).toEqual([]);
  expect(checkExports(sourceOf(many.replaceAll(/const (\w+) = 1/g, "type $1 = 1")))).toEqual([]);
});

test("comments that switch a rule off are found, and a type proof outside a test", () => {
  expect(checkWaivers(sourceOf("// eslint-disable-next-line\n/* v8 ignore next */"))).toHaveLength(2);
  expect(checkWaivers(sourceOf("// @ts-expect-error wrong on purpose"))).toHaveLength(1);
  expect(checkWaivers(sourceOf("// @ts-expect-error wrong on purpose", "test/a.test.ts"))).toEqual([]);
});

describe("ports", () => {
  test.each([
    "const now = Date.now();",
    "const clock = { nowMs: Date.now };",
    "const at = new Date();",
    "const at = performance.now();",
    "const timer = setTimeout(run, 1);",
    "const timer = globalThis.setInterval(run, 1);",
    "const id = Math.random();",
    'import { randomUUID } from "node:crypto";',
    'import { setTimeout as sleep } from "node:timers/promises";',
  ])("refuses %s outside base", (text) => {
    expect(checkPorts(sourceOf(text)).length).toBeGreaterThan(0);
    expect(checkPorts(sourceOf(text, "src/base/clock.ts"))).toEqual([]);
    expect(checkPorts(sourceOf(text, "test/a.test.ts"))).toEqual([]);
  });

  test("a given moment is no clock", () => {
    expect(checkPorts(sourceOf("const at = new Date(startedAtMs).toISOString(); clock.setTimer(1, run);"))).toEqual([]);
  });
});

test("state in a module, private by keyword and a plain Error are found", () => {
  expect(checkState(sourceOf("let count = 0;"))).toHaveLength(1);
  expect(checkState(sourceOf("export let count = 0;"))).toHaveLength(1);
  expect(checkState(sourceOf("class A { private b = 1; protected c(): void {} }"))).toHaveLength(2);
  expect(checkState(sourceOf('throw new Error("no");'))).toHaveLength(1);
  expect(checkState(sourceOf("const a = 1; function f() { let b = 0; } class A { #b = 1; }"))).toEqual([]);
});

test("pointers to what a reader does not have are found", () => {
  const text = "see ../shared/x\nsee STYLE.md\nfrom registry.example.org\nin /work/main/src\nsee docs/GLOSSARY.md\n";
  expect(checkMentions("README.md", text).map((finding) => finding.line)).toEqual([1, 2, 3, 4]);
});

test("an exported name without a docstring is found where it is declared, through doors and stars", () => {
  const door = sourceOf(
    'export { a } from "./a.ts";\nexport * from "./b.ts";\nexport { x } from "zod";',
    "src/index.ts",
  );
  const a = sourceOf("/** Fine. */\nconst a = 1;\nexport { a };", "src/a.ts");
  const b = sourceOf("/** Fine. */\nexport type B = 1;\n\nexport function bare(): void {}", "src/b.ts");
  expect(findUndocumentedExports([door, a, b], "src/index.ts")).toEqual([
    { path: "src/b.ts", line: 4, message: "bare, exported by src/index.ts, has no docstring" },
  ]);
});
