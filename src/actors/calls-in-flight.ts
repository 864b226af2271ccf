/**
 * The calls of a manager that are under way: starts, resumes, forks, archives and the like. A shutdown
 * waits for them, because a call that is refused has something to undo and needs the store for it.
 *
 * Invariants
 *   F1  After `close` no call begins; one under way that fails for the closing says `runtime_closed`.
 *   F2  Each caller gets an answer: `abandon` refuses those whose call never ends.
 */
import { fault, isSkeinError, type SkeinError } from "../base/index.ts";

/** A call that had not ended when the time was over. */
export interface UnfinishedCall {
  /** Its name: "start", "fork", "archive", …; "store.close" for the end of the store itself. */
  readonly call: string;
  /** The thread it is about, where the caller named one. */
  readonly threadId: string | null;
}

interface Call extends UnfinishedCall {
  readonly refuse: (error: SkeinError) => void;
}

/** What a call that the closing cut short fails with, deep inside. */
const CUT_SHORT: ReadonlySet<string> = new Set(["thread_closed", "writer_closed", "aborted"]);

export class CallsInFlight {
  readonly #calls = new Set<Call>();
  #isClosed = false;
  #whenSettled: PromiseWithResolvers<void> | null = null;

  /** Runs a call that a shutdown waits for. `runtime_closed`. */
  async run<Answer>(name: string, threadId: string | null, work: () => Promise<Answer>): Promise<Answer> {
    this.requireOpen();
    const answer = Promise.withResolvers<Answer>();
    const call: Call = { call: name, threadId, refuse: answer.reject };
    this.#calls.add(call);
    void this.#finish(call, work, answer);
    return await answer.promise;
  }

  /** `runtime_closed` from the moment of `close` on. */
  requireOpen(): void {
    if (this.#isClosed) throw closedFault();
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Resolves when no call is under way. */
  async settled(): Promise<void> {
    if (this.#calls.size === 0) return;
    this.#whenSettled ??= Promise.withResolvers<void>();
    await this.#whenSettled.promise;
  }

  /** Refuses what is still under way, and names it. What it began goes on without anybody waiting. */
  abandon(): readonly UnfinishedCall[] {
    const unfinished = [...this.#calls];
    this.#calls.clear();
    for (const { refuse } of unfinished) refuse(closedFault());
    return unfinished.map(({ call, threadId }) => ({ call, threadId }));
  }

  async #finish<Answer>(call: Call, work: () => Promise<Answer>, answer: PromiseWithResolvers<Answer>): Promise<void> {
    try {
      answer.resolve(await work());
    } catch (error) {
      const isCutShort = this.#isClosed && isSkeinError(error) && CUT_SHORT.has(error.code);
      answer.reject(isCutShort ? closedFault(error) : error);
    }
    this.#calls.delete(call);
    if (this.#calls.size === 0) this.#whenSettled?.resolve();
  }
}

/** What a manager that was shut down answers. */
function closedFault(cause?: unknown): SkeinError {
  return fault("runtime_closed", "the manager was shut down", { cause });
}
