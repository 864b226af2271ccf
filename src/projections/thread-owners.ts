/**
 * Which process writes which thread. A thread has one owner at a time; another that wants it is told who that
 * is, and takes it over once the owner is gone. One heartbeat stands for all threads of a process, so that
 * owning a thread costs a row and an append costs a look at the clock. It does not lock the rollout file: an
 * owner stopped between its check and its write is noticed there, by the file's size.
 *
 * 1. An owner is gone when it is proven dead, or its heartbeat stood still for the TTL on the monotonic clock
 *    of who looks. Nobody waits: who meets a living owner is refused at once and keeps it under watch.
 * 2. While its own last beat is younger than half the TTL, an owner knows without asking that nobody took a
 *    thread from it. A beat that came later proves nothing about the time before: each thread is asked again.
 * 3. What was lost stays lost until it is acquired anew, which gives another token.
 */
import { type Clock, isSkeinError, type Logger, type Timer } from "../base/index.ts";
import { orBusyFault, retryBusy } from "./busy-retry.ts";
import { HeartbeatWatch } from "./heartbeat-watch.ts";
import { isProvenDead, type ProcessIdentity } from "./process-identity.ts";
import { isBusy, type SqliteDatabase } from "./sqlite-connection.ts";
import { notOwned, ownedElsewhere, takenAway } from "./thread-owner-faults.ts";
import { listThreadOwners, type ThreadOwnerRow, ThreadOwnerRows } from "./thread-owner-rows.ts";

/** A thread that is owned, as a report shows it. */
export interface ThreadOwner {
  readonly threadId: string;
  readonly ownerId: string;
  /** Null, as `pid`, when the owner has left no more than its id. */
  readonly host: string | null;
  readonly pid: number | null;
  readonly sinceMs: number;
  readonly token: number;
  readonly isThisProcess: boolean;
  /** It can be taken over at once. */
  readonly isProvenDead: boolean;
}

/** A thread taken. */
export interface ThreadClaim {
  /** Greater than that of every taking before. */
  readonly token: number;
}

/** The threads that this process owns, and who owns others. */
export interface ThreadOwners {
  /** Takes the thread; `thread_owned_elsewhere` while another living process has it. Counted: each needs its release. */
  acquire(threadId: string): Promise<ThreadClaim>;
  /**
   * Throws `thread_owned_elsewhere` when another took the thread since it was acquired. Call it before each
   * append. With `token`, also when this process took it anew since.
   */
  check(threadId: string, token?: number): void;
  /** Gives the thread back, once as often as it was acquired. */
  release(threadId: string): Promise<void>;
  ownerOf(threadId: string): ThreadOwner | null;
  /** All threads that are owned, by anyone; at most `limit`, 1,000 by default. */
  list(limit?: number): readonly ThreadOwner[];
  /** Gives everything back. */
  close(): Promise<void>;
}

/** What thread owners are made from. */
export interface ThreadOwnersOptions {
  readonly db: SqliteDatabase;
  readonly clock: Clock;
  readonly identity: ProcessIdentity;
  readonly logger: Logger;
  /** How long a heartbeat may stand still, milliseconds. Default 10,000. The same in all processes. */
  readonly ttlMs?: number;
  /** How often this process beats while it owns a thread, milliseconds. Default a fifth of the TTL. */
  readonly heartbeatMs?: number;
}

const TTL_MS = 10_000;
const BEATS_PER_TTL = 5;
const LIST_MAX = 1_000;
const BEATS_PER_SWEEP = 30;
/** A beat that found the database locked is tried again this much sooner. */
const SOONER = 4;
/** Tries of a check, which can't wait; each lasts as long as the connection's busy timeout. */
const CHECK_TRIES = 40;
const RELEASE_WAIT_MAX_MS = 2_000;

/** Makes the thread owners of a state DB. Nothing is written before the first thread is acquired. */
export function createThreadOwners(options: ThreadOwnersOptions): ThreadOwners {
  const { ttlMs = TTL_MS, heartbeatMs = ttlMs / BEATS_PER_TTL } = options;
  return new SqliteThreadOwners({ ...options, ttlMs, heartbeatMs });
}

/** A thread that this process acquired. */
interface OwnedThread {
  readonly token: number;
  holders: number;
  /** The round (see #round) in which its row was last seen to be ours. */
  round: number;
  lost: Error | undefined;
}

/** What a try to take a thread gave: it is ours, or whose it is. */
type Taking = { readonly token: number } | { readonly owner: ThreadOwnerRow };

class SqliteThreadOwners implements ThreadOwners {
  readonly #options: Required<ThreadOwnersOptions>;
  readonly #rows: ThreadOwnerRows;
  readonly #watch: HeartbeatWatch;
  readonly #owned = new Map<string, OwnedThread>();
  /** Threads given back while the database was locked, with their tokens: the next beat does it. */
  readonly #leftovers = new Map<string, number>();
  /** How long after a beat nobody can have taken a thread from us. */
  readonly #trustMs: number;
  /** When the last beat that got through began, on the monotonic clock. */
  #beatMs = Number.NEGATIVE_INFINITY;
  /** Counts the gaps between beats in which a thread could have been taken from us. */
  #round = 0;
  #beats = 0;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: Required<ThreadOwnersOptions>) {
    this.#options = options;
    this.#rows = new ThreadOwnerRows(options.db, options.identity);
    this.#watch = new HeartbeatWatch(options.clock, options.ttlMs);
    this.#trustMs = options.ttlMs / 2;
  }

  acquire(threadId: string): Promise<ThreadClaim> {
    // The map changes in the same turn as the row, so that two calls at once see each other.
    return retryBusy(this.#options.clock, () => this.#acquireNow(threadId));
  }

  check(threadId: string, token?: number): void {
    const owned = this.#owned.get(threadId);
    if (owned === undefined) throw notOwned(threadId);
    const isSame = token === undefined || token === owned.token;
    const isSure = owned.round === this.#round && this.#options.clock.monotonicMs() - this.#beatMs < this.#trustMs;
    if (isSame && isSure && owned.lost === undefined) return;
    if (owned.lost !== undefined) throw owned.lost;
    if (!isSame)
      throw takenAway(
        threadId,
        orBusyFault(() => this.#rows.read(threadId)),
        this.#options.identity,
      );
    this.#checkRow(threadId, owned);
  }

  async release(threadId: string): Promise<void> {
    const owned = this.#owned.get(threadId);
    if (owned === undefined) return;
    owned.holders -= 1;
    if (owned.holders > 0) return;
    this.#owned.delete(threadId);
    this.#leftovers.set(threadId, owned.token);
    const { clock, logger, db } = this.#options;
    if (!db.open) return;
    try {
      await retryBusy(clock, () => this.#giveBack(), { waitMaxMs: RELEASE_WAIT_MAX_MS });
    } catch (error) {
      logger.warn({ threadId, error }, "could not give a thread back; the next heartbeat tries again");
    }
  }

  ownerOf(threadId: string): ThreadOwner | null {
    const row = orBusyFault(() => this.#rows.read(threadId));
    return row === undefined ? null : toThreadOwner(row, this.#options.identity);
  }

  list(limit: number = LIST_MAX): readonly ThreadOwner[] {
    const { db, identity } = this.#options;
    return orBusyFault(() => listThreadOwners(db, limit)).map((row) => toThreadOwner(row, identity));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#owned.clear();
    const { clock, logger, identity, db } = this.#options;
    // Who never beat has no rows; its connection may be one that only reads.
    if (!db.open || this.#beatMs === Number.NEGATIVE_INFINITY) return;
    try {
      const work = (): void => this.#rows.removeProcess(identity.ownerId);
      await retryBusy(clock, work, { waitMaxMs: RELEASE_WAIT_MAX_MS });
    } catch (error) {
      // Others get the threads when this process has ended, or after the TTL.
      logger.warn({ ownerId: identity.ownerId, error }, "could not give this process's threads back");
    }
  }

  #acquireNow(threadId: string): ThreadClaim {
    const { identity } = this.#options;
    if (this.#isClosed) throw notOwned(threadId);
    // Who is refused only reads: trying again and again costs the others no lock.
    const row = this.#rows.read(threadId);
    const isTaken = row !== undefined && row.ownerId !== identity.ownerId && !this.#isGone(row);
    const taking: Taking = isTaken ? { owner: row } : this.#withBeat(() => this.#take(threadId));
    if ("owner" in taking) throw ownedElsewhere(taking.owner, identity);
    const { token } = taking;
    const holders = (this.#owned.get(threadId)?.holders ?? 0) + 1;
    this.#owned.set(threadId, { token, holders, round: this.#round, lost: undefined });
    this.#leftovers.delete(threadId);
    if (this.#timer === undefined) this.#beatIn(this.#options.heartbeatMs);
    return { token };
  }

  /** Inside a transaction. */
  #take(threadId: string): Taking {
    const { clock, identity, logger } = this.#options;
    const row = this.#rows.read(threadId);
    const owned = this.#owned.get(threadId);
    if (row !== undefined && row.ownerId === identity.ownerId) {
      // Ours since before; or given back and not yet gone, and then it is a new taking.
      if (row.token === owned?.token && owned.lost === undefined) return { token: row.token };
    } else if (row !== undefined) {
      if (!this.#isGone(row)) return { owner: row };
      const { ownerId, process } = row;
      const fields = { threadId, ownerId, host: process?.host, pid: process?.pid };
      logger.warn(fields, "took a thread over from a process that is gone or has stopped beating");
    }
    return { token: this.#rows.take(threadId, clock.nowMs()) };
  }

  #isGone({ ownerId, process, heartbeat }: ThreadOwnerRow): boolean {
    if (process === undefined || isProvenDead(process, this.#options.identity)) return true;
    return this.#watch.standsStill(ownerId, String(heartbeat));
  }

  /** Asks the database whether a thread is still ours, and beats with the same step. */
  #checkRow(threadId: string, owned: OwnedThread): void {
    const read = (): ThreadOwnerRow | undefined => this.#rows.read(threadId);
    let [row, hasBeaten]: [ThreadOwnerRow | undefined, boolean] = [undefined, true];
    try {
      row = orBusyFault(() => this.#withBeat(read), CHECK_TRIES);
    } catch (error) {
      if (isSkeinError(error)) throw error;
      // A full disk or lost permissions keep us from beating, not from seeing whose the thread is. Who took it
      // before this look is seen; who does so behind it is noticed by the file's size.
      [row, hasBeaten] = [orBusyFault(read, CHECK_TRIES), false];
    }
    if (row?.ownerId === this.#options.identity.ownerId && row.token === owned.token) {
      if (hasBeaten) owned.round = this.#round;
      return;
    }
    owned.lost = takenAway(threadId, row, this.#options.identity);
    throw owned.lost;
  }

  /**
   * Beats and does the work in one transaction. A taking by another needs our heartbeat to stand still for the
   * TTL, so none lies between two beats that are closer than half of it, measured from the begin of the one to
   * the end of the other. After a longer gap a new round begins, in which each thread is asked about again.
   */
  #withBeat<Result>(work: () => Result): Result {
    const { clock } = this.#options;
    const beginMs = clock.monotonicMs();
    let hadRow = true;
    const result = this.#rows.atomically(() => {
      hadRow = this.#rows.beat();
      return work();
    });
    if (!hadRow || clock.monotonicMs() - this.#beatMs >= this.#trustMs) this.#round += 1;
    this.#beatMs = beginMs;
    return result;
  }

  #beatIn(delayMs: number): void {
    this.#timer = this.#options.clock.setTimer(delayMs, () => this.#onTimer());
  }

  #onTimer(): void {
    const { db, logger, heartbeatMs } = this.#options;
    this.#timer = undefined;
    // Who owns nothing has nothing to say: the next acquire begins anew.
    if (!db.open || (this.#owned.size === 0 && this.#leftovers.size === 0)) return;
    try {
      this.#withBeat(() => undefined);
      this.#giveBack();
      if (this.#beats % BEATS_PER_SWEEP === 0) this.#sweep();
      this.#beats += 1;
      this.#beatIn(heartbeatMs);
    } catch (error) {
      if (!isBusy(error)) logger.warn({ error }, "the heartbeat of thread owners failed; it is tried again");
      this.#beatIn(heartbeatMs / SOONER);
    }
  }

  #giveBack(): void {
    for (const [threadId, token] of this.#leftovers) {
      this.#rows.giveBack(threadId, token);
      this.#leftovers.delete(threadId);
    }
  }

  /** Removes the rows of processes that ended without doing so. */
  #sweep(): void {
    for (const other of this.#rows.otherProcesses()) {
      if (isProvenDead(other, this.#options.identity)) this.#rows.removeProcess(other.ownerId);
    }
  }
}

function toThreadOwner(row: ThreadOwnerRow, me: ProcessIdentity): ThreadOwner {
  const { threadId, ownerId, token, sinceMs, process } = row;
  const isDead = process === undefined || isProvenDead(process, me);
  const isThisProcess = ownerId === me.ownerId;
  const { host = null, pid = null } = process ?? {};
  return { threadId, ownerId, host, pid, sinceMs, token, isThisProcess, isProvenDead: isDead };
}
