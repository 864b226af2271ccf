/**
 * Any app-server command as a running process, spoken to over its standard input and output. It keeps no
 * list of its own: what is sent and what comes is told in order to whoever asked for it. Every wait is for a
 * condition and bounded; the process is ended by its own pid.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";

import { sleep, systemClock } from "../../../src/base/index.ts";
import { type Message, messageOf, unanswered } from "./transcript.ts";

/** A command line that serves its input and output. */
export interface AppServerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Told what goes over the connection, as it goes. */
export interface ConnectionObserver {
  /** Null: a line that holds no message. */
  sent(message: Message | null): void;
  received(message: Message): void;
}

const STOP_MS_MAX = 10_000;
const STDERR_CHARS_MAX = 20_000;

/** One process. Close it whatever happens. */
export class AppServerProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #observer: ConnectionObserver;
  readonly #pending = new Map<unknown, (answer: Message) => void>();
  readonly #watchers = new Set<() => void>();
  readonly #exited: Promise<number | null>;
  #hasExited = false;
  #buffered = "";
  #stderr = "";
  #nextId = 1;

  constructor(command: AppServerCommand, observer: ConnectionObserver) {
    const { program, args, cwd, env } = command;
    this.#observer = observer;
    this.#child = spawn(program, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => this.#receive(text));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARS_MAX);
    });
    this.#child.stdin.on("error", (error) => (this.#stderr += error.message));
    this.#exited = new Promise((resolve) => {
      const ended = (code: number | null): void => {
        this.#hasExited = true;
        for (const [id, answer] of this.#pending) answer(unanswered(id));
        this.#changed();
        resolve(code);
      };
      this.#child.once("error", (error) => {
        this.#stderr += error.message;
        ended(null);
      });
      this.#child.once("close", (code) => ended(code));
    });
  }

  /** What it wrote to its standard error last. */
  get stderr(): string {
    return this.#stderr;
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** Sends a request and gives its answer, an error as well; what `unanswered` gives when none came in time. */
  async request(method: string, params: unknown, timeoutMs: number): Promise<Message> {
    const id = this.#nextId;
    this.#nextId += 1;
    const answered = new Promise<Message>((resolve) => {
      const timer = systemClock.setTimer(timeoutMs, () => settle(unanswered(id)));
      const settle = (answer: Message): void => {
        timer.cancel();
        if (this.#pending.delete(id) && answer["unanswered"] === true) this.#observer.received(answer);
        resolve(answer);
      };
      this.#pending.set(id, settle);
    });
    this.#write(params === undefined ? { method, id } : { method, id, params });
    if (this.#hasExited) this.#pending.get(id)?.(unanswered(id));
    return answered;
  }

  notify(method: string, params?: unknown): void {
    this.#write(params === undefined ? { method } : { method, params });
  }

  /** One line as it stands. */
  writeLine(line: string): void {
    this.#observer.sent(messageOf(line));
    this.#child.stdin.write(`${line}\n`);
  }

  /** Until `condition` holds, the process has ended, or the time is over. Gives whether it holds. */
  async waitUntil(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    if (condition() || this.#hasExited) return condition();
    return new Promise((resolve) => {
      const finish = (): void => {
        timer.cancel();
        this.#watchers.delete(look);
        resolve(condition());
      };
      const look = (): void => {
        if (condition() || this.#hasExited) finish();
      };
      const timer = systemClock.setTimer(timeoutMs, finish);
      this.#watchers.add(look);
    });
  }

  /** Until nothing was received for so long, or the time is over. */
  async waitUntilQuiet(quietMs: number, timeoutMs: number): Promise<void> {
    const end = systemClock.monotonicMs() + timeoutMs;
    let hasReceived = true;
    while (hasReceived && !this.#hasExited && systemClock.monotonicMs() < end) {
      hasReceived = false;
      const look = (): void => {
        hasReceived = true;
      };
      this.#watchers.add(look);
      await sleep(systemClock, quietMs);
      this.#watchers.delete(look);
    }
  }

  /** Closes its input, which is how it is asked to end; kills it when it doesn't. Gives its exit code. */
  async close(): Promise<number | null> {
    this.#child.stdin.end();
    const timer = systemClock.setTimer(STOP_MS_MAX, () => this.#child.kill("SIGKILL"));
    const code = await this.#exited;
    timer.cancel();
    return code;
  }

  #write(message: Message): void {
    this.#observer.sent(message);
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  #receive(text: string): void {
    const lines = (this.#buffered + text).split("\n");
    this.#buffered = lines.pop() ?? "";
    for (const line of lines) {
      const message = messageOf(line) ?? { garbled: line };
      this.#observer.received(message);
      if (message["method"] === undefined) this.#pending.get(message["id"])?.(message);
    }
    this.#changed();
  }

  #changed(): void {
    for (const look of this.#watchers) look();
  }
}
