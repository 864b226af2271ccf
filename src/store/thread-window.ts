/**
 * ThreadWindow: the end of a log that is enough to go on with a thread, and what is known of what stands
 * before it. It begins with the turn that holds the newest standing compaction which recorded what it
 * leaves: from there on the model's context is whole.
 *
 * What it says of turns, metadata and usage is as of `endOrdinal`. Folding the window's records on top of
 * that gives it again: each of them sets what it sets whatever it was before, and none counts. A record
 * behind `endOrdinal` may reach before the window all the same; who folds looks out for that
 * (actors/conversation.ts).
 */
import {
  emptyUsage,
  outlineOf,
  type RolloutRecord,
  stepUsage,
  type ThreadMetadata,
  threadMetadataFold,
  type ToldUsage,
  turnEntriesOf,
  turnsFold,
  type TurnsPlace,
} from "../events/index.ts";

/** See the file's head. */
export interface ThreadWindow {
  /** Where it begins, and the outlines of the standing turns before it. */
  readonly place: TurnsPlace;
  readonly metadata: ThreadMetadata;
  /** Usage as it was last told. */
  readonly usage: ToldUsage;
  /** The log had this many records. One that has fewer now is not the log that was looked at. */
  readonly endOrdinal: number;
  /** For `loadHistory` at the window's first record. */
  readonly hint?: string;
}

/** What is known where a turn begins. */
interface TurnBegin {
  readonly nextIndex: number;
  readonly nextItem: number;
}

/** The window by the whole log. Null: no turn that stands holds such a compaction. */
export function windowOf(records: readonly RolloutRecord[]): ThreadWindow | null {
  let turns = turnsFold.initial();
  let metadata = threadMetadataFold.initial();
  let usage = emptyUsage();
  const indexes: number[] = [];
  const begins = new Map<number, TurnBegin>();
  const compacted = new Set<number>();
  for (const record of records) {
    const { nextItem, track } = turns;
    indexes.push(track.nextIndex);
    turns = turnsFold.step(turns, record);
    metadata = threadMetadataFold.step(metadata, record);
    const { pending } = turns;
    const { item } = record;
    if (pending !== null && !begins.has(pending.startOrdinal)) {
      begins.set(pending.startOrdinal, { nextItem, nextIndex: indexes[pending.startOrdinal] ?? 0 });
    }
    if (item.type === "event_msg" && item.payload.type === "token_count") {
      usage = stepUsage(usage, turns.track, item.payload);
    } else if (item.type === "compacted" && (item.payload.replacement_history ?? null) !== null && pending !== null) {
      compacted.add(pending.startOrdinal);
    }
  }
  const entries = turnEntriesOf(turns, { live: true });
  const at = entries.findLastIndex(({ startOrdinal }) => compacted.has(startOrdinal));
  const nextOrdinal = entries[at]?.startOrdinal;
  const begin = nextOrdinal === undefined ? undefined : begins.get(nextOrdinal);
  if (nextOrdinal === undefined || begin === undefined || !metadata.hasSessionMeta) return null;
  const before = entries.slice(0, at).map(outlineOf);
  const place: TurnsPlace = { nextOrdinal, ...begin, isUnverified: false, entries: before };
  return { place, metadata, usage, endOrdinal: records.length };
}
