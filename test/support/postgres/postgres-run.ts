/**
 * The servers of a test run: one folder for all of its workers, under guard, so that nothing of them outlives the
 * run, not even one that was killed. Empty as long as no test asks for a server.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { TestProject } from "vitest/node";

import { openGuardedFolder, SKIPPED_FILE, sweepFolders } from "./postgres-folder.ts";
import { serverUser } from "./postgres-programs.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly postgresFolder: string;
  }
}

/** Called by vitest (globalSetup) before the first test file; what it returns, after the last. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await sweepFolders();
  const folder = await openGuardedFolder(await serverUser());
  project.provide("postgresFolder", folder.path);
  return async () => {
    await saySkipped(folder.path);
    await folder.close();
  };
}

/** Says once a run why tests were skipped: what a worker prints, the summary does not show. */
async function saySkipped(folder: string): Promise<void> {
  const why = await readFile(join(folder, SKIPPED_FILE), "utf8").catch(() => null);
  if (why !== null) process.stderr.write(`PostgreSQL tests skipped: ${why}\n`);
}
