/**
 * The state DB as commands open it: filled under a progress display, waited for with a word about who fills
 * it. A command that can do without goes on from the files where it can't be opened, and says so in a line.
 *
 * Ctrl-C while rows are filled ends between two files; what was filled stays for the next command.
 */
import { stat } from "node:fs/promises";

import { fault, isSkeinError, systemCode } from "../base/index.ts";
import type { FoldProgress, LeaseHolder, StateDb, StateDbOptions } from "../projections/index.ts";
import { type CliContext, note, withProgress } from "./cli-context.ts";
import type { Progress } from "./progress-bar.ts";

/** How a command uses the state DB. */
export interface StateDbUse {
  /** Why it can't be opened is an error then, and not a note. Default false. */
  readonly needsStateDb?: boolean;
}

/** Why a command may go on from the files. What is not here is a mistake, or the end. */
const PASSING: ReadonlySet<string> = new Set([
  "permission_denied",
  "disk_full",
  "io_error",
  "state_db_newer",
  "state_db_unusable",
  "state_db_busy",
  "backfill_running",
  "lease_lost",
]);

/** Opens it; undefined with `--no-db`, for a home that isn't there, and where the files have to do. */
export async function openCommandStateDb(context: CliContext, use: StateDbUse): Promise<StateDb | undefined> {
  const { needsStateDb = false } = use;
  if (!context.usesStateDb) {
    if (!needsStateDb) return undefined;
    throw fault("state_db_required", "this needs the state DB: leave out --no-db");
  }
  // A home that isn't there is made by what is stored in it; it gets its state DB with the next command.
  if (!(await isThere(context.home))) return undefined;
  try {
    const { openStateDb } = await import("../runtime/index.ts");
    const stateDb = await withFilling(context, "fold", (options) => openStateDb(options));
    const { setAside } = stateDb.opening;
    if (setAside !== null) {
      await note(context, `the state DB could not be used (${setAside.why}); it was set aside as ${setAside.path}`);
    }
    return stateDb;
  } catch (error) {
    if (needsStateDb || !isSkeinError(error) || !PASSING.has(error.code)) throw error;
    await note(context, `going on without the state DB: ${error.message} [${error.code}]`);
    return undefined;
  }
}

/** Runs what fills rows, with its progress on the display and in the log, until Ctrl-C. */
export async function withFilling<Result>(
  context: CliContext,
  label: string,
  fill: (options: StateDbOptions) => Promise<Result>,
): Promise<Result> {
  const { home, clock, logger } = context;
  const ended = new AbortController();
  const stopListening = context.onInterrupt(() =>
    ended.abort(fault("aborted", "ended by Ctrl-C; the next run goes on from here")),
  );
  try {
    return await withProgress(context, label, (progress) =>
      fill({
        home,
        clock,
        logger,
        signal: ended.signal,
        onProgress: createTeller(context, progress),
        onWaiting: (holder) => tellWaiting(context, progress, holder),
      }),
    );
  } finally {
    stopListening();
  }
}

const LOG_EVERY_MS = 1_000;

function createTeller({ logger, clock }: CliContext, progress: Progress): (told: FoldProgress) => void {
  let loggedMs = Number.NEGATIVE_INFINITY;
  return (told) => {
    const { filesDone: done, filesTotal: total, bytesDone, bytesTotal } = told;
    progress.tell({ unit: "files", done, total, bytesDone, bytesTotal });
    const nowMs = clock.monotonicMs();
    if (nowMs - loggedMs < LOG_EVERY_MS && done < total) return;
    loggedMs = nowMs;
    logger.info({ ...told }, "folding rollouts into the state DB");
  };
}

function tellWaiting({ logger }: CliContext, progress: Progress, holder: LeaseHolder): void {
  const { host, pid, progress: far } = holder;
  logger.info({ host, pid, far }, "waiting for another process that fills the state DB");
  progress.tell({ unit: `s, waiting for process ${pid} on ${host}${far === null ? "" : `: ${far}`}`, done: 0 });
}

async function isThere(home: string): Promise<boolean> {
  try {
    return (await stat(home)).isDirectory();
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return false;
    throw error;
  }
}
