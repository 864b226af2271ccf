/**
 * What a writer that may not write any more answers, the same in every adapter: closed (shut down,
 * discarded, deleted) or fenced (a newer writer was opened).
 */
import { fault, type SkeinError } from "../base/index.ts";

/** The thread's writer was let go. */
export function writerClosed(threadId: string, why: string): SkeinError {
  return fault("writer_closed", `the writer of thread ${threadId} is closed: ${why}`, {
    data: { threadId },
  });
}

/** The thread's writer was let go by its own store, under the one who had it; nothing was done. Opened again, it is as good. */
export function writerLetGo(threadId: string, why: string): SkeinError {
  return fault("writer_closed", `the writer of thread ${threadId} was let go: ${why}; resume the thread`, {
    retryable: true,
    data: { threadId },
  });
}

/** A newer writer of this store took over. */
export function fencedByEpoch(threadId: string, epoch: number, openEpoch: number): SkeinError {
  return fault(
    "writer_fenced",
    `a newer writer of thread ${threadId} was opened (epoch ${openEpoch}, this one is ${epoch})`,
    { data: { threadId, epoch, openEpoch } },
  );
}
