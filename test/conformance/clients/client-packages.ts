/**
 * The clients that others wrote, as npm packages of one version each, in folders of their own under
 * node_modules/.cache, so that nothing else in the project sees them. Installed once, used from then on.
 */
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";

import { CONFORMANCE_CACHE } from "../codex-install.ts";
import { failureLine, runProgram } from "../run-program.ts";

/** A client and what it needs, by package name. */
export interface ClientPackages {
  /** The client's own package. */
  readonly name: string;
  readonly version: string;
  /** More packages, each with its version, that it is used with. */
  readonly beside: readonly string[];
}

/** The folder that holds them, or why there is none. */
export type ClientInstall =
  | { readonly folder: string; readonly skipped: null }
  | { readonly folder: null; readonly skipped: string };

const INSTALL_MS_MAX = 180_000;

/** Installs the packages where they are missing. Their own programs of Codex are left out: ours is what they drive. */
export async function installClient(client: ClientPackages, note: (line: string) => void): Promise<ClientInstall> {
  const folder = join(
    CONFORMANCE_CACHE,
    `${client.name.replaceAll(/[@/]+/g, "-").replace(/^-/, "")}-${client.version}`,
  );
  const installed = join(folder, "node_modules", client.name, "package.json");
  if (await isThere(installed)) return { folder, skipped: null };
  const packages = [`${client.name}@${client.version}`, ...client.beside];
  note(`installing ${packages.join(" ")} into ${folder}`);
  await mkdir(folder, { recursive: true });
  const options = ["--no-audit", "--no-fund", "--no-save", "--omit=optional", "--ignore-scripts", "--loglevel=error"];
  const npm = await runProgram("npm", ["install", ...options, "--prefix", folder, ...packages], {
    timeoutMs: INSTALL_MS_MAX,
  });
  if (npm.failed) return { folder: null, skipped: `npm could not install it: ${failureLine(npm.output)}` };
  if (!(await isThere(installed))) return { folder: null, skipped: `npm installed it without ${installed}` };
  return { folder, skipped: null };
}

async function isThere(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() === true;
}
