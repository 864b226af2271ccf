/**
 * A folder of its own for one test of the command: a working folder, a home in it, and the command run
 * there. Everything is gone afterwards.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { Thread } from "../../src/events/index.ts";
import { runSkein, type SkeinProcessOptions, type SkeinResult } from "../support/skein-process.ts";

const SAMPLE_HOME = fileURLToPath(new URL("../fixtures/codex-0.130/home", import.meta.url));

/** Where one test works. */
export interface SkeinWorkplace {
  readonly cwd: string;
  /** The default home: `.skein` in the working folder. */
  readonly home: string;
  /** Runs the command there. */
  skein(args: readonly string[], options?: Partial<SkeinProcessOptions>): Promise<SkeinResult>;
  /** Runs it with `--json` and parses its standard output; fails unless it exits with 0. */
  json<Shape>(args: readonly string[], options?: Partial<SkeinProcessOptions>): Promise<Shape>;
  /** One turn a line with the echo agent in a new thread; answers its id. */
  startThread(...lines: readonly string[]): Promise<string>;
  remove(): void;
}

/** Makes an empty workplace, or one whose home is a copy of the sample Codex home. */
export function makeWorkplace(home: "empty" | "codex" = "empty"): SkeinWorkplace {
  const cwd = mkdtempSync(join(tmpdir(), "skein-e2e-"));
  const homePath = join(cwd, ".skein");
  if (home === "codex") {
    mkdirSync(homePath);
    cpSync(SAMPLE_HOME, homePath, { recursive: true });
  }
  const skein: SkeinWorkplace["skein"] = (args, options = {}) => runSkein(args, { cwd, ...options });
  const json = async <Shape>(args: readonly string[], options = {}): Promise<Shape> => {
    const result = await skein([...args, "--json"], options);
    if (result.exitCode !== 0)
      throw new Error(`skein ${args.join(" ")} ended with ${result.exitCode}: ${result.stderr}`);
    return JSON.parse(result.stdout) as Shape;
  };
  return {
    cwd,
    home: homePath,
    skein,
    json,
    startThread: async (...lines) => {
      const { stderr } = await skein(["chat"], { input: lines.join("\n") });
      const id = /^thread (\S+)$/m.exec(stderr)?.[1];
      if (id === undefined) throw new Error(`chat named no thread: ${stderr}`);
      return id;
    },
    remove: () => rmSync(cwd, { recursive: true, force: true }),
  };
}

/** What `show --json` and its like print. */
export interface ThreadAnswer {
  readonly thread: Thread;
}

/** What `list --json` prints. */
export interface ListAnswer {
  readonly data: readonly Thread[];
  readonly nextCursor: string | null;
  readonly backwardsCursor: string | null;
}
