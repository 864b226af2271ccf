/**
 * The rows of thread owners: one per process with its heartbeat, and one per thread that a process owns. What
 * they are for, and when an owner counts as gone, is in thread-owners.ts. Statements are kept prepared, since
 * a check may come before every append.
 *
 * 1. Tokens come from one counter for all threads, so they only grow, also when a thread's row went and came.
 * 2. A thread's row is changed by its owner, or by who saw its owner's heartbeat as it stands.
 */
import {
  fromOwnerColumns,
  OWNER_COLUMNS,
  OWNER_PARAMETERS,
  type OwnerColumns,
  toOwnerColumns,
} from "./owner-columns.ts";
import type { OwnerProcess, ProcessIdentity } from "./process-identity.ts";
import type { SqliteDatabase } from "./sqlite-connection.ts";

/** A thread's owner as the rows have it. */
export interface ThreadOwnerRow {
  readonly threadId: string;
  readonly ownerId: string;
  readonly token: number;
  /** Wall time of the taking, only shown. */
  readonly sinceMs: number;
  /** Undefined when the owner has no row of its own, which is the row of a process that has gone. */
  readonly process: OwnerProcess | undefined;
  readonly heartbeat: number;
}

interface RawRow extends OwnerColumns {
  readonly thread_id: string;
  readonly token: number;
  readonly since_ms: number;
  readonly heartbeat: number | null;
}

const TOKEN_KEY = "thread_owner_token";
const SELECT =
  "SELECT t.thread_id, t.owner_id, t.token, t.since_ms, p.heartbeat, p.host, p.pid, p.boot_id, p.pid_namespace, " +
  "p.process_start FROM thread_owners t LEFT JOIN process_owners p ON p.owner_id = t.owner_id";

/** All threads that are owned, by anyone, in the order of their ids; at most `limit`. */
export function listThreadOwners(db: SqliteDatabase, limit: number): readonly ThreadOwnerRow[] {
  return db.prepare<[number], RawRow>(`${SELECT} ORDER BY t.thread_id LIMIT ?`).all(limit).map(toRow);
}

/** Statements on the rows, for one connection. Each throws the driver's errors, also when busy. */
export class ThreadOwnerRows {
  readonly #db: SqliteDatabase;
  readonly #identity: ProcessIdentity;
  readonly #sql: Statements;

  constructor(db: SqliteDatabase, identity: ProcessIdentity) {
    this.#db = db;
    this.#identity = identity;
    this.#sql = prepareAll(db);
  }

  /** Runs reads and writes as one step that no other process comes between. */
  atomically<Result>(work: () => Result): Result {
    return this.#db.transaction(work).immediate();
  }

  read(threadId: string): ThreadOwnerRow | undefined {
    const row = this.#sql.read.get(threadId);
    return row === undefined ? undefined : toRow(row);
  }

  /** Moves this process's heartbeat on. False when it had no row, and has one now. */
  beat(): boolean {
    const { ownerId, startedAtMs } = this.#identity;
    if (this.#sql.beat.run(ownerId).changes === 1) return true;
    this.#sql.addProcess.run({ ...toOwnerColumns(this.#identity), startedAtMs });
    return false;
  }

  /** Makes this process the thread's owner; the token of it. Inside `atomically`. */
  take(threadId: string, nowMs: number): number {
    this.#sql.countToken.run(TOKEN_KEY);
    const token = Number(this.#sql.readToken.get(TOKEN_KEY));
    this.#sql.take.run(threadId, this.#identity.ownerId, token, nowMs);
    return token;
  }

  giveBack(threadId: string, token: number): void {
    this.#sql.giveBack.run(threadId, this.#identity.ownerId, token);
  }

  /** Other processes that have a row. */
  otherProcesses(): readonly OwnerProcess[] {
    return this.#sql.others.all(this.#identity.ownerId).map(fromOwnerColumns);
  }

  /** Removes a process and all that it owns. */
  removeProcess(ownerId: string): void {
    this.atomically(() => {
      this.#sql.removeThreads.run(ownerId);
      this.#sql.removeProcess.run(ownerId);
    });
  }
}

type Statements = ReturnType<typeof prepareAll>;

function prepareAll(db: SqliteDatabase) {
  return {
    read: db.prepare<[string], RawRow>(`${SELECT} WHERE t.thread_id = ?`),
    beat: db.prepare<[string]>("UPDATE process_owners SET heartbeat = heartbeat + 1 WHERE owner_id = ?"),
    addProcess: db.prepare(
      `INSERT INTO process_owners (${OWNER_COLUMNS}, started_at_ms, heartbeat) VALUES (${OWNER_PARAMETERS}, @startedAtMs, 0)`,
    ),
    countToken: db.prepare<[string]>(
      "INSERT INTO meta (key, value) VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET value = value + 1",
    ),
    readToken: db.prepare<[string], number>("SELECT value FROM meta WHERE key = ?").pluck(),
    take: db.prepare<[string, string, number, number]>(
      "REPLACE INTO thread_owners (thread_id, owner_id, token, since_ms) VALUES (?, ?, ?, ?)",
    ),
    giveBack: db.prepare<[string, string, number]>(
      "DELETE FROM thread_owners WHERE thread_id = ? AND owner_id = ? AND token = ?",
    ),
    others: db.prepare<[string], OwnerColumns>(`SELECT ${OWNER_COLUMNS} FROM process_owners WHERE owner_id <> ?`),
    removeThreads: db.prepare<[string]>("DELETE FROM thread_owners WHERE owner_id = ?"),
    removeProcess: db.prepare<[string]>("DELETE FROM process_owners WHERE owner_id = ?"),
  };
}

function toRow(row: RawRow): ThreadOwnerRow {
  const { thread_id: threadId, owner_id: ownerId, token, since_ms: sinceMs, heartbeat } = row;
  const process = heartbeat === null ? undefined : fromOwnerColumns(row);
  return { threadId, ownerId, token, sinceMs, process, heartbeat: heartbeat ?? 0 };
}
