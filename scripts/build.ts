/**
 * Builds dist/ from src/: JavaScript and declarations, by tsc alone, and the command in few files (bundle-command.ts).
 * The new dist/ is made beside the old one and swapped in when it is whole, so that a program that runs from dist/
 * never sees half of it, and files whose source is gone don't stay behind. With `--if-stale` it does nothing when
 * dist/ was built from exactly these sources: a hash of them is kept in dist/.source-hash (not in the package).
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { bundleCommand } from "./bundle-command.ts";
import { listFiles, projectRoot } from "./source-files.ts";

const READ_FILES = ["package-lock.json", "tsconfig.json", "tsconfig.build.json", "scripts/bundle-command.ts"];

/** A hash over the paths and bytes of everything that a build reads. */
function hashSources(root: string): string {
  const hash = createHash("sha256");
  for (const path of [...READ_FILES, ...listFiles(root, "src")]) {
    const bytes = readFileSync(join(root, path));
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

/** True if dist/ was built from exactly the sources that are there now. */
export function isBuildFresh(root: string): boolean {
  const hashFile = join(root, "dist", ".source-hash");
  return existsSync(hashFile) && readFileSync(hashFile, "utf8") === hashSources(root);
}

/** Builds dist/; gives tsc's output if it found errors, and undefined if the new dist/ stands. */
export async function build(root: string): Promise<string | undefined> {
  const sourceHash = hashSources(root);
  const made = join(root, `dist.${process.pid}.new`);
  const old = join(root, `dist.${process.pid}.old`);
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const args = [tsc, "-p", join(root, "tsconfig.build.json"), "--outDir", made];
  const result = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  try {
    if (result.status !== 0) return `${result.stdout}${result.stderr}${result.error?.message ?? ""}`;
    await bundleCommand(root, made);
    writeFileSync(join(made, ".source-hash"), sourceHash);
    if (existsSync(join(root, "dist"))) renameSync(join(root, "dist"), old);
    renameSync(made, join(root, "dist"));
    return undefined;
  } finally {
    rmSync(made, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
}

/** Builds dist/ if its sources changed; throws with tsc's output if they don't compile. */
export async function ensureBuilt(root: string): Promise<void> {
  const failure = isBuildFresh(root) ? undefined : await build(root);
  if (failure !== undefined) throw new Error(`src/ does not compile:\n${failure}`);
}

/** Runs as a command. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--if-stale")) {
    if (isBuildFresh(projectRoot)) return 0;
    process.stderr.write("skein: building dist/ from src/ ...\n");
  }
  const failure = await build(projectRoot);
  if (failure !== undefined) process.stderr.write(failure);
  return failure === undefined ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = await main(process.argv.slice(2));
