/**
 * What who may not write a thread is told: who owns it, since when, and what can be done about it. Both cases
 * of `thread_owned_elsewhere` carry the same data, so that a caller handles them alike.
 */
import { fault } from "../base/index.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import type { ThreadOwnerRow } from "./thread-owner-rows.ts";

/** `thread_owned_elsewhere` for a thread that another living process has. */
export function ownedElsewhere(owner: ThreadOwnerRow, me: ProcessIdentity): Error {
  const message =
    `thread ${owner.threadId} is owned by ${nameOf(owner, me)} since ${new Date(owner.sinceMs).toISOString()}: ` +
    "follow it, or take it over once that process is gone";
  return fault("thread_owned_elsewhere", message, { retryable: true, data: dataOf(owner.threadId, owner) });
}

/** `thread_owned_elsewhere` for a thread that was this process's own. */
export function takenAway(threadId: string, owner: ThreadOwnerRow | undefined, me: ProcessIdentity): Error {
  const taker = owner === undefined ? "another process, which has given it back since" : nameOf(owner, me);
  const message =
    `thread ${threadId} was taken over by ${taker}, while this process showed no sign of life: ` +
    "nothing was written; open the thread anew to see what it holds now";
  return fault("thread_owned_elsewhere", message, { retryable: true, data: dataOf(threadId, owner) });
}

/** A write to a thread that was given back, or never acquired. */
export function notOwned(threadId: string): Error {
  return fault("writer_closed", `thread ${threadId} is not owned by this process: acquire it before writing`, {
    data: { threadId },
  });
}

function nameOf({ ownerId, process }: ThreadOwnerRow, me: ProcessIdentity): string {
  if (process === undefined) return `a process that is gone (owner ${ownerId})`;
  const isThisProcess = process.pid === me.pid && process.host === me.host && process.processStart === me.processStart;
  const who = isThisProcess ? `this very process, ${process.pid}, opened a second time` : `process ${process.pid}`;
  return `${who} on ${process.host} (owner ${ownerId})`;
}

function dataOf(threadId: string, owner: ThreadOwnerRow | undefined): Record<string, string | number | null> {
  const process = owner?.process;
  return {
    threadId,
    ownerId: owner?.ownerId ?? null,
    host: process?.host ?? null,
    pid: process?.pid ?? null,
    sinceMs: owner?.sinceMs ?? null,
  };
}
