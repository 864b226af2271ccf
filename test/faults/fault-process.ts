/**
 * Starts the process that faults happen to (fault-child.ts) under the layer that makes them, and hands back what it
 * said, how it ended and which calls it made. Waits are bounded: a child that hangs is a finding.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { systemClock } from "../../src/base/index.ts";
import { nodeTypeFlags } from "../support/node-flags.ts";
import { armPath, type FaultPlan, readTrace, type TracedCall } from "./fault-shim.ts";

/** What the child said of the operation, of doing it once more without faults, and of closing what it opened. */
export interface FaultReport {
  readonly what: "done" | "again" | "closed";
  readonly error: { readonly code: string; readonly retryable: boolean; readonly message: string } | null;
}

/** A child to start. */
export interface FaultChild {
  readonly shimPath: string;
  readonly home: string;
  readonly operationId: string;
  readonly plan: FaultPlan;
  /** Does it once more, without faults, where it failed. */
  readonly triesAgain: boolean;
}

/** How a child ended. */
export interface FaultEnd {
  readonly reports: readonly FaultReport[];
  readonly signal: NodeJS.Signals | null;
  readonly exitCode: number | null;
  readonly stderr: string;
  /** The calls that were counted, the one that the fault hit included. */
  readonly calls: readonly TracedCall[];
}

const ENTRY = fileURLToPath(new URL("fault-child.ts", import.meta.url));
const COMPILE_CACHE = fileURLToPath(new URL("../../node_modules/.cache/skein-tests", import.meta.url));
const CHILD_MS_MAX = 60_000;

/** Runs the child to its end, whichever that is. */
export async function runFaultChild(options: FaultChild): Promise<FaultEnd> {
  const { shimPath, home, operationId, plan, triesAgain } = options;
  const tracePath = `${home}.trace`;
  const args = [ENTRY, home, operationId, armPath(plan), ...(triesAgain ? ["again"] : [])];
  const child = spawn(process.execPath, [...nodeTypeFlags(), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      LD_PRELOAD: shimPath,
      SKEIN_FAULT_HOME: home,
      SKEIN_FAULT_TRACE: tracePath,
    },
  });
  const timer = systemClock.setTimer(CHILD_MS_MAX, () => child.kill("SIGKILL"));
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  const [exitCode, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  timer.cancel();
  const calls = readTrace(tracePath);
  rmSync(tracePath, { force: true });
  const lines = said.stdout.split("\n").filter((line) => line.endsWith("}"));
  const reports = lines.map((line) => JSON.parse(line) as FaultReport);
  return { reports, signal, exitCode, stderr: said.stderr, calls };
}
