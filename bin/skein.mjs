#!/usr/bin/env node
// The `skein` command as a shell starts it: picks a Node that can run Skein, then hands over to dist/command/main.js.
// Plain JavaScript that Node 14 parses, so that a person with an old Node reads one sentence and not a stack trace.
// An old Node is replaced by the `node` package where one is installed beside Skein (a checkout brings Node 24);
// where there is none, the command says what it needs and exits with 69 ("a needed program is not there").
import { spawn } from "child_process";
import { existsSync, readFileSync, realpathSync } from "fs";
import { constants } from "os";
import { dirname, join } from "path";
import { fileURLToPath, pathToFileURL } from "url";

const NEEDED = [22, 14];
const RUNS_TYPESCRIPT = [22, 18];
const EXIT_UNAVAILABLE = 69;
/** Names the launcher whose child this one is. */
const STARTED_BY = "SKEIN_STARTED_BY";
/** Milliseconds between two looks whether it is still there. */
const PARENT_LOOK_MS = 500;
const launcher = realpathSync(fileURLToPath(import.meta.url));
const packageFolder = dirname(dirname(launcher));

/** True if `version` ("v22.14.0" or "22.14.0") is at least `floor`. */
function isAtLeast(version, floor) {
  const parts = version.replace(/^v/, "").split(".").map(Number);
  return parts[0] > floor[0] || (parts[0] === floor[0] && parts[1] >= floor[1]);
}

/** The nearest `node` package that is new enough: in the package's own node_modules, then in each folder above. */
function findBroughtNode() {
  for (let folder = packageFolder; ; folder = dirname(folder)) {
    const brought = join(folder, "node_modules", "node");
    const program = join(brought, "bin", process.platform === "win32" ? "node.exe" : "node");
    if (existsSync(program) && existsSync(join(brought, "package.json"))) {
      const { version } = JSON.parse(readFileSync(join(brought, "package.json"), "utf8"));
      if (isAtLeast(version, NEEDED)) return program;
    }
    if (dirname(folder) === folder) return undefined;
  }
}

/** Says why the command can't run, in one line on stderr. */
function giveUp(reason) {
  process.stderr.write("skein: " + reason + "\n");
  process.exitCode = EXIT_UNAVAILABLE;
}

/** Runs this same command line under `program`; signals, exit code and terminal pass through. */
function runUnder(program) {
  const env = Object.assign({}, process.env, { [STARTED_BY]: String(process.pid) });
  const child = spawn(program, [launcher].concat(process.argv.slice(2)), { stdio: "inherit", env });
  // A terminal sends Ctrl-C to the child as well; forwarding it would make one Ctrl-C count twice.
  const isOnTerminal = Boolean(process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY);
  process.on("SIGINT", () => isOnTerminal || child.kill("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => giveUp("could not start " + program + ": " + error.message));
  child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

/** The module that is the command: the built one, or in a checkout that is not built the source, on a Node that can. */
function findEntry() {
  const built = join(packageFolder, "dist", "command", "main.js");
  if (existsSync(built)) return built;
  const source = join(packageFolder, "src", "cli", "main.ts");
  return existsSync(source) && isAtLeast(process.version, RUNS_TYPESCRIPT) ? source : undefined;
}

/** Ends with the launcher that started this one: one that was killed can pass nothing on, and a server would stay behind. */
function endWithLauncher() {
  const parent = process.ppid;
  const isStarted = process.env[STARTED_BY] === String(parent);
  delete process.env[STARTED_BY];
  if (!isStarted) return;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    // Once: a second one would not let it end in order.
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, PARENT_LOOK_MS);
  timer.unref();
}

/** Loads the command in this process. It exits by `process.exitCode`, so that what it wrote is flushed. */
async function runHere() {
  const entry = findEntry();
  if (!entry) return giveUp("this checkout is not built yet: run `npm run build` in " + packageFolder);
  const { enableCompileCache } = await import("module");
  // Kept in the machine's folder for temporary files; where that can't be written, it is compiled each time.
  if (enableCompileCache) enableCompileCache();
  const { main } = await import(pathToFileURL(entry).href);
  process.exitCode = await main(process.argv.slice(2));
}

/** Runs the command here if this Node is new enough, else under one that is, else says what is missing. */
function start() {
  endWithLauncher();
  if (isAtLeast(process.version, NEEDED)) return void runHere();
  const brought = findBroughtNode();
  if (brought) return runUnder(brought);
  const needed = "needs Node " + NEEDED.join(".") + " or later, and this is Node " + process.version.slice(1);
  const isCheckout = existsSync(join(packageFolder, "scripts", "bootstrap.mjs"));
  const remedy = isCheckout
    ? "`npm start` in " + packageFolder + " fetches one, once"
    : "install a newer one, or `npm install node@24` beside Skein";
  giveUp(needed + " (" + remedy + ")");
}

start();
