/**
 * Starts Skein on a home as a process of its own, as the peer is started: from the spawn to the moment
 * when it says that the home is open, then its first list, then its end. Bounded in time; killed by its
 * own pid when it takes longer.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { systemClock } from "../src/base/index.ts";
import type { SkeinBuild } from "./open-skein.ts";

/** One step of the process. */
export interface SkeinStep {
  /** Since the spawn. */
  readonly ms: number;
  /** Of the whole process, since its start. */
  readonly cpuMs: number;
  /** The most memory that the process has held. */
  readonly peakMb: number;
}

/** What the process did, step by step. */
export interface SkeinProcessRun {
  /** Its modules are there; nothing is opened. */
  readonly loaded: SkeinStep;
  readonly open: SkeinStep;
  readonly listed: SkeinStep;
  readonly closed: SkeinStep;
}

/** How it is run. */
export interface SkeinProcessOptions {
  readonly home: string;
  readonly build: SkeinBuild;
  readonly hasStateDb: boolean;
  readonly msMax: number;
  /** Told of the process, which whoever ends the bench early has to kill. */
  onSpawn?(child: ChildProcess): void;
}

const COMPLAINT_CHARS_MAX = 2_000;
const CHILD = fileURLToPath(new URL("open-skein-child.ts", import.meta.url));

/** The line of what a dying process says that names its error. */
function errorLine(complaint: string): string {
  return complaint.split("\n").find((line) => /^\w*Error\b/.test(line)) ?? complaint.trim().slice(0, 200);
}

/** Runs the process to its end. */
export async function runSkeinProcess(options: SkeinProcessOptions): Promise<SkeinProcessRun> {
  const beganMs = systemClock.monotonicMs();
  const args = [CHILD, options.home, options.build, options.hasStateDb ? "state-db" : "files"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(0, COMPLAINT_CHARS_MAX);
  });
  options.onSpawn?.(child);
  const timer = systemClock.setTimer(options.msMax, () => child.kill("SIGKILL"));
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(String(signal ?? code)));
  });
  const steps = new Map<string, SkeinStep>();
  for await (const line of createInterface({ input: child.stdout })) {
    const { step, cpuMs, peakMb } = JSON.parse(line) as SkeinStep & { readonly step: string };
    steps.set(step, { ms: systemClock.monotonicMs() - beganMs, cpuMs, peakMb });
  }
  const ending = await exited;
  timer.cancel();
  const stepOf = (name: string): SkeinStep => {
    const step = steps.get(name);
    if (step === undefined)
      throw new Error(`Skein's process ended (${ending}) before it was ${name}: ${errorLine(complaint)}`);
    return step;
  };
  return {
    loaded: stepOf("loaded"),
    open: stepOf("open"),
    listed: stepOf("listed"),
    closed: stepOf("closed"),
  };
}
