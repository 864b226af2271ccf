/**
 * Where the peer comes from: the npm package of Codex, one version, in a folder of its own under
 * node_modules/.cache, so that nothing else in the project sees it. Installed once, used from then on.
 * A machine where it can't be installed or started gives a reason instead; that is no failure here.
 */
import { execFile } from "node:child_process";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The version all of this is measured against. */
export const CODEX_VERSION = "0.130.0";

/** The peer's native program, or why there is none. */
export type CodexInstall =
  | { readonly program: string; readonly skipped: null }
  | { readonly program: null; readonly skipped: string };

const CACHE = fileURLToPath(new URL("../../node_modules/.cache/skein-conformance/", import.meta.url));
const FOLDER = join(CACHE, `codex-${CODEX_VERSION}`);
const INSTALL_MS_MAX = 180_000;
const VERSION_MS_MAX = 20_000;

/** Finds the peer, installing it with npm where it is missing. `note` is told before anything slow. */
export async function installCodex(note: (line: string) => void, folder = FOLDER): Promise<CodexInstall> {
  let program = await findProgram(folder);
  if (program === null) {
    note(`installing @openai/codex@${CODEX_VERSION} into ${folder}`);
    await mkdir(folder, { recursive: true });
    const options = ["--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
    const packageName = `@openai/codex@${CODEX_VERSION}`;
    const npm = await run("npm", ["install", ...options, "--prefix", folder, packageName], INSTALL_MS_MAX);
    if (npm.failed) return skip(`npm could not install ${packageName}: ${firstLine(npm.output)}`);
    program = await findProgram(folder);
  }
  if (program === null) {
    return skip(`@openai/codex@${CODEX_VERSION} has no program for ${process.platform}-${process.arch}`);
  }
  const version = await run(program, ["--version"], VERSION_MS_MAX);
  if (version.failed) return skip(`${program} does not start: ${firstLine(version.output)}`);
  if (!version.output.includes(CODEX_VERSION)) return skip(`${program} says ${firstLine(version.output)}`);
  return { program, skipped: null };
}

function skip(reason: string): CodexInstall {
  return { program: null, skipped: reason };
}

/** The native binary itself: the launcher script of the package would stand between us and its pid. */
async function findProgram(folder: string): Promise<string | null> {
  const vendor = join(folder, `node_modules/@openai/codex-${process.platform}-${process.arch}/vendor`);
  const targets = await readdir(vendor).catch(() => []);
  for (const target of targets) {
    for (const name of ["codex/codex", "codex/codex.exe"]) {
      const program = join(vendor, target, name);
      const found = await stat(program).catch(() => null);
      if (found?.isFile() === true) return program;
    }
  }
  return null;
}

interface RunResult {
  readonly failed: boolean;
  readonly output: string;
}

function run(command: string, args: readonly string[], timeoutMs: number): Promise<RunResult> {
  return new Promise((resolve) => {
    const options = { timeout: timeoutMs, killSignal: "SIGKILL" as const, maxBuffer: 1024 * 1024 };
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error === null) resolve({ failed: false, output: stdout });
      else resolve({ failed: true, output: stderr.trim() === "" ? error.message : stderr });
    });
  });
}

/** The line that says what went wrong; npm prints its warnings before it. */
function firstLine(text: string): string {
  const lines = text.trim().split("\n");
  return lines.find((line) => line.includes("error")) ?? lines[0] ?? "";
}
