/**
 * The folder in which the code of the project's pages is checked and run: a stranger's project that has the built
 * package and the packages that go with it in its node_modules, and `skein` on its PATH.
 * Every program runs as a process of its own, in a new folder of its own, bounded in time.
 */
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

import manifest from "../../package.json" with { type: "json" };
import { nodeTypeFlags } from "../support/node-flags.ts";
import type { DocProgram } from "./doc-blocks.ts";

const RUN_LIMIT_MS = 120_000;

/** How a program ended, with everything it printed. */
export interface RunResult {
  readonly exitCode: number | null;
  readonly output: string;
}

/** A place to check and run programs of the pages. */
export interface DocWorkplace {
  /** Type-checks all `ts` programs together. Errors name the page and its line. */
  checkTypes(programs: readonly DocProgram[]): Promise<RunResult>;
  /** Runs one program; an `sh` program that is not run is read by the shell all the same. */
  run(program: DocProgram): Promise<RunResult>;
  close(): void;
}

/** Makes the place. The package must be built. */
export function openDocWorkplace(root: string): DocWorkplace {
  const folder = mkdtempSync(join(tmpdir(), "skein-docs-"));
  linkPackages(root, folder);
  const bin = writeCommand(root, folder);
  const run = (command: readonly string[], cwd: string): Promise<RunResult> => runBounded(command, cwd, bin);
  return {
    checkTypes: async (programs) => {
      const files = programs.filter((program) => program.language === "ts");
      for (const program of files) writeFileSync(join(folder, fileName(program)), program.code);
      if (files.length === 0) return { exitCode: 0, output: "" };
      const config = { compilerOptions: COMPILER_OPTIONS, files: files.map(fileName) };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
      return await run([process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", folder], folder);
    },
    run: async (program) => {
      const place = mkdtempSync(join(folder, "run-"));
      const file = join(place, fileName(program));
      writeFileSync(file, program.code);
      if (program.language === "sh") {
        const flags = program.isRun ? ["-euo", "pipefail"] : ["-n"];
        return await run(["bash", ...flags, file], place);
      }
      const isOfVitest = /from "vitest"|threadStoreSuite/.test(program.code) && !/from "node:test"/.test(program.code);
      if (!isOfVitest) {
        return await run([process.execPath, ...nodeTypeFlags(), file], place);
      }
      const vitest = join(root, "node_modules/vitest/vitest.mjs");
      const result = await run([process.execPath, vitest, "run", ...flags(program), "--root", place], place);
      return /\d+ passed/.test(result.output) ? result : { exitCode: 1, output: `no test ran:\n${result.output}` };
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A page's suite has all laws, and is run here with one group of them: the store's own suite runs them all. */
function flags({ code }: DocProgram): readonly string[] {
  const isWhole = /threadStoreSuite\(/.test(code) && !/laws:/.test(code);
  return ["--globals=false", ...(isWhole ? ["--testNamePattern", "append"] : [])];
}

const COMPILER_OPTIONS = {
  module: "nodenext",
  target: "es2023",
  strict: true,
  erasableSyntaxOnly: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  moduleDetection: "force",
  types: ["node"],
  noEmit: true,
};

/** A name that leads back to the page: `docs-CLI.md-12.test.ts`. The `test` lets vitest find it where it is needed. */
function fileName({ page, line, language }: DocProgram): string {
  return `${page.replaceAll("/", "-")}-${line}${language === "ts" ? ".test.ts" : ".sh"}`;
}

/** Links the checkout as `skein`, and what it depends on, into the folder's node_modules. */
function linkPackages(root: string, folder: string): void {
  const names = [...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }), "@types/node"];
  for (const name of names) {
    const link = join(folder, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link, "junction");
  }
  symlinkSync(root, join(folder, "node_modules", "skein"), "junction");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "reader", private: true, type: "module" }));
}

/** Writes a `skein` that starts the checkout's launcher under this Node; gives the folder to put on the PATH. */
function writeCommand(root: string, folder: string): string {
  const bin = join(folder, "bin");
  const command = join(bin, "skein");
  mkdirSync(bin);
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${join(root, "bin", "skein.mjs")}" "$@"\n`);
  chmodSync(command, 0o755);
  return bin;
}

/** Runs a command to its end or its limit, without the tester's own settings. */
function runBounded(command: readonly string[], cwd: string, bin: string): Promise<RunResult> {
  const [program = "", ...args] = command;
  const foreign = Object.entries(process.env).filter(([name]) => !/^(SKEIN_|OPENAI_|VITEST|NODE_ENV)/.test(name));
  const path = [bin, dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const env = { ...Object.fromEntries(foreign), PATH: path, HOME: cwd, NO_COLOR: "1", FORCE_COLOR: "0" };
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: RUN_LIMIT_MS });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", (error) => resolve({ exitCode: null, output: error.message }));
    child.on("close", (exitCode, signal) => {
      const end = signal ? `\nended by ${signal}; the limit is ${RUN_LIMIT_MS / 1000} s` : "";
      resolve({ exitCode, output: Buffer.concat(chunks).toString("utf8") + end });
    });
  });
}
