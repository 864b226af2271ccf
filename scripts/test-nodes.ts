/**
 * Runs all tests under each Node that Skein supports: the floor, and the newest of every line that is alive.
 * The Nodes come from the registry's `node` package and are kept in node_modules/.cache/skein-nodes.
 *
 *   npm run test:nodes                      all of them
 *   npm run test:nodes -- 22.14.0 26       these
 *   npm run test:nodes -- 26 -- test/base  these, and these tests only
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

import { requireCommand, requireNpm } from "./packed-package.ts";
import { projectRoot } from "./source-files.ts";

const VERSIONS = ["22.14.0", "22", "24", "26"];
const RUN_LIMIT_MS = 15 * 60_000;

/** Installs a Node into a folder of its own, once; gives its program. */
function installNode(version: string): string {
  const folder = join(projectRoot, "node_modules", ".cache", "skein-nodes", version);
  const program = join(folder, "node_modules", "node", "bin", "node");
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const manifest = { name: "a-node", private: true, dependencies: { node: version }, allowScripts: { node: true } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  requireNpm(["install", "--no-audit", "--no-fund", "--loglevel=error"], folder);
  return program;
}

/** Runs the tests under one Node, with that Node first on the PATH; gives true if all passed. */
function runTests(program: string, args: readonly string[]): boolean {
  const vitest = join(projectRoot, "node_modules", "vitest", "vitest.mjs");
  const env = { ...process.env, PATH: [dirname(program), process.env["PATH"]].join(delimiter) };
  const options = { cwd: projectRoot, env, stdio: "inherit", timeout: RUN_LIMIT_MS } as const;
  return spawnSync(program, [vitest, "run", ...args], options).status === 0;
}

/** Runs as a command; the exit code is 1 if the tests failed under any Node. */
function main(args: readonly string[]): number {
  const split = args.indexOf("--");
  const chosen = split === -1 ? args : args.slice(0, split);
  const testArgs = split === -1 ? [] : args.slice(split + 1);
  const results = (chosen.length > 0 ? chosen : VERSIONS).map((version) => {
    const program = installNode(version);
    const exact = requireCommand(program, ["--version"], projectRoot).trim();
    console.log(`tests under Node ${exact}`);
    return { exact, hasPassed: runTests(program, testArgs) };
  });
  for (const { exact, hasPassed } of results) console.log(`${hasPassed ? "ok" : "FAILED"} Node ${exact}`);
  return results.every((result) => result.hasPassed) ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
