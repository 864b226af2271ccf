/**
 * Checkpoints of who follows one thread: the ordinal of a record and the id of the put that wrote it. A server that was
 * restored, or failed over to a standby that lagged, may have another record at that ordinal, or none; an ordinal
 * alone would not tell.
 */
import { fault, rejection, type SkeinError } from "../../base/index.ts";
import { requireThreadId } from "../call-check.ts";
import { segmentsOf } from "./log-reader.ts";
import type { PostgresContext } from "./postgres-context.ts";

/** A record that was seen. Plain data, to be kept. */
export interface LogCheckpoint {
  readonly threadId: string;
  readonly ordinal: number;
  readonly eventId: string;
}

/** The checkpoint of the record at an ordinal. `history_truncated` where there is none. */
export async function readCheckpoint(
  context: PostgresContext,
  threadId: string,
  ordinal: number,
): Promise<LogCheckpoint> {
  requireOrdinal(ordinal);
  const { eventId, nextOrdinal } = await eventAt(context, threadId, ordinal);
  if (eventId === null) throw truncated({ threadId, ordinal, nextOrdinal });
  return { threadId, ordinal, eventId };
}

/** Throws `history_truncated` unless the record is still there. */
export async function checkCheckpoint(context: PostgresContext, checkpoint: LogCheckpoint): Promise<void> {
  const threadId = requireThreadId(checkpoint.threadId);
  const { ordinal } = checkpoint;
  requireOrdinal(ordinal);
  const { eventId, nextOrdinal } = await eventAt(context, threadId, ordinal);
  if (eventId !== checkpoint.eventId) throw truncated({ threadId, ordinal, nextOrdinal });
}

async function eventAt(
  { database, statements, reader }: PostgresContext,
  threadId: string,
  ordinal: number,
): Promise<{ readonly eventId: string | null; readonly nextOrdinal: number }> {
  const chain = await reader.chain(threadId);
  const { nextOrdinal } = chain;
  const [segment] = ordinal < nextOrdinal ? segmentsOf(chain, ordinal, ordinal + 1) : [];
  if (segment === undefined) return { eventId: null, nextOrdinal };
  const [row] = await database.query<{ append_id: string }>(statements.appendAt, [segment.threadId, segment.from]);
  return { eventId: row?.append_id ?? null, nextOrdinal };
}

function requireOrdinal(ordinal: number): void {
  if (Number.isSafeInteger(ordinal) && ordinal >= 0) return;
  throw rejection("invalid_argument", "a checkpoint's ordinal must be a whole number of 0 or more");
}

function truncated(at: {
  readonly threadId: string;
  readonly ordinal: number;
  readonly nextOrdinal: number;
}): SkeinError {
  return fault(
    "history_truncated",
    `thread ${at.threadId} has another record at ordinal ${at.ordinal} than was seen there, or none: the server lost history; read the thread anew from its beginning`,
    { data: at },
  );
}
