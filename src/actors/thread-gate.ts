/**
 * One call at a time for each thread id: resume, archive, delete and the like wait for each other, so
 * that two resumes give one actor and nothing opens a file that is being moved. Calls about different
 * threads don't wait. The number of waiting calls is bounded.
 */
import { LIMITS, rejection } from "../base/index.ts";

interface Lane {
  tail: Promise<unknown>;
  calls: number;
}

export class ThreadGate {
  readonly #lanes = new Map<string, Lane>();

  /** Runs the call when those before it about the same thread are done. `mailbox_full` when too many wait. */
  async run<Answer>(threadId: string, call: () => Promise<Answer>): Promise<Answer> {
    const lane = this.#lanes.get(threadId) ?? { tail: Promise.resolve(), calls: 0 };
    if (lane.calls > LIMITS.threadGateWaitersMax) {
      throw rejection("mailbox_full", `${lane.calls} calls wait for thread ${threadId} already`, { threadId });
    }
    this.#lanes.set(threadId, lane);
    lane.calls += 1;
    const mine = lane.tail.then(call);
    // The next one starts whatever becomes of this one; its caller is told.
    lane.tail = mine.catch(() => null);
    try {
      return await mine;
    } finally {
      lane.calls -= 1;
      if (lane.calls === 0) this.#lanes.delete(threadId);
    }
  }
}
