/**
 * The peers' packages: pinned by the package.json and the lock file beside this file, installed by npm into a
 * folder of their own under node_modules/.cache, so that nothing else in the project sees them. Installed once,
 * used from then on. Two of them compile SQLite where no built one can be fetched, which takes minutes.
 */
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { failureLine, runProgram } from "../../test/conformance/run-program.ts";

/** The folder that holds them, or why there is none. */
export type PeerInstall =
  | { readonly peers: PeerPackages; readonly skipped: null }
  | { readonly peers: null; readonly skipped: string };

const HERE = fileURLToPath(new URL(".", import.meta.url));
const CACHE = fileURLToPath(new URL("../../node_modules/.cache/skein-bench-peers/", import.meta.url));
const FILES = ["package.json", "package-lock.json"] as const;
const INSTALL_MS_MAX = 900_000;

/** Installed packages, which nobody here has types of: what is loaded is checked to be there. */
export class PeerPackages {
  readonly #folder: string;
  readonly #require: NodeJS.Require;

  constructor(folder: string) {
    this.#folder = folder;
    this.#require = createRequire(join(folder, "package.json"));
  }

  /** Loads a package; T says what of it is used, and each name is looked for. */
  load<T extends object>(name: string, names: readonly (keyof T & string)[]): T {
    const loaded = this.#require(name) as Readonly<Record<string, unknown>>;
    const missing = names.filter((one) => loaded[one] === undefined);
    if (missing.length > 0) throw new Error(`${name} has no ${missing.join(", ")}: look at bench/peers/package.json`);
    return loaded as T;
  }

  /** The version that is installed. */
  async version(name: string): Promise<string> {
    const text = await readFile(join(this.#folder, "node_modules", name, "package.json"), "utf8");
    const { version } = JSON.parse(text) as { readonly version?: unknown };
    return typeof version === "string" ? version : "unknown";
  }
}

/** Installs the packages where they are missing. `note` is told before anything slow. */
export async function installPeers(note: (line: string) => void): Promise<PeerInstall> {
  const hash = createHash("sha256");
  for (const file of FILES) hash.update(await readFile(join(HERE, file)));
  const folder = join(CACHE, hash.digest("hex").slice(0, 12));
  // npm writes this one last.
  const marker = join(folder, "node_modules/.package-lock.json");
  if (!(await isThere(marker))) {
    note(
      `installing LangGraph's checkpointers and Emmett into ${folder} (the first time; minutes if SQLite is compiled)`,
    );
    await mkdir(folder, { recursive: true });
    for (const file of FILES) await copyFile(join(HERE, file), join(folder, file));
    const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    const npm = await runProgram("npm", args, { timeoutMs: INSTALL_MS_MAX, cwd: folder });
    if (npm.failed) return { peers: null, skipped: `npm could not install the peers: ${failureLine(npm.output)}` };
    if (!(await isThere(marker))) return { peers: null, skipped: `npm installed the peers without ${marker}` };
  }
  return { peers: new PeerPackages(folder), skipped: null };
}

async function isThere(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() === true;
}
