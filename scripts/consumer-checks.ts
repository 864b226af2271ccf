/**
 * What must work in a project that has the packed package: its modules, its types, and its command.
 * Each check throws with everything the failing program said. The project is made by packed-package.ts.
 */
import { mkdtempSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { requireCommand, runCommand } from "./packed-package.ts";

/** The names that the entry points export. */
export interface ExportedNames {
  readonly skein: readonly string[];
  readonly client: readonly string[];
  readonly server: readonly string[];
  readonly testing: readonly string[];
}

/** Imports the entry points in a plain program that opens and closes a runtime, and a client of a server. */
export function checkModules(folder: string): ExportedNames {
  const home = join(mkdtempSync(join(folder, "home-")), "new");
  const printed = requireCommand(process.execPath, ["consumer.mjs", home], folder);
  return JSON.parse(printed) as ExportedNames;
}

/** Type-checks a strict program against the package's declarations, with the checkout's tsc. */
export function checkTypes(root: string, folder: string): void {
  requireCommand(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", folder], folder);
}

/** Runs the command: its version, an empty home's list as JSON, and a mistake. */
export function checkCommand(folder: string): void {
  const launcher = join(folder, "node_modules", "skein", "bin", "skein.mjs");
  const { version } = JSON.parse(readFileSync(join(folder, "node_modules", "skein", "package.json"), "utf8")) as {
    readonly version: string;
  };
  const said = requireCommand(process.execPath, [launcher, "--version"], folder).trim();
  if (said !== version) throw new Error(`skein --version says ${said}, and the package is ${version}`);

  const home = mkdtempSync(join(folder, "home-"));
  const listed: unknown = JSON.parse(
    requireCommand(process.execPath, [launcher, "list", "--home", home, "--json"], folder),
  );
  const isEmptyPage = typeof listed === "object" && listed !== null && "data" in listed && Array.isArray(listed.data);
  if (!isEmptyPage) throw new Error(`skein list --json printed ${JSON.stringify(listed)}, which is no page`);

  const { status, stderr } = runCommand(process.execPath, [launcher, "no-such-command"], folder);
  if (status !== 2 || stderr === "") throw new Error(`an unknown command ended with ${status} and said "${stderr}"`);
}

const STORE_MODULE = `
import { createMemoryThreadStore } from "skein";

export const fixture = async () => ({
  place: "memory",
  open: async ({ clock } = {}) => createMemoryThreadStore(clock === undefined ? {} : { clock }),
  dispose: async () => {},
});
`;

/** Checks a store of the project with the command; and that a project without fast-check is told what to install. */
export function checkStoreCheck(folder: string): void {
  const launcher = join(folder, "node_modules", "skein", "bin", "skein.mjs");
  writeFileSync(join(folder, "memory-store.mjs"), STORE_MODULE);
  const args = [launcher, "check-store", "memory-store.mjs", "--law", "append", "--json"];
  const printed = requireCommand(process.execPath, args, folder);
  const { kept, broken } = JSON.parse(printed) as Readonly<Record<string, unknown>>;
  if (typeof kept !== "number" || kept === 0 || broken !== 0) throw new Error(`check-store printed ${printed}`);

  const [fastCheck, away] = ["fast-check", "fast-check-away"].map((name) => join(folder, "node_modules", name));
  renameSync(fastCheck ?? "", away ?? "");
  try {
    const { status, stderr } = runCommand(process.execPath, args, folder);
    const isTold = status === 2 && /npm install --save-dev skein fast-check/.test(stderr);
    if (!isTold) throw new Error(`without fast-check it ended with ${status} and said "${stderr}"`);
    requireCommand(process.execPath, [launcher, "--version"], folder);
  } finally {
    renameSync(away ?? "", fastCheck ?? "");
  }
}
