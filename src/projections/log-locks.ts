/**
 * One thing at a time for each thread whose rows are brought up: a fold that two step at once is neither's. Held
 * over many threads until what was folded of all of them is written.
 */

/** Locks by key; only keys in use are remembered. */
export class LogLocks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Resolves with the release when nobody else holds the key. */
  async take(key: string): Promise<() => void> {
    const before = this.#tails.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tails.set(key, promise);
    await before;
    return () => {
      if (this.#tails.get(key) === promise) this.#tails.delete(key);
      resolve();
    };
  }
}
