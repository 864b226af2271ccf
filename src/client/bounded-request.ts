/**
 * One request of the client's user: waits for a connection, sends it once, and waits for the answer, all within one
 * time. It is never sent twice: what a lost connection left unanswered may have been done.
 */
import { type Clock, fault, type SkeinError } from "../base/index.ts";
import type { Json } from "../events/index.ts";
import type { ConnectionKeeper } from "./connection-keeper.ts";

/** Bounds of one request. */
export interface RequestOptions {
  /** Gives up waiting: the request rejects with `aborted`. The server may do it all the same. */
  readonly signal?: AbortSignal;
  /** Milliseconds for a connection and the answer. Default: the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number;
}

/** What to send, and the time for it. */
export interface BoundedRequest {
  readonly method: string;
  /** JSON. */
  readonly paramsText: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** The answer came. */
  readonly answered: (result: Json) => void;
}

/** Sends a request. Rejects with a SkeinError: the server's refusal, `connection_lost`, `timed_out` or `aborted`. */
export function requestWithin(keeper: ConnectionKeeper, clock: Clock, request: BoundedRequest): Promise<Json> {
  const { method, paramsText, timeoutMs, signal, answered } = request;
  return new Promise((resolve, reject) => {
    let isSent = false;
    let letGo = (): void => {};
    const fail = (error: SkeinError): void => {
      release();
      reject(error);
    };
    const onAbort = (): void => fail(fault("aborted", `${method} was given up`, { data: { method, isSent } }));
    const timer = clock.setTimer(timeoutMs, () => fail(timedOut(request, isSent)), { holdsProcess: true });
    const release = (): void => {
      letGo();
      timer.cancel();
      signal?.removeEventListener("abort", onAbort);
    };
    if (signal?.aborted === true) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    const stopWaiting = keeper.whenConnected((conversation) => {
      isSent = true;
      letGo = conversation.call(method, paramsText, (outcome) => {
        if (!outcome.ok) return fail(outcome.error);
        release();
        // Before who asked goes on: what comes right behind the answer belongs to it.
        answered(outcome.result);
        resolve(outcome.result);
      });
    }, fail);
    if (!isSent) letGo = stopWaiting;
  });
}

function timedOut({ method, timeoutMs }: BoundedRequest, isSent: boolean): SkeinError {
  const what = isSent ? "had no answer" : "found no connection";
  return fault("timed_out", `${method} ${what} within ${timeoutMs} ms`, { data: { method, timeoutMs, isSent } });
}
