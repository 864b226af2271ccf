/**
 * How the benches open Skein on a home: with its state DB, where this Skein has one. It is the only place
 * that knows how; what is measured goes through the runtime. `build` says which Skein: the sources, or
 * dist/, which starts without stripping types from every file.
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
  readonly hasStateDb: boolean;
  close(): Promise<void>;
}

/** What a Skein with a state DB has beyond one without; both can be measured. */
interface StateDbDoor {
  readonly openStateDb?: (options: { readonly home: string }) => Promise<{ close(): unknown }>;
}

const DOORS = { src: "../src/index.ts", dist: "../dist/index.js" } as const;
const STATE_DB_FILES = /^skein\.sqlite/;

/** What is opened, and who is told when Skein's modules are there. */
export interface OpenSkeinOptions {
  readonly home: string;
  readonly build: SkeinBuild;
  onLoaded?(): void;
}

/** Opens the home: with the state DB filled, so that what comes after it is at its full speed. */
export async function openSkein({ home, build, onLoaded }: OpenSkeinOptions): Promise<OpenedSkein> {
  const door: string = DOORS[build];
  const skein = (await import(door)) as typeof Skein & StateDbDoor;
  onLoaded?.();
  const stateDb = await skein.openStateDb?.({ home });
  const withStateDb = stateDb === undefined ? {} : { stateDb };
  const runtime = await skein.openRuntime({ home, ...withStateDb });
  return {
    runtime,
    hasStateDb: stateDb !== undefined,
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
