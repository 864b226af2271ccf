/**
 * The feed of one thread at its client: a stream that is read as fast as it is iterated, so that what is not asked for
 * stays at the server. It goes on where it stood when the connection was lost: behind the last record that came whole.
 */
import { checkOptions, fault, isSkeinError, rejection } from "../../base/index.ts";
import type { RolloutRecord } from "../../events/index.ts";
import { historyRange } from "../history-range.ts";
import type { RemoteLink } from "./remote-link.ts";
import { createRecordJoiner } from "./wire-parts.ts";

/** Times in a row that a feed is begun anew before its reader is told: some fourteen seconds. */
const FAILURES_MAX = 13;

/** From where on a thread is followed, and until when. */
export interface FollowOptions {
  /** First ordinal wanted: 0, or `nextOrdinal` of what was read before. Default 0. */
  readonly from?: number;
  /** Ends the feed when it is aborted. */
  readonly signal?: AbortSignal;
}

/** Records of a thread that came together. */
export interface FollowedRecords {
  /** In ordinal order, without gaps, behind those that came before. None where only the end was reached. */
  readonly records: readonly RolloutRecord[];
  /** Pass as `from` to go on later. */
  readonly nextOrdinal: number;
  /** Nothing was recorded behind these when they were sent. */
  readonly isLive: boolean;
}

const OPTIONS: Readonly<Record<keyof FollowOptions, true>> = { from: true, signal: true };

/** A feed of a thread. `invalid_argument` for options that can't be used. */
export function followThread(
  link: RemoteLink,
  threadId: string,
  options: FollowOptions,
): AsyncIterable<FollowedRecords> {
  checkOptions("follow", options, OPTIONS);
  const { signal } = options;
  const { from } = historyRange(options.from === undefined ? {} : { from: options.from });
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw rejection("invalid_argument", "signal must be an AbortSignal");
  }
  return { [Symbol.asyncIterator]: () => follow({ link, threadId, from, signal }) };
}

interface Following {
  readonly link: RemoteLink;
  readonly threadId: string;
  readonly from: number;
  readonly signal: AbortSignal | undefined;
}

/** Where one feed stands. */
interface FeedState {
  place: number;
  /** Times that it was begun anew since something last came. */
  failures: number;
}

async function* follow(following: Following): AsyncGenerator<FollowedRecords> {
  const { link, from, signal } = following;
  const leaving = new AbortController();
  const ends = AbortSignal.any([leaving.signal, link.closing, ...(signal === undefined ? [] : [signal])]);
  const state: FeedState = { place: from, failures: 0 };
  try {
    while (!isAborted(signal)) {
      try {
        yield* readOn(following, state, ends);
        return;
      } catch (error) {
        if (isAborted(signal)) return;
        const told = link.told(error);
        if (!isSkeinError(told, "connection_lost") || state.failures >= FAILURES_MAX) throw told;
      }
      await link.pause(state.failures, ends);
      state.failures += 1;
    }
  } finally {
    leaving.abort();
  }
}

/** Reads one stream until its thread is deleted; throws when it ends before. */
async function* readOn(
  { link, threadId }: Following,
  state: FeedState,
  signal: AbortSignal,
): AsyncGenerator<FollowedRecords, void> {
  const joiner = createRecordJoiner();
  for await (const message of link.client.followThread({ threadId, from: BigInt(state.place) }, { signal })) {
    state.failures = 0;
    const records = message.records.flatMap((part) => joiner.add(part) ?? []);
    state.place = (records.at(-1)?.ordinal ?? state.place - 1) + 1;
    const { isLive, isDeleted } = message;
    if (records.length > 0 || isLive) yield { records, nextOrdinal: state.place, isLive };
    if (isDeleted) return;
  }
  throw fault("connection_lost", "the feed ended before its thread did", { retryable: true });
}

/** Asked each time anew: it changes while others run. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
