/**
 * What laws of forks do over and over: make one, and hold its log against its source's. Ordinals are each log's own,
 * so they are held against the log alone.
 */
import { deepEqual, equal } from "node:assert/strict";

import type { RolloutRecord } from "../events/index.ts";
import type { OpenedThread, ThreadStore } from "../store/index.ts";
import { plainMetadata, readLog } from "./law-steps.ts";

/** An open thread, by its id. */
export type Opened = OpenedThread & { readonly id: string };

/** Forks a thread: its records before `endOrdinal`. */
export async function forkAt(store: ThreadStore, threadId: string, endOrdinal: number): Promise<Opened> {
  const opened = await store.createThread({ metadata: plainMetadata, fork: { threadId, endOrdinal } });
  return { ...opened, id: opened.writer.threadId };
}

/** Items and times, which a fork takes over; ordinals and marks are each log's own. */
export function copied(records: readonly RolloutRecord[]): readonly unknown[] {
  return records.map(({ item, timestamp }) => ({ item, timestamp }));
}

/** Checks a fork, just made, against the source's log. */
export async function isPrefix(
  store: ThreadStore,
  fork: Opened,
  { source, cut }: { readonly source: readonly RolloutRecord[]; readonly cut: number },
): Promise<void> {
  equal(fork.nextOrdinal, cut + 1);
  const log = await readLog(store, fork.id);
  equal(log[0]?.item.type, "session_meta");
  deepEqual(copied(log.slice(1)), copied(source.slice(0, cut)));
  deepEqual(
    log.map((record) => record.ordinal),
    log.map((_, index) => index),
  );
}
