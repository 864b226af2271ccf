/**
 * Where consumers of threads' events keep their place, in the database that the threads are in: a consumer that comes
 * back at another node goes on where it was. An app-server takes them as its checkpoints. A place is an ordinal with
 * the id of the put that wrote the record before it, so that a log that lost that record is known.
 *
 * Invariants
 *   C1  Positions only grow, whoever saves them; which of two nodes has a consumer is theirs to know. One whose record
 *       isn't in the log any more counts for nothing, and the next one that is saved replaces it.
 *   C2  No position is kept that the log does not reach.
 *   C3  A position is read only while the record before it is the one that the log had there when it was saved; and
 *       that was the one which was done, where the consumer said which one it was told (`after`).
 *
 * It has connections of its own, opened when they are needed, eight at most: it stands beside a store, and is not part
 * of its handle. Like that it refuses a server that may lose what it acknowledged.
 */
import { type Clock, fault, type Logger, rejection, type SkeinError } from "../../base/index.ts";
import { decodeLineBytes, type RolloutRecord, toTypedPayload } from "../../events/index.ts";
import { requireThreadId } from "../call-check.ts";
import { createKeyedLock } from "../keyed-lock.ts";
import { schemaPlaceOf } from "./database-url.ts";
import type { DurabilityWatch } from "./durability-probe.ts";
import { type CheckpointStatements, checkpointStatements } from "./feed-checkpoint-statements.ts";
import { migrate } from "./migrations.ts";
import { attempt, PostgresDatabase, type Queryable } from "./postgres-database.ts";
import { postgresSettings } from "./postgres-options.ts";
import { STATE } from "./schema.ts";
import { meetGuarded, OPEN_RETRY_MS } from "./server-guard.ts";
import { threadNotFound } from "./thread-faults.ts";

/** Where the checkpoints are. */
export interface PostgresCheckpointsOptions {
  /** As the store's. */
  readonly url: string;
  /** As the store's. Default "skein". */
  readonly schema?: string;
  /** Opens on a server that may lose what it acknowledged, as the store's. Default false. */
  readonly allowUnsafe?: boolean;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
}

/** Names a checkpoint. */
export interface FeedCheckpointKey {
  /** The consumer's own name, 1 to 128 characters. */
  readonly name: string;
  readonly threadId: string;
}

/** What is said of a record, in the words in which it was told. */
export interface ToldRecord {
  readonly timestamp: string | null;
  /** Its item's type; of an unknown one the `recordType`. */
  readonly type: string;
}

/** Checkpoints in a database. Every method rejects with a SkeinError. */
export interface PostgresCheckpoints {
  /**
   * The first ordinal that is not done yet; null where there is no such checkpoint. `history_truncated` where the log
   * has another record before it than was done, or none: begin anew and save that place, or delete the checkpoint.
   */
  read(key: FeedCheckpointKey): Promise<number | null>;
  /**
   * Resolves when this position, or a later one, is committed. It replaces one that `read` would refuse. Nothing is
   * kept of a thread that was deleted. `thread_not_found`; `history_truncated` where the log doesn't reach so far, or
   * has another record before it than `after`, which the consumer was told. Without `after` (or with null) whatever
   * record is there counts as done.
   */
  save(key: FeedCheckpointKey, nextOrdinal: number, after?: RolloutRecord | ToldRecord | null): Promise<void>;
  /** Forgets a checkpoint; fine when there is none. */
  delete(key: FeedCheckpointKey): Promise<void>;
  /** Forgets all checkpoints of a thread. */
  deleteThread(threadId: string): Promise<void>;
  /** Waits for what was asked, and lets the connection go. Idempotent. */
  close(): Promise<void>;
}

const NAME_CHARS_MAX = 128;

/**
 * Opens the checkpoints of a schema, which is made where there is none. A server that may lose what it acknowledges is
 * refused as the store does, now and later. `invalid_argument`, `connection_failed`, `store_not_durable`,
 * `store_newer`, `store_unusable`, `permission_denied`.
 */
export async function openPostgresCheckpoints(options: PostgresCheckpointsOptions): Promise<PostgresCheckpoints> {
  const settings = postgresSettings(options);
  const { url, schema, clock, logger, allowUnsafe } = settings;
  const place = schemaPlaceOf(url, schema);
  const database = new PostgresDatabase(settings);
  try {
    return await attempt("open the checkpoints", async () => {
      const { watch } = await meetGuarded(database, { place, retryMs: OPEN_RETRY_MS, allowUnsafe, logger });
      await migrate(database, { schema, clock });
      return checkpointsOf({ database, statements: checkpointStatements(schema), watch });
    });
  } catch (error) {
    await database.close();
    throw error;
  }
}

interface CheckpointTable {
  readonly database: PostgresDatabase;
  readonly statements: CheckpointStatements;
  readonly watch: DurabilityWatch;
}

function checkpointsOf(table: CheckpointTable): PostgresCheckpoints {
  const { database, statements } = table;
  // Calls about one thread take effect in the order in which they were made.
  const lock = createKeyedLock();
  const inTurn = <Value>(verb: string, id: string, work: (threadId: string) => Promise<Value>): Promise<Value> => {
    const threadId = requireThreadId(id);
    return lock.run(threadId, () => attempt(`${verb} a checkpoint of thread ${threadId}`, () => work(threadId)));
  };
  return {
    async read({ name, threadId: id }) {
      requireName(name);
      return await inTurn("read", id, async (threadId) => {
        const kept = await readKept(database, statements, { name, threadId });
        if (kept !== undefined && isStale(kept)) throw lostBefore({ name, threadId }, kept);
        return kept?.ordinal ?? null;
      });
    },
    async save({ name, threadId: id }, nextOrdinal, told) {
      requireName(name);
      requireOrdinal(nextOrdinal);
      const after = checkedRecord(told, nextOrdinal);
      await inTurn("save", id, (threadId) => keep({ ...table, key: { name, threadId }, nextOrdinal, after }));
    },
    async delete({ name, threadId: id }) {
      requireName(name);
      await inTurn("delete", id, (threadId) => database.query(statements.remove, [threadId, name]));
    },
    async deleteThread(id) {
      await inTurn("forget", id, (threadId) => database.query(statements.removeThread, [threadId]));
    },
    close: () => database.close(),
  };
}

/** A checkpoint, and what the log has before its position. */
interface KeptRow {
  readonly [column: string]: unknown;
  readonly ordinal: number;
  /** Null: not noted. */
  readonly kept_id: string | null;
  /** Null: the log has no such record. */
  readonly found_id: string | null;
  readonly log_end: number;
}

async function readKept(
  source: Queryable,
  statements: CheckpointStatements,
  { name, threadId }: FeedCheckpointKey,
): Promise<KeptRow | undefined> {
  const [row] = await source.query<KeptRow>(statements.read, [threadId, name]);
  return row;
}

function isStale({ ordinal, kept_id: keptId, found_id: foundId }: KeptRow): boolean {
  if (ordinal === 0) return false;
  return foundId === null || (keptId !== null && keptId !== foundId);
}

interface Keeping extends CheckpointTable {
  readonly key: FeedCheckpointKey;
  readonly nextOrdinal: number;
  readonly after: ToldRecord | null;
}

async function keep(keeping: Keeping): Promise<void> {
  const { database, statements, watch, key, nextOrdinal, after } = keeping;
  const values = [key.threadId, key.name, nextOrdinal];
  const put = async (source: Queryable, appendId: string | null): Promise<number | undefined> => {
    const told = [after === null ? null : lineHead(after), appendId];
    const [row] = await source.query<{ ordinal: number; is_fsync: boolean }>(statements.save, [...values, ...told]);
    if (row !== undefined) watch.requireFsync(row.is_fsync);
    return row?.ordinal;
  };
  let appendId: string | null = null;
  let kept = await put(database, appendId);
  if (kept === undefined) {
    // A line that another program wrote may say the same in another way.
    appendId = await findTold(keeping);
    if (appendId !== null) kept = await put(database, appendId);
  }
  if (kept === undefined) return await refuse(database, keeping);
  if (kept === nextOrdinal) return;
  // A later one is kept. Asked behind that: the record of a save that was just made is seen.
  const later = await readKept(database, statements, key);
  if (later === undefined || !isStale(later)) return;
  await database.retrying(() =>
    database.transaction(async (tx) => {
      await tx.query(statements.lock, [key.threadId, key.name]);
      const found = await readKept(tx, statements, key);
      if (found !== undefined && isStale(found)) await tx.query(statements.remove, [key.threadId, key.name]);
      if ((await put(tx, appendId)) === undefined) await refuse(tx, keeping);
    }),
  );
}

/** What a line of this record begins with, as Skein and Codex write it. */
function lineHead({ timestamp, type }: ToldRecord): Buffer {
  return Buffer.from(`{"timestamp":${JSON.stringify(timestamp ?? "")},"type":${JSON.stringify(type)},"payload":`);
}

/** The put that wrote the record before the position, if that is the one that was told. */
async function findTold({ database, statements, key, nextOrdinal, after }: Keeping): Promise<string | null> {
  if (after === null) return null;
  const values = [key.threadId, nextOrdinal];
  const [row] = await database.query<{ append_id: string; body: Buffer }>(statements.before, values);
  if (row === undefined) return null;
  const { timestamp, item } = decodeLineBytes(row.body, nextOrdinal - 1);
  const isSame = timestamp === after.timestamp && toTypedPayload(item).type === after.type;
  return isSame ? row.append_id : null;
}

/** Nothing was kept: the thread has no such record before this position. */
async function refuse(source: Queryable, { statements, key, nextOrdinal }: Keeping): Promise<void> {
  const { threadId } = key;
  const [thread] = await source.query<{ state: number; log_end: number }>(statements.thread, [threadId]);
  if (thread === undefined) throw threadNotFound(threadId);
  // Its checkpoints went with it.
  if (thread.state === STATE.deleted) return;
  throw lostBefore(key, { ordinal: nextOrdinal, log_end: thread.log_end });
}

function lostBefore(
  { name, threadId }: FeedCheckpointKey,
  { ordinal: position, log_end: nextOrdinal }: Pick<KeptRow, "ordinal" | "log_end">,
): SkeinError {
  const ordinal = position - 1;
  const remedy = `read the thread anew from 0, or from where its log ends now (${nextOrdinal}), and save that place; or delete the checkpoint`;
  return fault(
    "history_truncated",
    `the checkpoint ${name} is behind record ${ordinal} of thread ${threadId}, and the log has another record there, or none: the server lost history; ${remedy}`,
    { data: { threadId, checkpoint: name, ordinal, nextOrdinal } },
  );
}

function requireName(name: string): void {
  if (typeof name === "string" && name !== "" && name.length <= NAME_CHARS_MAX && !name.includes("\0")) return;
  throw rejection("invalid_argument", `a checkpoint's name is 1 to ${NAME_CHARS_MAX} characters`);
}

function requireOrdinal(nextOrdinal: number): void {
  if (Number.isSafeInteger(nextOrdinal) && nextOrdinal >= 0) return;
  throw rejection("invalid_argument", "a checkpoint is a whole number of 0 or more", { nextOrdinal });
}

/** A timestamp that is empty is none, as over the wire. Before 0 there is no record. */
function checkedRecord(told: unknown, nextOrdinal: number): ToldRecord | null {
  if (told === undefined || told === null) return null;
  const { timestamp, ...said } = typeof told === "object" ? (told as Partial<ToldRecord & RolloutRecord>) : {};
  const { item } = said;
  const isRecord = typeof item === "object" && item !== null;
  const type: unknown = isRecord ? (item.type === "unknown" ? item.recordType : item.type) : said.type;
  if (nextOrdinal > 0 && typeof type === "string" && (typeof timestamp === "string" || timestamp === null)) {
    return { timestamp: timestamp === "" ? null : timestamp, type };
  }
  const message = "after must be the record before the checkpoint, which is 1 or more, or { timestamp, type } of it";
  throw rejection("invalid_argument", message, { nextOrdinal });
}
