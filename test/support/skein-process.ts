/**
 * Starts the `skein` command as a real process and hands back what it said. The environment is the
 * test's own: no SKEIN_HOME, no key and no colours leak in from the machine.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { nodeTypeFlags } from "./node-flags.ts";

const entry = fileURLToPath(new URL("./skein-entry.ts", import.meta.url));

/** How the process is started. */
export interface SkeinProcessOptions {
  readonly cwd: string;
  /** Written to standard input, which is then closed. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** How the process ended and what it said. */
export interface SkeinResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The arguments after the Node program: flags, entry and the command's own. */
export function skeinArguments(args: readonly string[]): string[] {
  return [...nodeTypeFlags(), entry, ...args];
}

/**
 * Compiled code of earlier runs, sources stripped of their types included: a start costs a third of the
 * CPU time. Node checks it against the sources.
 */
const COMPILE_CACHE = fileURLToPath(new URL("../../node_modules/.cache/skein-tests", import.meta.url));

/** The environment of a test's process. */
export function skeinEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(SKEIN_|CODEX_|OPENAI_|NO_COLOR|FORCE_COLOR|NODE_)/.test(name),
  );
  return { ...Object.fromEntries(kept), TZ: "UTC", NODE_COMPILE_CACHE: COMPILE_CACHE, ...extra };
}

/** Starts the command and leaves it running; the caller ends it. */
export function startSkein(args: readonly string[], options: SkeinProcessOptions): ChildProcess {
  const child = spawn(process.execPath, skeinArguments(args), {
    cwd: options.cwd,
    env: skeinEnvironment(options.env),
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin?.on("error", () => {});
  return child;
}

/** Runs the command to its end. */
export async function runSkein(args: readonly string[], options: SkeinProcessOptions): Promise<SkeinResult> {
  const child = startSkein(args, options);
  const said = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  child.stdin?.end(options.input ?? "");
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, ...said };
}
