/**
 * LogIndex: rows that a store without files is given beside its logs, so that lists, search and pages cost what is
 * asked for. They are this node's own, folded from the logs by a ThreadLogSource, and never the truth. It is what
 * ThreadIndex is to a home of files.
 */
import type { AnswerScope } from "./answer-scope.ts";
import type { LogThread } from "./log-source.ts";
import type { IndexedThread, ListCandidates } from "./thread-index.ts";
import type { ListThreadsParams, SearchThreadsParams, SearchThreadsResult } from "./thread-store.ts";

/** How far the rows are behind the logs. */
export interface LogIndexLag {
  /** Milliseconds since the epoch: what was acknowledged before this moment is in the rows. */
  readonly asOfMs: number;
  /** Milliseconds since then. */
  readonly behindMs: number;
  /** The rows were at the end of the feed when they last looked. */
  readonly isCaughtUp: boolean;
}

/** A record to be waited for: "read your write". */
export interface RowsAwaited {
  readonly threadId: string;
  /** Ordinal behind the record: an append's `nextOrdinal`. */
  readonly nextOrdinal: number;
  /** Longest wait, milliseconds. Default 10,000. Past it: `timed_out`. */
  readonly waitMaxMs?: number;
}

/** The port. Methods reject with SkeinErrors. */
export interface LogIndex {
  /** The thread by its rows, brought up to where its log ends. Undefined when they can't be. */
  read(thread: LogThread): Promise<IndexedThread | undefined>;
  /** Brings the rows up to what was acknowledged before this call, one look for all who ask at the same time. `isDbOnly`: only says how far they are. */
  refresh(options: { readonly isDbOnly: boolean }): Promise<AnswerScope>;
  /** Rows for one page. `invalid_cursor`, `invalid_argument`. */
  list(params: ListThreadsParams, asOfMs: number | null): Promise<ListCandidates>;
  /** A page of what was found. `invalid_cursor`, `invalid_argument`. */
  search(params: SearchThreadsParams): Promise<Omit<SearchThreadsResult, keyof AnswerScope>>;
  lag(): LogIndexLag;
  /** Resolves when the rows have this record. `timed_out`, `thread_not_found`. */
  whenApplied(awaited: RowsAwaited): Promise<void>;
  /** Stops following and lets go of its file. Idempotent. */
  close(): Promise<void>;
}
