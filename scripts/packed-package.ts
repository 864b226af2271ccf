/**
 * The package as a stranger gets it: packed by npm, unpacked into the node_modules of a project of its own, and used
 * there. Two ways to its dependencies: installed from the registry (slow, real), or linked to the checkout's (fast),
 * where only what package.json names is linked, so that a dependency that is not named is missed here as well.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const COMMAND_LIMIT_MS = 120_000;

/** What a finished command said. */
export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, bounded in time. */
export function runCommand(program: string, args: readonly string[], cwd: string): CommandResult {
  const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" };
  const result = spawnSync(program, args, { cwd, env, encoding: "utf8", timeout: COMMAND_LIMIT_MS });
  return { status: result.status, stdout: result.stdout, stderr: `${result.stderr}${result.error?.message ?? ""}` };
}

/** Runs a program that must succeed; gives its stdout, and throws with all it said if it fails. */
export function requireCommand(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = runCommand(program, args, cwd);
  if (status !== 0) throw new Error(`${[program, ...args].join(" ")} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/** Runs npm, the one that started this process where one did. */
export function requireNpm(args: readonly string[], cwd: string): string {
  const npm = process.env["npm_execpath"];
  return npm ? requireCommand(process.execPath, [npm, ...args], cwd) : requireCommand("npm", args, cwd);
}

/** Packs the checkout (dist/ must be built) into `folder`; gives the tarball's path. */
export function packPackage(root: string, folder: string): string {
  const printed = requireNpm(["pack", "--json", "--ignore-scripts", "--pack-destination", folder], root);
  const packed: unknown = JSON.parse(printed);
  const filename: unknown = Array.isArray(packed) ? packed[0]?.filename : undefined;
  if (typeof filename !== "string") throw new Error(`npm pack printed something else than a list: ${printed}`);
  return join(folder, filename);
}

/** Makes a project in `folder` that has the packed package in its node_modules, and the checkout's dependencies. */
export function linkConsumer(root: string, tarball: string, folder: string): void {
  const modules = join(folder, "node_modules");
  mkdirSync(modules, { recursive: true });
  requireCommand("tar", ["-xzf", tarball, "-C", modules], folder);
  renameSync(join(modules, "package"), join(modules, "skein"));
  const manifest = readManifest(join(modules, "skein"));
  // @types/node is what any TypeScript project for Node has.
  const names = [...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }), "@types/node"];
  for (const name of names) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(modules, name), "junction");
  }
  writeConsumer(folder, {});
}

/** Makes a project in `folder` and installs the packed package there as a stranger would, peers and types included. */
export function installConsumer(root: string, tarball: string, folder: string): void {
  const { peerDependencies, devDependencies } = readManifest(root);
  const types = { "@types/node": devDependencies?.["@types/node"] ?? "*" };
  writeConsumer(folder, { ...peerDependencies, ...types, skein: `file:${tarball}` });
  requireNpm(["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"], folder);
}

/** The parts of a package.json that this file reads. */
interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Reads the package.json in a folder. */
function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** A small strict TypeScript program that uses all entry points. */
const CONSUMER_PROGRAM = `
import * as skein from "skein";
import * as client from "skein/client";
import * as server from "skein/server";
import * as testing from "skein/testing";

const home = process.argv[2] ?? ".skein";
const runtime = await skein.openRuntime({ home, agent: skein.echoAgent(), stateDb: true });
const thread = await runtime.startThread({ cwd: "/" });
await thread.run("a needle in the packed package");
const found = await runtime.searchThreads({ query: "needle" });
if (found.data[0]?.thread.id !== thread.id || !found.isComplete) throw new Error("the turn was not found");
const open: typeof skein.openRuntime = skein.openRuntime;
const served = await server.serveRuntime({ runtime, agent: skein.echoAgent(), listen: ["ws://127.0.0.1:0"] });
const near = await client.connectClient({ address: served.addresses[0] ?? "" });
if ((await near.request("thread/loaded/list", {})).data[0] !== thread.id) throw new Error("the thread is not served");
await near.close();
await served.close();
await runtime.close();
const command = { file: process.execPath, args: ["node_modules/skein/bin/skein.mjs", "serve", "--home", home] };
const remote = await client.connectClient({ command });
for await (const event of remote.threadEvents(thread.id)) {
  if (event.type === "record" && event.record.ordinal === 1) break;
}
await remote.close();
console.log(JSON.stringify({ skein: Object.keys(skein), client: Object.keys(client), server: Object.keys(server), testing: Object.keys(testing), isFunction: typeof open }));
`;

/** Writes the project's own files. */
function writeConsumer(folder: string, dependencies: Readonly<Record<string, string>>): void {
  const compilerOptions = {
    module: "nodenext",
    target: "es2023",
    strict: true,
    exactOptionalPropertyTypes: true,
    types: ["node"],
    noEmit: true,
  };
  const write = (name: string, value: unknown): void => writeFileSync(join(folder, name), JSON.stringify(value));
  write("package.json", { name: "consumer", version: "1.0.0", type: "module", private: true, dependencies });
  write("tsconfig.json", { compilerOptions, include: ["consumer.ts"] });
  writeFileSync(join(folder, "consumer.ts"), CONSUMER_PROGRAM);
  // The program has no type annotation that JavaScript would refuse, but for this one.
  writeFileSync(join(folder, "consumer.mjs"), CONSUMER_PROGRAM.replace(": typeof skein.openRuntime", ""));
}
