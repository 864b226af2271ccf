/**
 * The real folder of a simulated home. SQLite is native and reads the real disk, so its files are here, in memory
 * where the machine lets them be; rollouts are on the simulated disk, under the same path. A run begins with a
 * state DB that has its tables, made once a process: making them is most of what opening one costs.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createInlinePool, openStateDbWith } from "../../src/projections/index.ts";
import { STATE_DB_FILE_NAME } from "../../src/projections/state-db-file.ts";

/** A home, and copies of its state DB as it was at some moment. */
export interface SimulationHome {
  readonly path: string;
  /** Keeps the state DB as it is now. */
  keepStateDb(): void;
  /** The state DB as it was kept last, or none where it never was. Nobody may have it open. */
  restoreStateDb(): void;
  remove(): void;
}

const PARTS = ["", "-wal"];
/** Made when it is first needed, removed with the process. */
let template: Promise<string> | undefined;

/** Makes a home of one run. */
export async function makeSimulationHome(): Promise<SimulationHome> {
  template ??= makeTemplate();
  const made = await template;
  const path = makeFolder();
  const dbPath = join(path, STATE_DB_FILE_NAME);
  const kept = join(path, "kept.sqlite");
  copyFileSync(join(made, STATE_DB_FILE_NAME), dbPath);
  const copy = (from: string, to: string): void => {
    for (const part of [...PARTS, "-shm"]) rmSync(`${to}${part}`, { force: true });
    for (const part of PARTS) if (existsSync(`${from}${part}`)) copyFileSync(`${from}${part}`, `${to}${part}`);
  };
  return {
    path,
    keepStateDb: () => copy(dbPath, kept),
    restoreStateDb: () => copy(kept, dbPath),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

async function makeTemplate(): Promise<string> {
  const path = makeFolder();
  process.once("exit", () => rmSync(path, { recursive: true, force: true }));
  const stateDb = await openStateDbWith({ home: path }, createInlinePool());
  await stateDb.close();
  return path;
}

function makeFolder(): string {
  return mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "skein-simulation-"));
}
