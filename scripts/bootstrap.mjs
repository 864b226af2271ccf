// What `npm start`, `npm test` and `npm run verify` begin with: makes a fresh clone ready, then runs one program.
// It installs when node_modules is missing or does not hold what package-lock.json names, builds dist/ when asked
// and the sources changed, and runs the program under the Node that the repository brings (Node 24), whatever the
// machine's own Node is. Plain JavaScript for Node 18 and later, because it runs before anything is installed.
//
//   node scripts/bootstrap.mjs [--build] [--default NAME=VALUE] [--every-signal] PROGRAM [ARGUMENT...]
//
// `--default` sets an environment variable for the program where the caller set none. `--every-signal` is for a
// program that takes several Ctrl-C at once for one: they are passed on also where a terminal may have sent them.
// Ctrl-C, the end of npm, and exit codes pass through. What it does itself is said on stderr in one line each, and nothing else.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, "node_modules", ".bin");
const broughtNode = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");

/** Says one line on stderr, where it does not mix with a program's data. */
function say(line) {
  process.stderr.write(`${line}\n`);
}

/** The packages a lock file names, or undefined where there is no such file. */
function lockedPackages(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : undefined;
}

/** True if node_modules holds each package that the lock file names. Packages for other platforms may be absent. */
function isInstalled() {
  const wanted = lockedPackages(join(root, "package-lock.json"));
  const present = lockedPackages(join(root, "node_modules", ".package-lock.json"));
  if (!wanted || !present || !existsSync(broughtNode)) return false;
  return Object.entries(wanted).every(
    ([path, entry]) => path === "" || entry.optional || present[path]?.version === entry.version,
  );
}

/** Installs quietly; npm's own words are shown when it fails. `npm ci` only where there is nothing to lose. */
function install() {
  const isFresh = !existsSync(join(root, "node_modules"));
  const startedAt = Date.now();
  say(`skein: installing what package-lock.json names (${isFresh ? "first time, about 20 s" : "it has changed"}) ...`);
  // The npm that started this script, where one did; else the one on the PATH.
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  const args = [...npm.slice(1), isFresh ? "ci" : "install", "--no-audit", "--no-fund", "--loglevel=error"];
  const result = spawnSync(npm[0], args, {
    cwd: root,
    encoding: "utf8",
    shell: process.platform === "win32" && !npm[1],
  });
  if (result.error || result.status !== 0) {
    say(`${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`);
    say("skein: npm could not install the packages; its own words are above");
    process.exit(result.status || 1);
  }
  say(`skein: installed in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
}

/** The Node to run programs with: the brought one, or this one where npm was told to run no install scripts. */
function nodeProgram() {
  if (existsSync(broughtNode)) return broughtNode;
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  say(`skein: needs Node 22.18 or later to run from source, and this is Node ${process.versions.node}.`);
  say("skein: the `node` package brings one, if npm may run its install script: npm rebuild node");
  process.exit(69);
}

/** Runs a program under the chosen Node, with the repository's tools first on its PATH. */
function run(args, onExit) {
  const node = nodeProgram();
  const env = { ...process.env, PATH: [bin, dirname(node), process.env.PATH].join(delimiter) };
  const child = spawn(node, args, { stdio: "inherit", env });
  // A terminal sends Ctrl-C to the child as well; forwarding it would make one Ctrl-C count twice.
  const isOnTerminal = Boolean(process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY);
  const forward = (signal) => (signal === "SIGINT" && isOnTerminal && !passesEverySignal ? true : child.kill(signal));
  // npm sends SIGTERM to the shell between us and dies with it: nobody tells us but that our parent is another one.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent && process.env.npm_lifecycle_event) child.kill("SIGTERM");
  }, 500);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, forward);
  child.on("exit", (code, signal) => {
    clearInterval(watch);
    for (const name of signals) process.removeListener(name, forward);
    onExit(signal ? 128 + constants.signals[signal] : code);
  });
}

const program = process.argv.slice(2);
const isBuilding = program[0] === "--build";
if (isBuilding) program.shift();
if (program[0] === "--default") {
  const [name, ...value] = program.splice(0, 2)[1].split("=");
  process.env[name] ||= value.join("=");
}
const passesEverySignal = program[0] === "--every-signal";
if (passesEverySignal) program.shift();
if (!isInstalled()) install();
const runProgram = () => run([join(root, program[0]), ...program.slice(1)], (code) => process.exit(code));
if (!isBuilding) runProgram();
else run([join(root, "scripts", "build.ts"), "--if-stale"], (code) => (code === 0 ? runProgram() : process.exit(code)));
