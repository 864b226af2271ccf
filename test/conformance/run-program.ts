/**
 * Runs a program to its end in a bounded time, and gives what it said. A failure is no exception here: whether it is
 * one is for who asked to say.
 */
import { execFile } from "node:child_process";

/** How it ended. */
export interface ProgramResult {
  readonly failed: boolean;
  /** What it wrote; of a failure what it wrote to its standard error, or why it did not run. */
  readonly output: string;
}

/** Where and how it runs. */
export interface ProgramOptions {
  readonly timeoutMs: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

const OUTPUT_BYTES_MAX = 8 * 1024 * 1024;

/** Runs it with nothing on its standard input. */
export function runProgram(
  program: string,
  args: readonly string[],
  { timeoutMs, ...place }: ProgramOptions,
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const options = { timeout: timeoutMs, killSignal: "SIGKILL" as const, maxBuffer: OUTPUT_BYTES_MAX, ...place };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve({ failed: false, output: stdout });
      else resolve({ failed: true, output: stderr.trim() === "" ? error.message : stderr });
    });
    child.stdin?.end();
  });
}

/** The line that says what went wrong; npm prints its warnings before it. */
export function failureLine(text: string): string {
  const lines = text.trim().split("\n");
  return lines.find((line) => line.includes("error")) ?? lines[0] ?? "";
}
