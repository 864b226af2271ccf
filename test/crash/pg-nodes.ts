/**
 * Nodes of the PostgreSQL crash test as the test holds them: processes that are started, killed, stopped and ended,
 * and whose lines go into the books as they come.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { nodeTypeFlags } from "../support/node-flags.ts";
import type { PgLedger } from "./pg-ledger.ts";
import type { NodeReport, NodeWish } from "./pg-reports.ts";

const NODE_CHILD = fileURLToPath(new URL("./pg-node-child.ts", import.meta.url));
const COMPILE_CACHE = fileURLToPath(new URL("../../node_modules/.cache/skein-tests", import.meta.url));
const STEP_MS = 5;
const STDERR_CHARS_MAX = 4_000;
const END_MS_MAX = 60_000;

/** A node that runs, or did. */
export class PgNode {
  readonly wish: NodeWish;
  /** Threads that it appended to last, as far as it said. */
  readonly owned = new Set<string>();
  /** How often it was told each code. */
  readonly codes = new Map<string, number>();
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #complaints = "";
  #lastFailure = "";

  constructor(wish: NodeWish, books: NodeBooks) {
    this.wish = wish;
    const args = [...nodeTypeFlags(), NODE_CHILD, JSON.stringify(wish)];
    const child = spawn(process.execPath, args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
    });
    this.#child = child;
    child.stdin.on("error", () => {});
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-STDERR_CHARS_MAX);
    });
    const lines = createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY });
    // The kill may cut the last line: it was never heard.
    lines.on("line", (line) => {
      if (line.endsWith("}")) this.#take(JSON.parse(line) as NodeReport, books);
    });
    this.#ended = Promise.all([once(child, "close"), once(lines, "close")]);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it said on standard error, and the last failure it told. */
  get complaints(): string {
    return `${this.wish.node}: ${this.#lastFailure} ${this.#complaints}`.trim();
  }

  /** SIGKILL. Resolves when all that it had said is in the books. */
  async kill9(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  stop(): void {
    this.#child.kill("SIGSTOP");
  }

  wake(): void {
    this.#child.kill("SIGCONT");
  }

  /** Lets it finish what it began and close its store. Rejects when it ends otherwise. */
  async end(): Promise<void> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), END_MS_MAX);
    await this.#ended;
    clearTimeout(timer);
    if (this.#child.exitCode !== 0) {
      const how = this.#child.signalCode ?? this.#child.exitCode;
      throw new Error(`${this.wish.node} ended with ${how}: ${this.complaints}`);
    }
  }

  #take(report: NodeReport, books: NodeBooks): void {
    books.ledger.take(report);
    if (report.say === "owns") this.owned.add(report.threadId);
    if (report.say === "failed") {
      this.codes.set(report.code, (this.codes.get(report.code) ?? 0) + 1);
      this.#lastFailure = report.text;
      if (report.code === "thread_owned_elsewhere") this.owned.delete(report.threadId);
    }
    if (report.say === "done") {
      const threadId = books.ledger.threadOf(report.batch) ?? "";
      books.onAcknowledged?.({ node: this, threadId, atMs: performance.now() });
    }
  }
}

/** Where the lines of nodes go. */
export interface NodeBooks {
  readonly ledger: PgLedger;
  onAcknowledged?(append: { readonly node: PgNode; readonly threadId: string; readonly atMs: number }): void;
}

/** Waits until it is so; past the bound it rejects with what the nodes said last. */
export async function until(
  what: string,
  isSo: () => boolean,
  { nodes, msMax }: { readonly nodes: readonly PgNode[]; readonly msMax: number },
): Promise<void> {
  const end = performance.now() + msMax;
  while (!isSo()) {
    const ended = nodes.find((node) => !node.isRunning);
    if (ended !== undefined) throw new Error(`waiting for ${what}, and a node ended by itself: ${ended.complaints}`);
    if (performance.now() > end) {
      throw new Error(`${what}: not within ${msMax} ms; ${nodes.map((node) => node.complaints).join("; ")}`);
    }
    await delay(STEP_MS);
  }
}
