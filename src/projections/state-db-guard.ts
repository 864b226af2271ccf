/**
 * The guard of a state DB: a lock file beside it that every process holds shared for as long as it has the
 * state DB open for writing, and that who sets a damaged one aside holds alone. So nobody takes the file away
 * from a process that lives with it, and nobody takes away what another has just made anew.
 *
 * It is an empty SQLite database, because SQLite's locks are the kernel's: they end with their process, and
 * none is ever stale. The lock file is never removed: two could then each lock one of their own.
 */

import { type Clock, fault } from "../base/index.ts";
import { waitUntil } from "./busy-retry.ts";
import { isBusy, openDriver, type SqliteDatabase } from "./sqlite-connection.ts";
import { sqliteFault } from "./sqlite-fault.ts";

/** Which state DB, and how long other processes are waited for. */
export interface GuardOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly waitMaxMs: number;
}

/** This process's hold on the guard of one state DB. */
export class StateDbGuard {
  readonly #options: GuardOptions;
  readonly #db: SqliteDatabase;
  #isAlone = false;

  /** Opens the lock file, and makes it where there is none. Nothing is held yet. */
  constructor(options: GuardOptions) {
    this.#options = options;
    try {
      this.#db = openDriver(lockFileOf(options), { timeout: 0 });
    } catch (error) {
      throw this.#faultOf(error);
    }
  }

  /** Whether no other process has the state DB open for writing, or opens it. */
  get isAlone(): boolean {
    return this.#isAlone;
  }

  /** Takes the guard alone if nobody has it, else shared with them. */
  async takeAsItComes(): Promise<void> {
    if (!this.#tryAlone()) await this.takeShared();
  }

  /** Takes the guard shared, in place of what is held. */
  async takeShared(): Promise<void> {
    const { clock, path, waitMaxMs } = this.#options;
    // The transaction that only reads is the lock: it stays open.
    const sql = "BEGIN; SELECT count(*) FROM sqlite_schema";
    if (await waitUntil(clock, () => this.#try(sql), { waitMaxMs })) return;
    const message = `the state DB ${path} is still being opened by another process after ${waitMaxMs} ms; try again`;
    throw fault("state_db_busy", message, { retryable: true, data: { path, waitedMs: waitMaxMs } });
  }

  /** Takes the guard alone, in place of what is held; `why` says what is wrong with the file. */
  async takeAlone(why: string): Promise<void> {
    const { clock, path, waitMaxMs } = this.#options;
    if (await waitUntil(clock, () => this.#tryAlone(), { waitMaxMs })) return;
    const message =
      `the state DB ${path} can't be used (${why}), and another process has it open: ` +
      "end that process, and a new one is folded from the logs";
    throw fault("state_db_unusable", message, { retryable: true, data: { path, why } });
  }

  /** Takes the guard alone and for good, for who shares the state DB with nobody. */
  async takeForOne(): Promise<void> {
    const { clock, path, waitMaxMs } = this.#options;
    if (await waitUntil(clock, () => this.#tryAlone(), { waitMaxMs })) return;
    const message =
      `the rows in ${path} are another process's, or another handle's of this one: ` +
      "each node keeps its rows in a file of its own, so name another file";
    throw fault("state_db_busy", message, { retryable: true, data: { path, waitedMs: waitMaxMs } });
  }

  close(): void {
    this.#db.close();
  }

  #tryAlone(): boolean {
    this.#isAlone ||= this.#try("BEGIN EXCLUSIVE");
    return this.#isAlone;
  }

  #try(sql: string): boolean {
    this.#release();
    try {
      this.#db.exec(sql);
      return true;
    } catch (error) {
      this.#release();
      if (isBusy(error)) return false;
      throw this.#faultOf(error);
    }
  }

  #faultOf(error: unknown): unknown {
    return sqliteFault(error, { attempted: "lock the state DB", path: lockFileOf(this.#options) });
  }

  #release(): void {
    if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
    this.#isAlone = false;
  }
}

function lockFileOf({ path }: GuardOptions): string {
  return `${path}.lock`;
}
