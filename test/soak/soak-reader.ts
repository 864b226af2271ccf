/**
 * The second process of a soak, from this side: started on the home, told to end by closing its input, and asked
 * what it read. Whoever starts one ends it or kills it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { nodeTypeFlags } from "../support/node-flags.ts";

const ENTRY = fileURLToPath(new URL("soak-reader-child.ts", import.meta.url));

/** What the second process read. */
export interface ReaderReport {
  readonly lists: number;
  readonly threads: number;
  readonly searches: number;
  readonly turns: number;
  readonly records: number;
  /** Records that came through feeds that look at the log. */
  readonly followed: number;
  /** Refusals by their code, of threads that were gone. */
  readonly refused: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
  /** Its heap after all was closed, MiB. */
  readonly heapMb: number;
}

export class SoakReader {
  readonly #process: ChildProcess;
  readonly #output: Promise<string>;
  readonly #ended: Promise<unknown>;

  constructor(home: string) {
    this.#process = spawn(process.execPath, [...nodeTypeFlags(), ENTRY, home], { stdio: ["pipe", "pipe", "inherit"] });
    this.#ended = once(this.#process, "exit");
    const { stdout } = this.#process;
    if (stdout === null) throw new Error("a child has no output");
    this.#output = text(stdout);
  }

  /** Ends it, and gives its report. */
  async end(): Promise<ReaderReport> {
    this.#process.stdin?.end();
    const said = await this.#output;
    await this.#ended;
    const { exitCode } = this.#process;
    if (exitCode !== 0) throw new Error(`the second process ended with ${String(exitCode)}: ${said}`);
    return JSON.parse(said) as ReaderReport;
  }

  /** Kills it, if it is still there. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await this.#ended;
  }
}
