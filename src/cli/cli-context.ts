/**
 * What every command is given: where the home is, how to show things, the clock and the logger. A
 * command reads nothing from the process itself, so the same command runs wherever it is called from.
 */
import type { Clock, Logger } from "../base/index.ts";
import type { Output } from "./output.ts";
import type { Progress, ProgressNumbers } from "./progress-bar.ts";

/** The world of one command. */
export interface CliContext {
  /** Absolute path of the home. */
  readonly home: string;
  /** The home was named by `--home`, so a missing one is a mistake and not a first start. */
  readonly isHomeGiven: boolean;
  /** What `--store` (or SKEIN_STORE) names in place of the home. Default: the home. */
  readonly store?: string | undefined;
  /** The state DB is used; false with `--no-db`. */
  readonly usesStateDb: boolean;
  /** Longest wait for another process that fills the state DB, milliseconds. */
  readonly waitMaxMs: number;
  /** `--json`: data and errors as JSON. */
  readonly json: boolean;
  readonly stdin: NodeJS.ReadStream;
  /** Where a prompt is shown: standard error, so that standard output stays data. */
  readonly promptOutput: NodeJS.WritableStream;
  readonly out: Output;
  readonly err: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working folder. */
  readonly cwd: string;
  /** Path of the script that was started, to say how the command is called. */
  readonly script: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Calls `run` at each Ctrl-C instead of ending the process, until the returned function is called. */
  onInterrupt(run: () => void): () => void;
  /** The same for everything that asks a process to stop: Ctrl-C, SIGTERM, and a terminal that went away. */
  onStop(run: () => void): () => void;
  /**
   * Ends the process after this long with the exit code it has by then, where it has not ended by itself: what is
   * written to a reader that takes nothing would hold it for ever.
   */
  endWithin(delayMs: number): void;
  /** A display for work that may take over a second. */
  startProgress(label: string): Progress;
  /** Tells the display that was started last, while it runs, of work that goes on below the command's own. */
  tellProgress(numbers: ProgressNumbers): void;
}

/** Says something about the data, on standard error; silent with `--json`. */
export async function note(context: CliContext, text: string): Promise<void> {
  if (!context.json) await context.err.write(`${text}\n`);
}

/** Runs work under a progress display that is gone before anything else is written. */
export async function withProgress<Result>(
  context: CliContext,
  label: string,
  work: (progress: Progress) => Promise<Result>,
): Promise<Result> {
  const progress = context.startProgress(label);
  try {
    return await work(progress);
  } finally {
    progress.end();
  }
}
