/**
 * The `skein` command: one call from the process's arguments to its exit code. It does not exit the process itself,
 * so that what was written is flushed and what was opened is closed; a command that must end in a bounded time says so.
 *
 * Only what the asked command needs is loaded.
 */
import { resolve } from "node:path";

import { createPinoLogger, holdProcess, type Logger, silentLogger, systemClock } from "../base/index.ts";
import type { CliContext } from "./cli-context.ts";
import { type GlobalOptions, parseCommandLine } from "./command-line.ts";
import { reportError } from "./error-report.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { createOutput, type Output, outputClosed } from "./output.ts";
import { type Progress, startProgress } from "./progress-bar.ts";

/** As long as a person waits who is told for whom. */
const WAIT_SECONDS = 30;

/** Runs the command and answers its exit code. Never rejects. */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  const release = holdProcess();
  const out = createOutput(process.stdout, process.env);
  const err = createOutput(process.stderr, process.env);
  try {
    const parsed = await parseCommandLine(argv, out, err);
    if (parsed.run === undefined) return parsed.exitCode;
    return await parsed.run(await createContext(parsed.globals, out, err));
  } catch (error) {
    return await explain(error, argv, err);
  } finally {
    release();
  }
}

function listenTo(signals: readonly NodeJS.Signals[], run: () => void): () => void {
  for (const signal of signals) process.on(signal, run);
  return () => {
    for (const signal of signals) process.off(signal, run);
  };
}

async function createContext(options: GlobalOptions, out: Output, err: Output): Promise<CliContext> {
  const { env } = process;
  const cwd = process.cwd();
  const named = options.home ?? env["SKEIN_HOME"];
  const logger: Logger = options.log === undefined ? silentLogger : await createPinoLogger({ level: options.log });
  let shown: Progress | undefined;
  return {
    home: resolve(cwd, named === undefined || named === "" ? ".skein" : named),
    isHomeGiven: options.home !== undefined,
    store: options.store === "" ? undefined : options.store,
    usesStateDb: options.db !== false,
    waitMaxMs: (options.wait ?? WAIT_SECONDS) * 1_000,
    json: options.json === true,
    stdin: process.stdin,
    promptOutput: process.stderr,
    out,
    err,
    env,
    cwd,
    script: process.argv[1],
    clock: systemClock,
    logger,
    endWithin: (delayMs) => void systemClock.setTimer(delayMs, () => process.exit()),
    onInterrupt: (run) => listenTo(["SIGINT"], run),
    onStop: (run) => listenTo(["SIGINT", "SIGTERM", "SIGHUP"], run),
    startProgress: (label) => {
      shown = startProgress({ output: err, clock: systemClock, label, isForced: options.progress === true });
      return shown;
    },
    tellProgress: (numbers) => shown?.tell(numbers),
  };
}

/** Says on standard error what went wrong; a reader that left is nothing to talk about. */
async function explain(error: unknown, argv: readonly string[], err: Output): Promise<ExitCode> {
  if (error === outputClosed) return EXIT.ok;
  const isDebugging = (process.env["SKEIN_DEBUG"] ?? "") !== "";
  const report = reportError(error, { json: argv.includes("--json"), withStack: isDebugging });
  try {
    await err.write(report.text);
  } catch (unheard) {
    if (unheard !== outputClosed) throw unheard;
  }
  return report.exitCode;
}
