/**
 * Starts a process that appends under pressure (pressure-child.ts), tells it what to do, and keeps the books of what it
 * was told: those of the crash tests. A failed append is one that was never answered: it is there whole, or not.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { systemClock } from "../../src/base/index.ts";
import { openLocalThreadStore } from "../../src/store/local/index.ts";
import { CrashLedger } from "../crash/crash-ledger.ts";
import type { Report } from "../crash/crash-reports.ts";
import { nodeTypeFlags } from "../support/node-flags.ts";
import type { FaultBooks } from "./fault-books.ts";

/** What the child is started with. */
export interface PressureOptions {
  readonly home: string;
  /** In the names of its batches, so that those of two children differ. */
  readonly name: string;
  /** Its appends are numbered from here on, so that two children can have one ledger. Default 0. */
  readonly firstId?: number;
  /** Threads that it appends to, one after another. */
  readonly threads: number;
  /** Characters added to each record. */
  readonly paddingChars: number;
  readonly withRows: boolean;
  readonly durability: "fsync" | "os";
}

/** What it can be told. */
export type PressureCommand =
  | { readonly do: "open" | "list" | "close" }
  /** So many appends, or until so many failed. */
  | { readonly do: "append"; readonly times: number; readonly failuresMax: number }
  /** Moves the wall clock that it sees. */
  | { readonly do: "jump"; readonly seconds: number };

/** What it says. */
export type PressureLine =
  | Exclude<Report, { readonly say: "failed" }>
  | {
      readonly say: "failed";
      readonly id: number;
      readonly error: string;
      readonly code: string;
      readonly retryable: boolean;
    }
  | { readonly say: "listed"; readonly threads: number }
  | { readonly say: "obeyed" };

/** How the process is started: through another program, with more in its environment. */
export interface PressureStart {
  readonly options: PressureOptions;
  readonly through?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const ENTRY = fileURLToPath(new URL("pressure-child.ts", import.meta.url));
const COMPILE_CACHE = fileURLToPath(new URL("../../node_modules/.cache/skein-tests", import.meta.url));
const ANSWER_MS_MAX = 60_000;

/** The process. Whoever starts one ends it. */
export class PressureProcess {
  readonly ledger: CrashLedger;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #stderr = "";

  constructor({ options, through = [], env = {} }: PressureStart, ledger: CrashLedger = new CrashLedger()) {
    this.ledger = ledger;
    const [program, ...args] = [...through, process.execPath, ...nodeTypeFlags(), ENTRY, JSON.stringify(options)];
    this.#child = spawn(program, args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
    });
    this.#ended = once(this.#child, "exit");
    // What is written to one that was killed is lost, as it should be.
    this.#child.stdin?.on("error", () => undefined);
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-2_000);
    });
    if (this.#child.stdout === null) throw new Error("a child has no output");
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  send(command: PressureCommand): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /** The next line, taken into the books; undefined after the process ended. */
  async next(): Promise<PressureLine | undefined> {
    const { value, done } = await this.#lines.next();
    if (done === true || !value.endsWith("}")) return undefined;
    const line = JSON.parse(value) as PressureLine;
    if (line.say === "begin" || line.say === "done") this.ledger.take(line);
    return line;
  }

  /** Tells it something, and gives what it said until it was done; the failures' codes go into the books. */
  async run(command: PressureCommand, books: FaultBooks): Promise<readonly PressureLine[]> {
    this.send(command);
    const timer = systemClock.setTimer(ANSWER_MS_MAX, () => this.#child.kill("SIGKILL"));
    const said: PressureLine[] = [];
    for (;;) {
      const line = await this.next();
      if (line === undefined) throw new Error(`the child ended under "${command.do}": ${this.#stderr}`);
      if (line.say === "obeyed") break;
      if (line.say === "failed") books.code(line.code);
      said.push(line);
    }
    timer.cancel();
    return said;
  }

  /** Ends it at once; what it had said before goes into the books. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
    for (let line = await this.next(); line !== undefined;) line = await this.next();
    this.ledger.childDied();
  }

  /** Lets it close what it opened, and end. */
  async close(books: FaultBooks): Promise<void> {
    await this.run({ do: "close" }, books);
    this.#child.stdin?.end();
    await this.#ended;
    this.ledger.childDied();
  }
}

/** The codes of what failed. */
export function codesIn(lines: readonly PressureLine[]): readonly string[] {
  return lines.flatMap((line) => (line.say === "failed" ? [line.code] : []));
}

/** Checks a home by the ledger through a store of its own, and appends to each thread. */
export async function checkByLedger(ledger: CrashLedger, home: string, books: FaultBooks): Promise<void> {
  const acknowledged = ledger.acknowledged;
  const store = await openLocalThreadStore({ home, durability: "os" });
  try {
    // The check appends under this name, which must be another each time.
    await ledger.check(store, `${acknowledged}-${Math.round(performance.now() * 1_000)}`);
    books.acknowledge(acknowledged);
  } catch (error) {
    books.lose(String(error));
  } finally {
    await store.close();
  }
}
