/**
 * How a waiter judges that an owner is gone: its heartbeat has stood still for the TTL on the waiter's own
 * monotonic clock, counted from when the waiter first saw that very beat. No two clocks are compared, so a
 * wall clock that jumps decides nothing. It writes nothing; taking over is the business of who asks.
 */
import type { Clock } from "../base/index.ts";

interface Sighting {
  readonly beat: string;
  readonly sinceMs: number;
}

/** Owners under watch. Past it the one seen first is forgotten, and counts as new when it is met again. */
const WATCHED_MAX = 10_000;

/** What one process has seen of others' heartbeats. */
export class HeartbeatWatch {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #sightings = new Map<string, Sighting>();

  constructor(clock: Clock, ttlMs: number) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  /** Notes what `key` shows now; whether it has shown the same for the TTL. */
  standsStill(key: string, beat: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const seen = this.#sightings.get(key);
    if (seen?.beat === beat) return nowMs - seen.sinceMs >= this.#ttlMs;
    const [oldest] = this.#sightings.keys();
    if (seen === undefined && oldest !== undefined && this.#sightings.size >= WATCHED_MAX) {
      this.#sightings.delete(oldest);
    }
    this.#sightings.set(key, { beat, sinceMs: nowMs });
    return false;
  }

  /** Begins anew with `key`: for a watcher that was not running itself, and for an owner that is gone. */
  forget(key: string): void {
    this.#sightings.delete(key);
  }
}
