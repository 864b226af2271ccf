/**
 * What a writer of a thread begins with, and what it asks of the log: little, and only where it doesn't know by itself.
 * Who opens writers (writer-opening.ts) makes these.
 */
import type { RolloutRecord, SessionMeta, AppendableItem } from "../../events/index.ts";
import type { AppliedKeys } from "../applied-keys.ts";
import type { LineClock } from "../line-clock.ts";
import type { StoreEvents } from "../store-events.ts";
import type { Durability } from "../durability.ts";
import type { GroupCommitter } from "./group-committer.ts";

/** The log as it is, for a writer that has to look. */
export interface WriterLog {
  /** The newest keys, oldest first. */
  readKeys(threadId: string): Promise<AppliedKeys>;
  /** Where the log ends for a writer of this epoch; rejects when it is another's by now. */
  readEnd(threadId: string, epoch: number): Promise<number>;
  /** The records of [from, end). */
  readRecords(threadId: string, from: number, end: number): Promise<readonly RolloutRecord[]>;
}

/** What a writer begins with. */
export interface ThreadWriterOptions {
  readonly threadId: string;
  readonly epoch: number;
  readonly committer: Pick<GroupCommitter, "schedule">;
  readonly log: WriterLog;
  readonly lineClock: LineClock;
  readonly events: StoreEvents;
  readonly durability: () => Durability;
  /** The first record of a thread that isn't stored; null where it is. */
  readonly newMeta: SessionMeta | null;
  readonly nextOrdinal: number;
  /** The newest keys of the thread's log. */
  readonly keys: AppliedKeys;
}

/** What is appended, checked before. */
export interface WriterAppend {
  readonly items: readonly AppendableItem[];
  readonly expectedOrdinal: number | undefined;
  readonly key: string | undefined;
}
