/**
 * Requests about one thread run one after another, in the order they came; those about different threads, and
 * those about none, run side by side. The key is the thread id as it was sent, as in the peer.
 *
 * Invariants
 *   Q1  Two jobs with one key never overlap, and begin in the order of `run`.
 *   Q2  A job that rejects doesn't hold up the next one.
 *   Q3  A key without jobs costs nothing.
 */

/** Queues by key. What bounds them is the bound on requests in flight. */
export class ThreadQueues {
  readonly #tails = new Map<string, Promise<void>>();

  /** Keys with a job that runs or waits. */
  get size(): number {
    return this.#tails.size;
  }

  /** Runs the job when those before it under this key are done. */
  async run(key: string, job: () => Promise<void>): Promise<void> {
    const before = this.#tails.get(key);
    const mine = before === undefined ? job() : before.then(job);
    // The next one waits for the end, whatever it is: who runs the job hears of its failure.
    const settled = mine.catch(() => undefined);
    this.#tails.set(key, settled);
    try {
      await mine;
    } finally {
      if (this.#tails.get(key) === settled) this.#tails.delete(key);
    }
  }
}
