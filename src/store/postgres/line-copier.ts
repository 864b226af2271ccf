/**
 * Copies the lines that a fork refers to into its own rows. Followers aren't told: they have them, or read them with
 * the fork's first line. So the copies bear the number of a transaction that was before every feed's first page.
 * Keys stay behind: they are the source's.
 */
import { type LogReader, segmentsOf } from "./log-reader.ts";
import type { Queryable } from "./postgres-database.ts";
import type { Statements } from "./statements.ts";

/** Where copying is done. */
export interface Copying {
  readonly tx: Queryable;
  readonly reader: LogReader;
  readonly statements: Statements;
}

/** No transaction of a follower's feed. */
const UNTOLD_XID = "0";

/** Copies the lines of `from` before `end` to `to`, each one ordinal farther on. */
export async function copyLines(
  { tx, reader, statements }: Copying,
  { from, to, end }: { readonly from: string; readonly to: string; readonly end: number },
): Promise<void> {
  const chain = await reader.chain(from, tx);
  for (const segment of segmentsOf(chain, 0, end)) {
    await tx.query(statements.copyLines, [
      to,
      segment.threadId,
      segment.from,
      segment.end,
      segment.shift + 1,
      UNTOLD_XID,
    ]);
  }
}
