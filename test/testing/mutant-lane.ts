/**
 * A copy of the code in which mutants are run, one at a time, each in a process of its own. Several lanes are
 * several copies, so that a machine with several cores runs several mutants at once.
 *
 * What is copied is the code as it stands when the lane is opened: a file that is changed meanwhile does not mix
 * into a run.
 */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { nodeTypeFlags } from "../support/node-flags.ts";
import { type LawRunAnswer, type LawRunRequest, parseLawRunAnswer } from "./law-run.ts";
import { mutate, type SourceMutant } from "./source-mutant.ts";

const ROOT = resolve(import.meta.dirname, "..", "..");
const COPIED = [
  "package.json",
  "src",
  "test/projections",
  "test/simulation",
  "test/store",
  "test/support",
  "test/testing",
];
/** Longest run of one mutant; then its process is ended. */
const RUN_MS_MAX = 240_000;
const LANES_MAX = 4;
const MEMORY = "/dev/shm";
const hasMemory = existsSync(MEMORY);

/** See the file's head. */
export interface MutantLane {
  /** Runs laws on the code with the bug; without one, on the code as it is. Rejects where the process didn't answer. */
  run(mutant: SourceMutant | null, request: LawRunRequest): Promise<LawRunAnswer>;
  close(): void;
}

/** Makes the copy. */
function openMutantLane(): MutantLane {
  const folder = mkdtempSync(join(tmpdir(), "skein-mutants-"));
  for (const path of COPIED) cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"), "junction");
  return {
    async run(mutant, request) {
      if (mutant === null) return runLaws(folder, request);
      const path = join(folder, mutant.file);
      const sound = readFileSync(path, "utf8");
      writeFileSync(path, mutate(folder, mutant));
      try {
        return await runLaws(folder, request);
      } finally {
        writeFileSync(path, sound);
      }
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** One run of a mutant. */
export interface MutantJob {
  readonly mutant: SourceMutant;
  readonly request: LawRunRequest;
}

/** Runs all jobs, as many at once as the machine has cores (4 at most); tells each answer, or why there is none. */
export async function runMutants(
  jobs: readonly MutantJob[],
  onAnswer: (job: MutantJob, answer: LawRunAnswer | Error) => void,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    const lane = openMutantLane();
    try {
      for (let job = jobs[next]; job !== undefined; job = jobs[next]) {
        next += 1;
        onAnswer(job, await lane.run(job.mutant, job.request).catch(toError));
      }
    } finally {
      lane.close();
    }
  };
  const lanes = Math.min(LANES_MAX, availableParallelism(), jobs.length);
  await Promise.all(Array.from({ length: lanes }, work));
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

async function runLaws(folder: string, request: LawRunRequest): Promise<LawRunAnswer> {
  return parseLawRunAnswer(await runChild(folder, request));
}

/** Feeds are tried on a disk that is waited for: that is when records are appended while a page of the log is read. */
function isWaitless({ fixture }: LawRunRequest): boolean {
  return hasMemory && fixture !== "feeds";
}

/** What the process of the laws prints. */
function runChild(folder: string, request: LawRunRequest): Promise<string> {
  const entry = join(folder, "test", "testing", "mutant-child.ts");
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeTypeFlags(), entry, JSON.stringify(request)], {
      stdio: ["ignore", "pipe", "pipe"],
      // Nearly all of a run's start would be spent on compiling what the run before has compiled, and most of the rest
      // on waiting for a disk: homes lie in memory where the machine has a folder for that.
      env: {
        ...process.env,
        NODE_COMPILE_CACHE: join(folder, "compiled"),
        ...(isWaitless(request) ? { TMPDIR: MEMORY } : {}),
      },
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), RUN_MS_MAX);
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => void (said.stdout += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => void (said.stderr += chunk.toString("utf8")));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0 && said.stdout !== "") resolve(said.stdout);
      else reject(new Error(`the laws' process ended with ${signal ?? code}: ${said.stderr.slice(-1_000)}`));
    });
  });
}
