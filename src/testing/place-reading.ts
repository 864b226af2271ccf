/**
 * All that a place shows: every thread of both lists, and every record of their logs. Two readings that are equal
 * say that what was called between them changed nothing. Costs a read of all that is stored.
 */
import type { RolloutRecord } from "../events/index.ts";
import type { StoredThread, ThreadStore } from "../store/index.ts";
import { readAllThreads, readLog } from "./law-steps.ts";

/** What a place shows. */
export interface PlaceReading {
  /** Live ones first, each in the order of its list. */
  readonly threads: readonly StoredThread[];
  /** By the thread's id. */
  readonly logs: Readonly<Record<string, readonly RolloutRecord[]>>;
}

/** Reads it all. */
export async function readPlace(store: ThreadStore): Promise<PlaceReading> {
  const threads = await readAllThreads(store);
  const logs = await Promise.all(threads.map(async ({ id }) => [id, await readLog(store, id)] as const));
  return { threads, logs: Object.fromEntries(logs) };
}
