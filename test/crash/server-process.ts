/**
 * An app-server as a bench or a kill run drives it: a process of its own, one JSON message a line over its
 * standard input and output. It parses no more than it must, as it shares the machine with what is measured:
 * deltas are passed over. Every wait is bounded, and the process is ended by its own pid.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";

import { systemClock } from "../../src/base/index.ts";
import type { ServerCommand } from "./server-sides.ts";

/** Open JSON: what is in it is what is looked at. */
export type Members = Readonly<Record<string, unknown>>;

/** Told each message as it comes, whatever becomes of the process. An answer has no method. */
export type Listener = (message: { readonly method: string | null; readonly members: Members }) => void;

const ANSWER_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;
const COMPLAINT_CHARS_MAX = 2_000;

interface Pending {
  readonly resolve: (result: Members) => void;
  readonly reject: (error: Error) => void;
}

/** One process. Close it whatever happens. */
export class ServerProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #beganMs: number;
  readonly #ended: Promise<void>;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<Listener>();
  #buffered = "";
  #complaint = "";
  #nextId = 1;
  #whyEnded: string | null = null;

  constructor({ program, args, cwd, env }: ServerCommand) {
    this.#beganMs = systemClock.monotonicMs();
    const child = spawn(program, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => this.#receive(text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-COMPLAINT_CHARS_MAX);
    });
    child.stdin.on("error", (error) => (this.#complaint += error.message));
    this.#ended = new Promise((resolve) => {
      const end = (reason: string): void => {
        this.#whyEnded = reason;
        for (const { reject } of this.#pending.values()) reject(new Error(reason));
        this.#pending.clear();
        resolve();
      };
      child.once("error", (error) => end(error.message));
      // Not before all is read that it wrote: that is what a client was told.
      child.once("close", (code, signal) => end(`the server ended (${signal ?? code}): ${this.#complaint.trim()}`));
    });
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`the server did not start: ${this.#complaint}`);
    return pid;
  }

  /** Shakes hands; gives the milliseconds from the start of the process to its answer. */
  async ready(): Promise<number> {
    const clientInfo = { name: "skein-bench", title: "Skein", version: "1.0.0" };
    await this.request("initialize", { clientInfo, capabilities: { experimentalApi: true } });
    const ms = systemClock.monotonicMs() - this.#beganMs;
    this.#child.stdin.write('{"method":"initialized"}\n');
    return ms;
  }

  /** Sends a request and gives its result; rejects with the server's own words, or how it ended. */
  request(method: string, params: object): Promise<Members> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      if (this.#whyEnded !== null) {
        reject(new Error(this.#whyEnded));
        return;
      }
      const timer = systemClock.setTimer(ANSWER_MS_MAX, () => {
        this.#pending.delete(id);
        reject(new Error(`${method}: no answer in ${ANSWER_MS_MAX} ms`));
      });
      const settle = (finish: () => void): void => {
        timer.cancel();
        finish();
      };
      this.#pending.set(id, {
        resolve: (result) => settle(() => resolve(result)),
        reject: (error) => settle(() => reject(error)),
      });
      this.#child.stdin.write(`${JSON.stringify({ method, id, params })}\n`);
    });
  }

  /** Listens from now on; gives back what ends it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Ends it at once; what it wrote before is still told. Resolves when all of that is. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Closes its input, which is how it is asked to end; kills it when it doesn't. */
  async close(): Promise<void> {
    this.#child.stdin.end();
    const timer = systemClock.setTimer(STOP_MS_MAX, () => this.#child.kill("SIGKILL"));
    await this.#ended;
    timer.cancel();
  }

  #receive(text: string): void {
    const lines = (this.#buffered + text).split("\n");
    this.#buffered = lines.pop() ?? "";
    for (const line of lines) this.#receiveLine(line);
  }

  #receiveLine(line: string): void {
    if (/^\{"method":"item\/[a-zA-Z/]*[dD]elta"/.test(line)) return;
    const message = JSON.parse(line) as Members;
    const method = typeof message["method"] === "string" ? message["method"] : null;
    for (const listener of this.#listeners) listener({ method, members: message });
    const id = message["id"];
    const pending = method === null && typeof id === "number" ? this.#pending.get(id) : undefined;
    if (pending === undefined) return;
    this.#pending.delete(Number(id));
    const error = message["error"] as { readonly message?: string } | undefined;
    if (error === undefined) pending.resolve(message["result"] as Members);
    else pending.reject(new Error(error.message ?? JSON.stringify(error)));
  }
}
