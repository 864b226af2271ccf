/**
 * The state DB as commands open it: filled under a progress display, waited for with a word about who fills
 * it. A command that only reads goes on from the files where it can't be opened, and says so in a line; one that
 * writes does not where others may own threads that it would know nothing of.
 *
 * Ctrl-C while rows are filled ends between two files; what was filled stays for the next command.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";

import { fault, isSkeinError, systemCode } from "../base/index.ts";
import type { FoldProgress, LeaseHolder, SetAside, StateDb, StateDbOptions } from "../projections/index.ts";
import { type CliContext, note, withProgress } from "./cli-context.ts";
import { interruptible } from "./interrupt.ts";
import type { Progress, ProgressNumbers } from "./progress-bar.ts";

/** How a command uses the state DB. */
export interface StateDbUse {
  /** Why it can't be opened is an error then, and not a note. Default false. */
  readonly needsStateDb?: boolean;
  /** The command may write to a thread. Default false: it only reads. */
  readonly changesThreads?: boolean;
}

/** Why any command may go on from the files. What is in neither list is a mistake, or the end. */
const PASSING: ReadonlySet<string> = new Set(["permission_denied", "disk_full", "io_error"]);
/** Why one that only reads may: others go on with the state DB, and with the threads that they own by it. */
const PASSING_FOR_READERS: ReadonlySet<string> = new Set([
  "state_db_newer",
  "state_db_unusable",
  "state_db_busy",
  "backfill_running",
  "lease_lost",
]);

/** Opens it; undefined with `--no-db`, where there are no threads yet, and where the files have to do. */
export async function openCommandStateDb(context: CliContext, use: StateDbUse): Promise<StateDb | undefined> {
  const { needsStateDb = false, changesThreads = false } = use;
  if (!context.usesStateDb) {
    if (!needsStateDb) return undefined;
    throw fault("state_db_required", "this needs the state DB: leave out --no-db");
  }
  // A home that isn't there is made by what is stored in it; it gets its state DB with the next command.
  if (!(changesThreads ? await isFolder(context.home) : await mayHoldThreads(context.home))) return undefined;
  try {
    const { openStateDb } = await import("../runtime/index.ts");
    const stateDb = await withFilling(context, "fold", (options) => openStateDb(options));
    await noteSetAside(context, stateDb.opening.setAside);
    return stateDb;
  } catch (error) {
    const isPassing =
      isSkeinError(error) && (PASSING.has(error.code) || (!changesThreads && PASSING_FOR_READERS.has(error.code)));
    if (needsStateDb || !isPassing) throw error;
    await note(context, `going on without the state DB: ${error.message} [${error.code}]`);
    return undefined;
  }
}

/** Tells the person that a file lay there and could not be used. */
export async function noteSetAside(context: CliContext, setAside: SetAside | null): Promise<void> {
  if (setAside === null) return;
  const { path, reason, why } = setAside;
  await note(context, `the state DB could not be used (${reason}: ${why}); it was set aside as ${path} and made anew`);
}

/** Runs what fills rows, with its progress on the display and in the log, until Ctrl-C. */
export async function withFilling<Result>(
  context: CliContext,
  label: string,
  fill: (options: StateDbOptions) => Promise<Result>,
): Promise<Result> {
  const { home, clock, logger, waitMaxMs } = context;
  return interruptible(context, "what was folded stays, and the next run goes on from there", (signal) =>
    withProgress(context, label, (progress) =>
      fill({
        home,
        clock,
        logger,
        waitMaxMs,
        signal,
        // Also told of what a later look at the files finds to fold: that shows on the command's own display.
        onProgress: createTeller(context),
        onWaiting: (holder) => tellWaiting(context, progress, holder),
      }),
    ),
  );
}

/** Progress of folding as a display has it. */
function toNumbers({ filesDone, filesTotal, bytesDone, bytesTotal, elapsedMs }: FoldProgress): ProgressNumbers {
  return { unit: "files", done: filesDone, total: filesTotal, bytesDone, bytesTotal, elapsedMs };
}

/** Between two lines of the log that tell of progress. */
const LOG_EVERY_MS = 1_000;

function createTeller(context: CliContext): (told: FoldProgress) => void {
  const { logger, clock } = context;
  let loggedMs = Number.NEGATIVE_INFINITY;
  return (told) => {
    context.tellProgress(toNumbers(told));
    const nowMs = clock.monotonicMs();
    if (nowMs - loggedMs < LOG_EVERY_MS && told.filesDone < told.filesTotal) return;
    loggedMs = nowMs;
    logger.info({ ...told }, "folding rollouts into the state DB");
  };
}

function tellWaiting({ logger }: CliContext, progress: Progress, holder: LeaseHolder): void {
  const { host, pid, progress: far } = holder;
  logger.info({ host, pid, far }, "waiting for another process that fills the state DB");
  progress.say(`waiting for process ${pid} on ${host}${far === null ? "" : `: ${far}`}`);
}

/** Whether there is anything that a state DB could be of: a reader makes none in a folder that is no home. */
export async function mayHoldThreads(home: string): Promise<boolean> {
  const places = ["sessions", "archived_sessions", "skein.sqlite"].map((name) => join(home, name));
  for (const place of places) if (await isThere(place)) return true;
  return false;
}

async function isThere(path: string): Promise<boolean> {
  return (await kindOf(path)) !== undefined;
}

async function isFolder(path: string): Promise<boolean> {
  return (await kindOf(path)) === "folder";
}

async function kindOf(path: string): Promise<"folder" | "other" | undefined> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "other";
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
