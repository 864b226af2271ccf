/**
 * Dials by starting a server process, whose standard input and output carry the messages. The process belongs to
 * the connection: closing ends its input, which asks a server to stop, and a process that does not is killed.
 * The connection is over when the process is, so that its exit code and last words can be told.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";

import { type Clock, type ErrorData, fault, type SkeinError, systemCode, type Timer } from "../base/index.ts";
import type { ClientLink } from "../server/transports/index.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import type { Dial } from "./dial.ts";
import { createLastLines, type LastLines } from "./last-lines.ts";
import { openLineLink } from "./line-link.ts";

/** A server process to start. */
export interface ServerCommand {
  /** The program: a path, or a name on the PATH. */
  readonly file: string;
  readonly args?: readonly string[];
  /** Default: this process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: this process's working folder. */
  readonly cwd?: string;
  /** "collect" keeps the last lines for the error of a process that died; "inherit" shows all on ours. Default "collect". */
  readonly stderr?: "collect" | "inherit";
}

/** Makes a dialler that starts this command each time. */
export function commandDial({ file, args = [], env, cwd, stderr = "collect" }: ServerCommand): Dial {
  return processDial(() =>
    spawn(file, args, {
      stdio: ["pipe", "pipe", stderr === "collect" ? "pipe" : "inherit"],
      windowsHide: true,
      ...(env === undefined ? {} : { env: { ...env } }),
      ...(cwd === undefined ? {} : { cwd }),
    }),
  );
}

/** Makes a dialler over whatever starts a process with pipes for its standard input and output. */
export function processDial(start: () => ChildProcess): Dial {
  return async ({ acceptor, signal, clock }) => {
    const child = await started(start, signal);
    const { stdin, stdout, stderr } = child;
    if (stdin === null || stdout === null) {
      child.kill("SIGKILL");
      throw fault("connection_failed", "the server's process needs pipes for its standard input and output");
    }
    const lastLines = createLastLines(CLIENT_LIMITS.stderrLinesMax, CLIENT_LIMITS.stderrLineCharsMax);
    if (stderr !== null) collect(stderr, lastLines);
    const lossData = (): ErrorData => exitData(child, lastLines);
    const ending = createEnding(child, clock);
    const link = openLineLink({
      name: `process ${child.pid ?? "?"}`,
      input: stdout,
      output: stdin,
      acceptor: (connection) => acceptor(connection, lossData),
      clock,
      closeMs: CLIENT_LIMITS.exitMs + 2 * CLIENT_LIMITS.killMs,
      end: () => {
        stdin.end();
        ending.begin();
      },
      destroy: () => void child.kill("SIGKILL"),
    });
    hear({ child, stdin, stdout, link, lastLines, ending });
  };
}

function started(start: () => ChildProcess, signal: AbortSignal): Promise<ChildProcess> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    let child: ChildProcess;
    try {
      child = start();
    } catch (error) {
      reject(notStarted(error));
      return;
    }
    const onError = (error: Error): void => reject(notStarted(error));
    child.once("error", onError);
    child.once("spawn", () => {
      child.off("error", onError);
      // A kill or a message that failed later is told by the exit that follows, or changes nothing.
      child.on("error", () => {});
      resolve(child);
    });
  });
}

function notStarted(error: unknown): SkeinError {
  const reason = error instanceof Error ? error.message : String(error);
  const errno = systemCode(error) ?? "";
  const hint =
    errno === "ENOENT" ? "; name it by its path, or by what is on the PATH (npx puts a project's own there)" : "";
  return fault("connection_failed", `the server's process could not be started: ${reason}${hint}`, {
    retryable: errno === "EAGAIN" || errno === "EMFILE" || errno === "ENFILE" || errno === "ENOMEM",
    data: { errno },
    cause: error,
  });
}

interface HeardProcess {
  readonly child: ChildProcess;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly link: ClientLink;
  readonly lastLines: LastLines;
  readonly ending: Ending;
}

function hear({ child, stdin, stdout, link, lastLines, ending }: HeardProcess): void {
  // A process that reads or writes no more is of no use: it is given the time of a stop to say why.
  const broken = (): void => {
    stdin.end();
    ending.begin();
  };
  stdin.on("error", broken);
  stdout.on("error", broken);
  stdout.on("end", broken);
  const over = (): void => {
    ending.over();
    stdin.destroy();
    stdout.destroy();
    child.stderr?.destroy();
    link.gone(exitWords(child, lastLines));
  };
  // After "exit" the pipes may still hold what it said last; "close" follows when they are read to their end, which
  // a grandchild that keeps them open can hold up.
  child.once("exit", () => ending.exited(over));
  child.once("close", over);
}

interface Ending {
  /** Its input is at its end: it is killed if it doesn't end in time. Idempotent. */
  begin(): void;
  /** It has ended; `late` is called if its pipes don't end soon. */
  exited(late: () => void): void;
  over(): void;
}

function createEnding(child: ChildProcess, clock: Clock): Ending {
  let timer: Timer | undefined;
  let isOver = false;
  const after = (delayMs: number, run: () => void): void => {
    timer?.cancel();
    if (!isOver) timer = clock.setTimer(delayMs, run, { holdsProcess: true });
  };
  return {
    begin: () => {
      if (timer !== undefined) return;
      after(CLIENT_LIMITS.exitMs, () => {
        child.kill("SIGTERM");
        after(CLIENT_LIMITS.killMs, () => void child.kill("SIGKILL"));
      });
    },
    exited: (late) => after(CLIENT_LIMITS.killMs, late),
    over: () => {
      isOver = true;
      timer?.cancel();
    },
  };
}

function collect(stderr: Readable, lastLines: LastLines): void {
  stderr.setEncoding("utf8");
  stderr.on("data", (chunk: string) => lastLines.push(chunk));
  stderr.on("error", () => lastLines.push("\n(its standard error could not be read)\n"));
}

function exitData({ exitCode, signalCode }: ChildProcess, lastLines: LastLines): ErrorData {
  return { exitCode, signal: signalCode, stderr: lastLines.text() };
}

function exitWords({ exitCode, signalCode }: ChildProcess, lastLines: LastLines): string {
  const how = signalCode === null ? `with exit code ${String(exitCode)}` : `by ${signalCode}`;
  const words = lastLines.text();
  return `the server's process ended ${how}${words === "" ? "" : `; its last words:\n${words}`}`;
}
