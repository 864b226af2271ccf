/**
 * What `npm start` and `npm test` begin with, on small projects with a scripted npm in place of the real one:
 * when it installs and how, when it builds, and what passes through to and from the program.
 */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { projectRoot } from "../../scripts/source-files.ts";
import { nodeTypeFlags } from "../support/node-flags.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skein-bootstrap-"));
  mkdirSync(join(folder, "scripts"));
  copyFileSync(join(projectRoot, "scripts/bootstrap.mjs"), join(folder, "scripts/bootstrap.mjs"));
  write("package-lock.json", lockOf({ "node_modules/a": { version: "1.0.0" }, "node_modules/mac": MAC_ONLY }));
  write(
    "program.mjs",
    "console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = Number(process.argv[2]);",
  );
  write(
    "scripts/build.ts",
    'console.log("built", process.argv[2]); process.exitCode = Number(process.env.BUILD_EXIT);',
  );
  write("npm.cjs", NPM);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const MAC_ONLY = { version: "1.0.0", optional: true };

/** An npm that writes down how it was called and "installs" what the lock file names, this very Node included. */
const NPM = `
const fs = require("fs");
fs.appendFileSync("npm-calls.txt", process.argv[2] + "\\n");
if (process.env.NPM_FAILS) { console.error("no network"); process.exit(7); }
fs.mkdirSync("node_modules/node/bin", { recursive: true });
fs.copyFileSync("package-lock.json", "node_modules/.package-lock.json");
fs.rmSync("node_modules/node/bin/node", { force: true });
fs.symlinkSync(process.execPath, "node_modules/node/bin/node");
`;

/** A lock file's text. */
function lockOf(packages: Readonly<Record<string, object>>): string {
  return JSON.stringify({ packages: { "": { name: "x" }, ...packages } });
}

/** Writes a file under the test's folder. */
function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** Puts the state that a finished install leaves. */
function writeInstalled(packages: Readonly<Record<string, object>>): void {
  write("node_modules/.package-lock.json", lockOf(packages));
  mkdirSync(join(folder, "node_modules/node/bin"), { recursive: true });
  symlinkSync(process.execPath, join(folder, "node_modules/node/bin/node"));
}

/** Runs the bootstrap; gives how it ended and which npm commands it ran. */
function bootstrap(args: readonly string[], settings: Readonly<Record<string, string>> = {}) {
  const env = {
    ...process.env,
    NODE_OPTIONS: nodeTypeFlags().join(" "),
    npm_execpath: join(folder, "npm.cjs"),
    BUILD_EXIT: "0",
    ...settings,
  };
  const command = [join(folder, "scripts/bootstrap.mjs"), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { env, encoding: "utf8", timeout: 20_000 });
  const calls = join(folder, "npm-calls.txt");
  return { status, stdout, stderr, npm: existsSync(calls) ? readFileSync(calls, "utf8").trim().split("\n") : [] };
}

test("a fresh clone is installed by npm ci, with two lines on stderr and none on stdout", () => {
  const { status, stdout, stderr, npm } = bootstrap(["program.mjs", "0"]);
  expect({ status, stdout, npm }).toEqual({ status: 0, stdout: '["0"]\n', npm: ["ci"] });
  expect(stderr).toMatch(/^skein: installing .*\nskein: installed in [\d.]+ s\n$/);
});

test("nothing is installed where all is there, packages for other platforms aside", () => {
  writeInstalled({ "node_modules/a": { version: "1.0.0" } });
  expect(bootstrap(["program.mjs", "0"])).toMatchObject({ npm: [], stderr: "" });
});

test.each([
  ["in another version", { "node_modules/a": { version: "0.9.0" } }],
  ["not at all", {}],
])("a package that is there %s is installed without throwing the others away", (_title, present) => {
  writeInstalled(present);
  expect(bootstrap(["program.mjs", "0"])).toMatchObject({ status: 0, npm: ["install"] });
});

test("npm's own words are shown when it fails, and its exit code is kept", () => {
  const { status, stderr } = bootstrap(["program.mjs", "0"], { NPM_FAILS: "1" });
  expect(status).toBe(7);
  expect(stderr).toContain("no network");
});

test("the program's arguments and exit code pass through", () => {
  writeInstalled({ "node_modules/a": { version: "1.0.0" } });
  expect(bootstrap(["program.mjs", "9", "--home", "a b"])).toMatchObject({
    status: 9,
    stdout: '["9","--home","a b"]\n',
  });
});

test("with --build the program runs after a build, and not at all if the build fails", () => {
  writeInstalled({ "node_modules/a": { version: "1.0.0" } });
  expect(bootstrap(["--build", "program.mjs", "0"]).stdout).toBe('built --if-stale\n["0"]\n');
  expect(bootstrap(["--build", "program.mjs", "0"], { BUILD_EXIT: "2" })).toMatchObject({
    status: 2,
    stdout: "built --if-stale\n",
  });
});
