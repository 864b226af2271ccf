/**
 * Calls of a client that are not answered yet, by thread: so that what must be answered behind them can wait for
 * them, as a flush and a close do.
 */

/** See the file's head. */
export class CallsUnderWay {
  readonly #calls = new Map<Promise<unknown>, string | undefined>();

  /** The call itself; known here until it is settled. */
  follow<Answer>(threadId: string | undefined, call: Promise<Answer>): Promise<Answer> {
    this.#calls.set(call, threadId);
    const settled = (): void => void this.#calls.delete(call);
    call.then(settled, settled);
    return call;
  }

  /** Those of a thread. */
  ofThread(threadId: string | undefined): readonly Promise<unknown>[] {
    return [...this.#calls].flatMap(([call, of]) => (of === threadId ? [call] : []));
  }

  /** Resolves when all of now are settled. */
  async whenSettled(): Promise<void> {
    await Promise.allSettled(this.#calls.keys());
  }
}
