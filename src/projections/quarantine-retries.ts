/**
 * When files in quarantine are tried again whose failure may pass without anything to see of it: a disk that
 * did not answer, a permission, a want of descriptors. Each path waits twice as long after each failure, so
 * that files which will never be readable don't make every list slow. It is this process's memory alone: who
 * opens the home anew tries each of them once, at once.
 */

/** The first wait and the longest, milliseconds on the monotonic clock. */
const WAIT_MIN_MS = 1_000;
const WAIT_MAX_MS = 60_000;
/** Paths remembered; one that is forgotten is only tried sooner. */
const PATHS_MAX = 10_000;

/** The waits of one handle's paths. */
export class QuarantineRetries {
  readonly #waits = new Map<string, { readonly dueMs: number; readonly waitMs: number }>();

  /** Whether a path has waited long enough; one of which nothing is known has. */
  isDue(path: string, nowMs: number): boolean {
    return nowMs >= (this.#waits.get(path)?.dueMs ?? nowMs);
  }

  /** It failed, and waits twice as long as before. */
  failed(path: string, nowMs: number): void {
    const waitMs = Math.min(WAIT_MAX_MS, (this.#waits.get(path)?.waitMs ?? WAIT_MIN_MS / 2) * 2);
    this.#waits.delete(path);
    const oldest = this.#waits.size < PATHS_MAX ? undefined : this.#waits.keys().next().value;
    if (oldest !== undefined) this.#waits.delete(oldest);
    this.#waits.set(path, { dueMs: nowMs + waitMs, waitMs });
  }

  /** It could be read, or is gone. */
  ended(path: string): void {
    this.#waits.delete(path);
  }
}
