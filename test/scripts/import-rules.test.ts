/**
 * The import rules hold in the whole project, and the checker proves its worth on planted breaches:
 * each rule refuses at least one import that breaks it, whether it is of a value, a type or made at run time.
 */
import { parseSync } from "oxc-parser";
import { describe, expect, test } from "vitest";

import { findCircles } from "../../scripts/import-circles.ts";
import { checkImports, findImportFindings } from "../../scripts/import-rules.ts";
import { formatFinding, projectRoot } from "../../scripts/source-files.ts";

/** Findings for files given as path and text, as `path:line message`. */
function findingsFor(files: Readonly<Record<string, string>>): string[] {
  const sources = Object.entries(files).map(([path, text]) => ({ path, text, parsed: parseSync(path, text) }));
  return findImportFindings(sources).map(formatFinding);
}

test("nobody imports what they may not", () => {
  expect(checkImports(projectRoot).map(formatFinding)).toEqual([]);
});

test("one command sees the kit, by its door", () => {
  const path = "src/cli/commands/check-store-command.ts";
  expect(findingsFor({ [path]: 'await import("../../testing/index.ts");' })).toEqual([]);
  expect(findingsFor({ [path]: 'await import("../../testing/store-laws.ts");' })).toEqual([
    `${path}:1 imports src/testing/store-laws.ts, which is not a door: use src/testing/index.ts`,
  ]);
});

describe("refuses", () => {
  test.each([
    ["a room that sees a room above it", "src/base/a.ts", 'import "../events/index.ts";', "base does not see events"],
    [
      "a type imported past a door",
      "src/actors/a.ts",
      'import type { X } from "../store/writer.ts";',
      "imports src/store/writer.ts, which is not a door: use src/store/index.ts",
    ],
    ["a re-export", "src/store/a.ts", 'export { x } from "../actors/index.ts";', "store does not see actors"],
    ["a star export", "src/store/a.ts", 'export * from "../actors/index.ts";', "store does not see actors"],
    ["an import at run time", "src/store/a.ts", 'await import("../actors/index.ts");', "store does not see actors"],
    ["a type by import()", "src/store/a.ts", 'type A = import("../cli/index.ts").A;', "store does not see cli"],
    ["the harness in the product", "src/cli/a.ts", 'import "../testing/index.ts";', "cli does not see testing"],
    ["a file outside src", "src/cli/a.ts", 'import "../../test/a.ts";', "imports test/a.ts, which is outside src/"],
    [
      "an adapter on another",
      "src/store/memory/a.ts",
      'import "../local/index.ts";',
      "src/store/memory is built on src/store/local",
    ],
    ["a package outside its home", "src/store/a.ts", 'import "xstate";', "xstate lives in src/actors/"],
    ["a part of a package outside its home", "src/base/a.ts", 'import "zod/mini";', /^zod lives in/],
    ["a package without a home", "src/base/a.ts", 'import "@x/y/z";', /^@x\/y has no home/],
    ["Node in a pure room", "src/events/a.ts", 'import "node:path";', "events is pure: no node:path"],
    [
      "the disk outside the rooms that own it",
      "src/actors/a.ts",
      'import "node:fs/promises";',
      /^node:fs\/promises is/,
    ],
    ["Node without its prefix", "src/base/a.ts", 'import "os";', 'imports "os" without its "node:"'],
    ["a room that nobody planned", "src/stuff/a.ts", 'import "../base/index.ts";', /a room that .* does not know$/],
  ])("%s", (_title, path, text, message) => {
    const [finding, ...others] = findingsFor({ [path]: `// first line\n${text}` });
    expect(finding?.replace(`${path}:2 `, "")).toEqual(
      typeof message === "string" ? message : expect.stringMatching(message),
    );
    expect(others).toEqual([]);
  });

  test("a circle that only types close", () => {
    const findings = findingsFor({
      "src/base/a.ts": 'import { b } from "./b.ts";',
      "src/base/b.ts": 'import type { C } from "./c.ts";',
      "src/base/c.ts": 'export type { A } from "./a.ts";',
    });
    expect(findings).toEqual([
      "src/base/a.ts:1 imports itself in a circle: src/base/a.ts -> src/base/b.ts -> src/base/c.ts -> src/base/a.ts",
    ]);
  });

  test("a file that does not parse", () => {
    expect(findingsFor({ "src/base/a.ts": "const = ;" })).toEqual([expect.stringMatching(/^src\/base\/a\.ts:1 does/)]);
  });
});

test("allows doors, sub-rooms' doors, a room's own files and packages at home", () => {
  const findings = findingsFor({
    "src/runtime/open.ts": 'import "../store/local/index.ts"; import "../store/index.ts"; import "rxjs/operators";',
    "src/store/local/writer.ts": 'import "../thread-store.ts"; import "node:fs/promises"; import "zod";',
    "src/cli/main.ts": 'import "../index.ts";',
    "test/a.test.ts": 'import "../src/store/local/writer.ts"; import "anything";',
  });
  expect(findings).toEqual([]);
});

test("finds every circle once, and the shortest one of each group", () => {
  const graph = new Map([
    ["a", ["b", "c"]],
    ["b", ["c"]],
    ["c", ["a", "d"]],
    ["d", ["e"]],
    ["e", ["d"]],
    ["f", ["f", "a"]],
    ["g", ["a", "d"]],
  ]);
  expect(
    findCircles(graph)
      .map((circle) => circle.join(""))
      .toSorted(),
  ).toEqual(["ac", "de", "f"]);
});
