/**
 * What the command says when it fails: one line `skein: <message> [code]`, then one line with what to
 * do next, on standard error. With `--json` the same as one JSON object, for programs.
 *
 * It never prints a stack unless `SKEIN_DEBUG` asks for one: a stack is for us, not for users.
 */
import { AssertionError, type ErrorData, isSkeinError, systemCode } from "../base/index.ts";
import { EXIT, type ExitCode, exitCodeOf } from "./exit-codes.ts";
import { toPlainLine } from "./format/plain-text.ts";
import { toJsonLine } from "./output.ts";

/** An error as the command tells it. */
interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly data: ErrorData;
  readonly exitCode: ExitCode;
}

/** How the report is shown. */
export interface ErrorReportOptions {
  readonly json: boolean;
  /** Adds the stack (the `SKEIN_DEBUG` variable). */
  readonly withStack?: boolean;
}

/** What to do about an error; some say it with what the error knows. */
type NextStep = string | ((data: ErrorData) => string | undefined);

const NAMED_DATABASE = "check the user, the password and the database in --store";

const NEXT_STEPS: Readonly<Record<string, NextStep>> = {
  usage: "see `skein --help`, or `skein COMMAND --help` for one command",
  invalid_thread_id: "`skein list` shows the ids; the first characters of one are enough",
  invalid_cursor: "start again without --cursor, with the same filters as before",
  empty_input: "say something: a turn needs at least one character",
  thread_not_found: "`skein list` and `skein list --archived` show what this home has; --home picks another one",
  turn_not_found: "`skein show ID` lists the turns that are there",
  thread_archived: "`skein unarchive ID` brings it back first",
  thread_not_archived: "it is already where `skein list` shows it",
  writer_fenced: "another process writes this thread; end it there, then try again",
  ordinal_conflict: "the thread moved on meanwhile; look at it with `skein show ID`, then try again",
  rollout_unreadable: "`skein verify` says what is wrong with it, `skein repair --dry-run` what could be done",
  disk_full: "free some space, then try again; what was acknowledged is safe",
  permission_denied: ({ url, sqlState }) => {
    if (typeof url === "string")
      return "SKEIN_STORE_TOKEN holds the token: the SKEIN_TOKEN of the server at that place";
    if (sqlState !== undefined) return NAMED_DATABASE;
    return "check who owns the home and whether it can be written";
  },
  connection_failed: ({ sqlState }) => (sqlState === undefined ? undefined : NAMED_DATABASE),
  home_unusable: "check the path given by --home or SKEIN_HOME",
  agent_failed: "the turn is recorded as failed; say it again to try again",
  thread_owned_elsewhere: ({ threadId, host, pid }) =>
    `end it there${pid === null || pid === undefined ? "" : ` (process ${pid} on ${host})`}, or wait until that process ` +
    `is gone; what it writes can be followed with \`skein tail ${threadId ?? "ID"}\``,
  backfill_running: "wait for it, or end that process; `skein doctor` shows how far it is, --no-db works on the files",
  lease_lost: "another process took over; the same command may work in a moment",
  state_db_busy: "another process keeps the state DB locked; try again, `skein doctor` shows who",
  state_db_newer: "update skein, or work with --no-db; deleting the file is safe, it is made again from the threads",
  state_db_unusable: "--no-db works without it; deleting the file is safe, it is made again from the threads",
  state_db_required: "`skein list --search TEXT` looks through names and first messages",
  bug: "this is a bug in skein; run it again with SKEIN_DEBUG=1 and report what it prints",
};

/** The exit code of whatever was thrown, and the lines for standard error. */
export function reportError(
  error: unknown,
  options: ErrorReportOptions,
): { readonly exitCode: ExitCode; readonly text: string } {
  const report = toReport(error);
  const { code, message, retryable, data, exitCode } = report;
  if (options.json) {
    return { exitCode, text: `${toJsonLine({ error: { code, message, retryable, data } })}\n` };
  }
  const lines = [`skein: ${toPlainLine(message)} [${code}]`];
  const next = nextStepOf(code, data) ?? (retryable ? "the same command may work in a moment" : undefined);
  if (next !== undefined) lines.push(`  ${next}`);
  if (options.withStack === true) lines.push(stackOf(error));
  return { exitCode, text: `${lines.join("\n")}\n` };
}

/** What to do about an error of this code; undefined where nothing can be said. Who threw it may know it best. */
export function nextStepOf(code: string, data: ErrorData = {}): string | undefined {
  const { nextStep } = data;
  if (typeof nextStep === "string") return nextStep;
  const step = NEXT_STEPS[code];
  return typeof step === "function" ? step(data) : step;
}

function toReport(error: unknown): ErrorReport {
  if (isSkeinError(error)) {
    const { code, message, retryable, data } = error;
    return { code, message, retryable, data, exitCode: exitCodeOf(code) };
  }
  if (isUsageError(error)) {
    const message = error.message.replace(/^error: /, "");
    return { code: "usage", message, retryable: false, data: {}, exitCode: EXIT.usage };
  }
  const errno = systemCode(error);
  const message = error instanceof Error ? error.message : String(error);
  if (errno !== undefined && !(error instanceof AssertionError)) {
    const code = errno === "EACCES" || errno === "EPERM" || errno === "EROFS" ? "permission_denied" : "io_error";
    return { code, message, retryable: false, data: { errno }, exitCode: EXIT.io };
  }
  return { code: "bug", message, retryable: false, data: {}, exitCode: EXIT.failed };
}

/** Commander's errors, by their shape. */
function isUsageError(error: unknown): error is Error {
  return error instanceof Error && (systemCode(error)?.startsWith("commander.") ?? false);
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return "(no stack)";
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by ${stackOf(error.cause)}`;
}
