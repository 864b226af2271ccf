/**
 * Whether a session stays what it was made: a pooler may hand out another one with each transaction. What is set in one
 * (that a commit waits for the disk), listened for or kept in a temporary table would be gone or be another client's
 * there, and nobody would say so. So each session is marked, and the mark is looked for in two places.
 *
 * A pooler that mixes sessions has the mark read by another client, or the one who set it misses it: always where it
 * hands out the one used last or the one used longest ago, and nearly always where it hands out any.
 */
import { fault, type SkeinError } from "../../base/index.ts";

/** Where the mark is. */
const MARK = "skein.session";

/** The column by which a session reads its mark, null where it has none. */
export const MARK_COLUMN = `current_setting('${MARK}', true) AS mark`;

/** Sets the session's mark to `$mark`, another one for each connection. */
export function setMark(mark: string): string {
  return `set_config('${MARK}', ${mark}::text, false)`;
}

/** Two connections that are looked at. */
export interface MarkedPair {
  /** The mark that the connection was given. */
  readonly mark: string;
  /** Gives it that mark again. */
  readonly give: () => Promise<void>;
  /** Reads it there. */
  readonly read: () => Promise<string | null>;
  /** Reads one on another connection to the same place, which was given none. */
  readonly readOther: () => Promise<string | null>;
}

const ROUNDS = 3;
/** A pooler with so many idle sessions that takes the oldest first comes round within these. */
const READS_ELSEWHERE = 4;

/** Throws `store_unusable` where sessions are mixed. */
export async function requireKeptSessions({ mark, give, read, readOther }: MarkedPair): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    await give();
    for (let n = 0; n < READS_ELSEWHERE; n += 1) if ((await readOther()) === mark) throw sessionsMixed();
    requireMark(mark, await read());
  }
}

/** Throws `store_unusable` where a session hasn't the mark that it was given. */
export function requireMark(given: string, found: string | null): void {
  if (found !== given) throw sessionsMixed();
}

function sessionsMixed(): SkeinError {
  return fault(
    "store_unusable",
    "a pooler stands before the server that gives each transaction another session (PgBouncer's pool_mode transaction or statement), and the store needs sessions that stay: set pool_mode to session for this database, or name the server itself",
  );
}
