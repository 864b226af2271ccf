/**
 * Where rollouts live: `sessions/YYYY/MM/DD/rollout-YYYY-MM-DDTHH-MM-SS-<uuid>.jsonl`, local time in
 * folder and name (contents are UTC), `archived_sessions/` flat. The name never changes; unarchiving
 * goes back to the folder that the name says.
 */
import { join } from "node:path";

import { canonicalThreadId } from "../../base/index.ts";

/** Folders and files of a home. */
export interface HomePaths {
  readonly home: string;
  readonly sessions: string;
  readonly archived: string;
  readonly index: string;
  /** Where cut tails are kept aside. */
  readonly torn: string;
}

/** What a rollout's name says. */
export interface RolloutName {
  readonly threadId: string;
  /** Local date and time as written, e.g. `2026-11-22T07-40-38`. */
  readonly localTime: string;
}

/** The paths of a home; `home` must be absolute. */
export function homePaths(home: string): HomePaths {
  return {
    home,
    sessions: join(home, "sessions"),
    archived: join(home, "archived_sessions"),
    index: join(home, "session_index.jsonl"),
    torn: join(home, "skein", "torn"),
  };
}

/** The path of a thread created at a moment, before the file exists. */
export function newRolloutPath(paths: HomePaths, threadId: string, createdAtMs: number): string {
  const localTime = formatLocalTime(new Date(createdAtMs));
  return join(datedFolder(paths, localTime), `rollout-${localTime}-${threadId}.jsonl`);
}

/** The folder under sessions/ for a local time as names write it. */
export function datedFolder(paths: HomePaths, localTime: string): string {
  return join(paths.sessions, localTime.slice(0, 4), localTime.slice(5, 7), localTime.slice(8, 10));
}

const ROLLOUT_NAME = /^rollout-(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2})-([0-9a-fA-F-]{36})\.jsonl$/;

/** Reads a file name; undefined when it isn't in the canonical form. */
export function parseRolloutName(fileName: string): RolloutName | undefined {
  const match = ROLLOUT_NAME.exec(fileName);
  const localTime = match?.[1];
  const threadId = canonicalThreadId(match?.[2] ?? "");
  return localTime === undefined || threadId === undefined ? undefined : { threadId, localTime };
}

/** Milliseconds since the epoch of a name's local time; undefined when it is no date. */
export function localTimeMs(localTime: string): number | undefined {
  const [date = "", time = ""] = localTime.split("T");
  const ms = Date.parse(`${date}T${time.replaceAll("-", ":")}`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** A moment as names write it: `2026-11-22T07-40-38`, local time. */
export function formatLocalTime(moment: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const year = String(moment.getFullYear()).padStart(4, "0");
  const date = `${year}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
  return `${date}T${two(moment.getHours())}-${two(moment.getMinutes())}-${two(moment.getSeconds())}`;
}
