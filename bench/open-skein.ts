/**
 * How the state bench opens Skein on a home: with its state DB, or without one to see what it is worth. It
 * is the only place that knows how; what is measured goes through the runtime. `build` says which Skein:
 * the sources, or dist/, which starts without stripping types from every file.
 */
import { globSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type * as Skein from "../src/index.ts";

/** Which Skein is opened. */
export type SkeinBuild = "src" | "dist";

/** An opened home. Closing it closes all that was opened. */
export interface OpenedSkein {
  readonly runtime: Skein.Runtime;
  close(): Promise<void>;
}

const DOORS = { src: "../src/index.ts", dist: "../dist/index.js" } as const;
const STATE_DB_FILES = /^skein\.sqlite/;

/** What is opened, and who is told when Skein's modules are there. */
export interface OpenSkeinOptions {
  readonly home: string;
  readonly build: SkeinBuild;
  /** False: all from the files. */
  readonly hasStateDb: boolean;
  onLoaded?(): void;
}

/** Opens the home: with the state DB filled, so that what comes after it is at its full speed. */
export async function openSkein({ home, build, hasStateDb, onLoaded }: OpenSkeinOptions): Promise<OpenedSkein> {
  const door: string = DOORS[build];
  const skein = (await import(door)) as typeof Skein;
  onLoaded?.();
  const stateDb = hasStateDb ? await skein.openStateDb({ home }) : undefined;
  const withStateDb = stateDb === undefined ? {} : { stateDb };
  const runtime = await skein.openRuntime({ home, ...withStateDb });
  return {
    runtime,
    close: async () => {
      await runtime.close();
      await stateDb?.close();
    },
  };
}

/** Deletes the state DB, so that the next opening fills a new one. Nobody has it open. */
export function removeStateDb(home: string): void {
  for (const name of readdirSync(home)) if (STATE_DB_FILES.test(name)) rmSync(join(home, name));
}

/** dist/ where it was built after the last change of the sources, else the sources. */
export function freshestBuild(): SkeinBuild {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const built = statSync(join(root, "dist/index.js"), { throwIfNoEntry: false });
  if (built === undefined) return "src";
  const changed = globSync("src/**/*.ts", { cwd: root }).map((path) => statSync(join(root, path)).mtimeMs);
  return Math.max(...changed) < built.mtimeMs ? "dist" : "src";
}
