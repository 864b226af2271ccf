/**
 * How a thread's writer is opened: for a new thread (nothing is stored yet), for a fork (fork-maker.ts), or on a thread
 * that is there, which takes it for this node. Each is called with the thread's lock held.
 */
import type { SessionMeta } from "../../events/index.ts";
import { type AppliedKeys, createAppliedKeys } from "../applied-keys.ts";
import { newSessionMeta } from "../new-session-meta.ts";
import type { CreateThreadParams, OpenedThread } from "../thread-store.ts";
import { fencedByEpoch } from "../writer-faults.ts";
import { ownedElsewhere } from "./owner-faults.ts";
import type { PostgresContext } from "./postgres-context.ts";
import { STATE } from "./schema.ts";
import { threadExists, threadNotFound } from "./thread-faults.ts";
import { findRow, requireRow } from "./thread-rows.ts";
import { PostgresWriter } from "./thread-writer.ts";
import type { WriterLog } from "./writer-options.ts";

/** Opens a writer for a new thread. `thread_exists`. */
export async function openNew(
  context: PostgresContext,
  threadId: string,
  { metadata, threadId: wishedId }: CreateThreadParams,
): Promise<OpenedThread> {
  const { settings, lease, writers } = context;
  const identity = { threadId, createdAtMs: settings.clock.nowMs(), forkedFromId: null };
  // A copy: it is written with the first append, and until then the caller may change what it passed in.
  const newMeta = structuredClone(newSessionMeta(identity, metadata));
  const lastEpoch = wishedId === undefined ? 0 : await refuseTakenId(context, threadId);
  const epoch = writers.nextNewEpoch(Math.max(lastEpoch + 1, lease.epochMin));
  const answer = register(context, { threadId, epoch, newMeta, nextOrdinal: 1, keys: createAppliedKeys() });
  const { model_provider: modelProvider } = newMeta;
  return modelProvider === undefined || modelProvider === null ? answer : { ...answer, modelProvider };
}

/** Refuses an id that is taken; gives the last epoch of a thread that had it and was deleted. `thread_exists`. */
export async function refuseTakenId(
  { database, statements, writers, marks }: PostgresContext,
  threadId: string,
): Promise<number> {
  // A thread that the server lost is told as lost before there is another one with its id.
  await marks.check(threadId);
  if (writers.get(threadId) !== undefined) throw threadExists(threadId);
  const row = await findRow(database, threadId, { statements });
  if (row !== undefined && row.state !== STATE.deleted) throw threadExists(threadId);
  return row?.epoch ?? 0;
}

/** Opens a writer on a stored thread: takes it. `thread_not_found`, `thread_owned_elsewhere`. */
export async function openStored(context: PostgresContext, threadId: string): Promise<OpenedThread> {
  const taken = await acquire(context, threadId);
  try {
    // What its owner before wrote is told before what this one will; and before that, if what was told is lost.
    await context.takeOver(threadId, taken.nextOrdinal);
    const keys = await context.reader.keys(threadId);
    return register(context, { threadId, ...taken, newMeta: null, keys });
  } catch (error) {
    // Taken, and nobody here to write it.
    context.lease.owe(threadId, taken.epoch);
    throw error;
  }
}

interface Taken {
  readonly epoch: number;
  readonly nextOrdinal: number;
}

/** Another look where the owner went between two. */
const LOOKS_MAX = 3;

async function acquire({ database, statements, lease, writers }: PostgresContext, threadId: string): Promise<Taken> {
  for (let looks = 1; ; looks += 1) {
    const [row] = await database.query<{ epoch: number; next_ordinal: number }>(statements.acquire, [
      threadId,
      lease.nodeId,
      lease.incarnation,
      writers.newEpochMin(lease.epochMin),
    ]);
    if (row !== undefined) return { epoch: row.epoch, nextOrdinal: row.next_ordinal };
    const found = await requireRow(database, threadId, { statements });
    if (found.is_alive || looks >= LOOKS_MAX) throw ownedElsewhere(threadId, found);
  }
}

/** Lets the thread's open writer go in favour of a newer one, after what it was writing is written. */
export async function fenceOpenWriter({ writers }: PostgresContext, threadId: string): Promise<void> {
  const older = writers.get(threadId);
  if (older === undefined) return;
  // What is on its way may be what makes the thread.
  if (older.newMeta !== null) await older.whenIdle();
  if (older.newMeta !== null && older.refusal === null) throw threadNotFound(threadId);
  await older.release(fencedByEpoch(threadId, older.epoch, older.epoch + 1));
  writers.remove(older);
}

/** What a writer begins with. */
interface WriterBegin extends Taken {
  readonly threadId: string;
  readonly newMeta: SessionMeta | null;
  readonly keys: AppliedKeys;
}

/** Opens a writer that has the thread already. */
export function register(context: PostgresContext, begin: WriterBegin): OpenedThread {
  const { committer, lineClock, events, durability, writers } = context;
  const log = logOf(context);
  const writer = new PostgresWriter({ ...begin, committer, log, lineClock, events, durability });
  writers.add(writer);
  const { threadId, epoch, nextOrdinal } = writer;
  return { writer: Object.freeze({ threadId, epoch }), nextOrdinal, path: null, tornBytes: 0 };
}

function logOf({ database, statements, reader }: PostgresContext): WriterLog {
  return {
    readKeys: (threadId) => reader.keys(threadId),
    readRecords: (threadId, from, end) => reader.recordsOf({ threadId, from, end }),
    async readEnd(threadId, epoch) {
      const row = await findRow(database, threadId, { statements });
      if (row === undefined) return 0;
      if (row.state === STATE.deleted) throw threadNotFound(threadId);
      if (row.epoch === epoch) return row.next_ordinal;
      throw row.is_alive ? ownedElsewhere(threadId, row) : fencedByEpoch(threadId, epoch, row.epoch);
    },
  };
}

/** Gives the thread back, so that any node may take it. */
export async function releaseThread(context: PostgresContext, writer: PostgresWriter): Promise<void> {
  const { database, statements, lease } = context;
  // What was to make the thread may have landed, though nothing was heard of it.
  if (writer.newMeta !== null && !writer.isUnsure) return;
  await database.query(statements.release, [writer.threadId, writer.epoch, lease.nodeId, lease.incarnation]);
}
