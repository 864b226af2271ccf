/**
 * Makes a fork by reference: a row that says how many of its source's lines come behind its own session_meta. Nothing
 * is copied but the lines of a batch that the cut goes through, which lose the marks that wait for lines that will
 * never come, and a source that is a fork of forks many times over.
 *
 * The source's row is held while the fork is made, so that it can't be deleted in between.
 */
import { rejection, type SkeinError } from "../../base/index.ts";
import { encodeLine, peekMore, type SessionMeta } from "../../events/index.ts";
import { createAppliedKeys } from "../applied-keys.ts";
import { requireThreadId } from "../call-check.ts";
import { markCopied } from "../copied-mark.ts";
import { releasedLine, sealLine } from "../line-seal.ts";
import { newSessionMeta } from "../new-session-meta.ts";
import type { CreateThreadParams, ForkPoint, OpenedThread } from "../thread-store.ts";
import { copyLines } from "./line-copier.ts";
import { LogReader } from "./log-reader.ts";
import type { PostgresContext } from "./postgres-context.ts";
import type { Queryable } from "./postgres-database.ts";
import { isConnectionLoss } from "./postgres-fault.ts";
import { threadExists } from "./thread-faults.ts";
import { requireRow } from "./thread-rows.ts";
import { refuseTakenId, register } from "./writer-opening.ts";

/** A fork of more forks than this is a copy: each is a step on the way of every read. */
const DEPTH_MAX = 32;

interface Fork {
  readonly threadId: string;
  readonly sourceId: string;
  readonly endOrdinal: number;
  readonly metaLine: string;
  readonly appendId: string;
}

/** Opens a writer for a fork, which is stored now. `thread_exists`, `thread_not_found`, `invalid_argument`. */
export async function openFork(
  context: PostgresContext,
  threadId: string,
  params: CreateThreadParams & { readonly fork: ForkPoint },
): Promise<OpenedThread> {
  const { settings, database, statements, appendIds, events, wakeUps } = context;
  const sourceId = requireThreadId(params.fork.threadId);
  const { endOrdinal } = params.fork;
  const createdAtMs = settings.clock.nowMs();
  const meta: SessionMeta = newSessionMeta({ threadId, createdAtMs, forkedFromId: sourceId }, params.metadata);
  if (params.threadId !== undefined) await refuseTakenId(context, threadId);
  const line = encodeLine({ type: "session_meta", payload: meta }, context.lineClock.now());
  const metaLine = sealLine(markCopied(line, endOrdinal));
  const fork: Fork = { threadId, sourceId, endOrdinal, metaLine, appendId: appendIds.next() };
  let epoch: number;
  try {
    epoch = await database.transaction((tx) => makeFork(context, tx, fork));
  } catch (error) {
    if (!isConnectionLoss(error)) throw error;
    // It may have been committed all the same.
    const [first] = await database.query<{ append_id: string }>(statements.appendAt, [threadId, 0]);
    if (first?.append_id !== fork.appendId) throw error;
    ({ epoch } = await requireRow(database, threadId, { statements }));
  }
  const opened = register(context, {
    threadId,
    epoch,
    newMeta: null,
    nextOrdinal: endOrdinal + 1,
    keys: createAppliedKeys(),
  });
  events.tell({ type: "created", threadId });
  wakeUps.note([threadId]);
  return opened;
}

async function makeFork(context: PostgresContext, tx: Queryable, fork: Fork): Promise<number> {
  const { statements, lease, writers } = context;
  const { threadId, sourceId, endOrdinal, appendId } = fork;
  const source = await requireRow(tx, sourceId, { statements, reading: "shareThread" });
  if (!Number.isSafeInteger(endOrdinal) || endOrdinal < 0 || endOrdinal > source.next_ordinal) {
    throw cutOutside(sourceId, source.next_ordinal);
  }
  const reader = new LogReader(tx, statements, { isInTransaction: true });
  const halved = await halvedLines(reader, sourceId, endOrdinal);
  const isCopied = source.depth >= DEPTH_MAX;
  const sharedEnd = endOrdinal - halved.length;
  const referenceEnd = isCopied ? 0 : sharedEnd;
  const [made] = await tx.query<{ epoch: number }>(statements.insertThread, [
    threadId,
    endOrdinal + 1,
    writers.nextNewEpoch(lease.epochMin),
    lease.nodeId,
    lease.incarnation,
    referenceEnd === 0 ? null : sourceId,
    referenceEnd,
    referenceEnd === 0 ? 0 : source.depth + 1,
  ]);
  if (made === undefined) throw threadExists(threadId);
  await tx.query(statements.insertLine, [threadId, 0, appendId, Buffer.from(fork.metaLine)]);
  if (isCopied) await copyLines({ tx, reader, statements }, { from: sourceId, to: threadId, end: sharedEnd });
  for (const [n, line] of halved.entries()) {
    await tx.query(statements.insertLine, [threadId, sharedEnd + 1 + n, appendId, releasedLine(line)]);
  }
  return made.epoch;
}

/** The source's lines before the cut whose append has more of them behind it. Most often none. */
async function halvedLines(reader: LogReader, sourceId: string, end: number): Promise<readonly Buffer[]> {
  if (end === 0) return [];
  const [last] = await linesOf(reader, { threadId: sourceId, from: end - 1, end });
  if (last === undefined || moreOf(last) === 0) return [];
  // Of an append that goes on: each line before it in the append says one more.
  const halved: Buffer[] = [last];
  for (let at = end - 2; at >= 0; at -= 1) {
    const [line] = await linesOf(reader, { threadId: sourceId, from: at, end: at + 1 });
    if (line === undefined || moreOf(line) !== moreOf(last) + halved.length) break;
    halved.unshift(line);
  }
  return halved;
}

async function linesOf(
  reader: LogReader,
  wanted: { readonly threadId: string; readonly from: number; readonly end: number },
): Promise<readonly Buffer[]> {
  const lines: Buffer[] = [];
  for await (const part of reader.lines(wanted)) lines.push(...part.map(({ bytes }) => Buffer.from(bytes)));
  return lines;
}

function moreOf(line: Buffer): number {
  const end = line.at(-1) === 0x0a ? line.byteLength - 1 : line.byteLength;
  return peekMore(line, 0, end);
}

function cutOutside(sourceId: string, nextOrdinal: number): SkeinError {
  return rejection("invalid_argument", `a fork of thread ${sourceId} ends at an ordinal of 0 to ${nextOrdinal}`, {
    threadId: sourceId,
    nextOrdinal,
  });
}
