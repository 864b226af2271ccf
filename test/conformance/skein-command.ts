/**
 * The `skein` command as a stranger runs it: the launcher of this checkout, in a process of its own,
 * with a bounded time. What it says comes back whole; nothing is judged here.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const LAUNCHER = fileURLToPath(new URL("../../bin/skein.mjs", import.meta.url));
const COMMAND_MS_MAX = 60_000;

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `skein ARGS`, with `input` on its standard input. */
export function runSkein(args: readonly string[], input = ""): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const options = { timeout: COMMAND_MS_MAX, killSignal: "SIGKILL" as const };
    const child = spawn(process.execPath, [LAUNCHER, ...args], options);
    const said = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
    child.once("error", reject);
    child.once("close", (exitCode) => resolve({ exitCode, ...said }));
    child.stdin.once("error", reject);
    child.stdin.end(input);
  });
}

/** What `skein verify` has against the home; "" when it is clean. */
export async function skeinProblems(home: string): Promise<string> {
  const { exitCode, stdout, stderr } = await runSkein(["verify", "--home", home, "--json"]);
  return exitCode === 0 ? "" : `exit code ${exitCode}: ${stdout}${stderr}`;
}
