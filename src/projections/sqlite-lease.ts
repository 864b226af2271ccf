/**
 * Named leases in the state DB: the right of one process to do what only one may do, such as the backfill.
 * A lease has an owner who can be named, and a token that grows with each taking. It does not keep a holder
 * that was stopped from waking up: what keeps the data whole is that every write under the lease checks the
 * token in its own transaction (`check`, `checkLeaseToken`), so a holder that slept too long is refused.
 *
 * 1. A lease is taken from its holder when that is proven dead, or its heartbeat stood still for the TTL on
 *    the waiter's own monotonic clock. Wall time decides nothing.
 * 2. One taking has one token, and no two takings have the same.
 * 3. Waiting is bounded, and ends with a fault that names the holder.
 */
import { type Clock, fault, type Logger, sleep } from "../base/index.ts";
import { busyFault, orBusyFault, retryBusy } from "./busy-retry.ts";
import { HeartbeatWatch } from "./heartbeat-watch.ts";
import { HeldLease, type Lease } from "./held-lease.ts";
import { type LeaseHolder, readLease, takeLease } from "./lease-rows.ts";
import { toOwnerColumns } from "./owner-columns.ts";
import { isProvenDead, type ProcessIdentity } from "./process-identity.ts";
import { isBusy, type SqliteDatabase } from "./sqlite-connection.ts";

/** How a lease is waited for. */
export interface AcquireOptions {
  /** Longest wait, milliseconds. Default 30,000; 0 tries once. */
  readonly waitMaxMs?: number;
  /** Ends the waiting with its reason. */
  readonly signal?: AbortSignal;
  /** Called when the wait begins, and whenever the holder or its progress is another than before. */
  readonly onWaiting?: (holder: LeaseHolder) => void;
}

/** The leases of one state DB, as one process takes them. */
export interface Leases {
  /** Takes the lease, waiting for whoever has it. Past the wait: `backfill_running`, naming the holder. */
  acquire(name: string, options?: AcquireOptions): Promise<Lease>;
  /** Takes the lease if that can be done now; null when another has it, which is then under watch. */
  tryAcquire(name: string): Promise<Lease | null>;
  /** Who has the lease now. */
  holder(name: string): LeaseHolder | null;
}

/** What leases are made from. */
export interface LeasesOptions {
  readonly db: SqliteDatabase;
  readonly clock: Clock;
  readonly identity: ProcessIdentity;
  readonly logger: Logger;
  /** How long a heartbeat may stand still, milliseconds. Default 10,000. The same in all processes. */
  readonly ttlMs?: number;
  /** How often a holder beats, milliseconds. Default a fifth of the TTL. */
  readonly heartbeatMs?: number;
}

const TTL_MS = 10_000;
const WAIT_MAX_MS = 30_000;
const BEATS_PER_TTL = 5;
const LOOKS_PER_TTL = 20;
const LOOK_MS = Object.freeze({ min: 5, max: 250 });

/** Makes the leases of a state DB. */
export function createLeases(options: LeasesOptions): Leases {
  const { ttlMs = TTL_MS, heartbeatMs = ttlMs / BEATS_PER_TTL } = options;
  return new SqliteLeases({ ...options, ttlMs, heartbeatMs });
}

/** What one try gave: the lease, who has it, or that the database was locked. */
type Attempt = { readonly lease: Lease } | { readonly holder: LeaseHolder } | { readonly busy: unknown };

class SqliteLeases implements Leases {
  readonly #options: Required<LeasesOptions>;
  readonly #watch: HeartbeatWatch;

  constructor(options: Required<LeasesOptions>) {
    this.#options = options;
    this.#watch = new HeartbeatWatch(options.clock, options.ttlMs);
  }

  async acquire(name: string, options: AcquireOptions = {}): Promise<Lease> {
    const { clock } = this.#options;
    const { waitMaxMs = WAIT_MAX_MS, signal } = options;
    const startMs = clock.monotonicMs();
    let holder: LeaseHolder | undefined;
    for (;;) {
      signal?.throwIfAborted();
      const attempt = this.#attempt(name);
      if ("lease" in attempt) return attempt.lease;
      if ("holder" in attempt) {
        if (isNews(holder, attempt.holder)) options.onWaiting?.(attempt.holder);
        holder = attempt.holder;
      }
      const leftMs = waitMaxMs - (clock.monotonicMs() - startMs);
      if (leftMs <= 0) throw holder === undefined ? busyFault(waitMaxMs, attempt) : stillHeld(holder, waitMaxMs);
      await this.#pause(name, leftMs, signal);
    }
  }

  tryAcquire(name: string): Promise<Lease | null> {
    return retryBusy(this.#options.clock, () => {
      const attempt = this.#attempt(name);
      if ("busy" in attempt) throw attempt.busy;
      return "lease" in attempt ? attempt.lease : null;
    });
  }

  holder(name: string): LeaseHolder | null {
    const state = orBusyFault(() => readLease(this.#options.db, name));
    return state === undefined || state.isReleased ? null : state.holder;
  }

  /** One try. Who waits only reads; the row is written where there is something to take. */
  #attempt(name: string): Attempt {
    const { db, clock, identity } = this.#options;
    try {
      const seen = readLease(db, name);
      if (seen !== undefined && !seen.isReleased && !this.#isGone(seen.holder)) return { holder: seen.holder };
      const taken = takeLease(db, { name, owner: toOwnerColumns(identity), nowMs: clock.nowMs() }, seen);
      if ("holder" in taken) return taken;
      this.#watch.forget(name);
      if (seen !== undefined && !seen.isReleased) this.#reportTakeover(seen.holder);
      return { lease: new HeldLease({ ...this.#options, claim: { name, token: taken.token } }) };
    } catch (error) {
      if (isBusy(error)) return { busy: error };
      throw error;
    }
  }

  #isGone(holder: LeaseHolder): boolean {
    const standsStill = this.#watch.standsStill(holder.name, `${holder.token}:${holder.heartbeat}`);
    return standsStill || isProvenDead(holder, this.#options.identity);
  }

  async #pause(name: string, leftMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, ttlMs } = this.#options;
    const pauseMs = Math.min(leftMs, LOOK_MS.max, Math.max(LOOK_MS.min, ttlMs / LOOKS_PER_TTL));
    const beforeMs = clock.monotonicMs();
    await sleep(clock, pauseMs, signal);
    // A waiter that was stopped itself has not seen the heartbeat stand still: the holder may have been
    // stopped with it, and gets the time to beat again.
    if (clock.monotonicMs() - beforeMs > pauseMs + ttlMs / 2) this.#watch.forget(name);
  }

  #reportTakeover({ name, ownerId, host, pid, progress }: LeaseHolder): void {
    const fields = { lease: name, ownerId, host, pid, progress };
    this.#options.logger.warn(fields, "took a lease over from a process that is gone or has stopped beating");
  }
}

function isNews(before: LeaseHolder | undefined, now: LeaseHolder): boolean {
  return before === undefined || before.token !== now.token || before.progress !== now.progress;
}

function stillHeld(holder: LeaseHolder, waitedMs: number): unknown {
  const { name, ownerId, host, pid, sinceMs, progress } = holder;
  const since = new Date(sinceMs).toISOString();
  const message =
    `process ${pid} on ${host} has held the lease "${name}" since ${since} (${progress ?? "it has not said how far it is"}), ` +
    `and was waited for ${waitedMs} ms: wait longer, or end that process; \`skein doctor\` shows how it gets on`;
  const data = { lease: name, ownerId, host, pid, sinceMs, progress, waitedMs };
  return fault("backfill_running", message, { retryable: true, data });
}
