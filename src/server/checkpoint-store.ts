/**
 * CheckpointStore: where consumers of a thread's events keep their place, so that one that restarts goes on where it
 * was. A checkpoint is one number under a consumer's name and a thread: the first ordinal that is not done yet. The
 * port knows nothing of the wire; a consumer in the same process uses it as well.
 *
 * Invariants
 *   P1  A position that `save` resolved for is never lost or lowered, however the process ends: `read` gives it, or
 *       a later one, until the checkpoint is deleted. (In memory: while the process lives. Where the log lost the record before
 *       it, `read` refuses it until the next one is saved.)
 *   P2  Calls about one checkpoint take effect in the order in which they were made.
 *   P3  A checkpoint that can't be read is an error, never "none": a consumer must not start over unawares.
 */
import { rejection } from "../base/index.ts";
import { EVENT_FEED_LIMITS } from "./event-feed-limits.ts";

/** Names a checkpoint. */
export interface CheckpointKey {
  /** The consumer's own name; see requireCheckpointName. */
  readonly name: string;
  /** In its canonical form. */
  readonly threadId: string;
}

/** Says which record stands at an ordinal, in the words in which it was told. */
export interface RecordPlace {
  /** Empty where the record has none. */
  readonly timestamp: string;
  /** Of an unknown item its own type's name. */
  readonly type: string;
}

/** The port. Every method rejects with a SkeinError. */
export interface CheckpointStore {
  /** The first ordinal that is not done yet; null when there is no such checkpoint. `checkpoint_unreadable`, io faults. */
  read(key: CheckpointKey): Promise<number | null>;
  /**
   * Resolves when this position, or a later one, is kept. A lower one than is kept changes nothing. `after` is the record
   * before it as the consumer was told it, null where that isn't known: a store of a log that can lose records refuses
   * another one with `history_truncated`, others need not look at it. `checkpoint_unreadable`, io faults.
   */
  save(key: CheckpointKey, nextOrdinal: number, after?: RecordPlace | null): Promise<void>;
  /** Forgets a checkpoint, readable or not; fine when there is none. */
  delete(key: CheckpointKey): Promise<void>;
  /** Forgets all checkpoints of a thread. */
  deleteThread(threadId: string): Promise<void>;
}

/** Also what a file may be called everywhere; a leading dot would hide it. */
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

/** Whether a checkpoint may be called that. */
export function isCheckpointName(name: string): boolean {
  return NAME.test(name);
}

/** The name, if it is one: 1 to 128 letters, digits, `.`, `_` and `-`, no `.` in front. `invalid_argument`. */
export function requireCheckpointName(name: string): string {
  if (isCheckpointName(name)) return name;
  const message = "a checkpoint's name is 1 to 128 letters, digits, '.', '_' or '-', and does not begin with '.'";
  throw rejection("invalid_argument", message);
}

/** Keeps checkpoints while the process lives. */
export function createMemoryCheckpoints(): CheckpointStore {
  const threads = new Map<string, Map<string, number>>();
  let size = 0;
  const forget = (threadId: string, names: readonly string[]): void => {
    const positions = threads.get(threadId);
    for (const name of names) if (positions?.delete(name) === true) size -= 1;
    if (positions?.size === 0) threads.delete(threadId);
  };
  return {
    async read({ name, threadId }) {
      return threads.get(threadId)?.get(name) ?? null;
    },
    async save({ name, threadId }, nextOrdinal) {
      requireCheckpointName(name);
      const positions = threads.get(threadId) ?? new Map<string, number>();
      const kept = positions.get(name);
      if (kept === undefined) {
        requireRoom(size);
        size += 1;
        threads.set(threadId, positions);
      }
      positions.set(name, Math.max(nextOrdinal, kept ?? 0));
    },
    async delete({ name, threadId }) {
      forget(threadId, [name]);
    },
    async deleteThread(threadId) {
      forget(threadId, [...(threads.get(threadId)?.keys() ?? [])]);
    },
  };
}

function requireRoom(size: number): void {
  const { memoryCheckpointsMax } = EVENT_FEED_LIMITS;
  if (size < memoryCheckpointsMax) return;
  throw rejection(
    "unsupported",
    `${memoryCheckpointsMax} checkpoints are kept in memory, which is the most: delete some`,
  );
}
