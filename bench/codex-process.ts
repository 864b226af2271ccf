/**
 * `codex app-server` as a bench measures it: a process of its own on a home, one request at a time, and an
 * answer's time is when its last byte has arrived here, before any of it is parsed. It takes no part in
 * what is measured but that: the driver that the conformance tests use parses all it hears. Every wait is
 * bounded, and the process is ended by its own pid.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { readFileSync } from "node:fs";

import { systemClock } from "../src/base/index.ts";
import { writeCodexConfig } from "../test/conformance/codex-peer.ts";

/** What was answered, and how long that took. */
export interface CodexAnswer {
  readonly ms: number;
  readonly bytes: number;
  /** The `result`, parsed when it is asked for. */
  result(): Readonly<Record<string, unknown>>;
}

/** How the process is started. */
export interface CodexProcessOptions {
  /** The native program. */
  readonly program: string;
  readonly home: string;
  /** Where the model is, named in the home's config.toml; nothing is asked of it. */
  readonly baseUrl: string;
  /** How long `initialize` may take. */
  readonly startMsMax: number;
}

const ANSWER_MS_MAX = 180_000;
const STOP_MS_MAX = 15_000;
const NEWLINE = 0x0a;
const ERROR_CHARS_MAX = 500;
/** Of /proc/PID/stat: a tick is 10 ms on every Linux that Node runs on. */
const TICK_MS = 10;

interface Waiting {
  readonly method: string;
  readonly sentMs: number;
  readonly resolve: (answer: CodexAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** A running peer. Close it whatever happens. */
export class CodexProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #exited: Promise<void>;
  #waiting: Waiting | null = null;
  #chunks: Buffer[] = [];
  #errors = "";
  #nextId = 1;
  readonly #beganMs: number;
  readonly #startMsMax: number;

  private constructor(options: CodexProcessOptions) {
    this.#beganMs = systemClock.monotonicMs();
    this.#startMsMax = options.startMsMax;
    const child = spawn(options.program, ["app-server"], { cwd: options.home, env: environment(options.home) });
    this.#child = child;
    child.stdout.on("data", (chunk: Buffer) => this.#receive(chunk));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-ERROR_CHARS_MAX);
    });
    child.stdin.on("error", (error) => this.#fail(error.message));
    this.#exited = new Promise((resolve) => {
      const ended = (reason: string): void => {
        this.#fail(reason);
        resolve();
      };
      child.once("error", (error) => ended(error.message));
      child.once("exit", (code, signal) => ended(`it ended (${signal ?? code}): ${this.#errors}`));
    });
  }

  /** Starts it on a home that gets the config.toml it needs. `ready()` before anything else. */
  static async start(options: CodexProcessOptions): Promise<CodexProcess> {
    await writeCodexConfig(options.home, options.baseUrl);
    return new CodexProcess(options);
  }

  /** Shakes hands: gives the time from the start of the process to the answer to `initialize`. */
  async ready(): Promise<number> {
    const clientInfo = { name: "skein-bench", title: "Skein", version: "1.0.0" };
    await this.request("initialize", { clientInfo, capabilities: { experimentalApi: true } }, this.#startMsMax);
    return systemClock.monotonicMs() - this.#beganMs;
  }

  /** CPU of the process so far; null where there is no /proc. */
  cpuMs(): number | null {
    if (process.platform !== "linux") return null;
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, "utf8");
    // Behind the program's name, which may hold blanks: field 3 comes first, and 14 and 15 are the times.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }

  /** The most memory that the process has held, in MB; null where there is no /proc. */
  peakMb(): number | null {
    if (process.platform !== "linux") return null;
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1_000;
  }

  /** Sends a request and waits for its answer; rejects with the peer's own words. Never two at a time. */
  request(method: string, params: object, msMax = ANSWER_MS_MAX): Promise<CodexAnswer> {
    if (this.#waiting !== null) throw new Error(`${method}: ${this.#waiting.method} is not answered yet`);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = systemClock.setTimer(msMax, () => {
        this.#fail(`no answer in ${msMax} ms`);
        this.#child.kill("SIGKILL");
      });
      const done = (): void => timer.cancel();
      this.#waiting = {
        method,
        sentMs: systemClock.monotonicMs(),
        resolve: (answer) => (done(), resolve(answer)),
        reject: (error) => (done(), reject(error)),
      };
      this.#child.stdin.write(`${JSON.stringify({ method, id, params })}\n`);
    });
  }

  /** Closes its input, which is how it is asked to end; kills it when it doesn't. */
  async close(): Promise<void> {
    this.#child.stdin.end();
    const timer = systemClock.setTimer(STOP_MS_MAX, () => this.#child.kill("SIGKILL"));
    await this.#exited;
    timer.cancel();
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  #receive(chunk: Buffer): void {
    let begin = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, begin)) {
      this.#chunks.push(chunk.subarray(begin, end));
      begin = end + 1;
      this.#receiveLine(this.#chunks);
      this.#chunks = [];
    }
    if (begin < chunk.length) this.#chunks.push(chunk.subarray(begin));
  }

  /** An answer begins with its id or its error; what begins with a method is a notification. */
  #receiveLine(chunks: readonly Buffer[]): void {
    const head = chunks[0]?.subarray(0, 10).toString("latin1") ?? "";
    const isAnswer = head.startsWith('{"id":') || head.startsWith('{"error":');
    const waiting = this.#waiting;
    if (!isAnswer || waiting === null) return;
    const ms = systemClock.monotonicMs() - waiting.sentMs;
    this.#waiting = null;
    const line = Buffer.concat(chunks);
    if (head.startsWith('{"error":')) {
      waiting.reject(new Error(`${waiting.method}: ${line.toString().slice(0, ERROR_CHARS_MAX)}`));
      return;
    }
    const result = (): Readonly<Record<string, unknown>> =>
      (JSON.parse(line.toString()) as { readonly result: Readonly<Record<string, unknown>> }).result;
    waiting.resolve({ ms, bytes: line.length, result });
  }

  #fail(reason: string): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(new Error(`${waiting.method}: ${reason}`));
  }
}

/** Loopback only: every proxy is a port where nobody listens. */
function environment(home: string): NodeJS.ProcessEnv {
  const nowhere = "http://127.0.0.1:9";
  const proxies = { HTTP_PROXY: nowhere, HTTPS_PROXY: nowhere, ALL_PROXY: nowhere, NO_PROXY: "127.0.0.1" };
  const kept = { PATH: process.env["PATH"], TZ: process.env["TZ"], LANG: process.env["LANG"] };
  return { ...kept, ...proxies, HOME: home, CODEX_HOME: home };
}
