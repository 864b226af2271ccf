/**
 * The follower of the PostgreSQL crash test as the test holds it: what it was told of each thread, in which order,
 * and in the end whether it was told of everything.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { nodeTypeFlags } from "../support/node-flags.ts";
import type { FollowerReport } from "./pg-reports.ts";

const CHILD = fileURLToPath(new URL("./pg-follower-child.ts", import.meta.url));
const STEP_MS = 20;
const TOLD_MS_MAX = 20_000;

export class PgFollower {
  readonly #child: ChildProcess;
  readonly #told = new Map<string, number>();
  readonly #wrong: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts one; resolves when it listens. */
  static async start(url: string, schema: string): Promise<PgFollower> {
    const child = spawn(process.execPath, [...nodeTypeFlags(), CHILD, url, schema], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const follower = new PgFollower(child);
    const lines = createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY });
    const ready = once(lines, "line");
    lines.on("line", (line) => follower.#take(JSON.parse(line) as FollowerReport));
    await Promise.race([
      ready,
      once(child, "exit").then(() => {
        throw new Error("the follower ended before it listened");
      }),
    ]);
    return follower;
  }

  /** Waits until it was told of threads as far as they are, and gives what was wrong with what it was told. */
  async finish(lengths: ReadonlyMap<string, number>): Promise<readonly string[]> {
    const behind = (): string[] =>
      [...lengths].flatMap(([threadId, length]) => {
        const told = this.#told.get(threadId) ?? 0;
        return told === length ? [] : [`${threadId}: a follower was told of ${told} of ${length} records`];
      });
    const end = performance.now() + TOLD_MS_MAX;
    while (behind().length > 0 && performance.now() < end) await delay(STEP_MS);
    return [...this.#wrong, ...behind()];
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }

  #take(report: FollowerReport): void {
    if (report.say === "wrong") this.#wrong.push(report.text);
    if (report.say === "told") for (const [threadId, next] of report.threads) this.#told.set(threadId, next);
  }
}
