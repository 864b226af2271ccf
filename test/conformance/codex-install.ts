/**
 * Where the peer comes from: the npm package of Codex, one version, in a folder of its own under
 * node_modules/.cache, so that nothing else in the project sees it. Installed once, used from then on.
 * A machine where it can't be installed or started gives a reason instead; that is no failure here.
 */
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { failureLine, runProgram } from "./run-program.ts";

/** The version all of this is measured against. */
export const CODEX_VERSION = "0.130.0";

/** The peer's native program, or why there is none. */
export type CodexInstall =
  | { readonly program: string; readonly skipped: null }
  | { readonly program: null; readonly skipped: string };

/** Where all of this installs what others wrote. */
export const CONFORMANCE_CACHE = fileURLToPath(
  new URL("../../node_modules/.cache/skein-conformance/", import.meta.url),
);
const FOLDER = join(CONFORMANCE_CACHE, `codex-${CODEX_VERSION}`);
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
    const npm = await runProgram("npm", ["install", ...options, "--prefix", folder, packageName], {
      timeoutMs: INSTALL_MS_MAX,
    });
    if (npm.failed) return skip(`npm could not install ${packageName}: ${failureLine(npm.output)}`);
    program = await findProgram(folder);
  }
  if (program === null) {
    return skip(`@openai/codex@${CODEX_VERSION} has no program for ${process.platform}-${process.arch}`);
  }
  const version = await runProgram(program, ["--version"], { timeoutMs: VERSION_MS_MAX });
  if (version.failed) return skip(`${program} does not start: ${failureLine(version.output)}`);
  if (!version.output.includes(CODEX_VERSION)) return skip(`${program} says ${failureLine(version.output)}`);
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
