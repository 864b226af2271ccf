/**
 * Calls of a client that are not answered yet, by thread: so that what must be answered behind them can wait for
 * them, as a flush and a close do.
 */
import { fault } from "../../base/index.ts";

/** Calls of one client at a time: more than it can make without a mistake, little enough to be held. */
const CALLS_MAX = 100_000;

/** See the file's head. */
export class CallsUnderWay {
  readonly #calls = new Map<Promise<unknown>, string | undefined>();

  /** Throws `server_overloaded` where too many wait for their answers. */
  requireRoom(): void {
    if (this.#calls.size < CALLS_MAX) return;
    throw fault("server_overloaded", `${CALLS_MAX} calls wait for their answers: wait for some of them`, {
      retryable: true,
      data: { callsMax: CALLS_MAX },
    });
  }

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
