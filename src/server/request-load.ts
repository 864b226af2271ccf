/**
 * How much is under way over all clients: a count with a bound, and its end. After `close` nothing more is taken;
 * the count then only goes down.
 */

/** Counts requests under way. */
export class RequestLoad {
  readonly #max: number;
  readonly #empty = Promise.withResolvers<void>();
  #count = 0;
  #isClosed = false;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether one more may begin; then `give` must follow. */
  take(): boolean {
    if (this.#isClosed || this.#count >= this.#max) return false;
    this.#count += 1;
    return true;
  }

  /** One is done. */
  give(): void {
    this.#count -= 1;
    if (this.#isClosed && this.#count === 0) this.#empty.resolve();
  }

  /** Takes no more; resolves when all that began are done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#count === 0) this.#empty.resolve();
    await this.#empty.promise;
  }
}
