/**
 * A bounded wait for what a store or its fixture was asked: one that never answers is told as such, and holds
 * nobody for ever. What was asked goes on by itself; who waits decides what becomes of an answer that comes late.
 */
import { systemClock, withinTime } from "../base/index.ts";

/** Something wasn't done in its time. The only error by which a verdict depends on time. */
export class NotSettledError extends Error {
  override readonly name = "NotSettledError";

  constructor(what: string, maxMs: number) {
    super(`${what} didn't settle within ${maxMs} ms`);
  }
}

/** The work's outcome, or a NotSettledError when it takes longer than that. */
export async function settling<Outcome>(work: Promise<Outcome>, maxMs: number, what = "a call"): Promise<Outcome> {
  if (await withinTime(work, systemClock, maxMs)) return await work;
  throw new NotSettledError(what, maxMs);
}
