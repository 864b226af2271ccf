/**
 * Everything that must hold before a change lands, one line a step: `ok types 1.2 s`.
 * A step that fails is shown with its whole output, and the others still run; the exit code is 1 if any failed.
 * SKEIN_VERIFY_SKIP_TESTS=1 leaves the tests out, for who has just run them.
 */
import { spawn } from "node:child_process";

import { projectRoot } from "./source-files.ts";

/** One check: a program, by its path in the project, that exits with 0 if all is well. */
interface Step {
  readonly name: string;
  readonly args: readonly string[];
  readonly limitMs: number;
}

const MINUTE_MS = 60_000;
const CODE = ["src", "test", "bench", "scripts", "examples", "bin", "vitest.config.ts"];

const STEPS: readonly Step[] = [
  { name: "types", args: ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], limitMs: 2 * MINUTE_MS },
  {
    name: "lint",
    args: ["node_modules/oxlint/bin/oxlint", "--type-aware", "--deny-warnings", ...CODE],
    limitMs: 2 * MINUTE_MS,
  },
  { name: "imports", args: ["scripts/import-rules.ts"], limitMs: MINUTE_MS },
  { name: "tidy", args: ["scripts/tidy.ts"], limitMs: MINUTE_MS },
  { name: "proto", args: ["scripts/proto.ts", "check"], limitMs: MINUTE_MS },
  { name: "format", args: ["node_modules/oxfmt/bin/oxfmt", "--check", "."], limitMs: MINUTE_MS },
  {
    name: "unused",
    args: ["node_modules/knip/bin/knip.js", "--no-progress", "--no-config-hints"],
    limitMs: 2 * MINUTE_MS,
  },
  { name: "package", args: ["scripts/check-package.ts"], limitMs: 5 * MINUTE_MS },
  { name: "tests", args: ["node_modules/vitest/vitest.mjs", "run"], limitMs: 12 * MINUTE_MS },
];

/** How a step ended. */
interface Outcome {
  readonly hasPassed: boolean;
  readonly output: string;
}

/** Runs one step to its end, or to its limit, and keeps what it says. */
function runStep({ args, limitMs }: Step): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: projectRoot,
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: limitMs,
    });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", (error) => resolve({ hasPassed: false, output: error.message }));
    child.on("close", (code, signal) => {
      const end = signal ? `\nended by ${signal} (the limit of this step is ${limitMs / 1000} s)` : "";
      resolve({ hasPassed: code === 0, output: Buffer.concat(chunks).toString("utf8").trimEnd() + end });
    });
  });
}

/** The last line of an output, for a step that says its result there. */
function lastLine(output: string): string {
  return output.slice(output.lastIndexOf("\n") + 1);
}

/** Runs the steps one after another: each of them uses all cores by itself. */
async function main(): Promise<number> {
  const isSkippingTests = process.env["SKEIN_VERIFY_SKIP_TESTS"] === "1";
  const steps = STEPS.filter((step) => !(isSkippingTests && step.name === "tests"));
  const failed: string[] = [];
  for (const step of steps) {
    const startedAt = performance.now();
    const { hasPassed, output } = await runStep(step);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const note = step.name === "tests" && hasPassed ? ` (${lastLine(output)})` : "";
    console.log(`${hasPassed ? "ok" : "FAILED"} ${step.name} ${seconds} s${note}`);
    if (hasPassed) continue;
    failed.push(step.name);
    console.log(`${output}\n`);
  }
  if (failed.length > 0) console.log(`verify: ${failed.length} of ${steps.length} steps failed: ${failed.join(", ")}`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main();
