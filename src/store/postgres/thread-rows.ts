/**
 * A thread's row as it comes from the server, with who owns it, and how it is read. A deleted thread has a row too:
 * whoever looks for one must look at its state.
 */
import type { LogThread } from "../log-source.ts";
import type { OwnerColumns } from "./owner-faults.ts";
import type { Queryable } from "./postgres-database.ts";
import { STATE } from "./schema.ts";
import type { Statements } from "./statements.ts";
import { threadNotFound } from "./thread-faults.ts";

/** The row of a thread, with its owner. Deleted ones have one too. */
export interface ThreadRow extends OwnerColumns {
  readonly [column: string]: unknown;
  readonly thread_id: string;
  readonly next_ordinal: number;
  readonly epoch: number;
  readonly state: number;
  /** As JSON: a text, or null where the name was cleared; SQL's null where none was ever set. */
  readonly name: string | null;
  readonly parent_id: string | null;
  readonly reference_end: number;
  readonly depth: number;
  /** When it was made, in seconds: another time for a thread that was deleted and made anew with its id. */
  readonly born: string;
}

/** How a row is read. `shareThread` and `lockThread` hold it until the transaction's end. */
export type RowReading = "thread" | "shareThread" | "lockThread";

/** The row, also of a deleted thread; undefined where there is none. */
export async function findRow(
  source: Queryable,
  threadId: string,
  { statements, reading = "thread" }: { readonly statements: Statements; readonly reading?: RowReading },
): Promise<ThreadRow | undefined> {
  const [row] = await source.query<ThreadRow>(statements[reading], [threadId]);
  return row;
}

/** The row of a thread that is there. `thread_not_found`. */
export async function requireRow(
  source: Queryable,
  threadId: string,
  options: { readonly statements: Statements; readonly reading?: RowReading },
): Promise<ThreadRow> {
  const row = await findRow(source, threadId, options);
  if (row === undefined || row.state === STATE.deleted) throw threadNotFound(threadId);
  return row;
}

/** The name as the user set or cleared it. */
export function nameOf({ name }: Pick<ThreadRow, "name">): string | null | undefined {
  if (name === null) return undefined;
  const set: unknown = JSON.parse(name);
  return typeof set === "string" ? set : null;
}

/** The row as followers of logs know it. */
export function logThreadOf(row: ThreadRow): LogThread {
  const deleted = row.state === STATE.deleted;
  return {
    threadId: row.thread_id,
    nextOrdinal: deleted ? 0 : row.next_ordinal,
    archived: row.state === STATE.archived,
    deleted,
    name: deleted ? undefined : nameOf(row),
    log: row.born,
  };
}
