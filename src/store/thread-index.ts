/**
 * ThreadIndex: what a local store may be given beside its files, so that lists, search and pages cost what
 * is asked for. It is derived from the files and never the truth: without one the store reads the files, and
 * with one the answers are the same, sooner. The state DB (projections) is the one there is.
 *
 * Whatever it says of a file is a hint: the store looks at the file before it believes it.
 */
import type { RolloutRecord, ThreadMetadata, ThreadTokenUsage, Turn } from "../events/index.ts";
import type { AnswerScope } from "./answer-scope.ts";
import type { ListThreadsParams, SearchThreadsParams, SearchThreadsResult, StoredThread } from "./thread-store.ts";

/** Where a rollout is. */
export interface IndexedPlace {
  /** Absolute. */
  readonly path: string;
  readonly archived: boolean;
}

/** A rollout file as it is opened now. */
export interface IndexedFile extends IndexedPlace {
  readonly threadId: string;
  /** Names the file itself, whatever its path. */
  readonly inode: string;
  /** Where its records end, bytes. */
  readonly end: number;
  /** When it was changed, nanoseconds since the epoch. A file that took another one's place may have its inode and its size. */
  readonly modifiedNs: bigint;
}

/** A thread whose rows are as its file is. */
export interface IndexedThread {
  readonly thread: StoredThread;
  readonly metadata: ThreadMetadata;
  readonly nextOrdinal: number;
  /** The turns that stand. */
  readonly turns: IndexedTurns;
  /** Usage as it was last told. */
  readonly usage: {
    readonly usage: ThreadTokenUsage | null;
    readonly turnId: string | null;
    readonly turnPosition: number;
  };
  /** The newest compaction that stands, if it recorded what it leaves: a model's context begins with its turn. */
  readonly compaction: { readonly ordinal: number; readonly turnStart: number } | null;
}

/** A turn's outline and where it stands in the log. */
export interface IndexedTurn {
  /** Without items; as stored, so one without an end is `inProgress`. */
  readonly turn: Turn;
  readonly startOrdinal: number;
  readonly endOrdinal: number;
  /** Hints, null where they are not known. */
  readonly startOffset: number | null;
  readonly endOffset: number | null;
  /** N of the first `item-N` it may hold. */
  readonly firstItem: number;
  /** Codex's index of its first record (events/turn-index.ts), counted by the heads of lines; null where it is not known. */
  readonly firstIndex: number | null;
  readonly itemCount: number;
  /** Records behind the turn that changed its items: ordinal and bytes. */
  readonly late: readonly (readonly [ordinal: number, start: number, end: number])[];
}

/** A stretch of standing turns, from a place on. */
export interface IndexedTurnRange {
  readonly direction: "asc" | "desc";
  readonly limit: number;
  /** Start of the turn to begin behind; null from the end. */
  readonly behind: number | null;
  readonly isInclusive: boolean;
}

/** The turns of one thread by their rows. */
export interface IndexedTurns {
  range(range: IndexedTurnRange): readonly IndexedTurn[];
  /** Those with this id, oldest first: most often one. */
  named(turnId: string): readonly IndexedTurn[];
  /** Whether a turn with this id stood when the turn at this start began. */
  stoodBefore(turnId: string, startOrdinal: number): boolean;
  /** All, oldest first. */
  all(): readonly IndexedTurn[];
}

/** What the writer of a followed rollout has made durable. */
export interface IndexedAppend {
  /** The file as it is now. */
  readonly path: string;
  readonly inode: string;
  /** In order, without gaps. */
  readonly records: readonly RolloutRecord[];
  /** Their lines as written, each with its newline. */
  readonly text: string;
  /** Where the first line begins, bytes. */
  readonly offset: number;
  /** Where the file ends by now, bytes. */
  readonly end: number;
}

/** Told what one open writer writes. */
export interface RolloutFollower {
  appended(append: IndexedAppend): void;
  /** The writer was let go. */
  end(): void;
}

/** Rows that may be on a page of a list; see pageThreads for how they become one. */
export interface ListCandidates {
  /** In order, as the walk sees them, one more than the page holds. */
  readonly rows: readonly StoredThread[];
  /** They changed since the walk began: their keys are to be read as of then. */
  readonly newer: readonly StoredThread[];
  /** The list's newest row up to that moment, whatever the filters; null for an order that does not change. */
  readonly newest: StoredThread | null;
}

/** The right to write a thread, where several processes use one home. */
export interface ThreadClaims {
  /** Takes it, or throws `thread_owned_elsewhere`. */
  acquire(threadId: string): Promise<void>;
  /** Throws `thread_owned_elsewhere` when another process took it over. Costs next to nothing. */
  check(threadId: string): void;
  release(threadId: string): void;
}

/** The port. Methods reject with SkeinErrors; none changes a rollout. */
export interface ThreadIndex {
  /** Absolute path of the home it was opened for. */
  readonly home: string;
  readonly claims: ThreadClaims;
  /** Where rows say that the thread's file is. */
  placeOf(threadId: string): IndexedPlace | undefined;
  /** The ordinal behind the file's records, if the rows are as it is; nothing is folded for it. */
  nextOrdinalOf(file: IndexedFile): number | undefined;
  /** The thread by its rows, after these were brought up to where the file ends. Undefined when the file is no thread's. */
  read(file: IndexedFile): Promise<IndexedThread | undefined>;
  /** Follows a writer from now on. Null: its file does not exist yet. */
  follow(threadId: string, file: IndexedFile | null): RolloutFollower;
  /** The file of a thread was moved, by this process or found elsewhere. */
  moved(threadId: string, place: IndexedPlace): void;
  /** No file holds the thread any more: it was deleted, or looked for everywhere. */
  removed(threadId: string): void;
  /** The name index says this of the thread now. */
  named(threadId: string, name: string | null): void;
  /**
   * Brings the rows up to the files, one sweep for all who ask at the same time, and says how complete they
   * are. `isDbOnly`: doesn't look at the files, only says.
   */
  refresh(options: { readonly isDbOnly: boolean }): Promise<AnswerScope>;
  /** Rows for one page. `invalid_cursor`, `invalid_argument`. */
  list(params: ListThreadsParams, asOfMs: number | null): Promise<ListCandidates>;
  /** A page of what was found, newest thread first. `invalid_cursor`, `invalid_argument`. */
  search(params: SearchThreadsParams): Promise<Omit<SearchThreadsResult, keyof AnswerScope>>;
}
