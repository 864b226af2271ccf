/**
 * What a call on one thread answers where the thread is in another state than it takes. Whose a thread is, where it
 * isn't this node's, says owner-faults.ts.
 */
import { fault, rejection, type SkeinError } from "../../base/index.ts";

/** Nothing is stored with this id. */
export function threadNotFound(threadId: string): SkeinError {
  return rejection("thread_not_found", `thread not found: ${threadId}`, { threadId });
}

/** The id is taken. */
export function threadExists(threadId: string): SkeinError {
  return rejection("thread_exists", `thread ${threadId} exists already`, { threadId });
}

/** A newer writer was opened, by this node or by one that has let it go since. */
export function fenced(threadId: string, epoch: number, openEpoch: number): SkeinError {
  return fault(
    "writer_fenced",
    `a newer writer of thread ${threadId} was opened (epoch ${openEpoch}, this one is ${epoch}): resume the thread to write again`,
    { data: { threadId, epoch, openEpoch } },
  );
}

/** The lease under all writers of this handle is gone. */
export function leaseGone(threadId: string, epoch: number, why: string): SkeinError {
  return fault(
    "writer_fenced",
    `the writer of thread ${threadId} has lost its lease: ${why}; resume the thread to write again`,
    {
      data: { threadId, epoch },
    },
  );
}

/** The thread doesn't go on where the caller expects it to. */
export function ordinalConflict(threadId: string, expectedOrdinal: number, actualOrdinal: number): SkeinError {
  return fault("ordinal_conflict", `thread ${threadId} goes on at ordinal ${actualOrdinal}, not ${expectedOrdinal}`, {
    data: { threadId, expectedOrdinal, actualOrdinal },
  });
}
