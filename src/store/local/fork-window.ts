/**
 * The window of a fork that was just made, told from its source's rows: the fork's own rows are still being
 * folded, and a fork of a long thread should not wait for them. Its records are its own session_meta and the
 * source's, one ordinal on.
 */
import { type SessionMeta, type ThreadMetadata, threadMetadataFold, type TurnEntry } from "../../events/index.ts";
import type { ThreadWindow } from "../thread-window.ts";

/** What a fork at the end of its source differs in. */
export interface ForkShift {
  readonly meta: SessionMeta;
  /** The source's metadata; the fork keeps what its records say, and not whose they are. */
  readonly source: ThreadMetadata;
}

const IMPLICIT_ID = /^rollout-\d+$/;

/** The fork's window; null where its rows must tell: ids that count records, a name that came with the records. */
export function windowOfFork(window: ThreadWindow, { meta, source }: ForkShift): ThreadWindow | null {
  const { place, usage, endOrdinal } = window;
  if (source.name !== null || place.entries.some(({ turn }) => IMPLICIT_ID.test(turn.id))) return null;
  const record = { ordinal: 0, timestamp: meta.timestamp, item: { type: "session_meta", payload: meta } } as const;
  const own = threadMetadataFold.step(threadMetadataFold.initial(), record);
  const { preview, hasUserMessage, model } = source;
  const shifted = (entry: TurnEntry): TurnEntry => ({
    ...entry,
    startOrdinal: entry.startOrdinal + 1,
    endOrdinal: entry.endOrdinal + 1,
  });
  return {
    place: {
      ...place,
      nextOrdinal: place.nextOrdinal + 1,
      nextIndex: place.nextIndex + 1,
      entries: place.entries.map(shifted),
    },
    metadata: { ...own, preview, hasUserMessage, model },
    usage,
    endOrdinal: endOrdinal + 1,
  };
}
