/**
 * What a writer answers that can't go on because of the file under it: a sync failed, or somebody else
 * changed the file or took it away. What every store's writers answer is in ../writer-faults.ts.
 */
import { fault, type SkeinError } from "../../base/index.ts";

/** A sync failed: nobody can say what of the last appends is on the disk. Reopen and look. */
export function writerLost(threadId: string, what: string, cause: unknown): SkeinError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return fault(
    "writer_closed",
    `the writer of thread ${threadId} is closed, ${what}: ${reason}; resume the thread to see what was stored`,
    { retryable: true, data: { threadId }, cause },
  );
}

/** The file is not as this writer left it: another process writes to the thread. Nothing was lost. */
export function fencedBySize(threadId: string, expectedBytes: number, actualBytes: number): SkeinError {
  return fault(
    "writer_fenced",
    `another writer changed thread ${threadId}: its file has ${actualBytes} bytes where this writer left ${expectedBytes}; resume the thread to go on`,
    { data: { threadId, expectedBytes, actualBytes } },
  );
}

/** The file is gone, or another one stands in its place. */
export function fencedByFile(threadId: string, path: string, what: string): SkeinError {
  return fault("writer_fenced", `the file of thread ${threadId} ${what}: ${path}`, {
    data: { threadId, path },
  });
}
