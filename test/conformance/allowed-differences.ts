/**
 * Where Skein and the peer may differ, each with its reason: the whole list. A difference that isn't
 * here fails the run. Each is as narrow as it can be said: it names the member and both values.
 */
import type { AllowedDifference, ComparedValues } from "./check-report.ts";
import type { JsonDifference } from "./json-diff.ts";

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** The value that holds the member at `path`, on the Skein side: `turns.3` for `turns.3.status`. */
function holderOf({ path }: JsonDifference, values: ComparedValues): unknown {
  const holders = path.split(".").slice(0, -1);
  return holders.reduce<unknown>((value, name) => memberOf(value, name), values.skein);
}

const updatedAt: AllowedDifference = {
  id: "updatedAt",
  reason:
    "Codex gives its DB row's time, the file's mtime or the creation time, by code path; Skein gives the time of the newest record on every path",
  covers: (difference, values) =>
    /(^|\.)updatedAt$/.test(difference.path) &&
    typeof difference.skein === "number" &&
    typeof difference.codex === "number" &&
    difference.codex >= Number(memberOf(holderOf(difference, values), "createdAt")),
};

/** For the times of threads. */
export const TIME_DIFFERENCES: readonly AllowedDifference[] = [updatedAt];

const failedTurn: AllowedDifference = {
  id: "failed-turn",
  reason: "Skein records the error of a turn, so it reads back as failed; Codex 0.130 doesn't read error events",
  covers: (difference, values) => {
    const { path, skein, codex } = difference;
    if (memberOf(holderOf(difference, values), "status") === "failed") {
      if (/^turns\.\d+\.status$/.test(path)) return codex === "completed";
      if (/^turns\.\d+\.error$/.test(path)) return skein !== null && codex === null;
    }
    return false;
  },
};

/** What Skein sets in these runs where Codex had set something before. */
export const SET_BY_SKEIN = { name: "named by Skein", branch: "set-by-skein" } as const;

const codexRowWins: AllowedDifference = {
  id: "codex-row-wins",
  reason:
    "a name or git field that stands in Codex's state DB is shown by Codex whatever the files say since; with the DB made anew it shows what Skein set",
  covers: ({ path, skein }) =>
    (path === "name" && skein === SET_BY_SKEIN.name) || (path === "gitInfo.branch" && skein === SET_BY_SKEIN.branch),
};

/** For a thread's own view, `thread/read` with turns. */
export const READ_DIFFERENCES: readonly AllowedDifference[] = [failedTurn];

const notInLists: AllowedDifference = {
  id: "left-out-of-lists",
  reason: "Codex answers forkedFromId and threadSource with null in thread/list; Skein answers them everywhere",
  covers: ({ path, codex }) => (path === "forkedFromId" || path === "threadSource") && codex === null,
};

/** For a thread in `thread/list`. */
export const LIST_DIFFERENCES: readonly AllowedDifference[] = [notInLists];

/** While Codex has a state DB of its own, for lists and reads after Skein changed what stands in it. */
export const STATE_DB_DIFFERENCES: readonly AllowedDifference[] = [codexRowWins];

const nothingSaid: AllowedDifference = {
  id: "nothing-said-yet",
  reason: "Codex lists a thread once it has a user message; Skein lists every thread that is stored",
  covers: ({ skein, codex }) => skein === "listed, without a preview" && codex === undefined,
};

/** For the set of threads that are listed. */
export const LISTED_DIFFERENCES: readonly AllowedDifference[] = [nothingSaid];

const rollbackOverCompaction: AllowedDifference = {
  id: "rollback-over-compaction",
  reason: "a rollback over a compaction keeps the older context here; Codex loses all of it for the model",
  covers: ({ path, codex }) => path.startsWith("older.") && codex === undefined,
};

/** For the model context of a thread that was rolled back over a compaction; all others must be the same. */
export const ROLLED_BACK_OVER_COMPACTION: readonly AllowedDifference[] = [rollbackOverCompaction];
