/**
 * Says once, in the log, what makes a store with many busy threads faster: each thread's file is synced by
 * itself, in libuv's pool, and that has four threads unless the environment says more. With 256 threads
 * writing at once 16 gave 1.6 to 2.2 times the appends a second (docs/decisions/0008).
 */
import type { Logger } from "../../base/index.ts";

/** Open writers from which the hint is worth a line. */
const WRITERS_MIN = 64;

/** Makes the hint; call it with the number of open writers whenever one is opened. */
export function createThreadPoolHint(
  logger: Logger,
  isSynced: boolean,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): (openWriters: number) => void {
  let isDue = isSynced && environment["UV_THREADPOOL_SIZE"] === undefined;
  return (openWriters) => {
    if (!isDue || openWriters < WRITERS_MIN) return;
    isDue = false;
    logger.info({ openWriters }, "many threads are open: UV_THREADPOOL_SIZE=16 lets more of their syncs run at once");
  };
}
