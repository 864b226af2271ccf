/**
 * ThreadLogSource: how rows that are kept elsewhere follow the logs of a store without files. Who follows keeps
 * a cursor, in one transaction with what it made of the changes behind it; nothing here is told twice as new,
 * and nothing is lost by telling it twice: a thread's lines are applied by their ordinals.
 *
 * `changes` is the quick way, `threads` the sure one: a sweep over it finds whatever a feed has missed.
 */

/** A thread as its store knows it without a look into its log. */
export interface LogThread {
  readonly threadId: string;
  /** Ordinal the next record gets. 0 where nothing is stored of it. */
  readonly nextOrdinal: number;
  readonly archived: boolean;
  /** It was deleted: its rows go. What stands of it is only that it was there. */
  readonly deleted: boolean;
  /** As the user set or cleared it; undefined where that was never done, then the log's own word counts. */
  readonly name: string | null | undefined;
  /** Names the log itself: a thread that was deleted and made anew with its id has another. Absent where that can't be. */
  readonly log?: string;
}

/** One line of a log. */
export interface LogLine {
  readonly threadId: string;
  readonly ordinal: number;
  /** The rollout line as it was written, with its newline. */
  readonly bytes: Uint8Array;
}

/** What happened behind a cursor. */
export interface LogChanges {
  /**
   * Each thread's in the order of their ordinals. What lies before them may be missing (a fork's first lines are its source's): read
   * it. What lies behind them comes with a later page, but behind a thread's first line alone that may be what is missing.
   */
  readonly lines: readonly LogLine[];
  /** Threads that were made, moved, named, deleted or written to, as they are now. */
  readonly threads: readonly LogThread[];
  /** Opaque: pass it for what comes next, and keep it with what was made of these changes. */
  readonly cursor: string;
  /** Nothing was behind this when it was read. */
  readonly isEnd: boolean;
  /** Something is committed that this can't tell yet, as an older transaction is still open. A sweep over the threads sees it. Default false. */
  readonly isHeldBack?: boolean;
  /** The cursor that was passed is of another history (the server was restored or lost some): sweep all threads. */
  readonly isReset: boolean;
}

/** Which of a thread's lines. */
export interface LogLinesParams {
  readonly threadId: string;
  /** First ordinal. */
  readonly from: number;
  /** Before this ordinal. */
  readonly end: number;
}

/** The logs of a store, to be followed. Methods reject with SkeinErrors. */
export interface ThreadLogSource {
  /** Names the place: rows that were made of another place's logs are worth nothing here. */
  readonly place: string;
  /** A page of changes behind a cursor; null: from the first on. */
  changes(cursor: string | null): Promise<LogChanges>;
  /** The cursor behind all that had happened when this was asked. */
  now(): Promise<string>;
  /** All threads in the order of their ids, those behind `after`; deleted ones too. Empty: no more. */
  threads(after: string | null): Promise<readonly LogThread[]>;
  thread(threadId: string): Promise<LogThread | undefined>;
  /** The lines of [from, end) in order, a fork's own and its source's; in parts of a bounded size. */
  lines(params: LogLinesParams): AsyncIterable<readonly LogLine[]>;
  /** Calls `wake` when there may be something new; also now and then for nothing. Returns the unsubscribe. */
  onWake(wake: () => void): () => void;
}
