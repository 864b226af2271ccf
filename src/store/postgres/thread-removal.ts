/**
 * Archiving, unarchiving, deleting and naming: what changes a thread's row and adds no line. Each is told to followers
 * by a row of its own, in the same transaction. Called with the thread's lock held.
 *
 * A deleted thread's lines are gone at once, and where consumers of it were; its row stays, so that no writer of before writes again. Forks that
 * refer to it get the lines they need before (fork-settler.ts), or in the same transaction where they are made meanwhile.
 */
import { rejection } from "../../base/index.ts";
import { writerClosed } from "../writer-faults.ts";
import type { ChangeKind } from "./feed-reader.ts";
import { settleForks } from "./fork-settler.ts";
import { copyLines } from "./line-copier.ts";
import { LogReader } from "./log-reader.ts";
import { ownedElsewhere } from "./owner-faults.ts";
import type { PostgresContext } from "./postgres-context.ts";
import type { Queryable } from "./postgres-database.ts";
import { isConnectionLoss } from "./postgres-fault.ts";
import { STATE } from "./schema.ts";
import { threadNotFound } from "./thread-faults.ts";
import { requireRow, type ThreadRow } from "./thread-rows.ts";

/** Lines of many forks may have to be copied. */
const DELETE_MS_MAX = 10 * 60_000;

/** Moves a thread to the archive, or back. `thread_archived`, `thread_not_archived`, `thread_not_found`, `thread_owned_elsewhere`. */
export async function moveThread(context: PostgresContext, threadId: string, toArchive: boolean): Promise<void> {
  const { statements, lease, events, wakeUps } = context;
  const [to, from] = toArchive ? [STATE.archived, STATE.live] : [STATE.live, STATE.archived];
  const kind = toArchive ? "archived" : "unarchived";
  await change(context, { threadId, kind }, async (tx) => {
    const moved = await tx.query(statements.move, [threadId, lease.nodeId, lease.incarnation, to, from]);
    if (moved.length === 0) refuseMove(await requireRow(tx, threadId, { statements }), toArchive);
  });
  events.tell({ type: kind, threadId });
  wakeUps.note([threadId]);
}

function refuseMove(row: ThreadRow, toArchive: boolean): never {
  const { thread_id: threadId } = row;
  const isThere = (row.state === STATE.archived) === toArchive;
  if (!isThere) throw ownedElsewhere(threadId, row);
  if (toArchive) throw rejection("thread_archived", `thread ${threadId} is archived already`, { threadId });
  throw rejection("thread_not_archived", `thread ${threadId} is not archived`, { threadId });
}

/** Sets or clears a thread's name. `thread_not_found`. */
export async function renameThread(context: PostgresContext, threadId: string, name: string | null): Promise<void> {
  const { statements, events, wakeUps } = context;
  const text = JSON.stringify(name);
  await change(context, { threadId, kind: "named", name: text }, async (tx) => {
    const renamed = await tx.query(statements.rename, [threadId, text]);
    if (renamed.length === 0) throw threadNotFound(threadId);
  });
  events.tell({ type: "name_updated", threadId, name });
  wakeUps.note([threadId]);
}

/** Deletes a thread. `thread_not_found`, `thread_owned_elsewhere`. */
export async function removeThread(context: PostgresContext, threadId: string): Promise<void> {
  const { database, statements, writers, events, wakeUps } = context;
  refuseOthers(context, await requireRow(database, threadId, { statements }));
  await settleForks(context, threadId);
  await change(context, { threadId, kind: "deleted" }, (tx) => bury(context, tx, threadId));
  const writer = writers.get(threadId);
  if (writer !== undefined) {
    await writer.release(writerClosed(threadId, "the thread was deleted"));
    writers.remove(writer);
  }
  events.tell({ type: "deleted", threadId });
  wakeUps.note([threadId]);
}

async function bury(context: PostgresContext, tx: Queryable, threadId: string): Promise<void> {
  const { statements, lease } = context;
  const row = await requireRow(tx, threadId, { statements, reading: "lockThread" });
  refuseOthers(context, row);
  await tx.query({ text: `SET LOCAL statement_timeout = ${DELETE_MS_MAX}` });
  interface Child {
    readonly [column: string]: unknown;
    readonly thread_id: string;
    readonly reference_end: number;
  }
  const children = await tx.query<Child>(statements.children, [threadId]);
  const reader = new LogReader(tx, statements, { isInTransaction: true });
  for (const { thread_id: to, reference_end: end } of children) {
    await copyLines({ tx, reader, statements }, { from: threadId, to, end });
    await tx.query(statements.standAlone, [to]);
  }
  await tx.query(statements.removeLines, [threadId]);
  await tx.query(statements.removeChanges, [threadId]);
  await tx.query(statements.removeCheckpoints, [threadId]);
  await tx.query(statements.bury, [threadId, lease.epochMin]);
}

function refuseOthers({ lease }: PostgresContext, row: ThreadRow): void {
  const isOwn = row.owner_node === lease.nodeId && row.owner_incarnation === lease.incarnation;
  if (row.is_alive && !isOwn) throw ownedElsewhere(row.thread_id, row);
}

interface Change {
  readonly threadId: string;
  readonly kind: ChangeKind;
  /** As JSON. */
  readonly name?: string;
}

/** Runs work that changes a thread's row, and notes the change; all of it is there, or nothing. */
async function change(
  { database, statements, appendIds }: PostgresContext,
  { threadId, kind, name }: Change,
  work: (tx: Queryable) => Promise<void>,
): Promise<void> {
  const id = appendIds.next();
  try {
    await database.transaction(async (tx) => {
      await work(tx);
      await tx.query(statements.noteChange, [threadId, kind, name ?? null, id]);
    });
  } catch (error) {
    if (!isConnectionLoss(error)) throw error;
    // It may have been committed all the same.
    if ((await database.query(statements.changeOf, [threadId, id])).length === 0) throw error;
  }
}
