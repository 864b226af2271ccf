/**
 * The `skein` launcher on Nodes of any age. An old Node is played by telling a new one that it is old, so that the
 * test needs no second Node; that the launcher's text is one that Node 14 can read is checked on the text.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseSync, Visitor } from "oxc-parser";
import { afterEach, beforeEach, expect, test } from "vitest";

import { projectRoot } from "../../scripts/source-files.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skein-launcher-"));
  write("pretend-old.cjs", 'Object.defineProperty(process, "version", { value: process.env.PRETEND_VERSION });');
  write("package/package.json", "{}");
  write("package/dist/command/main.js", MAIN);
  mkdirSync(join(folder, "package/bin"));
  copyFileSync(join(projectRoot, "bin/skein.mjs"), join(folder, "package/bin/skein.mjs"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A command that says how it was started, and exits with the code that its first argument names. */
const MAIN = `
export async function main(args) {
  process.stdout.write(JSON.stringify({ args, version: process.version }));
  return Number(args[0]);
}
`;

/** One that says its pid, and stays until it is told to end. */
const STAYING_MAIN = `
export async function main() {
  process.stdout.write(String(process.pid) + "\\n");
  // The first signal asks it to end, a second one ends it: as skein serve does.
  setTimeout(() => process.exit(1), 60_000);
  await new Promise((resolve) => process.once("SIGTERM", resolve));
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  process.stdout.write("ended in order\\n");
  process.exit(0);
}
`;

/** Writes a file under the test's folder. */
function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** Puts a `node` package beside Skein: this very Node, under the given version. */
function bringNode(version: string, where = "package/node_modules/node"): void {
  write(`${where}/package.json`, JSON.stringify({ name: "node", version }));
  mkdirSync(join(folder, where, "bin"));
  symlinkSync(process.execPath, join(folder, where, "bin", "node"));
}

/** Starts the launcher under a Node that says it is `version`; the Node it may start in turn tells the truth. */
function launch(version: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const [program, line, options] = commandLine(version, args);
  return spawnSync(program, line, { ...options, encoding: "utf8", timeout: 20_000 });
}

function commandLine(version: string, args: readonly string[]): [string, string[], { env: NodeJS.ProcessEnv }] {
  const flags = ["--require", join(folder, "pretend-old.cjs")];
  const launcher = join(folder, "package/bin/skein.mjs");
  return [process.execPath, [...flags, launcher, ...args], { env: { ...process.env, PRETEND_VERSION: version } }];
}

test("runs the command in the same process on the oldest Node that Skein supports", () => {
  const { status, stdout } = launch("v22.14.0", "3", "--flag");
  expect(status).toBe(3);
  expect(JSON.parse(stdout)).toEqual({ args: ["3", "--flag"], version: "v22.14.0" });
});

test("hands over to the Node that is installed beside it when its own is old, exit code included", () => {
  bringNode("24.21.0");
  const { status, stdout } = launch("v20.20.2", "7");
  expect(status).toBe(7);
  expect(JSON.parse(stdout)).toEqual({ args: ["7"], version: process.version });
});

test("lets the process under it end in order when it is killed under an old Node", async () => {
  bringNode("24.21.0");
  write("package/dist/command/main.js", STAYING_MAIN);
  const [program, args, options] = commandLine("v20.20.2", []);
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "inherit"] });
  const said: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => said.push(text));
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  // The pipe is the other process's too: it closes when that has ended.
  await once(child, "close");
  const [pid, last] = said.join("").split("\n");
  expect(Number(pid)).not.toBe(child.pid);
  expect(last).toBe("ended in order");
});

test("finds a Node in a folder above, as where Skein is a dependency", () => {
  bringNode("24.21.0", "node_modules/node");
  expect(launch("v22.13.1", "0").status).toBe(0);
});

test("says what it needs in one line and exits with 69 where there is no Node that is new enough", () => {
  bringNode("20.1.0");
  const { status, stdout, stderr } = launch("v20.20.2", "0");
  expect({ status, stdout }).toEqual({ status: 69, stdout: "" });
  expect(stderr).toMatch(/^skein: needs Node 22\.14 or later, and this is Node 20\.20\.2 .*\n$/);
});

test("says in a checkout what fetches a Node that is new enough", () => {
  write("package/scripts/bootstrap.mjs", "");
  const { status, stderr } = launch("v20.20.2", "0");
  expect(status).toBe(69);
  expect(stderr).toMatch(/Node 20\.20\.2 \(`npm start` in .*package fetches one, once\)\n$/);
});

test("says that a checkout is not built yet, in one line", () => {
  rmSync(join(folder, "package/dist"), { recursive: true });
  const { status, stderr } = launch("v24.0.0", "0");
  expect(status).toBe(69);
  expect(stderr).toMatch(/^skein: this checkout is not built yet: run `npm run build` in .*\n$/);
});

test("is written in syntax that Node 14 can read", () => {
  const text = readFileSync(join(projectRoot, "bin/skein.mjs"), "utf8");
  const { program, module } = parseSync("skein.mjs", text);
  const newer: string[] = module.staticImports
    .map((statement) => statement.moduleRequest.value)
    .filter((specifier) => specifier.startsWith("node:"));
  new Visitor({
    AssignmentExpression: ({ operator }) => ["||=", "&&=", "??="].includes(operator) && newer.push(operator),
    PrivateIdentifier: () => newer.push("#private"),
    StaticBlock: () => newer.push("static {}"),
    ImportExpression: ({ options }) => options && newer.push("import attributes"),
  }).visit(program);
  const hasTopLevelAwait = program.body.some(
    (statement) => statement.type === "ExpressionStatement" && statement.expression.type === "AwaitExpression",
  );
  expect({ newer, hasTopLevelAwait }).toEqual({ newer: [], hasTopLevelAwait: false });
});
