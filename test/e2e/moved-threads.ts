/**
 * What the tests of `skein export` and `skein import` share: homes with many threads, what is in a folder, and a
 * command that is ended in the middle of its work.
 */
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import { startSkein } from "../support/skein-process.ts";

/** What both commands print with `--json`. */
export interface MoveAnswer {
  readonly copied: number;
  readonly grown: number;
  readonly same: number;
  readonly conflict: number;
  readonly failed: number;
  readonly lines: number;
  readonly bytes: number;
  readonly problems: readonly { readonly threadId: string; readonly outcome: string; readonly code: string }[];
}

/** The rollouts of a home or folder, by their file names, with a mark for archived ones. */
export function rolloutsOf(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".jsonl"));
  const rollouts = paths.filter((path) => basename(path).startsWith("rollout-"));
  return Object.fromEntries(
    rollouts.map((path) => [
      `${path.startsWith("archived") ? "archived " : ""}${basename(path)}`,
      readFileSync(join(folder, path), "latin1"),
    ]),
  );
}

/** Many threads that take a while to move. */
export function writeManyThreads(home: string, count: number, bytes: number): void {
  const folder = join(home, "sessions/2026/05/05");
  mkdirSync(folder, { recursive: true });
  for (let n = 0; n < count; n += 1) {
    const id = `01900000-0000-7000-8000-${String(n).padStart(12, "0")}`;
    const timestamp = "2026-05-05T10:00:00.000Z";
    const meta = { id, timestamp, cwd: "/w", originator: "t", cli_version: "1", source: "vscode" };
    const lines = [
      { timestamp, type: "session_meta", payload: meta },
      { timestamp, type: "event_msg", payload: { type: "user_message", message: `${n} ${"x".repeat(bytes)}` } },
    ];
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    writeFileSync(join(folder, `rollout-2026-05-05T10-00-00-${id}.jsonl`), text);
  }
}

/** When a command is ended, and how. */
export interface Ending {
  readonly cwd: string;
  readonly signal: NodeJS.Signals;
  /** Asked over and over: the command is in the middle of its work. */
  readonly isUnderWay: () => boolean | Promise<boolean>;
}

/** Starts a command, ends it with a signal once it is under way, and answers its exit code. */
export async function endInTheMiddle(args: readonly string[], ending: Ending): Promise<number | null> {
  const child = startSkein(args, { cwd: ending.cwd });
  const ended = once(child, "close");
  const deadlineMs = performance.now() + 20_000;
  while (!(await ending.isUnderWay()) && performance.now() < deadlineMs) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  child.kill(ending.signal);
  const [exitCode] = (await ended) as [number | null];
  return exitCode;
}

/** Whether a folder has so many files and folders by now. */
export function hasEntries(folder: string, count: number): boolean {
  try {
    return readdirSync(folder, { recursive: true }).length >= count;
  } catch {
    return false;
  }
}
