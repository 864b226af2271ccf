/**
 * What was asked of a store, in order: for tests that prove what was, and was not, touched. It keeps a copy
 * of every call until it is cleared, up to a bound; then the oldest goes. Copies cost what the calls hold,
 * which is why only the memory store has a journal, and why it can be left out.
 */
import { type Clock, isSkeinError, LIMITS, rejection, toShownValue } from "../../base/index.ts";
import type { ThreadStore } from "../thread-store.ts";

/** Names of the port's methods. */
export type StoreMethod = Exclude<keyof ThreadStore, "kind" | "capabilities">;

/** How a call ended. */
export type StoreCallOutcome =
  | { readonly type: "pending" }
  | { readonly type: "answered" }
  | { readonly type: "refused"; readonly code: string };

/** One call. */
export interface StoreCall {
  readonly method: StoreMethod;
  /** The parameters as they were at the call: a copy. */
  readonly params: unknown;
  /** Wall-clock time of the call. */
  readonly atMs: number;
  readonly outcome: StoreCallOutcome;
}

/** The calls so far, and how a call gets among them. */
export interface CallJournal {
  readonly calls: readonly StoreCall[];
  /** Runs a call and records it with how it ended. */
  record<Answer>(method: StoreMethod, params: unknown, run: () => Answer): Answer;
  clear(): void;
}

/** Makes an empty journal of `callsMax` calls; of 0 it keeps none and copies nothing. */
export function createCallJournal(clock: Clock, callsMax: number = LIMITS.journalCallsMax): CallJournal {
  if (!Number.isSafeInteger(callsMax) || callsMax < 0) {
    throw rejection("invalid_argument", "journalCallsMax must be a whole number of 0 or more");
  }
  const calls: StoreCall[] = [];
  return {
    calls,
    record(method, params, run) {
      if (callsMax === 0) return run();
      const call = { method, params: copied(params), atMs: clock.nowMs(), outcome: pending };
      const ended: { outcome: StoreCallOutcome } = call;
      calls.push(call);
      if (calls.length > callsMax) calls.shift();
      try {
        const answer = run();
        ended.outcome = { type: "answered" };
        return answer;
      } catch (error) {
        ended.outcome = { type: "refused", code: isSkeinError(error) ? error.code : "bug" };
        throw error;
      }
    },
    clear() {
      calls.length = 0;
    },
  };
}

const pending: StoreCallOutcome = { type: "pending" };

function copied(params: unknown): unknown {
  try {
    return structuredClone(params);
  } catch {
    // Not plain data (a function, say): the call itself will refuse it, the journal keeps it as text.
    return toShownValue(params);
  }
}
