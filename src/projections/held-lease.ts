/**
 * A lease in a process's hand: its heartbeat, and how the process learns that it is no longer its own. The
 * beat comes by timer and holds no process open. How a lease is taken is in sqlite-lease.ts.
 */
import { type Clock, isSkeinError, type Logger, type Timer } from "../base/index.ts";
import { orBusyFault, retryBusy } from "./busy-retry.ts";
import { beatLease, checkLeaseToken, type LeaseClaim, releaseLease } from "./lease-rows.ts";
import { isBusy, type SqliteDatabase } from "./sqlite-connection.ts";

/** A lease that this process has taken. */
export interface Lease {
  readonly name: string;
  /** The fencing token: greater than that of every taking before. */
  readonly token: number;
  /** Throws `lease_lost` when another has it by now. Call it inside the transaction that writes. */
  check(): void;
  /** Says how far the work is, for who waits; written with the next beat. At most 200 characters are kept. */
  setProgress(text: string): void;
  /** Aborted, with the fault `lease_lost` as its reason, once a beat has found that another has the lease. */
  readonly lost: AbortSignal;
  /** Gives it back. A second time does nothing, and so it does when it is lost. */
  release(): Promise<void>;
}

/** What a lease in hand needs. */
export interface HeldLeaseOptions {
  readonly db: SqliteDatabase;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly heartbeatMs: number;
  readonly claim: LeaseClaim;
}

const PROGRESS_CHARS_MAX = 200;
/** A beat that found the database locked is tried again this much sooner. */
const SOONER = 4;
const RELEASE_WAIT_MAX_MS = 2_000;

/** The lease that a process took; it beats from now on. */
export class HeldLease implements Lease {
  readonly #options: HeldLeaseOptions;
  readonly #lost = new AbortController();
  #timer: Timer | undefined;
  #progress: string | null = null;
  #isReleased = false;

  constructor(options: HeldLeaseOptions) {
    this.#options = options;
    this.#beatIn(options.heartbeatMs);
  }

  get name(): string {
    return this.#options.claim.name;
  }

  get token(): number {
    return this.#options.claim.token;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  check(): void {
    this.lost.throwIfAborted();
    const { db, claim } = this.#options;
    orBusyFault(() => checkLeaseToken(db, claim));
  }

  setProgress(text: string): void {
    this.#progress = text.slice(0, PROGRESS_CHARS_MAX);
  }

  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#timer?.cancel();
    const { db, clock, logger, claim } = this.#options;
    if (this.lost.aborted || !db.open) return;
    try {
      await retryBusy(clock, () => releaseLease(db, claim), { waitMaxMs: RELEASE_WAIT_MAX_MS });
    } catch (error) {
      // Who waits gets it after the TTL, or at once when this process has ended.
      logger.warn({ lease: claim.name, token: claim.token, error }, "could not give a lease back");
    }
  }

  #beatIn(delayMs: number): void {
    this.#timer = this.#options.clock.setTimer(delayMs, () => this.#beat());
  }

  #beat(): void {
    const { db, logger, heartbeatMs, claim } = this.#options;
    if (!db.open) return;
    try {
      beatLease(db, claim, this.#progress);
      this.#beatIn(heartbeatMs);
    } catch (error) {
      if (isSkeinError(error, "lease_lost")) {
        logger.warn({ ...error.data }, error.message);
        this.#lost.abort(error);
        return;
      }
      if (!isBusy(error)) logger.warn({ lease: claim.name, error }, "the beat of a lease failed; it is tried again");
      this.#beatIn(heartbeatMs / SOONER);
    }
  }
}
